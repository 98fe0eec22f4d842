"""Whatever the schema and the chart's checks take, the API server takes too."""

from __future__ import annotations

from typing import Any

import jsonschema
from hypothesis import HealthCheck, Phase, given, settings

from kit.any_values import SCHEMA, rendered, values
from kit.api_server import ApiServer
from kit.charts import documents

DRAWS = 150
SETTINGS = settings(
    max_examples=DRAWS,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # to shrink a failing draw takes minutes
    suppress_health_check=list(HealthCheck),
)


def test_what_the_chart_renders_the_api_server_takes(server: ApiServer) -> None:
    listed = [line.split() for line in server.kubectl("api-resources", "--no-headers").splitlines()]
    served = {(columns[-3], columns[-1]) for columns in listed}
    taken = []

    @SETTINGS
    @given(values().filter(jsonschema.Draft7Validator(SCHEMA).is_valid))
    def draw(drawn: dict[str, Any]) -> None:
        manifests = [m for m in rendered(drawn) or [] if (m["apiVersion"], m["kind"]) in served and m["kind"] != "Pod"]
        if not manifests:
            return
        flags = ("--server-side", "--dry-run=server", "--validate=strict", "--filename=-")
        server.kubectl("apply", *flags, stdin=documents(manifests))  # raises Failure with its refusal
        taken.append(len(manifests))

    draw()
    assert len(taken) >= 30  # 66 when it was written: the checks refuse the rest by name
