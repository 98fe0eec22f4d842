"""Of several EPPs of a line that elects, one leads and is ready."""

from __future__ import annotations

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.epp_lines import LINES, Line
from kit.pools import NO_SERVERS, epp_log, install
from long.epp.namespaces import namespace_for


@pytest.mark.parametrize("line", [line for line in LINES if line.family != "0.5"], ids=str)
def test_one_leads_and_nothing_is_forbidden_to_it(every_line: Cluster, line: Line) -> None:
    with namespace_for(every_line, line) as namespace:
        install(namespace, "pool", {**NO_SERVERS, **line.values, "epp.metricsAuth": True, "epp.replicas": 2})
        leader = namespace.kubectl("get", "leases", "--output=jsonpath={.items[*].spec.holderIdentity}")
        assert leader.startswith("pool-epp-")
        assert "forbidden" not in epp_log(namespace, "pool")
