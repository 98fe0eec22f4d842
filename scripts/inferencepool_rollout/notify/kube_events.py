"""Kubernetes Events on the HTTPRoute: `kubectl describe httproute` and event exporters show each step."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import EVENTS, ROUTES
from inferencepool_rollout.kube.client import ASKED_SECONDS, Client, Manifest
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.notify.message import Message, Severity

COMPONENT = "inferencepool-rollout"
LONGEST = 1024
"""Characters that the API server takes in an Event's message."""


@dataclass(frozen=True)
class KubeEvents:
    """Writes Events of a route."""

    client: Client

    def send(self, message: Message) -> str:
        """Write one Event; return why it could not be written, empty if it was."""
        namespace, name = message.rollout.namespace, message.rollout.route
        client = self.client.with_patience(0, ASKED_SECONDS)
        try:
            found = client.get(ROUTES, namespace, name)
            if found is None:
                return f"there is no HTTPRoute {namespace}/{name}"
            client.create(EVENTS, namespace, event(message, Route(found)))
        except Failure as failure:
            return str(failure)
        return ""


def event(message: Message, route: Route) -> Manifest:
    """Return the Event of a message; its reason is the message's event in CamelCase."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    wrong = message.severity in (Severity.WARNING, Severity.FAILURE)
    back = f". Back: {message.back}" if message.back else ""
    room = LONGEST - len(back)
    text = message.text if len(message.text) <= room else f"{message.text[: room - 1]}…"
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": f"{route.name}.{uuid.uuid4().hex[:16]}", "namespace": route.namespace},
        "involvedObject": {
            "apiVersion": ROUTES.api_version, "kind": ROUTES.kind, "namespace": route.namespace, "name": route.name,
            "uid": route.uid,
        },
        "reason": "".join(word.capitalize() for word in (message.outcome or message.event).split()),
        "message": text + back,
        "type": "Warning" if wrong else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }  # fmt: skip
