"""Whatever the schema takes is rendered, or refused with a sentence that names a value."""

from __future__ import annotations

from typing import Any

import jsonschema
from hypothesis import HealthCheck, Phase, given, settings

from kit.any_values import SCHEMA, rendered, values

DRAWS = 100
SETTINGS = settings(
    max_examples=DRAWS,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a failing draw is told as it is: to shrink it takes minutes
    suppress_health_check=list(HealthCheck),
)


def test_whatever_the_schema_takes_renders_or_is_refused_by_name() -> None:
    outcomes: list[bool] = []

    @SETTINGS
    @given(values().filter(jsonschema.Draft7Validator(SCHEMA).is_valid))
    def draw(drawn: dict[str, Any]) -> None:
        manifests = rendered(drawn)
        outcomes.append(manifests is not None)
        assert manifests is None or {"InferencePool", "Deployment"} <= {m["kind"] for m in manifests}

    draw()
    assert len(outcomes) >= DRAWS
    assert 5 <= sum(outcomes) <= len(outcomes) - 5  # both outcomes are met
