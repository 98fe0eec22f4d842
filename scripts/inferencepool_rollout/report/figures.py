"""Charts as SVG, for the page, and all of them as one PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from inferencepool_rollout.report.charts import Chart, of_look, overview
from inferencepool_rollout.report.data import Report
from inferencepool_rollout.report.theme import LIGHT

POINTS = 72  # an inch; figures are laid out in points
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rollout",
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": LIGHT["line"],
    "axes.labelcolor": LIGHT["dim"],
    "axes.titlecolor": LIGHT["ink"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelsize": "small",
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "grid.color": LIGHT["line"],
    "grid.linewidth": 0.6,
    "xtick.labelsize": "small",
    "xtick.color": LIGHT["dim"],
    "ytick.color": LIGHT["dim"],
    "text.color": LIGHT["ink"],
    "lines.solid_capstyle": "round",
}
PICTURE_WIDTH, PICTURE_ROW = 1100, 246


def svg(charts: Sequence[Chart], name: str, width: float, height: float) -> str:
    """Return charts below each other as one <svg> of `width` x `height` points each; ids begin with `name`.

    It takes the colours of the page's variables (theme.COLOURS) and the width of what it stands in.
    """
    file = io.StringIO()
    with _styled():
        drawn(charts, width, height).savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(<svg)[^>]*?(viewBox="[^"]*")[^>]*>', r'\1 \2 aria-hidden="true">', text, count=1)
    text = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{name}-", text).replace("xlink:href", "href")
    for colour, value in LIGHT.items():
        text = text.replace(value, f"var(--{colour})")
    return text.strip()


def drawn(charts: Sequence[Chart], width: float, height: float) -> Figure:
    """Return charts below each other as one figure of `width` x `height` points each, laid out."""
    with _styled():
        figure = Figure(figsize=(width / POINTS, height * len(charts) / POINTS), layout="constrained")
        for chart, axes in zip(charts, figure.subplots(len(charts), squeeze=False)[:, 0], strict=True):
            axes.set_title(chart.title)
            chart.draw(axes)
            if chart is not charts[-1]:
                axes.set_xlabel("")
        figure.draw_without_rendering()
    return figure


def write_picture(report: Report, title: str, file: Path) -> None:
    """Write the charts of the whole rollout, and a row for each step, as one PNG with 150 dots an inch."""
    rows = [[chart] for chart in overview(report)]
    rows += [of_look(report, look) for look in report.looks]
    names = ["" for _ in overview(report)]
    names += [f"Step {number}: {look.percent} %, {look.action}" for number, look in enumerate(report.looks, 1)]
    with _styled():
        figure = Figure(
            figsize=(PICTURE_WIDTH / POINTS, PICTURE_ROW * (len(rows) + 0.3) / POINTS), layout="constrained"
        )
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        for band, charts, name in zip(figure.subfigures(len(rows), 1, squeeze=False)[:, 0], rows, names, strict=True):
            if name:
                band.suptitle(name, x=0.01, ha="left", size="medium")
            for chart, axes in zip(charts, band.subplots(1, len(charts), squeeze=False)[0], strict=True):
                axes.set_title(chart.title, size="small")
                chart.draw(axes)
        figure.savefig(file, format="png", dpi=150, facecolor=LIGHT["paper"])


@contextmanager
def _styled() -> Iterator[None]:
    with mpl.rc_context(STYLE):
        yield
