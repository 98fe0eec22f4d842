"""Two packages, one arrow between them: the laboratory may import the tool, the tool never the laboratory."""

from __future__ import annotations

import graphlib
import re

import pytest

from inferencepool_lab.publish.imports import LABORATORY, TOOL, imports
from inferencepool_lab.publish.packages_picture import FILE, layout, parts, picture

BOX = re.compile(r'<text class="name".*>(.+)</text>')


def test_the_tool_never_imports_the_laboratory() -> None:
    found = {
        module: sorted(name for name in names if name.startswith(LABORATORY))
        for module, names in imports().items()
        if module.startswith(TOOL)
    }
    assert {module: names for module, names in found.items() if names} == {}


def test_the_laboratory_imports_the_tool() -> None:
    pairs = [(module, name) for module, names in imports().items() for name in names]
    assert [pair for pair in pairs if pair[0].startswith(LABORATORY) and pair[1].startswith(TOOL)]


@pytest.mark.parametrize("package", [TOOL, LABORATORY])
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    graph = {module: names for module, names in imports(at_start=True).items() if module.startswith(package)}
    graphlib.TopologicalSorter(graph).prepare()


def test_no_folder_of_the_laboratory_imports_itself_by_way_of_others() -> None:
    graphlib.TopologicalSorter(parts(imports(), LABORATORY)).prepare()


def test_the_picture_of_the_packages_is_up_to_date() -> None:
    assert FILE.read_text() == picture(), "docs/packages.svg is stale; run ./scripts/packages-picture"


@pytest.mark.parametrize("package", [TOOL, LABORATORY])
def test_the_picture_shows_every_folder_and_module_of_a_package(package: str) -> None:
    shown = {name for box in BOX.findall(picture()) for name in box.split(", ")}
    assert parts(imports(), package).keys() <= shown


@pytest.mark.parametrize(
    ("graph", "rows", "arrows"),
    [
        ({"a": {"b"}, "b": set()}, [["a"], ["b"]], [["a", "b"]]),
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, [["a"], ["b"], ["c"]], [["a", "b"], ["b", "c"]]),
        ({"a": {"b"}, "b": {"a", "c"}, "c": set()}, [["a, b"], ["c"]], [["a, b", "c"]]),
    ],
    ids=["an arrow", "an arrow that a chain makes needless", "a circle in one box"],
)
def test_a_box_stands_above_what_it_imports(
    graph: dict[str, set[str]], rows: list[list[str]], arrows: list[list[str]]
) -> None:
    drawn = layout({name: frozenset(names) for name, names in graph.items()})
    assert (drawn.rows, drawn.arrows) == (rows, arrows)
