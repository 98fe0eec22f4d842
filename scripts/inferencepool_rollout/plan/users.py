"""How everybody's requests are judged: by the pools' own metrics, and by Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from inferencepool_rollout.plan.values import Duration, Headers, Part, Several, Text, Url

USERS = "users' "
"""Begins the names of objectives that everybody's requests are judged by."""


class Unit(StrEnum):
    """What the values of an objective are."""

    SHARE = "share"  # of all requests, 0 to 1
    RATIO = "ratio"  # of the new pool's value to the old one's
    SECONDS = "seconds"
    REQUESTS = "requests"


class Query(Part):
    """A value of Prometheus that is fine up to `accept`."""

    name: Text = Field(description="The objective's name in reports.")
    query: Text = Field(
        description="PromQL with one series as result. $old, $new and $namespace are replaced by the names, $window by "
        "the length of the observation window; $$ is a $."
    )
    unit: Unit = Field(strict=False, description="What the value is.")
    accept: float = Field(description="The step passes at or below this value.")
    lasting: Duration = Field(default=60.0, description="A value that stays above `accept` for this long rolls back.")


class Prometheus(Part):
    """Objectives about the users' own requests, checked by queries of Prometheus."""

    url: Url = Field(description="Base address of Prometheus, without /api.")
    headers: Headers = Field(default={}, description="Headers of every query, for example Authorization.")
    queries: Annotated[tuple[Query, ...], Several, Field(min_length=1)] = Field(description="The queries.")


class Queue(Part):
    """Requests that wait at a model server before they are begun."""

    accept: float = Field(ge=0, description="Most requests waiting at each model server of the new pool, in the mean.")
    lasting: Duration = Field(default=60.0, description="A longer queue for this long rolls back.")


class Users(Part):
    """Judge everybody's requests, as endpoint pickers and model servers count them, by the plan's objectives."""

    queue: Queue | None = Field(default=None, description="Objective for requests that wait.")


def names(old: str, new: str, namespace: str, window: str) -> Mapping[str, str]:
    """Return what the $names in a query stand for."""
    return {"old": old, "new": new, "namespace": namespace, "window": window}
