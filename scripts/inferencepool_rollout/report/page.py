"""A rollout as one HTML page that needs nothing else: styles and charts are in it, and there is no script."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from inferencepool_rollout.report.charts import of_look, overview
from inferencepool_rollout.report.data import Look, Report, lost
from inferencepool_rollout.report.figures import svg
from inferencepool_rollout.report.theme import COLOURS, mood
from inferencepool_rollout.report.words import FILTERS

WIDE, NARROW, STEP = (980, 190), (380, 200), (460, 240)  # points
Step = Callable[[Report, int, Look], str]


def page(report: Report) -> str:
    """Return the page's HTML."""
    return rendered("page.html.j2", title=title(report), sections=sections(report))


def sections(report: Report, step: Step | None = None) -> dict[str, str]:
    """Return the parts of the page by name, from top to bottom.

    `step` renders a step by its number, from 1 on; by default `step_section` does.
    """
    step = step or step_section
    about = {"report": report, "plan": report.plan}
    whole = overview(report)
    return {
        "top": rendered("top.html.j2", **about),
        "steps": rendered("steps.html.j2", **about),
        "over-time": rendered(
            "over-time.html.j2",
            overview=" ".join(chart.text for chart in whole),
            wide=svg(whole, "wide", *WIDE),
            narrow=svg(whole, "narrow", *NARROW),
            lost=lost(report.seen) if report.seen else [],
            **about,
        ),
        **{f"step-{number}": step(report, number, look) for number, look in enumerate(report.looks, 1)},
        "answers": rendered("answers.html.j2", gates=report.answers, **about),
        "events": rendered("events.html.j2", **about),
        "reading": rendered("reading.html.j2", **about),
    }


def step_section(report: Report, number: int, look: Look) -> str:
    """Return the part of one step."""
    charts = [(chart, svg([chart], f"step{number}-{chart.name}", *STEP)) for chart in of_look(report, look)]
    return rendered("step.html.j2", report=report, plan=report.plan, number=number, look=look, charts=charts)


def rendered(template: str, **values: Any) -> str:
    """Return a template with its values."""
    return environment().get_template(template).render(**values)


@cache
def environment() -> Environment:
    """Return the templates of the report and of the live page, with the words and colours of both."""
    folders = [PackageLoader(f"inferencepool_rollout.{package}", ".") for package in ("report", "live")]
    made = Environment(
        loader=ChoiceLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {**FILTERS, "mood": mood}
    made.globals["colours"] = COLOURS
    return made


def title(report: Report) -> str:
    """Return what the report is about, and how it ended."""
    return f"Rollout of {report.plan.old} by {report.plan.new}: {report.outcome}"
