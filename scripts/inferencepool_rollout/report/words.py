"""Numbers as the page writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

UNKNOWN = "–"  # noqa: RUF001


def utc(time: float) -> str:
    """A Unix time: date and time of day."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(time: float) -> str:
    """A Unix time: time of day."""
    return datetime.fromtimestamp(time, UTC).strftime("%H:%M:%S")


def span(seconds: float) -> str:
    """A duration."""
    if not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 10:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return " ".join(f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if n)


def percent(share: float) -> str:
    """A share of 1."""
    return f"{100 * share:.1f} %" if math.isfinite(share) else UNKNOWN


def milliseconds(seconds: float) -> str:
    """A latency, without its unit."""
    if not math.isfinite(seconds):
        return UNKNOWN
    return f"{seconds * 1e3:.0f}" if seconds >= 0.1 else f"{seconds * 1e3:.3g}"


def ratio(value: float) -> str:
    """A ratio."""
    return f"{value:.2f}x" if math.isfinite(value) else UNKNOWN


def marks(values: Sequence[float | None] | None) -> str:
    """Percentiles of a latency that a log may not have, without their unit."""
    known = [math.nan if value is None else value for value in values or ()]
    return " / ".join(map(milliseconds, known)) or UNKNOWN


FILTERS = {function.__name__: function for function in (utc, clock, span, percent, milliseconds, ratio, marks)}
