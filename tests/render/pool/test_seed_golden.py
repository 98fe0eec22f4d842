"""values/*/upstream-guide renders the guide's own YAML, field by field; differences.yaml has what differs, and why."""

from __future__ import annotations

import re

import pytest

from kit.charts import ROOT, VALUES_OF, only, render
from render.pool.golden import Golden

GUIDE_POOLS = VALUES_OF["inferencepool"] / "upstream-guide"
GUIDE = ROOT.parent / "shared/seed-inferencepool-rollout.md"
OLD, NEW = "vllm-llama3-8b-instruct", "vllm-llama3-8b-instruct-new"
GOLDENS = (
    Golden("new-pool", "inferencepool", NEW, "new"),
    Golden("route-split", "rollout-route", "llm-route", "split"),
    Golden("route-finished", "rollout-route", "llm-route", "finished"),
)
each_golden = pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)


@each_golden
def test_the_chart_renders_the_guides_objects_but_for_what_is_listed(golden: Golden) -> None:
    expected = golden.expected()
    assert [found for found in golden.found() if not any(each.covers(found) for each in expected)] == []


@each_golden
def test_every_listed_difference_is_still_one(golden: Golden) -> None:
    found = golden.found()
    assert [each for each in golden.expected() if not any(each.covers(one) for one in found)] == []


@each_golden
def test_every_object_of_the_guide_is_rendered_and_every_further_one_is_listed(golden: Golden) -> None:
    kinds = {(m["kind"], m["metadata"]["name"]) for m in golden.rendered()}
    listed = [kind for entry in golden.listed["further"] for kind in entry["objects"].items()]
    further = {(kind, name) for kind, names in listed for name in names}
    assert kinds == set(golden.objects("ours")) | further


@each_golden
def test_every_difference_has_its_reason(golden: Golden) -> None:
    for entry in golden.listed["differences"] + golden.listed["further"]:
        assert len(entry["because"]) > 20


def test_the_old_pool_is_the_new_one_on_other_nodes() -> None:
    new, old = (render("inferencepool", OLD, files=[GUIDE_POOLS / f"{name}.yaml"]) for name in ("new", "old"))
    server = only(new, "Deployment", OLD)
    assert server["spec"]["template"]["spec"].pop("nodeSelector")
    assert new == old


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not beside this checkout")
def test_the_golden_files_are_the_guides_yaml_verbatim() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    heredoc = re.fullmatch(r"kubectl apply -f - <<EOF\n(.*)EOF\n", blocks[0], re.DOTALL)
    assert heredoc
    assert [golden.text for golden in GOLDENS] == [heredoc[1], *blocks[1:]]


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not beside this checkout")
def test_what_the_guide_deletes_of_the_old_pool_is_what_its_release_holds() -> None:
    """But for the InferenceModel, whose name is shared between the guide's pools by hand."""
    deleted = set(re.findall(r"^kubectl delete (\w+) (\S+)", GUIDE.read_text(), re.MULTILINE))
    held = {(m["kind"], m["metadata"]["name"]) for m in render("inferencepool", OLD, files=[GUIDE_POOLS / "old.yaml"])}
    assert deleted - held == {("InferenceModel", "food-review")}
    assert ("InferenceModel", f"{OLD}-food-review") in held
