"""Either chart can be a part of another, whose global values are for all of its parts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from kit.charts import CHARTS, NAMES, render


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
@pytest.mark.parametrize("name", NAMES)
def test_a_chart_renders_as_a_part_of_another(tmp_path: Path, name: str, helm: str) -> None:
    shutil.copytree(CHARTS / name, tmp_path / "charts" / name)
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "whole", "version": "1.0.0"}))
    manifests = render(str(tmp_path), "pool-new", {"global": {"team": "search"}}, helm=helm)
    assert [manifest["kind"] for manifest in manifests] == [m["kind"] for m in render(name, "pool-new", helm=helm)]
