"""What helm prints of a pool says what its part is, and the command that comes next."""

from __future__ import annotations

from kit.charts import CHARTS, VALUES
from kit.route import Release

SIMULATOR = VALUES / "pool/kind/simulator.yaml"


def printed(release: Release, name: str) -> str:
    """What helm prints when it installs or upgrades a pool."""
    chart = str(CHARTS / "inferencepool")
    return release.namespace.helm("upgrade", name, chart, "--install", "--values", str(SIMULATOR))


def test_the_notes_of_a_pool_say_what_its_part_is(release: Release) -> None:
    release.namespace.kubectl("delete", "inferencepool,service", "--all")
    first = printed(release, "pool-old")
    assert f"No route of namespace {release.namespace.name} leads to it or to another pool yet." in first
    assert f"helm install route charts/rollout-route --namespace {release.namespace.name}\n" in first
    release.install("--set", "guards.readiness=false")
    assert "It is new to HTTPRoute route, which gives all requests to other pools." in printed(release, "pool-new")
    assert "It serves today: HTTPRoute route gives it all requests." in printed(release, "pool-old")
    release.upgrade("--set", "weights.new=10,guards.readiness=false")
    notes = printed(release, "pool-new")
    assert "It takes part: HTTPRoute route gives it 10 % of the requests." in notes
    assert "upgrade route charts/rollout-route --namespace" in notes
