"""A rollout as one HTML page that needs nothing else: styles and charts are in it, and there is no script."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from inferencepool_rollout.report.charts import of_look, overview
from inferencepool_rollout.report.data import Report, lost
from inferencepool_rollout.report.figures import svg
from inferencepool_rollout.report.theme import COLOURS, mood
from inferencepool_rollout.report.words import FILTERS

WIDE, NARROW, STEP = (980, 190), (380, 200), (460, 240)  # points


def page(report: Report) -> str:
    """Return the page's HTML."""
    environment = Environment(
        loader=PackageLoader("inferencepool_rollout.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {**FILTERS, "mood": mood}
    whole = overview(report)
    return environment.get_template("page.html.j2").render(
        report=report,
        gates=report.answers,
        plan=report.plan,
        title=title(report),
        colours=COLOURS,
        overview=" ".join(chart.text for chart in whole),
        wide=svg(whole, "wide", *WIDE),
        narrow=svg(whole, "narrow", *NARROW),
        lost=lost(report.seen) if report.seen else [],
        charts=[
            [(chart, svg([chart], f"step{number}-{chart.name}", *STEP)) for chart in of_look(report, look)]
            for number, look in enumerate(report.looks, 1)
        ],
    )


def title(report: Report) -> str:
    """Return what the report is about, and how it ended."""
    return f"Rollout of {report.plan.old} by {report.plan.new}: {report.outcome}"
