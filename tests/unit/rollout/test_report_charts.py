"""No legend of a chart lies on its curves, and none is cut off, however long the pools' names are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from inferencepool_rollout.drive.run_log import read_log
from inferencepool_rollout.report.charts import Chart, of_look, overview
from inferencepool_rollout.report.data import report
from inferencepool_rollout.report.figures import drawn
from inferencepool_rollout.report.page import NARROW, STEP, WIDE
from kit.plans import TEXT, plan_of
from kit.run_logs import rolled_back

LONG = {"pool-old": f"old-{'a' * 49}", "pool-new": f"new-{'b' * 49}"}
"""Names of 53 characters, the most that Helm takes for a release."""


@pytest.fixture(scope="module", params=[{}, LONG], ids=["short names", "long names"])
def charts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[list[Chart]]:
    """The charts of a rollout that lost requests: those of the whole, then those of each step."""
    folder, text = tmp_path_factory.mktemp("charts"), TEXT
    for name, long in request.param.items():
        text = text.replace(name, long)
    rolled_back(plan_of(folder, text), folder / "log")
    read = report(read_log(folder / "log"))
    return [overview(read), *(of_look(read, look) for look in read.looks)]


def figures(charts: list[list[Chart]]) -> Iterator[Figure]:
    """Every figure of the page, laid out."""
    whole, *steps = charts
    yield from (drawn(whole, *size) for size in (WIDE, NARROW))
    yield from (drawn([chart], *STEP) for step in steps for chart in step)


def title_of(axes: Axes) -> Bbox:
    """Where the title of a chart stands: matplotlib keeps it as one of three texts."""
    (title,) = [
        text for text in axes.get_children() if isinstance(text, Text) and text.get_text() == axes.get_title("left")
    ]
    return title.get_window_extent()


def test_no_legend_lies_on_a_plot_or_on_a_title(charts: list[list[Chart]]) -> None:
    legends = 0
    for figure in figures(charts):
        for axes in figure.axes:
            legend = axes.get_legend()
            assert legend
            box = legend.get_window_extent()
            assert not any(box.overlaps(other.bbox.shrunk(0.99, 0.99)) for other in figure.axes), axes.get_title("left")
            titles = [title_of(other) for other in figure.axes]
            assert not any(box.overlaps(title) for title in titles), axes.get_title("left")
            legends += 1
    assert legends == 2 * 3 + 2 * 5


def test_no_legend_is_wider_than_its_figure(charts: list[list[Chart]]) -> None:
    for figure in figures(charts):
        for axes in figure.axes:
            legend = axes.get_legend()
            assert legend
            assert legend.get_window_extent().x1 <= figure.bbox.x1


def test_every_plot_keeps_half_of_the_height_that_it_is_given(charts: list[list[Chart]]) -> None:
    for figure in figures(charts):
        for axes in figure.axes:
            assert axes.bbox.height > figure.bbox.height / len(figure.axes) / 2
