"""Of several EPPs of a line that elects, one leads and is ready."""

from __future__ import annotations

import pytest

from epp_lines import LINES, Line
from long.epp.conftest import Lines

ALONE = {"modelServer.replicas": 0, "lora": {"mode": "none", "adapters": []}, "aliases": [], "objectives": []}


@pytest.mark.parametrize("line", [line for line in LINES if line.family != "0.5"], ids=str)
def test_one_leads_and_nothing_is_forbidden_to_it(lines: Lines, line: Line) -> None:
    with lines.namespace(line) as pools:
        pools.install("pool", {**ALONE, **line.values, "epp.metricsAuth": True, "epp.replicas": 2})
        leader = pools.kubectl("get", "leases", "--output=jsonpath={.items[*].spec.holderIdentity}")
        assert leader.startswith("pool-epp-")
        assert "forbidden" not in pools.log("pool-epp")
