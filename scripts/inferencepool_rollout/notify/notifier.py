"""Who is told of a rollout: services of the environment, the plan's event hook, and the route's Kubernetes Events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inferencepool_rollout.drive.run_log import Event
from inferencepool_rollout.hooks.call import call
from inferencepool_rollout.hooks.cloud_event import letter
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.notify.kube_events import KubeEvents
from inferencepool_rollout.notify.message import Message, Messages
from inferencepool_rollout.notify.outbox import Outbox
from inferencepool_rollout.notify.services import URLS, Services
from inferencepool_rollout.plan.plan import Plan


@dataclass(frozen=True)
class Notifier:
    """A listener of a run log."""

    messages: Messages
    outboxes: Sequence[Outbox]

    @classmethod
    def of(
        cls, plan: Plan, client: Client, messages: Messages, key: str, services: Services | None,
        failed: Callable[[str], None],
    ) -> Notifier:  # fmt: skip
        """Return the notifier of a plan; `key` signs what its hook is sent, `failed` is told whom it did not reach."""
        recipients: list[tuple[str, Callable[[Message], str]]] = [("Kubernetes Events", KubeEvents(client).send)]
        if hook := plan.hooks.event:
            recipients.append(("the hook `event`", lambda message: call(hook, letter(message, key))))
        if services:
            recipients.append((URLS, services.send))
        return cls(messages, [Outbox(name, send, failed) for name, send in recipients])

    def __call__(self, event: Event) -> None:
        """Put an event's message on its way."""
        if message := self.messages.of(event):
            for outbox in self.outboxes:
                outbox.put(message)
