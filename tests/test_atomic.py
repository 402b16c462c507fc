"""A reader sees the old file or the new one, never a part."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndfit.atomic import refuse_existing, replacing, replacing_folder


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


def test_a_folder_replaces_a_folder_once_written(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "old").touch()
    with replacing_folder(tmp_path / "store") as path:
        path.mkdir()
        (path / "new").touch()
        assert (tmp_path / "store" / "old").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "store"]
    assert list((tmp_path / "store").iterdir()) == [tmp_path / "store" / "new"]


def test_failure_leaves_the_old_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "old").touch()

    def fail() -> None:
        with replacing_folder(tmp_path / "store") as path:
            path.mkdir()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert (tmp_path / "store" / "old").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "store"]


def test_what_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "map").touch()
    refuse_existing(tmp_path / "map", overwrite=True)
    refuse_existing(tmp_path / "other", overwrite=False)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        refuse_existing(tmp_path / "map", overwrite=False)
    with pytest.raises(FileNotFoundError, match="no folder"):
        refuse_existing(tmp_path / "nowhere" / "map", overwrite=True)
