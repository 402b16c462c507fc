"""The cube that most tests of the command line fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.cubes import write_cube


@pytest.fixture(scope="session")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cube(tmp_path_factory.mktemp("cubes") / "cube.fits")
