"""Growth as an SVG: a panel for what is made larger, a line for each measurement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.result import Result

mpl.rcParams["svg.hashsalt"] = "benchmarks"  # the same numbers make the same file
INK, MUTED = "#1f2328", "#59636e"
COLOURS = ("#2a6fb0", "#b4541a", "#3a7d44")
MARKERS = ("o", "s", "^")


def plot(results: Sequence[Result], path: Path) -> None:
    """Draw the growth of all results side by side."""
    panels = [panel for result in results for panel in result.growth.items()]
    figure = Figure(figsize=(3.3 * len(panels), 3.2), layout="constrained")
    for axes, (what, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for (name, line), colour, marker in zip(lines.items(), COLOURS, MARKERS, strict=False):
            axes.plot(line.sizes, line.seconds, color=colour, marker=marker, markersize=5, linewidth=2, label=name)
        axes.set_title(what, fontsize=10, color=INK)
        axes.set_ylim(bottom=0)
        axes.set_xticks(next(iter(lines.values())).sizes)
        axes.tick_params(colors=MUTED, labelsize=8)
        axes.grid(axis="y", color="#d8dee4", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color("#d8dee4")
        axes.set_ylabel("seconds", fontsize=8, color=MUTED)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    figure.savefig(path, format="svg", metadata={"Date": None})
