"""The picture of a terminal shows every line that a command printed, and is well-formed."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from inferencepool_lab.publish.terminal_picture import draw
from kit.charts import ROOT

SVG = "{http://www.w3.org/2000/svg}"
STAGES = ("install", "shift", "finish", "take back", "forward again", "remove old")


def texts(file: Path) -> str:
    """All text of a picture, with its lines one after the other."""
    found = "\n".join("".join(each.itertext()) for each in ET.parse(file).getroot().iter(f"{SVG}text"))
    return found.replace("\N{NO-BREAK SPACE}", " ")


def test_every_line_is_in_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("first <line> {x}\n" + "word " * 40 + "\nlast & least\n"))
    draw(tmp_path / "picture.svg", "./a {command}")
    shown = texts(tmp_path / "picture.svg")
    assert all(line in shown for line in ("$ ./a {command}", "first <line> {x}", "last & least"))
    assert shown.count("word") == 40


def test_the_picture_is_as_high_as_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(map(str, range(30)))))
    draw(tmp_path / "picture.svg", "count")
    root = ET.parse(tmp_path / "picture.svg").getroot()
    height = float(root.attrib["viewBox"].split()[3])
    assert max(float(each.attrib["y"]) for each in root.iter(f"{SVG}text")) < height - 12


def test_the_demos_picture_has_all_stages() -> None:
    shown = texts(ROOT / "docs/demo.svg")
    assert all(f"\n{stage} " in shown for stage in STAGES)
