"""Answers of real vLLM judged: the same weights pass; other weights, templates and adapters that do nothing do not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_rollout.exit_codes import ExitCode
from kit.charts import CHARTS, ROOT
from kit.pools import TESTERS
from kit.rollout import WIDE
from long.vllm.servers import ADAPTER, EMPTY, MODEL, OTHER_TEMPLATE, OTHER_WEIGHTS, Servers

PARITY = {"agreement": {"accept": 0.05, "detect": 0.25}}
EFFECT = {"adapterEffect": {"accept": 0.1, "detect": 0.5}}
ALIAS = "food-review"
PLAIN = {"logprobs": False}
"""For log-probabilities vLLM compiles a kernel, and the image that is built here has no C++ compiler for it."""
WORDS = ("river", "lantern", "bridge", "garden", "winter", "copper", "harbor", "violin", "market", "meadow")
CHATS = [
    {"model": MODEL, "messages": [{"role": "user", "content": f"{verb} the {word}"}], "maxTokens": 24}
    for word in WORDS
    for verb in ("Describe", "Draw", "Forget", "Paint")
]
REVIEWS = [
    {"model": ALIAS, "prompt": f"{verb} the {word}", "maxTokens": 24}
    for word in WORDS
    for verb in ("Review", "Taste", "Cook", "Serve")
]
IDLE = ("pool-missing", "pool-resolver")
"""Pools that these tests do not ask: seven engines at once take more memory than a machine of 24 GB has left."""
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "pool-weights": {"model.source.path": OTHER_WEIGHTS},
    "pool-template": {"model.source.path": OTHER_TEMPLATE},
    "pool-empty": {"lora.adapters": [{"id": ADAPTER, "source": f"/adapters/{EMPTY}"}]},
}


@pytest.fixture(scope="module")
def pools(servers: Servers) -> Iterator[Servers]:
    """The pools of all tests but IDLE, and OTHERS, which each differ from pool-old in one thing."""
    idle = [f"deployment/{name}" for name in IDLE]
    servers.namespace.kubectl("scale", *idle, "--replicas=0")
    for name, values in OTHERS.items():
        servers.install(name, values)
    servers.wait_until_ready(*OTHERS)
    yield servers
    servers.namespace.helm("uninstall", "route", *OTHERS)
    servers.namespace.kubectl("scale", *idle, "--replicas=1")
    servers.wait_until_ready("pool-resolver")


def judged(
    servers: Servers, folder: Path, new: str, prompts: list[dict[str, Any]], objectives: Mapping[str, Any]
) -> subprocess.CompletedProcess[str]:
    """Run `rollout quality` between pool-old and another pool."""
    servers.route(new, 0)
    name = servers.namespace.name
    (folder / "prompts.jsonl").write_text("".join(json.dumps(each) + "\n" for each in prompts))
    plan = {
        "route": {"namespace": name, "chart": str(CHARTS / "rollout-route")},
        "pools": {"old": "pool-old", "new": new},
        "gateway": {"url": servers.namespace.cluster.gateway_url, "headers": {"Host": servers.namespace.host}},
        "probe": {
            "models": [ALIAS], "rate": 5,
            "toOld": {TESTERS: f"{name}/pool-old"}, "toNew": {TESTERS: f"{name}/{new}"},
        },
        "steps": [{"percent": 10, "burnIn": "10s"}],
        "objectives": {"errorRate": {"accept": 0.01, "detect": 0.1}, "quality": dict(objectives)},
        "quality": {"prompts": "prompts.jsonl", "concurrency": 2, "base": {"old": MODEL, "new": MODEL}, **PLAIN},
    }  # fmt: skip
    file = folder / "plan.yaml"
    file.write_text(yaml.safe_dump(plan))
    command = [str(ROOT / "scripts/rollout"), "quality", "--file", str(file), "--log", str(folder / "log")]
    environment = {**servers.namespace.environment, **WIDE}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_the_same_weights_pass_chat_and_adapter_alike(pools: Servers, tmp_path: Path) -> None:
    done = judged(pools, tmp_path, "pool-new", [*CHATS, *REVIEWS], {**PARITY, **EFFECT})
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr


@pytest.mark.parametrize("new", ["pool-weights", "pool-template"])
def test_other_weights_and_another_chat_template_are_refused(pools: Servers, tmp_path: Path, new: str) -> None:
    done = judged(pools, tmp_path, new, CHATS, PARITY)
    assert done.returncode == ExitCode.REFUSED, done.stdout + done.stderr
    assert "answer differences violated" in done.stdout


def test_an_adapter_that_is_loaded_and_changes_nothing_is_found(pools: Servers, tmp_path: Path) -> None:
    done = judged(pools, tmp_path, "pool-empty", REVIEWS, EFFECT)
    assert done.returncode == ExitCode.REFUSED, done.stdout + done.stderr
    assert "adapter effect drop violated" in done.stdout
