"""What moves the weight: helm, or a values file that a GitOps tool applies. Both have one interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from inferencepool_rollout.drive.position import Record
from inferencepool_rollout.kube.helm import Helm
from inferencepool_rollout.kube.route import Route


class Mover(Protocol):
    """The owner of the route's weights."""

    @property
    def applies(self) -> bool:
        """Whether a move is in the cluster when `move` returns; else somebody has to apply what it wrote."""

    @property
    def helm(self) -> Helm | None:
        """The helm whose releases preflight checks, None where they are somebody else's."""

    def record(self) -> Record:
        """Return what was asked for last."""

    def asked(self) -> Route | None:
        """Return the route as it was asked for last, to compare with the live one; None where it is not known."""

    def command(self, percent: int) -> Sequence[str]:
        """Return what `move` does, as words for people."""

    def move(self, percent: int) -> None:
        """Ask for `percent` to the new pool; raises Failure where that is refused."""

    def back_command(self) -> Sequence[str]:
        """Return what `back` does, as words for people."""

    def back(self) -> None:
        """Ask for nothing to the new pool, whatever anybody changed; raises Failure where that fails."""

    def free(self) -> None:
        """End a change that was left half done; raises Failure where that fails."""
