"""The page that a run of the compatibility matrix leaves behind: what was seen of each version, with each helm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.version import Version

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.builds.versions import minors, of_minor
from inferencepool_lab.demo import STAGES
from inferencepool_lab.publish.markdown import table
from inferencepool_lab.stage import Seen
from inferencepool_rollout.process import run
from kit.charts import ROOT

FILE = ROOT / "docs/compatibility.md"
HELMS = ("helm3", "helm4")
CLUSTERS = {minor: of_minor(minor).kubernetes for minor in minors()}
"""The version of Kubernetes of each minor that a cluster is made of."""
ONLY_VALIDATED = ("1.30.14", "1.31.14", "1.32.13", "1.33.13", "1.37.2")
KUBERNETES = sorted([*CLUSTERS.values(), *ONLY_VALIDATED], key=Version)
"""From the oldest that the charts take to the newest that there is."""
EXTENSION = "sigs.k8s.io/gateway-api-inference-extension"
TAGS = ("v0.5.1", "v1.0.0", "v1.1.0", "v1.2.1", "v1.3.0", "v1.4.0", "v1.5.0", "v1.6.0")
"""The last release of each line of the Inference Extension."""
HEAD = """# Compatibility

Written by `./scripts/test matrix`. **Running** was seen on a kind cluster of that Kubernetes, worked with that helm:
each stage of `./scripts/demo`, judged by who answered and which EPP picked; then every object of the scenarios that
such a cluster has the kinds for, put to its API server in a dry run. **Validated** is what that helm renders for that
version, held to the strict schemas that the version publishes.
"""
OF_KUBERNETES = "The clusters run the CRDs of Inference Extension v1.5.0 and its EPP."
OF_EXTENSION = """Validated are its own objects, of the kinds that the release has. To an API server that serves just
these goes a whole pool, once alone and once with aliases and objectives."""


@dataclass
class Cell:
    """What was seen of one version with one helm.

    `taken` counts the objects of each scenario that the schemas took, `refused` names what the chart itself refuses for
    that version. `stages` are of a running cluster, and so are `dry_runs`: its version of Kubernetes and how many
    objects of a scenario it took.
    """

    taken: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    stages: list[Seen] = field(default_factory=list)
    dry_runs: list[tuple[str, int]] = field(default_factory=list)

    def __str__(self) -> str:
        parts = []
        if self.stages:
            right = sum(not seen.verdict.findings for seen in self.stages)
            requests, lost = sum(seen.requests for seen in self.stages), sum(seen.lost for seen in self.stages)
            parts.append(f"**running**: {right} of {len(self.stages)} stages right, {lost} of {requests} requests lost")
        if self.dry_runs:
            servers, objects = zip(*self.dry_runs, strict=True)
            where = ", ".join(sorted(set(servers), key=Version))
            parts.append(f"{sum(objects)} objects in {len(objects)} dry runs taken by the API server of {where}")
        if self.taken:
            parts.append(f"**validated**: {sum(self.taken)} objects of {len(self.taken)} scenarios")
        if self.refused:
            parts.append(f"refused by the chart: {', '.join(self.refused)}")
        return "; ".join(parts) or "-"


@dataclass
class Table:
    """The cells of one kind of version, by version and helm; `title` and `words` head the table on the page.

    `servers` are the versions of Kubernetes whose clusters a version is tried on, by so many `stages` with each helm.
    """

    title: str
    words: str
    versions: Sequence[str]
    servers: Mapping[str, set[str]]
    stages: int
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)

    def cell(self, version: str, helm: str) -> Cell:
        return self.cells.setdefault((version, helm), Cell())

    @property
    def whole(self) -> bool:
        """Whether each cell has all that its version is tried with."""
        return all(self._filled(version, self.cell(version, helm)) for version in self.versions for helm in HELMS)

    def _filled(self, version: str, cell: Cell) -> bool:
        servers = self.servers.get(version, set())
        asked = {server for server, _ in cell.dry_runs}
        return bool(cell.taken) and asked == servers and len(cell.stages) == len(servers) * self.stages

    def lines(self) -> Iterator[str]:
        heads = [self.title, *(f"helm {_version(helm)}" for helm in HELMS)]
        rows = ([version, *(str(self.cell(version, helm)) for helm in HELMS)] for version in self.versions)
        yield from table(heads, rows)


def _kubernetes() -> Table:
    clusters = {version: {version} for version in CLUSTERS.values()}
    return Table("Kubernetes", OF_KUBERNETES, KUBERNETES, clusters, stages=len(STAGES))


def _extension() -> Table:
    return Table("Inference Extension", OF_EXTENSION, TAGS, {tag: set(CLUSTERS.values()) for tag in TAGS}, stages=0)


@dataclass(frozen=True)
class Compatibility:
    """The two tables of the page."""

    kubernetes: Table = field(default_factory=_kubernetes)
    extension: Table = field(default_factory=_extension)

    @property
    def whole(self) -> bool:
        return self.kubernetes.whole and self.extension.whole

    def __str__(self) -> str:
        tables = (self.kubernetes, self.extension)
        return HEAD + "".join(f"\n## {t.title}\n\n{t.words}\n\n" + "\n".join(t.lines()) + "\n" for t in tables)

    def write(self) -> None:
        FILE.write_text(str(self))


def _version(helm: str) -> str:
    return run([tool(helm), "version", "--template", "{{.Version}}"]).strip().removeprefix("v")
