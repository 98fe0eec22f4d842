"""Of two releases whose objects would have one name the second is refused, even where helm may take objects over."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from inferencepool_rollout.failure import Failure
from kit.api_server import ApiServer
from kit.charts import CHARTS

MEETING = [
    ("a", {"objectives": [{"name": "b-c", "priority": 1}]}, "a-b", {"objectives": [{"name": "c", "priority": 1}]},
     "InferenceObjective a-b-c belongs to release a, and release a-b would make one of the same name; give the"),
    ("p", {}, "p-epp", {}, "Deployment p-epp belongs to release p, and release p-epp would make one of the same name"),
    ("q-epp", {}, "q", {}, "Deployment q-epp belongs to release q-epp, and release q would make one of the same name"),
]  # fmt: skip
TAKES_OVER = [(), ("--take-ownership",)]


def install(server: ApiServer, helm: str, release: str, values: Mapping[str, object], *words: str) -> None:
    settings = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    server.helm(
        helm, "upgrade", "--install", release, CHARTS / "inferencepool", "--namespace", f"{helm}-meet",
        "--create-namespace", "--set=modelServer.preset=simulator,lora.mode=none", *settings, *words,
    )  # fmt: skip


@pytest.mark.parametrize("words", TAKES_OVER, ids=["as helm is", "take-ownership"])
@pytest.mark.parametrize(("first", "its", "second", "own", "told"), MEETING)
@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_a_second_release_whose_names_meet_the_first_s_is_refused(
    server: ApiServer, helm: str, first: str, its: Mapping[str, object], second: str, own: Mapping[str, object],
    told: str, words: tuple[str, ...],
) -> None:  # fmt: skip
    install(server, helm, first, its)
    with pytest.raises(Failure, match=re.escape(told)):
        install(server, helm, second, own, *words)
    stored = f"--selector=owner=helm,name={second}"
    assert server.kubectl("get", "secrets", "--namespace", f"{helm}-meet", stored, "--output=name") == ""
    install(server, helm, first, its)


def test_an_object_of_its_own_keeps_an_objective_s_names_apart(server: ApiServer) -> None:
    install(server, "helm4", "a", {"objectives": [{"name": "b-c", "priority": 1}]})
    install(server, "helm4", "a-b", {"objectives": [{"name": "c", "object": "a-b-has-c", "priority": 1}]})
