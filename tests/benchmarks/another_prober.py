"""The probe beside guidellm on one simulator: do both see the same TTFT and the same time per token?

Both send prompts of 100 tokens for answers of 32 at Poisson times, in turn. guidellm is installed from PyPI into the
cache; it makes its prompts by the tokenizer of the tests' tiny model, so that nothing is downloaded from a hub.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.result import Result
from inferencepool_lab.builds.programs import compiled
from inferencepool_lab.builds.pythons import python_with
from inferencepool_rollout.plan.probe import Workload as Spec
from inferencepool_rollout.process import run
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.workload.requests import Workload
from kit.tiny_llama import write_model
from kit.wait import wait_until

VERSION = "0.3.0"
MODEL = "tiny"
PROMPT, ANSWER = 100, 32
TIMES = ["--time-to-first-token=300ms", "--time-to-first-token-std-dev=60ms", "--inter-token-latency=10ms"]


class Seen(NamedTuple):
    """What a prober saw of the server, in milliseconds."""

    p50: float
    p95: float
    token: float


def measure(rate: float, seconds: float, rounds: int) -> Result:
    """Send `rate` requests a second for `seconds` by each prober, `rounds` times in turn."""
    guidellm = python_with("guidellm", VERSION)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder, _simulator() as url:
        write_model(Path(folder) / "model")
        for _ in range(rounds):
            ours.append(_probe(url, rate, seconds))
            theirs.append(_guidellm(guidellm, url, Path(folder), rate, seconds))
    medians = [Seen(*(statistics.median(column) for column in zip(*seen, strict=True))) for seen in (ours, theirs)]
    apart = [100 * (one / other - 1) for one, other in zip(*medians, strict=True)]
    return Result(
        "The probe beside guidellm",
        f"The same simulator ({' '.join(TIMES)}), {rate:g} requests/s at Poisson times for {seconds:g} s, prompts of "
        f"{PROMPT} tokens and answers of {ANSWER}; medians of {rounds} rounds in turn.",
        ("prober", "TTFT p50, ms", "TTFT p95, ms", "time per token p50, ms"),
        [
            ("this project", *(f"{value:.1f}" for value in medians[0])),
            (f"guidellm {VERSION}", *(f"{value:.1f}" for value in medians[1])),
            ("apart", *(f"{value:+.1f} %" for value in apart)),
        ],
    )


@contextmanager
def _simulator() -> Iterator[str]:
    """Run the simulator; yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (program,) = compiled(["llm-d-inference-sim"]).values()
    words = [f"--port={port}", f"--model={MODEL}", "--max-num-seqs=256", "--seed=7", *TIMES]
    with subprocess.Popen([str(program), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _listens(port), "the simulator listens")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _probe(url: str, rate: float, seconds: float) -> Seen:
    """What the driver's probe sees."""
    spec = Spec.model_validate({"promptTokens": {"mean": PROMPT}, "answerTokens": {"mean": ANSWER}})
    plan = Plan(workers=128, rate=rate, seconds=seconds, varied=Workload(spec))
    answers = send(url, Completion(MODEL, stream=True, usage=True), plan)
    p50, p95 = np.percentile(answers.ttft[answers.good], (50, 95)) * 1e3
    return Seen(float(p50), float(p95), float(np.nanmedian(answers.tpot) * 1e3))


def _guidellm(python: Path, url: str, folder: Path, rate: float, seconds: float) -> Seen:
    """What guidellm sees, as its file of results has it."""
    results = folder / "results.json"
    results.unlink(missing_ok=True)
    flags = {
        "target": url, "model": MODEL, "processor": folder / "model", "rate-type": "poisson", "rate": f"{rate:g}",
        "data": f"prompt_tokens={PROMPT},output_tokens={ANSWER}", "max-seconds": f"{seconds:g}", "output-path": results,
    }  # fmt: skip
    words = [f"--{name}={value}" for name, value in flags.items()]
    run([python, "-m", "guidellm", "benchmark", *words], env={"HF_HUB_OFFLINE": "1"}, timeout=seconds + 300)
    metrics = json.loads(results.read_text())["benchmarks"][0]["metrics"]
    first, token = (
        metrics[name]["successful"]["percentiles"] for name in ("time_to_first_token_ms", "inter_token_latency_ms")
    )
    return Seen(first["p50"], first["p95"], token["p50"])
