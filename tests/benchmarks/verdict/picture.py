"""Wrong verdicts against dependence, as an SVG: a panel for equal pools rolled back, one for bad pools that pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.plot import COLOURS, INK, MARKERS, MUTED
from kit.verdict.calibration import Row

PANELS = (("equal", "equal pools rolled back, %"), ("as bad as detect", "pools as bad as detect passed, %"))


def draw(judged: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Draw the wrong verdicts of each judge; every judge has the same traffics in the same order."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    for axes, (kind, title) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for number, (name, rows) in enumerate(judged.items()):
            chosen = [row for row in rows if row.pool == kind]
            wrong = [100 * (row.violated if kind == "equal" else row.kept) / row.runs for row in chosen]
            axes.plot(
                wrong, range(len(chosen)), marker=(*MARKERS, "D")[number % 4], color=(*COLOURS, "#7a4fb0")[number % 4],
                linewidth=0 if number else 2, markersize=6, label=name,
            )  # fmt: skip
        axes.set_yticks(range(len(chosen)), [row.traffic for row in chosen])
        axes.invert_yaxis()
        axes.set_xlim(left=-2)
        axes.set_title(title, fontsize=10, color=INK)
        axes.tick_params(colors=MUTED, labelsize=8)
        axes.grid(axis="x", color="#d8dee4", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    figure.savefig(path, format="svg", metadata={"Date": None})
