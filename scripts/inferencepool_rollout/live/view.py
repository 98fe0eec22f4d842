"""What the page shows at a moment: named parts of HTML, made of the run log, the cluster's status and the actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inferencepool_rollout.drive.run_log import Event
from inferencepool_rollout.drive.status import rows
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.live.actions import Done
from inferencepool_rollout.report.data import UNJUDGED, Look, Report, report
from inferencepool_rollout.report.page import rendered, sections, step_section
from inferencepool_rollout.report.words import clock

Status = Mapping[str, Any]
OBSERVED = "observed"


@dataclass(frozen=True)
class Drawn:
    """What the run log tells: the rollout (None: there is no log), and its parts of the page by name."""

    rollout: Report | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Seen:
    """The page: `parts` by name from top to bottom, and the question before each verb that is possible.

    `percent` is the new pool's weight, None while it is not known.
    """

    headline: str
    parts: Mapping[str, str]
    percent: float | None
    asks: Mapping[str, str]


@dataclass
class Drawing:
    """Draws the run log's part of the page; a step that has not changed is not drawn again."""

    _steps: dict[int, tuple[object, str]] = field(default_factory=dict)

    def of(self, events: Sequence[Event], *, is_driven: bool) -> Drawn:
        """Return what a log tells; `is_driven` says that a driver is at work."""
        if not events:
            return Drawn()
        try:
            made = report(events)
        except Failure as failure:  # a log of another version
            return Drawn(fault=str(failure))
        if is_driven:
            made = _under_way(made)
        return Drawn(made, sections(made, self._step))

    def _step(self, made: Report, number: int, look: Look) -> str:
        drawn = (look.began, look.ended, look.action, look.seen.requests, len(look.evidence))
        if self._steps.get(number, (None, ""))[0] != drawn:
            self._steps[number] = drawn, step_section(made, number, look)
        return self._steps[number][1]


def seen(drawn: Drawn, status: Status | Failure | None, done: Done | None) -> Seen:
    """Return the page; `status` is why the cluster does not tell, or None while it was not asked yet."""
    known = None if status is None or isinstance(status, Failure) else status
    parts = {"now": rendered("now.html.j2", done=done, rows=rows(known) if known else ()), **drawn.parts}
    asks = _asks(known) if known else {}
    return Seen(_headline(drawn, status), _ordered(parts), known["percent"] if known else None, asks)


def _ordered(parts: Mapping[str, str]) -> dict[str, str]:
    """The page's parts with the last step first, right after what is said of the whole."""
    steps = sorted((name for name in parts if name.startswith("step-")), key=lambda name: -int(name.split("-")[1]))
    names = ("top", "now", *steps[:1], "steps", "over-time", *steps[1:], "answers", "events", "reading")
    return {name: parts[name] for name in names if name in parts}


def _under_way(made: Report) -> Report:
    """A rollout whose driver is at work: what it has not judged yet, it observes."""
    looks = list(made.looks)
    if looks and looks[-1].action == UNJUDGED:
        looks[-1] = replace(looks[-1], action=OBSERVED, why=looks[-1].so_far)
    return replace(made, outcome="under way", looks=looks)


def _headline(drawn: Drawn, status: Status | Failure | None) -> str:
    """The one sentence that says where the rollout stands."""
    if status is None:
        return "The cluster is being asked."
    if isinstance(status, Failure):
        return f"The cluster does not answer: {status}"
    if status["hold"]:
        return f"On hold: {status['hold']}"
    made = drawn.rollout
    if made is None:
        return drawn.fault or "No rollout has begun: there is no run log yet."
    last = made.looks[-1] if made.looks else None
    if last and last.action == OBSERVED:
        return f"{last.percent} % is observed since {clock(last.began)} UTC."
    if status["driver"]:
        return made.lines[-1].text
    return f"{made.outcome}. {made.why}".removesuffix(". ")


def _asks(status: Status) -> dict[str, str]:
    """The question before each verb that is possible."""
    percent, following = status["percent"], status["nextPercent"]
    asks = {}
    if not status["hold"]:
        asks["hold"] = f"Keep the rollout at {percent:g} % until somebody goes on?"
    if following is not None:
        what = "Approve" if status["nextNeedsApproval"] else "Move to"
        asks["promote"] = f"{what} {following:g} % now, past the verdict on {percent:g} %?"
    if percent:
        asks["rollback"] = f"Take the {percent:g} % back? The old pool gets all requests again."
    return asks
