"""The kinds of values that a plan's keys have: durations, names, addresses, headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
LONGEST_HOURS = 30 * 24


def seconds(duration: object) -> float:
    """Return a duration like 500ms, 90s, 10m or 1.5h in seconds; raises ValueError for other text and above 30 days."""
    found = DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if not found:
        raise ValueError(f"{duration!r} is not a duration; write it like 90s, 10m or 1h")
    length = float(found[1]) * UNITS[found[2]]
    if length > LONGEST_HOURS * 3600:
        raise ValueError(f"{duration} is longer than {LONGEST_HOURS}h")
    return length


def written(length: float) -> str:
    """Return seconds as the shortest duration that `seconds` reads."""
    unit = next((unit for unit in ("h", "m") if length and length % UNITS[unit] == 0), "ms" if 0 < length < 1 else "s")
    return f"{length / UNITS[unit]:g}{unit}"


def _sequence(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _header_text(value: str) -> str:
    if not value.isprintable():
        raise ValueError(f"{value!r} contains a control character, such as a line end, which HTTP headers may not have")
    return value


def _http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise ValueError(f"{value!r} is not a base URL; write it like http://gateway.example.com:8080")
    return value


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    PlainSerializer(written, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"}),
]
Several = BeforeValidator(_sequence)
"""Before a tuple: a list of the file becomes one."""
LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
Name = Annotated[str, Field(pattern=LABEL, max_length=53)]
"""Name of a release: what Helm takes."""
Namespace = Annotated[str, Field(pattern=LABEL, max_length=63)]
Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, AfterValidator(_http_url)]
Headers = Mapping[Annotated[Text, AfterValidator(_header_text)], Annotated[str, AfterValidator(_header_text)]]


class Part(BaseModel):
    """A part of a plan: keys in camelCase, unknown keys refused, numbers finite, never changed once it is read."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )
