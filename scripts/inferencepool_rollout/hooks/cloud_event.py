"""A message as a CloudEvent 1.0 (structured JSON), signed as Standard Webhooks says.

https://github.com/cloudevents/spec, https://www.standardwebhooks.com: the receiver checks `webhook-signature`, an
HMAC-SHA256 over the headers `webhook-id` and `webhook-timestamp` and the body.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.notify.message import Message

KEY = "ROLLOUT_HOOK_KEY"
"""The environment variable with the key of the signatures: base64, with or without `whsec_` before it."""
TYPE = "io.inferencepool-rollout."
CONTENT = "application/cloudevents+json"


@dataclass(frozen=True)
class Letter:
    """A CloudEvent to send: its body and the headers of an HTTP request."""

    body: bytes
    headers: Mapping[str, str]


def letter(message: Message, key: str, now: datetime | None = None) -> Letter:
    """Return a message as a CloudEvent, signed where `key` is not empty."""
    now, name = now or datetime.now(UTC), str(uuid.uuid4())
    rollout = message.rollout
    event = {
        "specversion": "1.0",
        "id": name,
        "source": f"/namespaces/{rollout.namespace}/httproutes/{rollout.route}",
        "type": TYPE + message.event.replace(" ", "-"),
        "time": now.isoformat(),
        "datacontenttype": "application/json",
        "data": message.model_dump(mode="json", by_alias=True),
    }
    body = json.dumps(event)
    headers = {"Content-Type": CONTENT}
    if key:
        headers |= {
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(key).sign(name, now, body),
        }
    return Letter(body.encode(), headers)


def signing_key() -> str:
    """Return the key of the signatures, empty without one; raises Failure for one that is no base64."""
    key = os.environ.get(KEY, "").strip()
    try:
        if key:
            Webhook(key)
    except (ValueError, RuntimeError):
        raise Failure(
            f"{KEY} is not a key: it must be base64, with or without whsec_; make one: openssl rand -base64 32",
            ExitCode.USAGE,
        ) from None
    return key
