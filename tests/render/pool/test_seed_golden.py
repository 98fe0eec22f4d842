"""values/*/upstream-guide renders the guide's own YAML, field by field; differences.yaml has what differs, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from charts import ROOT, VALUES_OF, Manifest, only, render

GUIDE_POOLS = VALUES_OF["inferencepool"] / "upstream-guide"
GOLDEN = ROOT / "tests/golden/seed"
GUIDE = ROOT.parent / "shared/seed-inferencepool-rollout.md"
DIFFERENCES: dict[str, Any] = yaml.safe_load((GOLDEN / "differences.yaml").read_text())
OLD, NEW = "vllm-llama3-8b-instruct", "vllm-llama3-8b-instruct-new"
RENDERED = {
    "new-pool": ("inferencepool", NEW, "new"),
    "route-split": ("rollout-route", "llm-route", "split"),
    "route-finished": ("rollout-route", "llm-route", "finished"),
}
ABSENT = "(absent)"

Fields = dict[str, Any]


def rendered(golden: str) -> list[Manifest]:
    chart, release, values = RENDERED[golden]
    return render(chart, release, files=[VALUES_OF[chart] / f"upstream-guide/{values}.yaml"])


def fields(node: Any, path: str) -> Fields:
    """Every leaf by its path: items of a list by their name, arguments by their flag, YAML in a string by its keys."""
    if isinstance(node, str) and path.endswith(".yaml"):
        return fields(yaml.safe_load(node), path)
    if isinstance(node, list):
        node = flags(node) if path.endswith("/args") else {key(item, i): item for i, item in enumerate(node)}
    if isinstance(node, dict) and node:
        return {leaf: value for name, child in node.items() for leaf, value in fields(child, f"{path}/{name}").items()}
    return {path: node}


def key(item: Any, index: int) -> str:
    names = [str(item[name]) for name in ("name", "containerPort", "port") if isinstance(item, dict) and name in item]
    return names[0] if names else str(index)


def flags(words: list[str]) -> dict[str, str]:
    """`--flag value` and `--flag=value` as flag and value."""
    found: dict[str, str] = {}
    for word in words:
        if word.startswith("--"):
            flag, _, value = word.partition("=")
            found[flag] = value
        else:
            found[list(found)[-1] if found else "0"] = word
    return found


def differing(seed: Fields, ours: Fields) -> dict[str, list[Any]]:
    """Path to the guide's value and ours, for each field in which they differ."""
    paths = seed.keys() | ours.keys()
    pairs = {path: [seed.get(path, ABSENT), ours.get(path, ABSENT)] for path in sorted(paths)}
    return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}


def seed_fields(golden: str) -> Fields:
    """The guide's fields, each object under the name that differences.yaml gives it, renamed as it says."""
    found: Fields = {}
    for document in yaml.safe_load_all((GOLDEN / f"{golden}.yaml").read_text()):
        found |= fields(document, objects(golden, "seed")[document["kind"], document["metadata"]["name"]])
    for entry in DIFFERENCES[golden]["differences"]:
        for path, name in entry.get("renamed", {}).items():
            prefix, new = f"{path}/", f"{path.rsplit('/', 1)[0]}/{name}/"
            assert any(field.startswith(prefix) for field in found), f"dead: renamed {path}"
            found = {
                new + field.removeprefix(prefix) if field.startswith(prefix) else field: value
                for field, value in found.items()
            }
    return found


def our_fields(golden: str) -> Fields:
    """The fields of what the chart renders of the guide's objects."""
    wanted = objects(golden, "ours")
    found: Fields = {}
    for manifest in rendered(golden):
        name = wanted.get((manifest["kind"], manifest["metadata"]["name"]))
        if name:
            found |= fields(manifest, name)
    return found


def objects(golden: str, side: str) -> Mapping[tuple[str, str], str]:
    """(kind, name) of each object, as the guide or as the chart names it, to its name in differences.yaml."""
    return {(o["kind"], o[side]): name for name, o in DIFFERENCES[golden]["objects"].items()}


def listed(golden: str) -> list[tuple[str, list[Any]]]:
    """Each listed difference: a path, or the beginning of one, and the guide's and our value (None: not told)."""
    found: list[tuple[str, list[Any]]] = []
    for entry in DIFFERENCES[golden]["differences"]:
        found += [(path, [ABSENT, None]) for path in entry.get("added", [])]
        found += [(path, [None, ABSENT]) for path in entry.get("left_out", [])]
        found += list(entry.get("changed", {}).items())
    return found


def covers(path: str, pair: list[Any], field: str, found: list[Any]) -> bool:
    """Whether a listed difference is the one that was found in a field."""
    within = fnmatchcase(field, path) or (ABSENT in pair and fnmatchcase(field, f"{path}/*"))
    return within and all(told is None or told == value for told, value in zip(pair, found, strict=True))


@pytest.mark.parametrize("golden", RENDERED)
def test_the_chart_renders_the_guides_objects_but_for_what_is_listed(golden: str) -> None:
    found = differing(seed_fields(golden), our_fields(golden))
    unlisted = {f: pair for f, pair in found.items() if not any(covers(p, told, f, pair) for p, told in listed(golden))}
    assert unlisted == {}


@pytest.mark.parametrize("golden", RENDERED)
def test_every_listed_difference_is_still_one(golden: str) -> None:
    found = differing(seed_fields(golden), our_fields(golden))
    dead = [path for path, told in listed(golden) if not any(covers(path, told, f, pair) for f, pair in found.items())]
    assert dead == []


@pytest.mark.parametrize("golden", RENDERED)
def test_every_object_of_the_guide_is_rendered_and_every_further_one_is_listed(golden: str) -> None:
    kinds = {(m["kind"], m["metadata"]["name"]) for m in rendered(golden)}
    listed_kinds = [kind for entry in DIFFERENCES[golden]["further"] for kind in entry["objects"].items()]
    further = {(kind, name) for kind, names in listed_kinds for name in names}
    assert kinds == set(objects(golden, "ours")) | further


@pytest.mark.parametrize("golden", RENDERED)
def test_every_difference_has_its_reason(golden: str) -> None:
    for entry in DIFFERENCES[golden]["differences"] + DIFFERENCES[golden]["further"]:
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
    golden = [(GOLDEN / f"{name}.yaml").read_text() for name in RENDERED]
    assert golden == [heredoc[1], *blocks[1:]]


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not beside this checkout")
def test_what_the_guide_deletes_of_the_old_pool_is_what_its_release_holds() -> None:
    """But for the InferenceModel, whose name is shared between the guide's pools by hand."""
    deleted = set(re.findall(r"^kubectl delete (\w+) (\S+)", GUIDE.read_text(), re.MULTILINE))
    held = {(m["kind"], m["metadata"]["name"]) for m in render("inferencepool", OLD, files=[GUIDE_POOLS / "old.yaml"])}
    assert deleted - held == {("InferenceModel", "food-review")}
    assert ("InferenceModel", f"{OLD}-food-review") in held
