"""`rollout import` never replaces a file that somebody has edited, and says in one line what it cannot write."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.importer.run import write_files

TEXTS = {"route.yaml": "weights: {new: 0}\n", "adopt.sh": "#!/bin/sh\n"}


def test_the_files_are_written_and_written_again(tmp_path: Path) -> None:
    for _ in range(2):
        write_files(tmp_path / "a" / "b", TEXTS)
    assert {file.name: file.read_text() for file in (tmp_path / "a" / "b").iterdir()} == TEXTS


def test_an_edited_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "route.yaml").write_text("weights: {new: 10}\n")
    with pytest.raises(Failure, match="has route.yaml with another content already; name another folder with --output"):
        write_files(tmp_path, TEXTS)
    assert [file.name for file in tmp_path.iterdir()] == ["route.yaml"]
    assert (tmp_path / "route.yaml").read_text() == "weights: {new: 10}\n"


@pytest.mark.parametrize("place", ["file", "file/below", "nul\0"])
def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="cannot be written") as refusal:
        write_files(tmp_path / place, TEXTS)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_text_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "adopt.sh").write_bytes(b"\xff\xfe")
    with pytest.raises(Failure, match="cannot be written"):
        write_files(tmp_path, TEXTS)
    assert (tmp_path / "adopt.sh").read_bytes() == b"\xff\xfe"
