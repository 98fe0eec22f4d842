"""Send load on a completions endpoint and judge the split: `python -m inferencepool_rollout.traffic --help`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console

from inferencepool_rollout.command import run_command
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.traffic.attribution import NOBODY, by_pool, gained, picks, pools_by_prefix, served
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.report import print_answers, print_split
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.statistics import shares
from inferencepool_rollout.traffic.verdict import ALPHA, judge


def traffic(
    url: Annotated[str, typer.Option(help="base URL, like http://127.0.0.1:8080")],
    model: Annotated[str, typer.Option(help="model or adapter asked for")],
    prompt: Annotated[str, typer.Option(help="the prompt of every request")] = Completion.prompt,
    max_tokens: Annotated[int, typer.Option(help="tokens of an answer")] = Completion.max_tokens,
    stream: Annotated[bool, typer.Option("--stream", help="ask for streams and check that each ends whole")] = False,
    chat: Annotated[bool, typer.Option("--chat", help="use /v1/chat/completions")] = False,
    requests: Annotated[int | None, typer.Option(help="end after so many requests")] = None,
    seconds: Annotated[float | None, typer.Option(help="end after so long")] = None,
    rate: Annotated[float | None, typer.Option(help="requests/s, however slow the earlier ones are")] = None,
    workers: Annotated[int, typer.Option(help="most requests in flight")] = Plan.workers,
    timeout: Annotated[float, typer.Option(help="seconds for one request")] = Plan.timeout,
    keep_alive: Annotated[bool, typer.Option(help="reuse connections")] = Plan.keep_alive,
    asked: Annotated[
        list[str] | None, typer.Option(metavar="POOL=WEIGHT", help="a pool and its weight; once for each pool")
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(help="the pools' namespace: count picks of the EPPs too, and what pods served that are not named"),
    ] = None,
    alpha: Annotated[float, typer.Option(help="probability of refusing a right split")] = ALPHA,
) -> int:
    """Send completions to a gateway, retry nothing, and show who answered.

    Exits with 1 if a request is lost or the split is not the asked one.
    """
    weights = _weights(asked or [])
    request = Completion(model, prompt, max_tokens, stream, chat)
    plan = Plan(workers=workers, count=requests, seconds=seconds, rate=rate, keep_alive=keep_alive, timeout=timeout)
    before = _counts(namespace, weights, picks), _counts(namespace, weights, served)
    with Console(stderr=True).status("sending") as status:
        answers = send(url, request, plan, lambda count: status.update(f"{count} requests have ended"))
    after = _counts(namespace, weights, picks), _counts(namespace, weights, served)

    console = Console(soft_wrap=True)
    print_answers(console, answers)
    if not weights:
        return 0 if len(answers) and not answers.lost else 1
    answered: Mapping[str, int] = by_pool(answers, pools_by_prefix(answers.by_pod(), weights))
    picked = None
    if namespace:
        picked, finished = (gained(earlier, later) for earlier, later in zip(before, after, strict=True))
        if answered.keys() <= {NOBODY}:
            answered = finished
    verdict = judge(weights, answered, picked, lost=answers.lost, alpha=alpha)
    print_split(console, weights, answered, picked, verdict, alpha)
    return 0 if verdict.passed else 1


def _counts(namespace: str | None, pools: Iterable[str], count: Callable[[Client, str, str], int]) -> dict[str, int]:
    """Read the pools' counters by the current kubeconfig, or nothing if no namespace is given."""
    if not namespace:
        return {}
    client = Client()
    return {pool: count(client, namespace, pool) for pool in pools}


def _weights(texts: Sequence[str]) -> dict[str, float]:
    """Read `pool=weight` texts."""
    try:
        asked = {pool: float(weight) for pool, _, weight in (text.partition("=") for text in texts)}
        if len(asked) < len(texts):
            raise ValueError("a pool is named twice")
        if asked:
            shares(list(asked.values()))
    except ValueError as error:
        raise Failure(f"--asked {' --asked '.join(texts)}: {error}; write it like --asked pool-old=90") from None
    return asked


if __name__ == "__main__":
    run_command(traffic, "python -m inferencepool_rollout.traffic")
