"""ct lint: the charts are as chart-testing wants them, and none changes without a new version."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.chart_testing import bump, commit, ct, released
from kit.charts import CHARTS, NAMES, ROOT
from kit.scenarios import alone


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return released(tmp_path, {name: alone(name)[:1] for name in NAMES})


def change(chart: Path) -> None:
    notes = chart / "templates/NOTES.txt"
    notes.write_text(notes.read_text() + "\nOne more line.\n")


def test_ct_lint_is_content_with_both_charts_and_all_scenarios() -> None:
    content, output = ct(ROOT, "lint", "--all")
    assert content, output
    for scenario in CHARTS.glob("*/ci/*-values.yaml"):
        assert f'Linting chart with values file "charts/{scenario.parents[1].name}/ci/{scenario.name}"' in output


def test_a_changed_chart_needs_a_new_version(repository: Path) -> None:
    for name in NAMES:
        change(repository / "charts" / name)
    bump(repository / "charts/rollout-route")
    commit(repository)
    content, output = ct(repository, "lint")
    assert not content
    assert "✖︎ inferencepool" in output
    assert "chart version not ok. Needs a version bump!" in output
    assert "✔︎ rollout-route" in output


@pytest.mark.parametrize(
    ("file", "extra", "helper"),
    [
        ("Chart.yaml", "homepage: https://example.com\n", "yamale"),  # no such field
        ("values.yaml", "guards: {}\n", "yamllint"),  # twice the same key
    ],
)
def test_ct_lint_sees_a_slip(repository: Path, file: str, extra: str, helper: str) -> None:
    chart = repository / "charts/rollout-route"
    (chart / file).write_text((chart / file).read_text() + extra)
    bump(chart)
    commit(repository)
    content, output = ct(repository, "lint", "--debug")
    assert not content
    _, asked_last, *arguments = [line for line in output.splitlines() if line.startswith(">>> ")][-1].split()
    assert (asked_last, arguments[-1]) == (helper, str(chart.relative_to(repository) / file))
