"""What a load run saw, one row a request, kept as columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Cause(StrEnum):
    """Why a request brought no whole answer."""

    NONE = ""
    CONNECT = "connect"  # no connection
    TIMEOUT = "timeout"  # not whole within the request's timeout
    RESET = "reset"  # the connection ended before the answer's head
    CUT = "cut"  # the head came, the body or the stream did not end as it has to
    STATUS = "status"  # a whole answer with another status than 200
    BODY = "body"  # a 200 that is no completion, or that reports an error
    ABORT = "abort"  # a completion that the server gave up: finish_reason abort, error, or one that is not known
    EMPTY = "empty"  # a completion that ended well, without any content
    FILTERED = "filtered"  # a completion that a content filter left without any content
    TOO_LARGE = "too large"  # an event or a body above the bounds that request.py states
    PROTOCOL = "protocol"  # not HTTP
    FAULT = "fault"  # the probe failed on it: an exception that nobody expected, which the detail names


class Lost(Exception):
    """An answer is not good: its Cause, and what the answer or the connection said."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


_KINDS = {
    "started": np.float64, "latency": np.float64, "ttft": np.float64, "status": np.int16, "cause": np.str_,
    "pod": np.str_, "chunks": np.int32, "detail": np.str_, "pool": np.str_, "tpot": np.float64, "late": np.float64,
    "queued": np.float64, "itl": np.float64,
}  # fmt: skip


class Answer(NamedTuple):
    """One request and what came of it; the fields are the columns of Answers."""

    started: float  # by whatever clock; Answers.of makes it Unix time
    latency: float
    ttft: float
    status: int
    cause: Cause
    pod: str
    chunks: int
    detail: str
    pool: str = ""
    tpot: float = math.nan
    late: float = 0.0
    queued: float = 0.0
    itl: float = math.nan


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one run, in the order they ended; every column has one entry a request.

    `pandas.DataFrame(vars(answers))` and `polars.DataFrame(vars(answers))` take it as it is.
    """

    started: npt.NDArray[np.float64]
    """Unix time in s at which the request was sent; under an open loop, at which it was due."""
    latency: npt.NDArray[np.float64]
    """Seconds from `started` to the end of the answer or to the failure, less `late`."""
    ttft: npt.NDArray[np.float64]
    """Time to first token: seconds from `started` to the first event of a stream that carries content, reasoning, a
    refusal or a tool call, less `late`; NaN where there was none. An event with a role alone is no token."""
    status: npt.NDArray[np.int16]
    """HTTP status; 0 where no head of an answer came."""
    cause: npt.NDArray[np.str_]
    """A Cause; empty for a whole answer with status 200."""
    pod: npt.NDArray[np.str_]
    """The answer's header x-inference-pod; empty where it had none."""
    chunks: npt.NDArray[np.int32]
    """Events of a stream that carried content; 0 for other answers."""
    detail: npt.NDArray[np.str_]
    """What the failure said for itself (at most 200 characters); empty for good answers."""
    pool: npt.NDArray[np.str_]
    """The answer's header x-inference-pool, by which a route can name the backend that it chose, for refused requests
    too; empty where it had none."""
    tpot: npt.NDArray[np.float64]
    """Time per output token, the mean inter-token latency, in seconds: (arrival of the last event with content -
    arrival of the first) / (events - 1) x events / tokens; NaN where fewer than two events carried content.

    `tokens` is the server's count (usage.completion_tokens). Where it has none, or one that cannot be, each event
    counts as one token. A token without text, as the one that ends an answer, is in the server's count.
    """
    late: npt.NDArray[np.float64]
    """Seconds by which the load itself was late: from when the request was due, and a worker free, to when it was
    sent. No server is to blame for them, so latency and ttft leave them out."""
    queued: npt.NDArray[np.float64]
    """Seconds of an open loop from when the request was due to when a worker was free; part of latency and ttft."""
    itl: npt.NDArray[np.float64]
    """The longest inter-token latency of the answer: seconds between two events with content, for which its user waited
    when it stalled, and which tpot averages away; NaN where fewer than two events carried content."""

    @classmethod
    def of(cls, rows: Sequence[Answer], clock: float = 0) -> Answers:
        """Turn rows into columns; `clock` is Unix time less the rows' clock, in s."""
        columns = zip(*rows, strict=True) if rows else [()] * len(Answer._fields)
        made = {name: np.array(column, _KINDS[name]) for name, column in zip(Answer._fields, columns, strict=True)}
        return cls(**made | {"started": made["started"] + clock})

    @classmethod
    def merged(cls, *runs: Answers) -> Answers:
        """Return the answers of several runs as one, run after run."""
        return cls(**{name: np.concatenate([vars(run)[name] for run in runs]) for name in vars(runs[0])})

    def __len__(self) -> int:
        return len(self.started)

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Where the answer was whole, a completion, and 200."""
        return np.asarray(self.cause == "")

    @property
    def lost(self) -> int:
        """Requests without a good answer."""
        return int(np.count_nonzero(~self.good))

    @property
    def reason(self) -> npt.NDArray[np.str_]:
        """Why there was no good answer: the cause, and the status where one came; empty for good answers."""
        pairs = zip(self.cause.tolist(), self.status.tolist(), strict=True)
        return np.array([f"{cause} {status}" if cause and status else str(cause) for cause, status in pairs], np.str_)

    def causes(self) -> Counter[str]:
        """Count the lost requests by their reason."""
        return Counter(self.reason[~self.good].tolist())

    def by_pod(self) -> Counter[str]:
        """Count the good answers by pod; "" counts those that named none."""
        return Counter(self.pod[self.good].tolist())

    def since(self, unix_time: float) -> Answers:
        """Return only the requests started at or after `unix_time` (s)."""
        return self.where(self.started >= unix_time)

    def where(self, kept: npt.NDArray[np.bool_]) -> Answers:
        """Return only the requests of the rows that are true in `kept`."""
        return Answers(**{name: column[kept] for name, column in vars(self).items()})
