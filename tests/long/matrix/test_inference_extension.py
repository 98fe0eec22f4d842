"""Both helms x every release line of the Inference Extension's CRDs: what is rendered for it is what it takes."""

from __future__ import annotations

import functools
from pathlib import Path

import jsonschema
import pytest

from inferencepool_lab.builds.programs import downloaded
from kit.charts import ROOT, Manifest, render
from kit.scenarios import of_kind
from kit.schemas import Schema, of_crds
from long.matrix.compatibility import EXTENSION, HELMS, TAGS, Compatibility

GROUPS = ("inference.networking.k8s.io", "inference.networking.x-k8s.io")
POOL = ("inference.networking.k8s.io", "v1", "InferencePool")
REWRITE_SINCE = "v1.2.1"  # InferenceModelRewrite
GONE_SINCE = "v1.6.0"  # InferenceObjective and InferenceModelRewrite went to llm-d-router
OTHER_SHAPE = {("v1.2.1", "InferenceModelRewrite")}  # its rules say `split` where later ones say `targets`
X_K8S = ROOT / "tests/render/pool/kitchen-sink-x-k8s.yaml"
SCENARIOS = of_kind("inferencepool")

Kind = tuple[str, str, str]


@functools.cache
def served(tag: str) -> dict[Kind, Schema]:
    """The schemas of a tag's CRDs."""
    return dict(of_crds(sorted((downloaded(f"{EXTENSION}@{tag}") / "config/crd/bases").glob("*.yaml"))))


def kind(manifest: Manifest) -> Kind:
    group, _, version = manifest["apiVersion"].rpartition("/")
    return group, version, manifest["kind"]


def rendered(helm: str, scenario: Path) -> list[Manifest]:
    manifests = render("inferencepool", "pool-old", files=[scenario], helm=helm)
    return [manifest for manifest in manifests if kind(manifest)[0] in GROUPS]


def taken(tag: str, manifests: list[Manifest]) -> int:
    """How many of the manifests the tag serves; fails unless its schemas take each of these."""
    known = [m for m in manifests if kind(m) in served(tag) and (tag, m["kind"]) not in OTHER_SHAPE]
    for manifest in known:
        jsonschema.validate(manifest, served(tag)[kind(manifest)])
    return len(known)


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("tag", TAGS[1:])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_what_a_release_line_serves_it_takes(tag: str, helm: str, scenario: Path, compatibility: Compatibility) -> None:
    manifests = rendered(helm, scenario)
    assert POOL in [kind(manifest) for manifest in manifests]
    compatibility.extension.cell(tag, helm).taken.append(taken(tag, manifests))


@pytest.mark.parametrize("helm", HELMS)
def test_the_line_before_1_0_takes_the_generation_of_the_api_that_is_made_for_it(
    helm: str, compatibility: Compatibility
) -> None:
    manifests = rendered(helm, X_K8S)
    assert {manifest["kind"] for manifest in manifests} == {"InferencePool", "InferenceModel"}
    count = taken(TAGS[0], manifests)
    assert count == len(manifests)
    compatibility.extension.cell(TAGS[0], helm).taken.append(count)


@pytest.mark.parametrize("tag", TAGS[1:])
def test_every_line_from_1_0_on_serves_the_pool_of_the_charts(tag: str) -> None:
    assert POOL in served(tag)


def test_the_lines_without_a_kind_are_those_that_the_documentation_names() -> None:
    assert POOL not in served("v0.5.1")
    group = "inference.networking.x-k8s.io"
    with_rewrites = [tag for tag in TAGS if (group, "v1alpha2", "InferenceModelRewrite") in served(tag)]
    with_objectives = [tag for tag in TAGS if (group, "v1alpha2", "InferenceObjective") in served(tag)]
    assert with_rewrites == [tag for tag in TAGS if REWRITE_SINCE <= tag < GONE_SINCE]
    assert with_objectives == [tag for tag in TAGS if TAGS[1] <= tag < GONE_SINCE]


@pytest.mark.parametrize(("tag", "name"), sorted(OTHER_SHAPE))
def test_a_kind_of_another_shape_is_refused_and_not_half_taken(tag: str, name: str) -> None:
    manifest = next(manifest for manifest in rendered("helm4", SCENARIOS[0]) if manifest["kind"] == name)
    with pytest.raises(jsonschema.ValidationError, match="'targets' was unexpected"):
        jsonschema.validate(manifest, served(tag)[kind(manifest)])


def test_a_slip_would_be_seen_by_every_line() -> None:
    pool = next(manifest for manifest in rendered("helm4", SCENARIOS[0]) if kind(manifest) == POOL)
    pool = {**pool, "spec": {**pool["spec"], "noSuchField": 1}}
    for tag in TAGS[1:]:
        with pytest.raises(jsonschema.ValidationError, match="noSuchField"):
            jsonschema.validate(pool, served(tag)[POOL])
