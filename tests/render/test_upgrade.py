"""Both charts upgrade from each release: no field changes that may not, and what is refused is refused with the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.charts import CHARTS, NAMES, Manifest, RenderError, render
from kit.released import RELEASES, REMEDIES, released, scenarios
from kit.scenarios import of

FIELDS: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("immutable-fields.yaml").read_text())
MISSING = object()
CLUSTER_SCOPED = ("ClusterRole", "ClusterRoleBinding")
Key = tuple[str, str, str]


def group(manifest: Manifest) -> str:
    """The API group of an object; `core` for Kubernetes' first."""
    before, _, after = manifest["apiVersion"].partition("/")
    return before if after else "core"


def key(manifest: Manifest) -> Key:
    """What says of two objects that Helm takes one for the next revision of the other."""
    metadata = manifest["metadata"]
    namespace = "" if manifest["kind"] in CLUSTER_SCOPED else metadata.get("namespace", "")
    return f"{group(manifest)}/{manifest['kind']}", namespace, metadata["name"]


def at(manifest: Manifest, path: str) -> Any:
    """The value of a field by its dotted path; None where there is none."""
    value: Any = manifest
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def leaves(chart: Path) -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the default of each value of a chart that is no group."""
    groups = [("", yaml.safe_load((chart / "values.yaml").read_text()))]
    while groups:
        above, values = groups.pop()
        for name, value in values.items():
            if isinstance(value, dict) and value:
                groups.append((f"{above}{name}.", value))
            else:
                yield f"{above}{name}", value


def names(path: str) -> Iterator[str]:
    """Yield a value's dotted path and those of its groups, but for the component: each may stand for it in prose."""
    yield path
    while path.count(".") > 1:
        path = path.rpartition(".")[0]
        yield path


def changed(before: Sequence[Manifest], after: Sequence[Manifest]) -> Iterator[str]:
    """Yield what an upgrade changes of FIELDS. Hooks are no part of it: Helm deletes them before it makes them anew."""
    new = {key(manifest): manifest for manifest in after}
    for old in before:
        kind, _, name = key(old)
        if key(old) in new and "helm.sh/hook" not in old["metadata"].get("annotations", {}):
            for path, why in FIELDS.get(kind, {}).items():
                if at(old, path) != at(new[key(old)], path):
                    yield f"{kind} {name}: {path}: {why}"


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("chart", NAMES)
def test_no_scenario_of_a_release_has_an_immutable_field_changed_by_the_upgrade(chart: str, version: str) -> None:
    before = str(released(version) / "charts" / chart)
    found = {}
    for file in (each.values for each in scenarios(version) if each.chart == chart):
        after = render(chart, "pool-old", files=[file], arguments=REMEDIES[version].get(file.name, ()))
        found[file.name] = list(changed(render(before, "pool-old", files=[file]), after))
    assert len(found) > 5
    assert {name: changes for name, changes in found.items() if changes} == {}


@pytest.mark.parametrize("version", RELEASES)
def test_a_file_of_values_of_a_release_is_taken_as_it_is_or_refused_by_a_value_of_the_remedy(version: str) -> None:
    refused = {}
    for chart, file in scenarios(version):
        try:
            render(chart, "pool-old", files=[file])
        except RenderError as error:
            refused[file.name] = str(error)
    assert refused.keys() == REMEDIES[version].keys()
    for name, said in refused.items():
        asked = [flag.removeprefix("--set=").partition("=")[0] for flag in REMEDIES[version][name]]
        assert [value for value in asked if value in said], said


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("chart", NAMES)
def test_the_changelog_names_each_value_whose_default_changed_since_a_release(chart: str, version: str) -> None:
    changelog = " ".join((CHARTS.parent / "CHANGELOG.md").read_text().partition(f"\n## {version}")[0].split())
    before, after = (dict(leaves(folder / chart)) for folder in (released(version) / "charts", CHARTS))
    other = [path for path, value in before.items() if after.get(path, MISSING) != value]
    assert other
    assert [path for path in other if not any(f"`{name}`" in changelog for name in names(path))] == []


@pytest.mark.parametrize("version", RELEASES)
def test_the_changelog_has_a_section_for_each_release(version: str) -> None:
    assert f"\n## {version} - " in (CHARTS.parent / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("kind", sorted({"Deployment", "Service", "InferencePool", "RoleBinding"}))
def test_a_release_candidate_that_changes_an_immutable_field_is_found(tmp_path: Path, kind: str) -> None:
    """The chart of this checkout with another label in its selectors and another role in its bindings."""
    chart = shutil.copytree(CHARTS / "inferencepool", tmp_path / "inferencepool")
    labels = chart / "templates/_library/_labels.tpl"
    labels.write_text(labels.read_text().replace('/component"', '/part"'))
    for binding in chart.rglob("rolebinding.yaml"):
        binding.write_text(binding.read_text().replace("kind: Role\n", "kind: ClusterRole\n"))
    values = of("inferencepool")[0]
    before = render("inferencepool", "pool-old", files=[values])
    found = list(changed(before, render(str(chart), "pool-old", files=[values])))
    assert [change for change in found if f"/{kind} " in change]
