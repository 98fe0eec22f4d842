"""What else is asked or told while a rollout runs: URLs and programs that others own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from inferencepool_rollout.plan.values import Duration, Part, Several, Text, Url


class Hook(Part):
    """A URL to which a CloudEvent is posted, or a program that reads one on its standard input."""

    url: Url | None = Field(default=None, description="Where it is posted. A status of 200 to 299 is a yes.")
    command: Annotated[tuple[Text, ...], Several] = Field(
        default=(), description="Or a program and its arguments. Exit code 0 is a yes."
    )
    timeout: Duration = Field(default=10.0, gt=0, description="Time limit of one call.")

    @property
    def target(self) -> str:
        """The URL or the program, for people."""
        return self.url or self.command[0]


class Gate(Hook):
    """A hook that is asked again until it says yes."""

    wait: Duration = Field(
        default=0.0,
        description="For how long a gate that says no, or does not answer, is asked again every 10 s. Then the step is "
        "held.",
    )


class Hooks(Part):
    """Hooks of a rollout. None of them stands in the way of a rollback."""

    before: Hook | None = Field(
        default=None, description="Called once before weight is moved to a step. Anything but a yes holds the rollout."
    )
    gate: Gate | None = Field(
        default=None,
        description="Asked whether weight may be moved to a step. It moves after a yes only; no answer is a no.",
    )
    after: Hook | None = Field(
        default=None,
        description="Called once a step keeps every objective, for example an acceptance test. Anything but a yes "
        "holds the step.",
    )
    event: Hook | None = Field(
        default=None, description="Told of every event of the rollout. The rollout goes on whatever it answers."
    )
