"""What is told about a rollout: one message for people and machines, made of an event of the run log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from inferencepool_rollout.drive.event_text import text_of
from inferencepool_rollout.plan.plan import Plan


class Severity(StrEnum):
    """How good or bad the news is; Apprise has the same four."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


OUTCOMES = {
    "done": Severity.SUCCESS, "finished": Severity.SUCCESS, "measured": Severity.SUCCESS,
    "promoted by hand": Severity.INFO, "answers judged": Severity.INFO, "held": Severity.WARNING,
    "stopped": Severity.WARNING, "refused": Severity.WARNING, "rollback failed": Severity.FAILURE,
}  # fmt: skip
"""How an event "end" is told. One whose outcome is "rolled back" follows an event that has been told already."""
TOLD = {
    "start": Severity.INFO, "followed": Severity.INFO, "capacity": Severity.INFO, "asked": Severity.INFO,
    "verdict": Severity.SUCCESS, "quality": Severity.SUCCESS, "waiting": Severity.WARNING, "approved": Severity.INFO,
    "roll back": Severity.FAILURE, "rolled back": Severity.WARNING,
}  # fmt: skip
"""How other events are told. A "verdict" is told if the step is kept: whatever else follows from it is told itself."""


class Part(BaseModel):
    """A part of a message: its keys are in camelCase, and it never changes."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)


class Subject(Part):
    """The rollout that a message is about."""

    namespace: str = Field(description="Namespace of the route and of both pools.")
    route: str = Field(description="Release and HTTPRoute whose weight moves.")
    old: str = Field(description="The old pool.")
    new: str = Field(description="The new pool.")
    plan: str = Field(description="File name of the plan.")

    @classmethod
    def of(cls, plan: Plan, file: str) -> Subject:
        """Return the subject of a plan that was read from a file."""
        return cls(namespace=plan.route.namespace, route=plan.route.release, old=plan.old, new=plan.new, plan=file)

    @property
    def back(self) -> str:
        """The command that gives the old pool all requests again."""
        return f"rollout rollback -f {self.plan}"


class Message(Part):
    """What has happened in a rollout, or is about to."""

    event: str = Field(
        description="What it is: an event of the run log such as `followed`, `verdict`, `waiting`, `roll back` or "
        "`end`; or the hook that is called: `before`, `gate` or `after`."
    )
    rollout: Subject = Field(description="Which rollout.")
    severity: Severity = Field(description="How good or bad it is.")
    percent: float | None = Field(
        description="Percent of the requests that the new pool has, or is to get: that of a step. null: not known."
    )
    text: str = Field(description="One sentence for people.")
    why: str = Field(description="The reason, empty where there is none.")
    outcome: str = Field(description="How the driver ended, such as `done` or `held`; only of an `end`, else empty.")
    back: str = Field(description="The command that gives the old pool all requests; empty where it has them.")

    @property
    def title(self) -> str:
        """A title for people."""
        return f"Rollout {self.rollout.namespace}/{self.rollout.route}: {self.rollout.old} to {self.rollout.new}"

    @property
    def body(self) -> str:
        """The sentence, and how to go back."""
        return self.text + (f"\nBack to {self.rollout.old}: {self.back}" if self.back else "")


@dataclass(frozen=True)
class Messages:
    """Makes the messages of a rollout."""

    subject: Subject

    def of(self, event: Mapping[str, Any]) -> Message | None:
        """Return the message of an event of the run log, None for one that is not told."""
        severity = _severity(event)
        if severity is None:
            return None
        moved = (
            f"{self.subject.new} gets {event['percent']} % of the requests; " if event["event"] == "followed" else ""
        )
        return self._message(event["event"], severity, event, moved + text_of(event))

    def asking(self, hook: str, percent: int) -> Message:
        """Return what a hook is asked: whether a step may be moved to, or whether it has passed."""
        text = f"{percent} % {'is kept' if hook == 'after' else 'comes next'}; a yes goes on"
        return self._message(hook, Severity.INFO, {"percent": percent}, text)

    def _message(self, name: str, severity: Severity, event: Mapping[str, Any], text: str) -> Message:
        percent = event.get("percent")
        return Message(
            event=name, rollout=self.subject, severity=severity, percent=percent, text=text,
            why=str(event.get("why") or ""), outcome=str(event.get("outcome") or ""),
            back=self.subject.back if percent else "",
        )  # fmt: skip


def _severity(event: Mapping[str, Any]) -> Severity | None:
    if event["event"] == "end":
        return OUTCOMES.get(event["outcome"])
    if event.get("action", "promote") != "promote":
        return None
    return TOLD.get(event["event"])
