"""The plan's reference is made of the model that reads plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_lab.publish.plan_reference import DOCS, PAGE, SCHEMA, main


@pytest.mark.parametrize("name", [PAGE, SCHEMA])
def test_the_reference_of_the_plan_is_up_to_date(tmp_path: Path, name: str) -> None:
    main(tmp_path)
    assert (tmp_path / name).read_text() == (DOCS / name).read_text(), "run ./scripts/plan-reference"
