"""The pools' metrics can be read and say what the plan judges everybody's requests by."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from inferencepool_rollout.evidence.scraped import Page
from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Facts
from inferencepool_rollout.traffic.metric_names import SERVERS

REMEDY = (
    "let the driver's user `get pods/proxy`, and see that the pods answer /metrics; or remove `users` from the plan"
)


def checks(facts: Facts) -> Iterator[Check]:
    """Yield a row for each pool, where the plan judges everybody's requests."""
    for name, (pages, unread) in facts.users.items():
        if unread:
            yield Check(f"metrics of {name}", unread, REMEDY)
            continue
        exported = {metric for page in pages.values() for metric in _latencies(page)}
        missing = [
            metric for metric in dict.fromkeys(each.metric for each in facts.plan.latency) if metric not in exported
        ]
        if missing:
            why = f"its model servers export no {' and no '.join(missing)}"
            yield Check(
                f"metrics of {name}", why, f"take {missing[0]} out of objectives.latency, or users out of the plan"
            )
        else:
            yield Check(f"metrics of {name}", f"{len(pages)} pods are read every few seconds")


def _latencies(page: Page) -> Collection[str]:
    """The latencies that a page has; for a server that has served nothing yet, those that it will have."""
    return page.latency if page.served or not page.engine else SERVERS[page.engine].latency
