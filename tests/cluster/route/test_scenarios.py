"""What the scenarios render is what the API server serves, field by field."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.route import Release
from kit.scenarios import of_kind


@pytest.mark.parametrize("scenario", of_kind("rollout-route"), ids=lambda path: path.stem)
def test_the_live_route_is_the_rendered_one(release: Release, scenario: Path) -> None:
    release.install("--values", str(scenario))
    rendered = release.rendered()
    live = release.live()
    assert live["spec"] == rendered["spec"]
    assert rendered["metadata"]["annotations"].items() <= live["metadata"]["annotations"].items()
    assert rendered["metadata"]["labels"].items() <= live["metadata"]["labels"].items()
    release.namespace.helm("uninstall", "route")
