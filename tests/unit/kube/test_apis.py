"""The tool reads the APIs that the pool's chart renders."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from inferencepool_rollout.kube.apis import APIS
from kit.charts import CHARTS

FILES = sorted((CHARTS / "inferencepool/files/api").glob("*.yaml"))
KEPT = {
    "poolVersion": "pools",
    "modelVersion": "models",
    "objectiveVersion": "objectives",
    "rewriteVersion": "rewrites",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_api_of_the_pools_chart_is_in_the_table(file: Path) -> None:
    preset = yaml.safe_load(file.read_text())
    for key, name in KEPT.items():
        if preset[key]:
            assert preset[key] in [api.api_version for api in APIS[name]], key


def test_the_table_has_no_api_of_the_inference_extension_that_the_chart_does_not_know() -> None:
    presets = [yaml.safe_load(file.read_text()) for file in FILES]
    for key, name in KEPT.items():
        assert {api.api_version for api in APIS[name]} == {preset[key] for preset in presets if preset[key]}, key
