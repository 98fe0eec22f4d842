"""Chart.yaml tells what a chart repository and its users need to know."""

from __future__ import annotations

from pathlib import Path

import pytest
import yamale

from charts import CHARTS

SCHEMA = Path(__file__).with_name("chart-schema.yaml")


@pytest.mark.parametrize("chart", sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml")))
def test_a_chart_describes_itself(chart: str) -> None:
    data = yamale.make_data(CHARTS / chart / "Chart.yaml")
    yamale.validate(yamale.make_schema(SCHEMA), data)
    assert data[0][0]["name"] == chart
