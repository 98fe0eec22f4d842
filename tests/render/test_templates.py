"""The templates of both charts are laid out so that a reader finds a helper and can follow it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.charts import CHARTS, NAMES

TEMPLATES = sorted(path for name in NAMES for path in (CHARTS / name / "templates").rglob("*") if path.is_file())
HELPERS = [path for path in TEMPLATES if path.suffix == ".tpl"]
COMMENT = re.compile(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", re.DOTALL)
BLOCK = re.compile(r"\{\{-?\s*(if|range|with|define|end)\b")
REFUSAL = re.compile(r'fail (\(printf )?"[^"]*"')
WIDTH, DEPTH = 120, 2


def name_of(path: Path) -> str:
    return str(path.relative_to(CHARTS))


def depths(text: str) -> Iterator[int]:
    """How many of `if`, `range` and `with` are open at each of them, counted in an object or in one helper."""
    opened: list[str] = []
    for block in BLOCK.findall(COMMENT.sub("", text)):
        if block == "end":
            opened.pop()
        else:
            opened.append(block)
        yield sum(each != "define" for each in opened)


@pytest.mark.parametrize("name", NAMES)
def test_every_helper_stands_in_the_folder_of_what_it_serves(name: str) -> None:
    assert [path.name for path in (CHARTS / name / "templates").glob("*.tpl")] == []


@pytest.mark.parametrize("path", HELPERS, ids=name_of)
def test_every_helper_has_a_comment(path: Path) -> None:
    assert re.findall(r"(?<!\*/\}\}\n)\{\{- define .*", path.read_text()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_line_is_no_longer_than_120_characters_but_for_the_text_of_a_refusal(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert [line for line in lines if len(REFUSAL.sub("fail", line)) > WIDTH] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_no_logic_is_deeper_than_two_levels(path: Path) -> None:
    assert max(depths(path.read_text()), default=0) <= DEPTH
