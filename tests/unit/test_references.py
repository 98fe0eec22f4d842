"""The reference pages follow from the code, and list what it refuses."""

from __future__ import annotations

import pytest

from inferencepool_lab.publish.references import DOCS, PAGES
from inferencepool_rollout.exit_codes import ExitCode

REFUSALS = (DOCS / "refusals.md").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run ./scripts/references"


def test_every_exit_code_has_a_row() -> None:
    rows = [line for line in (DOCS / "commands.md").read_text().splitlines() if line.startswith(tuple("| 0123456789"))]
    assert all(any(row.startswith(f"| {code.value} | {code.name.lower()} |") for row in rows) for code in ExitCode)


def test_every_fail_of_the_charts_has_a_row() -> None:
    fails = sum(file.read_text().count("{{- fail ") for file in (DOCS.parents[1] / "charts").rglob("*.tpl"))
    rows = REFUSALS.partition("## rollout preflight")[0].count("\n| ") - 2 * REFUSALS.count("| refused | what to do |")
    assert rows == fails > 100


def test_a_remedy_stands_beside_its_refusal() -> None:
    assert (
        "| modelServer.rollingUpdate.maxSurge and maxUnavailable are both 0, so no pod could ever be replaced "
        "| set modelServer.rollingUpdate.maxUnavailable=1 |"
    ) in REFUSALS
