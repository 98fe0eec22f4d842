"""Upstream's guide and what the charts render of it, field by field, and the differences that are expected.

A field is a leaf of an object and has a path, such as `epp/spec/template/spec/containers/epp/image`: the object's name
in differences.yaml, then keys. An item of a list is named after itself (its name or port, else its place), an argument
after its flag, so that neither order nor form of a list makes a difference. YAML inside of a string is read as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from kit.charts import ROOT, VALUES_OF, Manifest, render

FOLDER = ROOT / "tests/golden/seed"
ABSENT = "(absent)"
"""The value of a field that one side has not."""
ANYTHING = object()
"""Stands in an expected difference for whatever value the field has."""

Fields = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """A field that the guide and the chart have with different values; expected ones may have * in their path."""

    path: str
    guide: Any
    chart: Any

    def covers(self, found: Difference) -> bool:
        """Whether this expected difference is the one that was found.

        One that is there on one side only covers all below its path too.
        """
        one_sided = ABSENT in (self.guide, self.chart)
        within = fnmatchcase(found.path, self.path) or (one_sided and fnmatchcase(found.path, f"{self.path}/*"))
        return within and self.guide in (ANYTHING, found.guide) and self.chart in (ANYTHING, found.chart)


@dataclass(frozen=True)
class Golden:
    """A file of the guide's YAML, the chart and release that stand for it, and its part of differences.yaml."""

    name: str
    chart: str
    release: str
    values: str

    @property
    def text(self) -> str:
        """The guide's YAML."""
        return (FOLDER / f"{self.name}.yaml").read_text()

    @property
    def listed(self) -> Any:
        """What differences.yaml says of this file: `objects`, `differences` and `further`."""
        return yaml.safe_load((FOLDER / "differences.yaml").read_text())[self.name]

    def rendered(self) -> list[Manifest]:
        return render(self.chart, self.release, files=[VALUES_OF[self.chart] / f"upstream-guide/{self.values}.yaml"])

    def objects(self, side: str) -> Mapping[tuple[str, str], str]:
        """The names of differences.yaml by kind and name of the objects, on the side "seed" (the guide) or "ours"."""
        return {(each["kind"], each[side]): name for name, each in self.listed["objects"].items()}

    def expected(self) -> list[Difference]:
        """The differences that are listed."""
        found = []
        for entry in self.listed["differences"]:
            found += [Difference(path, ABSENT, ANYTHING) for path in entry.get("added", [])]
            found += [Difference(path, ANYTHING, ABSENT) for path in entry.get("left_out", [])]
            found += [Difference(path, *pair) for path, pair in entry.get("changed", {}).items()]
        return found

    def found(self) -> list[Difference]:
        """The differences that there are."""
        guide, chart = self._guide_fields(), self._chart_fields()
        paths = sorted(guide.keys() | chart.keys())
        pairs = (Difference(path, guide.get(path, ABSENT), chart.get(path, ABSENT)) for path in paths)
        return [pair for pair in pairs if pair.guide != pair.chart]

    def _guide_fields(self) -> Fields:
        """The guide's fields, those below an item that is listed as `renamed` under its new name."""
        found: Fields = {}
        for document in yaml.safe_load_all(self.text):
            found |= fields(document, self.objects("seed")[document["kind"], document["metadata"]["name"]])
        for entry in self.listed["differences"]:
            for path, name in entry.get("renamed", {}).items():
                found = _renamed(found, f"{path}/", f"{path.rsplit('/', 1)[0]}/{name}/")
        return found

    def _chart_fields(self) -> Fields:
        """The fields of those rendered objects that the guide has too."""
        names = self.objects("ours")
        found: Fields = {}
        for manifest in self.rendered():
            if name := names.get((manifest["kind"], manifest["metadata"]["name"])):
                found |= fields(manifest, name)
        return found


def fields(node: Any, path: str) -> Fields:
    """Every leaf of an object, by its path."""
    if isinstance(node, str) and path.endswith(".yaml"):
        return fields(yaml.safe_load(node), path)
    if isinstance(node, list):
        node = _flags(node) if path.endswith("/args") else {_key(item, i): item for i, item in enumerate(node)}
    if isinstance(node, dict) and node:
        return {leaf: value for name, child in node.items() for leaf, value in fields(child, f"{path}/{name}").items()}
    return {path: node}


def _key(item: Any, index: int) -> str:
    names = [str(item[name]) for name in ("name", "containerPort", "port") if isinstance(item, dict) and name in item]
    return names[0] if names else str(index)


def _flags(words: list[str]) -> dict[str, str]:
    """`--flag value` and `--flag=value` as flag and value."""
    found: dict[str, str] = {}
    for word in words:
        if word.startswith("--"):
            flag, _, value = word.partition("=")
            found[flag] = value
        else:
            found[list(found)[-1] if found else "0"] = word
    return found


def _renamed(found: Fields, prefix: str, new: str) -> Fields:
    assert any(path.startswith(prefix) for path in found), f"the guide has no {prefix}: take it out of `renamed`"
    return {
        new + path.removeprefix(prefix) if path.startswith(prefix) else path: value for path, value in found.items()
    }
