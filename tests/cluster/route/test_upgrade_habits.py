"""However people type `helm upgrade`: the new revision is what was asked, or the last one keeps serving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kit.namespace import Refused
from kit.route import Release

OWN_NAMES = {
    "backends": [{"name": "old", "pool": "llama-l4"}, {"name": "new", "pool": "llama-h100"}],
    "parentRefs": [{"name": "public-gateway"}],
    "hostnames": ["chat.example.com"],
    "timeouts": {"request": "5m"},
}


@pytest.fixture
def own_names(release: Release, tmp_path: Path) -> Path:
    """A values file with names of one's own; the release is installed with it."""
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(OWN_NAMES))
    release.add_pool("llama-l4")
    release.add_pool("llama-h100")
    release.install("--values", str(path))
    return path


def test_the_bare_set_is_all_that_the_convention_needs(release: Release) -> None:
    release.install()
    seen = []
    for percent in (1, 10, 50, 99, 100, 50, 0):
        release.upgrade("--set", f"weights.new={percent}")
        assert release.live()["spec"] == release.rendered()["spec"]
        seen.append(release.split().get("pool-new", 0))
    assert seen == [1, 10, 50, 99, 100, 50, 0]


def test_the_bare_set_never_resets_other_names(release: Release, own_names: Path) -> None:
    before = release.live()
    with pytest.raises(Refused) as refused:
        release.upgrade("--set", "weights.new=10")
    assert release.live() == before
    assert release.status() == "deployed"
    sentence = str(refused.value)
    for line in (
        "backends[0].pool: llama-l4 -> pool-old",
        "backends[1].pool: llama-h100 -> pool-new",
        "hostnames[0]: chat.example.com -> (unset)",
        "parentRefs[0].name: public-gateway -> inference-gateway",
        "timeouts.request: 5m -> (unset)",
        f"helm upgrade route charts/rollout-route --namespace {release.namespace.name} "
        "--reset-then-reuse-values --set weights.new=10",
    ):
        assert line in sentence


def test_the_bare_set_never_routes_to_a_pool_of_the_convention_that_was_not_asked(
    release: Release, tmp_path: Path
) -> None:
    """Only the idle pool has another name, so nothing of the reset would show in the live route."""
    path = tmp_path / "values.yaml"
    path.write_text(
        yaml.safe_dump({"backends": [{"name": "old", "pool": "pool-old"}, {"name": "new", "pool": "mine"}]})
    )
    release.install("--values", str(path))
    with pytest.raises(Refused, match=r"backends\[1\].pool: mine -> pool-new"):
        release.upgrade("--set", "weights.new=10")
    assert release.split() == {"pool-old": 100}


@pytest.mark.parametrize("habit", ["--reuse-values", "--reset-then-reuse-values"])
def test_reused_values_move_the_weight_and_nothing_else(release: Release, own_names: Path, habit: str) -> None:
    before = release.live()["spec"]
    release.upgrade(habit, "--set", "weights.new=10")
    after = release.live()["spec"]
    assert release.split() == {"llama-l4": 90, "llama-h100": 10}
    before["rules"][0].pop("backendRefs")
    after["rules"][0].pop("backendRefs")
    assert after == before


def test_the_values_file_with_the_weight_moves_the_weight_and_nothing_else(release: Release, own_names: Path) -> None:
    release.upgrade("--values", str(own_names), "--set", "weights.new=10")
    assert release.split() == {"llama-l4": 90, "llama-h100": 10}
    assert release.live()["spec"]["hostnames"] == ["chat.example.com"]


def test_a_values_file_that_leaves_the_weight_out_is_refused_while_it_serves(release: Release, own_names: Path) -> None:
    release.upgrade("--values", str(own_names), "--set", "weights.new=10")
    with pytest.raises(Refused, match=r"gives llama-h100 10 %: --set weights.new=10 keeps that"):
        release.upgrade("--values", str(own_names))
    assert release.split() == {"llama-l4": 90, "llama-h100": 10}


def test_a_change_that_moves_no_weight_is_an_ordinary_upgrade(release: Release, own_names: Path) -> None:
    release.upgrade("--reset-then-reuse-values", "--set", "weights.new=10")
    own_names.write_text(yaml.safe_dump({**OWN_NAMES, "hostnames": ["llm.example.com"], "weights": {"new": 10}}))
    notes = release.upgrade("--values", str(own_names))
    assert release.live()["spec"]["hostnames"] == ["llm.example.com"]
    assert "hostnames[0]: chat.example.com -> llm.example.com" in notes


def test_one_value_allows_both_at_once(release: Release, own_names: Path) -> None:
    own_names.write_text(yaml.safe_dump({**OWN_NAMES, "hostnames": ["llm.example.com"], "weights": {"new": 10}}))
    with pytest.raises(Refused, match=r"add --set guards.allowChanges=true"):
        release.upgrade("--values", str(own_names))
    release.upgrade("--values", str(own_names), "--set", "guards.allowChanges=true")
    assert release.split() == {"llama-l4": 90, "llama-h100": 10}


def test_the_old_role_can_pass_to_the_new_pool_without_moving_a_request(release: Release) -> None:
    release.install("--set", "weights.new=100")
    release.add_pool("pool-newer")
    promoted = '[{"name": "old", "pool": "pool-new"}, {"name": "new", "pool": "pool-newer"}]'
    release.upgrade("--set-json", f"backends={promoted}", "--set", "weights.new=0")
    assert release.split() == {"pool-new": 100}


def test_offline_rendering_skips_the_guards_and_says_so(release: Release) -> None:
    release.install()
    notes = release.upgrade("--dry-run=client", "--set", "weights.new=100")
    assert "NOT CHECKED: no cluster was read" in notes
    assert release.split() == {"pool-old": 100}


def test_an_install_that_makes_its_namespace_says_that_nothing_was_checked(release: Release) -> None:
    fresh = Release(replace(release.namespace, name=f"{release.namespace.name}-fresh"))
    try:
        assert "NOT CHECKED: no cluster was read" in fresh.install("--create-namespace")
    finally:
        fresh.namespace.kubectl("delete", "namespace", fresh.namespace.name, "--wait=false")


def test_a_dry_run_with_the_server_runs_the_guards(release: Release) -> None:
    release.install()
    with pytest.raises(Refused, match=r"guards.maxStep is 50"):
        release.upgrade("--dry-run=server", "--set", "weights.new=100")
