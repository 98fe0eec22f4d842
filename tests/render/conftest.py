"""What the tests of either chart's values start from; their module names the chart's folder in CHART."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="module")
def schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((request.module.CHART / "values.schema.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def defaults(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((request.module.CHART / "values.yaml").read_text())
    return loaded
