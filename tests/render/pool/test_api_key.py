"""One value gives the API key to everything that asks the model server, as a reference to its Secret."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kit.charts import Manifest, RenderError, only, render

KEY = {"modelServer": {"apiKey": {"secretName": "server-key"}}}
REFERENCE = {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {"name": "server-key", "key": "api-key"}}}
SGLANG = {"lora": {"mode": "none"}, "modelServer": {**KEY["modelServer"], "preset": "sglang"}}


def asking(values: dict[str, Any]) -> dict[str, Manifest]:
    """Containers of a release that ask its model server, by their names."""
    manifests = render("inferencepool", "pool-new", values)
    pod = only(manifests, "Deployment", "pool-new")["spec"]["template"]["spec"]
    test = only(manifests, "Pod")["spec"]
    return {c["name"]: c for c in [*pod.get("initContainers", []), *pod["containers"], *test["containers"]]}


def test_server_syncer_and_helm_test_have_the_key() -> None:
    containers = asking({**KEY, "lora": {"mode": "syncer"}})
    assert set(containers) == {"lora-syncer", "model-server", "test"}
    assert [name for name, container in containers.items() if REFERENCE not in container["env"]] == []


def test_without_a_secret_nobody_has_a_key() -> None:
    assert "VLLM_API_KEY" not in str(asking({}))


def test_sglang_takes_the_key_from_the_variable() -> None:
    server = asking(SGLANG)["model-server"]
    assert server["args"][-2:] == ["--api-key", "$(VLLM_API_KEY)"]
    assert REFERENCE in server["env"]


def test_every_node_of_a_group_has_the_key() -> None:
    spec = only(render("inferencepool", "pool-new", KEY | {"leaderWorkerSet": {"enabled": True}}), "LeaderWorkerSet")
    templates = [spec["spec"]["leaderWorkerTemplate"][f"{role}Template"] for role in ("leader", "worker")]
    assert [REFERENCE in template["spec"]["containers"][0]["env"] for template in templates] == [True, True]


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"extraArgs": ["--api-key", "x"]}, "modelServer.extraArgs has --api-key"),
        ({"extraArgs": ["--api-key=x"]}, "modelServer.extraArgs has --api-key"),
        ({"extraEnv": [{"name": "VLLM_API_KEY", "value": "x"}]}, "modelServer.extraEnv has VLLM_API_KEY"),
        (
            {"preset": "simulator", "apiKey": {"secretName": "x"}},
            "modelServer.apiKey.secretName is given, but the model server simulator asks for no API key",
        ),
    ],
)
def test_a_key_that_only_the_server_would_have_is_refused(server: Manifest, told: str) -> None:
    with pytest.raises(RenderError, match=re.escape(told)):
        render("inferencepool", "pool-new", {"modelServer": server})
