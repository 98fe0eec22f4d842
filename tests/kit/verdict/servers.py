"""A server with continuous batching, simulated from event to event: what queues do to latencies."""

from __future__ import annotations

import heapq
import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_RUNNING, MOST_TOKENS = 128, 8192  # requests in a batch; prompt tokens that one iteration takes in
ITERATION, PER_REQUEST, TOKENS_PER_SECOND = 0.012, 0.0003, 9000  # s, s, prompt tokens


def batching_server(arrivals: Floats, prompts: Integers, answers: Integers, slower: float) -> tuple[Floats, Floats]:
    """Return the time to the first token and the whole latency (s) of each request.

    `arrivals` (s) are sorted, `prompts` and `answers` are lengths in tokens; every iteration takes `slower` times as
    long as that of a pool's usual server. Iterations without an arrival and without an end are taken in one go.
    """
    ttft, e2e = np.zeros(len(arrivals)), np.zeros(len(arrivals))
    came, asked, lengths = arrivals.tolist(), prompts.tolist(), answers.tolist()
    now, iteration, following, last = 0.0, 0, 0, len(came)
    running: list[tuple[int, int]] = []  # (iteration at whose end the request is answered, its number)
    while following < last or running:
        if not running and came[following] > now:
            now = came[following]
        admitted, tokens, before = following, 0, len(running)
        while (
            following < last
            and came[following] <= now
            and before + following - admitted < MOST_RUNNING
            and tokens < MOST_TOKENS
        ):
            tokens += asked[following]
            following += 1
        length = slower * (ITERATION + PER_REQUEST * before + tokens / TOKENS_PER_SECOND)
        several = 1
        if following == admitted:
            several = running[0][0] - iteration
            if following < last and before < MOST_RUNNING:
                several = min(several, max(1, math.ceil((came[following] - now) / length)))
        now += several * length
        iteration += several
        for number in range(admitted, following):
            ttft[number] = now - came[number]
            heapq.heappush(running, (iteration + lengths[number] - 1, number))
        while running and running[0][0] <= iteration:
            number = heapq.heappop(running)[1]
            e2e[number] = now - came[number]
    return ttft, e2e
