"""A trace of requests: when they came, and how many tokens they had. Two shapes are read.

- CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens: the Azure LLM inference traces 2023 and 2024
  (https://github.com/Azure/AzurePublicDataset). TIMESTAMP is a date and time, or seconds.
- JSON lines with timestamp (ms), input_length, output_length and, where it has them, hash_ids: the traces of Mooncake
  (https://github.com/kvcache-ai/Mooncake). A hash id stands for a block of BLOCK_TOKENS tokens of the prompt; requests
  with the same first ids have the same beginning.
"""

from __future__ import annotations

import csv
import datetime
import functools
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from inferencepool_rollout.failure import Failure

AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
MOONCAKE = ("timestamp", "input_length", "output_length")
BLOCK_TOKENS = 512
SHAPES = f"a CSV with the columns {', '.join(AZURE)}, or JSON lines with {', '.join(MOONCAKE)}"


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in the order in which they came, one entry each: seconds since the first, tokens, and hash ids."""

    seconds: npt.NDArray[np.float64]
    prompts: npt.NDArray[np.int64]
    answers: npt.NDArray[np.int64]
    blocks: Sequence[Sequence[int]]
    """Empty for a request without hash ids."""

    @property
    def gap(self) -> float:
        """Mean time between two requests, s."""
        return float(self.seconds[-1]) / (len(self.seconds) - 1)

    @property
    def longest(self) -> int:
        """Tokens of its longest request, prompt and answer together."""
        return int((self.prompts + self.answers).max())


class _Row(NamedTuple):
    line: int
    seconds: float
    prompt: int
    answer: int
    blocks: tuple[int, ...] = ()


@functools.lru_cache(maxsize=2)
def read_trace(file: Path) -> Trace:
    """Read a trace; raises Failure, with the line, for another shape, unsorted times and lengths that cannot be."""
    try:
        with file.open(newline="") as lines:
            is_json = lines.readline().lstrip().startswith("{")
            lines.seek(0)
            rows = list((_mooncake if is_json else _azure)(file, lines))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"the trace {file} cannot be read: {error}") from None
    for before, row in itertools.pairwise(rows):
        if row.seconds < before.seconds:
            raise Failure(f"{file}:{row.line}: its time is before that of the line above; sort the trace by time")
    for row in rows:
        if row.prompt < 1 or row.answer < 0:
            why = f"{row.prompt} tokens of prompt and {row.answer} of answer cannot be"
            raise Failure(f"{file}:{row.line}: {why}; remove the line")
    if len(rows) < 2 or rows[-1].seconds == rows[0].seconds:
        raise Failure(f"the trace {file} has no two requests at different times, so it has no rate; give a longer one")
    seconds = np.array([row.seconds for row in rows])
    answers = np.maximum([row.answer for row in rows], 1)
    return Trace(seconds - seconds[0], np.array([row.prompt for row in rows]), answers, [row.blocks for row in rows])


def _azure(file: Path, lines: TextIO) -> Iterator[_Row]:
    reader = csv.DictReader(lines)
    columns = reader.fieldnames or []
    if missing := [name for name in AZURE if name not in columns]:
        raise Failure(f"{file}:1: there is no column {missing[0]} in {', '.join(columns) or 'it'}; a trace is {SHAPES}")
    for row in reader:
        try:
            when, prompt, answer = (row[name] for name in AZURE)
            yield _Row(reader.line_num, _time(when), int(prompt), int(answer))
        except (ValueError, TypeError, AttributeError) as error:
            raise Failure(f"{file}:{reader.line_num}: {error}; a trace is {SHAPES}") from None


def _mooncake(file: Path, lines: TextIO) -> Iterator[_Row]:
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            when, prompt, answer = (row[name] for name in MOONCAKE)
            blocks = tuple(int(block) for block in row.get("hash_ids") or ())
            yield _Row(number, float(when) / 1000, int(prompt), int(answer), blocks)
        except KeyError as error:
            raise Failure(f"{file}:{number}: there is no key {error}; a trace is {SHAPES}") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise Failure(f"{file}:{number}: {error}; a trace is {SHAPES}") from None


def _time(text: str) -> float:
    """Seconds of a date and time (its fraction of any length), or of a number."""
    try:
        return float(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()
