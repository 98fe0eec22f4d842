"""Draw the two packages by their imports into docs/packages.svg.

A box is a folder or a module of a package, an arrow leads to what it imports. An arrow is left out where a chain of
other arrows leads there too. Parts that import each other share a box.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from inferencepool_lab.publish.imports import LABORATORY, SCRIPTS, TOOL, imports
from inferencepool_rollout.failure import run_cli

FILE = SCRIPTS.parent / "docs/packages.svg"
TITLES = {LABORATORY: "laboratory: inferencepool_lab, never installed", TOOL: "tool: inferencepool_rollout"}
ROW, BOX, GAP, BORDER, LETTER = 66, 28, 22, 30, 8.5
"""Pixels: the height of a row and of a box, the distance between boxes, a package's border, the width of a letter."""
SWEEPS = 10
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="14" \
role="img">
  <title>{title}</title>
  <!-- Written by ./scripts/packages-picture; not by hand. -->
  <style>
    rect {{ fill: #fff; stroke: #555 }} .package {{ fill: #f5f5f5 }} .name {{ text-anchor: middle }}
    .arrow {{ stroke: #555; fill: none; marker-end: url(#to) }}
  </style>
  <defs>
    <marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" \
orient="auto"><path d="M0 0 8 4 0 8z" fill="#555"/></marker>
  </defs>
"""

Graph = Mapping[str, frozenset[str]]
Arrow = Sequence[str]
"""What an arrow passes, one a row: the box where it begins, places that are kept free for it, the box where it ends."""


@dataclass(frozen=True)
class Layout:
    """Where a package's boxes are: rows from top to bottom, in each the boxes and free places from left to right."""

    rows: Sequence[Sequence[str]]
    arrows: Sequence[Arrow]

    @property
    def width(self) -> float:
        """Pixels, with the border."""
        return max(_width(row) for row in self.rows) + 2 * BORDER

    @property
    def height(self) -> float:
        """Pixels, with the border and the title."""
        return ROW * (len(self.rows) - 1) + BOX + 1.5 * BORDER


def picture() -> str:
    """Return the drawing as SVG, the same for the same imports."""
    modules = imports()
    layouts = {package: layout(parts(modules, package)) for package in TITLES}
    width = max(each.width for each in layouts.values())
    shapes, top = [], 0.0
    for package, each in layouts.items():
        if top:
            start = f"M{width / 2:.0f} {top - ROW / 2:.0f}"
            shapes.append(f'<path class="arrow" stroke-width="3" d="{start}v{ROW / 2 - 2:.0f}"/>')
        shapes += _shapes(each, TITLES[package], top, width)
        top += each.height + ROW / 2
    title = "Which part of the laboratory and of the tool imports which"
    lines = "".join(f"  {shape}\n" for shape in shapes)
    return HEAD.format(width=round(width), height=round(top - ROW / 2), title=title) + lines + "</svg>\n"


def parts(modules: Graph, package: str) -> Graph:
    """Return the folders (`name/`) and modules right below a package, and which of them each imports."""

    def part(module: str) -> str:
        name = module.split(".")[1]
        return f"{name}/" if (SCRIPTS / package / name).is_dir() else name

    inside = {name for name in modules if name.startswith(f"{package}.") and name != f"{package}.__main__"}
    found: dict[str, set[str]] = {part(name): set() for name in inside}
    for name in inside:
        found[part(name)] |= {part(imported) for imported in modules[name] & inside}
    return {name: frozenset(found[name] - {name}) for name in sorted(found)}


def layout(graph: Graph) -> Layout:
    """Place each box above all that it imports, and order the rows so that arrows are short."""
    graph = _reduced(_condensed(graph))
    heights: dict[str, int] = {}
    while len(heights) < len(graph):
        known = [name for name in graph if name not in heights and graph[name] <= heights.keys()]
        heights |= {name: 1 + max((heights[to] for to in graph[name]), default=-1) for name in known}
    arrows = [
        [name, *(f"{name}>{to}@{height}" for height in range(heights[name] - 1, heights[to], -1)), to]
        for name in graph
        for to in sorted(graph[name])
    ]
    places = {**heights, **{place: int(place.rpartition("@")[2]) for arrow in arrows for place in arrow[1:-1]}}
    rows = [[name for name in places if places[name] == height] for height in range(max(heights.values()), -1, -1)]
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 else rows[::-1]:
            centres = _centres(rows)
            beside = {name: _neighbours(name, arrows) for name in row}
            row.sort(key=lambda name: _mean([centres[other] for other in beside[name]], centres[name]))
    return Layout(rows, arrows)


def _condensed(graph: Graph) -> Graph:
    """The graph with the names that reach each other joined to one."""
    reached = {name: _reached(graph, name) for name in graph}
    joined = {name: ", ".join(sorted({name} | {n for n in reached[name] if name in reached[n]})) for name in graph}
    found: dict[str, set[str]] = {name: set() for name in joined.values()}
    for name, imported in graph.items():
        found[joined[name]] |= {joined[to] for to in imported}
    return {name: frozenset(imported - {name}) for name, imported in found.items()}


def _reduced(graph: Graph) -> Graph:
    """The graph, which has no circles, without arrows to what another arrow leads to as well."""
    beyond = {name: frozenset().union(*(_reached(graph, to) for to in imported)) for name, imported in graph.items()}
    return {name: imported - beyond[name] for name, imported in graph.items()}


def _reached(graph: Graph, start: str) -> frozenset[str]:
    found: set[str] = set()
    left = set(graph[start])
    while left:
        name = left.pop()
        found.add(name)
        left |= graph[name] - found
    return frozenset(found)


def _neighbours(name: str, arrows: Sequence[Arrow]) -> list[str]:
    pairs = [pair for arrow in arrows for pair in pairwise(arrow)]
    return [a if b == name else b for a, b in pairs if name in (a, b)]


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise


def _box(name: str) -> float:
    """The width of a box, or of a place that is kept free."""
    return 0 if ">" in name else LETTER * len(name) + 20


def _width(row: Sequence[str]) -> float:
    return sum(_box(name) for name in row) + GAP * (len(row) - 1)


def _centres(rows: Sequence[Sequence[str]]) -> dict[str, float]:
    """The horizontal centre of each box, counted from the middle of the rows."""
    found = {}
    for row in rows:
        left = -_width(row) / 2
        for name in row:
            found[name] = left + _box(name) / 2
            left += _box(name) + GAP
    return found


def _shapes(layout: Layout, title: str, top: float, width: float) -> Iterator[str]:
    across = {name: centre + width / 2 for name, centre in _centres(layout.rows).items()}
    down = {name: top + BORDER + ROW * number for number, row in enumerate(layout.rows) for name in row}
    yield _rectangle("package", 1, top + 1, width - 2, layout.height - 2)
    yield f'<text x="12" y="{top + 20:.0f}">{title}</text>'
    for arrow in layout.arrows:
        yield f'<path class="arrow" d="{_path([(across[name], down[name]) for name in arrow])}"/>'
    for row in layout.rows:
        for name in row:
            if box := _box(name):
                yield _rectangle("box", across[name] - box / 2, down[name], box, BOX)
                yield f'<text class="name" x="{across[name]:.0f}" y="{down[name] + 19:.0f}">{name}</text>'


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="6"/>'


def _path(points: Sequence[tuple[float, float]]) -> str:
    """The line from below the first point's box to the last point, upright at each row and bent between two."""
    steps = [f"M{points[0][0]:.0f} {points[0][1]:.0f}"]
    for (x, y), (next_x, next_y) in pairwise(points):
        middle = (y + BOX + next_y) / 2
        steps.append(f"V{y + BOX:.0f}C{x:.0f} {middle:.0f} {next_x:.0f} {middle:.0f} {next_x:.0f} {next_y:.0f}")
    return "".join(steps)


if __name__ == "__main__":
    run_cli(lambda: FILE.write_text(picture()) and 0)
