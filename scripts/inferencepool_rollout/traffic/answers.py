"""What a load run saw, one row a request, kept as columns."""

from __future__ import annotations

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
    BODY = "body"  # a whole 200 that is no completion, or a stream that tells of an error
    PROTOCOL = "protocol"  # not HTTP


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


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one run, in the order they ended; every column has one entry a request.

    `pandas.DataFrame(vars(answers))` and `polars.DataFrame(vars(answers))` take it as it is.
    """

    started: npt.NDArray[np.float64]
    """Unix time in s at which the request was sent; under an open loop, at which it was due."""
    latency: npt.NDArray[np.float64]
    """Seconds from `started` to the end of the answer or to the failure."""
    ttft: npt.NDArray[np.float64]
    """Seconds from `started` to the first event of a stream; NaN where there was none."""
    status: npt.NDArray[np.int16]
    """HTTP status; 0 where no head of an answer came."""
    cause: npt.NDArray[np.str_]
    """A Cause; empty for a whole answer with status 200."""
    pod: npt.NDArray[np.str_]
    """The answer's header x-inference-pod; empty where it had none."""
    chunks: npt.NDArray[np.int32]
    """Events of a stream before its [DONE]; 0 for other answers."""
    detail: npt.NDArray[np.str_]
    """What the failure said for itself (at most 200 characters); empty for good answers."""
    pool: npt.NDArray[np.str_]
    """The answer's header x-inference-pool, by which a route can name the backend that it chose, for refused requests
    too; empty where it had none."""

    @classmethod
    def of(cls, rows: Sequence[Answer], clock: float = 0) -> Answers:
        """Turn rows into columns; `clock` is Unix time less the rows' clock, in s."""
        columns = zip(*rows, strict=True) if rows else [()] * len(Answer._fields)
        started, latency, ttft, status, cause, pod, chunks, detail, pool = columns
        return cls(
            started=np.array(started, np.float64) + clock,
            latency=np.array(latency, np.float64),
            ttft=np.array(ttft, np.float64),
            status=np.array(status, np.int16),
            cause=np.array(cause, np.str_),
            pod=np.array(pod, np.str_),
            chunks=np.array(chunks, np.int32),
            detail=np.array(detail, np.str_),
            pool=np.array(pool, np.str_),
        )

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
