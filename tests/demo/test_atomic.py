"""A reader sees the old file or the new one, never a part."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndfit.demo.atomic import replacing


def test_replaces_once_written(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("old")
    with replacing(tmp_path / "map") as path:
        path.write_text("new")
        assert (tmp_path / "map").read_text() == "old"
    assert (tmp_path / "map").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "map"]


def test_failure_leaves_the_old_file_alone(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("old")

    def fail() -> None:
        with replacing(tmp_path / "map") as path:
            path.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert (tmp_path / "map").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "map"]
