"""The weight is written into the values file of the checkout, and nothing else of it changes."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
import yaml

from inferencepool_rollout.drive.movers.gitops import ask, asked
from inferencepool_rollout.failure import Failure

BACKENDS = """\
# The route of production; ask before you change it.
backends:
    - name: old          # on the nodes of 2024
      pool: "pool-old"
    - {name: new, pool: 'pool-new'}
annotations:
  owner: a-very-long-name-of-a-team-and-then-more-words-so-that-the-line-is-longer-than-a-writer-of-yaml-would-let-it-be
"""
FILES = {
    "block": BACKENDS + "weights:\n  old: 90\n  new: 10   # since Monday\n",
    "flow": BACKENDS + "weights: {old: 90, new: 10}\n",
    "first": "weights:\n  new: 10\n" + BACKENDS,
    "block without it": BACKENDS + "weights:\n    # by whom\n    old: 90\n",
    "flow without it": BACKENDS + "weights: {old: 90}\n",
    "empty": BACKENDS + "weights: {}\n",
    "null": "weights:\n" + BACKENDS,
    "none": BACKENDS,
    "windows": (BACKENDS + "weights:\n  new: 10\n").replace("\n", "\r\n"),
    "windows, none": BACKENDS.replace("\n", "\r\n"),
}


@pytest.fixture(params=FILES)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "values.yaml"
    file.write_bytes(FILES[request.param].encode())
    return file


@pytest.mark.parametrize("percent", [0, 5, 50, 100])
def test_what_is_asked_is_read_back(file: Path, percent: int) -> None:
    ask(file, "new", percent)
    assert asked(file, "new") == percent


def test_all_other_values_stay(file: Path) -> None:
    before = yaml.safe_load(file.read_text())
    ask(file, "new", 50)
    weights = {**(before.get("weights") or {}), "new": 50}
    assert yaml.safe_load(file.read_text()) == {**before, "weights": weights}


def test_one_line_is_all_that_changes(file: Path) -> None:
    before = file.read_bytes().decode().splitlines(keepends=True)
    ask(file, "new", 50)
    after = file.read_bytes().decode().splitlines(keepends=True)
    changes = [line for line in difflib.ndiff(before, after) if line.startswith("+ ")]
    assert len(changes) == 1, changes
    assert "50" in changes[0]


def test_a_comment_on_the_weights_line_stays(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(FILES["block"])
    ask(file, "new", 25)
    assert "  new: 25   # since Monday\n" in file.read_text()


def test_a_file_whose_last_line_has_no_end_gets_one(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("a: 1")
    ask(file, "new", 25)
    assert file.read_text() == "a: 1\nweights: {new: 25}\n"


def test_a_file_that_asks_for_nothing_asks_for_0(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(FILES["none"])
    assert asked(file, "new") == 0


def test_yaml_that_cannot_be_changed_in_a_line_is_refused_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    text = "shared: &weights {new: 10}\nother: *weights\nweights: *weights\n"
    file.write_text(text)
    with pytest.raises(Failure, match=r"set weights\.new to 50 in it"):
        ask(file, "new", 50)
    assert file.read_text() == text


@pytest.mark.parametrize("text", ["- a\n", "", "a: [", "a: b: c\n"])
def test_what_are_no_values_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(text)
    with pytest.raises(Failure, match=r"values\.yaml"):
        ask(file, "new", 50)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        asked(tmp_path / "none.yaml", "new")
