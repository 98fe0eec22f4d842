"""Every block of YAML on the site is one that its reader can copy: values render, plans are read, objects are valid."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_rollout.plan.plan import Plan
from kit import kubeconform
from kit.charts import CHARTS, NAMES, ROOT, render
from kit.plans import TEXT, plan_of
from kit.schemas import schema_folder

PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
SNIPPET = re.compile(r'^--8<-- "(.*)"$', re.MULTILINE)
KEYS = {chart: set(yaml.safe_load((CHARTS / chart / "values.yaml").read_text())) for chart in NAMES}
VALUES_AT = {"Application": ("source", "helm", "valuesObject"), "HelmRelease": ("values",)}
"""Where an object of a GitOps tool has the values of its chart, below `spec`."""
OBJECTS = {"Gateway", "HelmRepository", "PodMonitor", *VALUES_AT}
OTHERS = {"jobs", "script", "pilot", "nginxGateway"}
"""Keys of what other programs read: CI systems, and charts of gateways."""


PREVIEW = {"toOld": {"x-inferencepool": "default/pool-old"}, "toNew": {"x-inferencepool": "default/pool-new"}}


def blocks() -> list[Any]:
    """Each block, parsed, as a case that is named after its page."""
    return [
        pytest.param(
            yaml.safe_load(SNIPPET.sub(lambda file: (ROOT / file[1]).read_text(), text)), id=f"{page.stem}-{n}"
        )
        for page in PAGES
        for n, text in enumerate(BLOCK.findall(page.read_text()), 1)
    ]


def source_of(spec: dict[str, Any]) -> dict[str, Any]:
    """Where an object of a GitOps tool has its chart from: its `chart`, and the version if it names one."""
    if "chartRef" in spec:
        return {"chart": spec["chartRef"]["name"]}
    source: dict[str, Any] = spec["source"] if "source" in spec else spec["chart"]["spec"]
    return source


def of_plan(parsed: dict[str, Any]) -> bool:
    """Whether a block is of a plan, whose objectives are a map; those of the pool's chart are a list."""
    return isinstance(parsed.get("objectives"), dict)


def rendered(chart: str, values: dict[str, Any]) -> bool:
    """Whether the chart takes the values: helm refuses a key that the chart does not have."""
    return bool(render(chart, "example", values))


@pytest.mark.parametrize("parsed", blocks())
def test_a_block_of_yaml_can_be_copied(parsed: dict[str, Any], tmp_path: Path) -> None:
    keys = set(parsed)
    if "kind" in parsed:
        assert parsed["kind"] in OBJECTS
        assert {"apiVersion", "metadata", "spec"} <= keys
        if path := VALUES_AT.get(parsed["kind"]):
            source = source_of(parsed["spec"])
            values = parsed["spec"]
            for key in path:
                values = values[key]
            assert rendered(source["chart"], values)
            version = yaml.safe_load((CHARTS / source["chart"] / "Chart.yaml").read_text())["version"]
            assert source.get("targetRevision", source.get("version", version)) == version
        if parsed["kind"] == "Gateway":
            assert kubeconform.refused({"gateway": [parsed]}, schema_folder()) == {}
    elif chart := next((chart for chart in NAMES if keys <= KEYS[chart] and not of_plan(parsed)), None):
        assert rendered(chart, parsed)
    elif keys <= set(Plan.model_fields):
        plan = yaml.safe_load(TEXT)
        plan["probe"] |= PREVIEW
        shutil.copy(ROOT / "values/plans/prompts.jsonl", tmp_path)
        parts = {key: {**plan.get(key, {}), **part} if isinstance(part, dict) else part for key, part in parsed.items()}
        plan_of(tmp_path, yaml.safe_dump({**plan, **parts}))
    else:
        assert keys & OTHERS or any(isinstance(job, dict) and "script" in job for job in parsed.values())
