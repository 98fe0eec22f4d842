"""Send load on a completions endpoint and judge the split: `python -m inferencepool_rollout.traffic --help`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import Console

from inferencepool_rollout.failure import Failure, run_cli
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.traffic.attribution import NOBODY, by_pool, gained, picks, pools_by_prefix, served
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.report import print_answers, print_split
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.statistics import shares
from inferencepool_rollout.traffic.verdict import judge


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if every request was answered and the split is as asked, else 1."""
    options = _parser().parse_args(arguments)
    asked = _weights(options.asked)
    request = Completion(options.model, options.prompt, options.max_tokens, options.stream, options.chat)
    plan = Plan(
        workers=options.workers,
        count=options.requests,
        seconds=options.seconds,
        rate=options.rate,
        keep_alive=options.keep_alive,
        timeout=options.timeout,
    )
    before = _counts(options.namespace, asked, picks), _counts(options.namespace, asked, served)
    with Console(stderr=True).status("sending") as status:
        answers = send(options.url, request, plan, lambda count: status.update(f"{count} requests have ended"))
    after = _counts(options.namespace, asked, picks), _counts(options.namespace, asked, served)

    console = Console()
    print_answers(console, answers)
    if not asked:
        return 0 if len(answers) and not answers.lost else 1
    answered: Mapping[str, int] = by_pool(answers, pools_by_prefix(answers.by_pod(), asked))
    picked = None
    if options.namespace:
        picked, finished = (gained(earlier, later) for earlier, later in zip(before, after, strict=True))
        if answered.keys() <= {NOBODY}:
            answered = finished
    verdict = judge(asked, answered, picked, lost=answers.lost, alpha=options.alpha)
    print_split(console, asked, answered, picked, verdict, options.alpha)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m inferencepool_rollout.traffic",
        description="Send completions to a gateway, retry nothing, and tell who answered. Exits 1 if a request is "
        "lost or the split is not the asked one.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--url", required=True, help="base URL, like http://127.0.0.1:8080")
    parser.add_argument("--model", required=True, help="model or adapter asked for")
    parser.add_argument("--prompt", default=Completion.prompt, help="what is asked")
    parser.add_argument("--max-tokens", type=int, default=Completion.max_tokens, help="tokens of an answer")
    parser.add_argument("--stream", action="store_true", help="ask for streams and check that each ends whole")
    parser.add_argument("--chat", action="store_true", help="use /v1/chat/completions")
    parser.add_argument("--requests", type=int, help="end after so many requests")
    parser.add_argument("--seconds", type=float, help="end after so long")
    parser.add_argument("--rate", type=float, help="open loop: requests/s, whatever became of the earlier ones")
    parser.add_argument("--workers", type=int, default=Plan.workers, help="most requests in flight")
    parser.add_argument("--timeout", type=float, default=Plan.timeout, help="seconds for one request")
    parser.add_argument(
        "--keep-alive", action=argparse.BooleanOptionalAction, default=Plan.keep_alive, help="reuse connections"
    )
    parser.add_argument(
        "--asked", action="append", default=[], metavar="POOL=WEIGHT", help="a pool and its weight; once for each pool"
    )
    parser.add_argument(
        "--namespace", help="the pools' namespace: count the EPPs' picks too, and what pods served that are not named"
    )
    parser.add_argument("--alpha", type=float, default=0.001, help="probability of refusing a right split")
    return parser


if __name__ == "__main__":
    run_cli(main)
