"""xarray's own tests of `curvefit`, as they are installed with it, run through `ndfit.curvefit`.

Left out is `test_curvefit_helpers`, which calls private functions of xarray's implementation and no `curvefit`.
"""

from __future__ import annotations

from typing import Any

import pytest
import xarray as xr

import ndfit

theirs: Any = pytest.importorskip("xarray.tests.test_dataarray", reason="this xarray came without its tests")
PRIVATE = {"test_curvefit_helpers"}
NAMES = [name for name in vars(theirs.TestDataArray) if "curvefit" in name and name not in PRIVATE]


@pytest.fixture(autouse=True)
def through_ndfit(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have `DataArray.curvefit` be ours; its calls."""
    calls: list[Any] = []

    def counted(obj: Any, *arguments: Any, **keywords: Any) -> Any:
        calls.append(obj)
        return ndfit.curvefit(obj, *arguments, **keywords)

    monkeypatch.setattr(xr.DataArray, "curvefit", counted)
    return calls


@pytest.fixture(params=[False, True], ids=["numpy", "dask"])
def use_dask(request: pytest.FixtureRequest) -> bool:
    return request.param


class TestTheirs:
    """The methods of xarray's class that are about curvefit."""

    locals().update({name: vars(theirs.TestDataArray)[name] for name in NAMES})

    @pytest.fixture(autouse=True)
    def calls_were_ours(self, through_ndfit: list[Any]) -> Any:
        yield
        assert through_ndfit, "the test has called no curvefit"


def test_their_tests_were_found() -> None:
    assert len(NAMES) >= 4
