"""The page that a run of the compatibility matrix leaves behind: what was seen of each version, with each helm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from packaging.version import Version

from charts import ROOT
from inferencepool_rollout.demo import STAGES
from inferencepool_rollout.process import run
from inferencepool_rollout.stage import Seen
from inferencepool_rollout.tools import tool
from inferencepool_rollout.versions import minors, of_minor

FILE = ROOT / "docs/compatibility.md"
HELMS = ("helm3", "helm4")
CLUSTERS = {minor: of_minor(minor).kubernetes for minor in minors()}
"""The version of Kubernetes of each minor that a cluster is made of."""
ONLY_VALIDATED = ("1.30.14", "1.31.14", "1.32.13", "1.33.13", "1.36.3", "1.37.2")
KUBERNETES = sorted([*CLUSTERS.values(), *ONLY_VALIDATED], key=Version)
"""From the oldest that the charts take to the newest that there is."""
TAGS = ("v0.5.1", "v1.0.0", "v1.1.0", "v1.2.1", "v1.3.0", "v1.4.0", "v1.5.0", "v1.6.0")
"""The last release of each line of the Inference Extension."""
HEAD = """# Compatibility

Written by `./scripts/test matrix`. **Running** was seen on a kind cluster of that Kubernetes, worked with that helm:
each stage of `./scripts/demo`, judged by who answered and which EPP picked; then every object of the scenarios that
such a cluster has the kinds for, put to its API server in a dry run. **Validated** is what that helm renders for that
version, held to the strict schemas that the version publishes.
"""


@dataclass
class Cell:
    """What was seen of one version with one helm.

    `taken` counts the objects of each scenario that a schema took, `refused` are the scenarios that the chart itself
    refuses for that version; `stages` and `dry_runs` (objects of each scenario) are of a running cluster.
    """

    taken: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    stages: list[Seen] = field(default_factory=list)
    dry_runs: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        parts = []
        if self.stages:
            right = sum(not seen.verdict.findings for seen in self.stages)
            requests, lost = sum(seen.requests for seen in self.stages), sum(seen.lost for seen in self.stages)
            parts.append(f"**running**: {right} of {len(self.stages)} stages right, {lost} of {requests} requests lost")
        if self.dry_runs:
            parts.append(f"{sum(self.dry_runs)} objects of {len(self.dry_runs)} scenarios taken by the API server")
        if self.taken:
            parts.append(f"**validated**: {sum(self.taken)} objects of {len(self.taken)} scenarios")
        if self.refused:
            parts.append(f"refused by the chart: {', '.join(self.refused)}")
        return "; ".join(parts) or "-"


@dataclass
class Table:
    """The cells of one kind of version, by version and helm.

    `running` are those `versions` that a cluster is made of; `title` and `words` head the table on the page.
    """

    title: str
    words: str
    versions: Sequence[str]
    running: Sequence[str] = ()
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)

    def cell(self, version: str, helm: str) -> Cell:
        return self.cells.setdefault((version, helm), Cell())

    @property
    def whole(self) -> bool:
        """Whether each cell has what its version is tried with."""
        cells = {(version, helm): self.cell(version, helm) for version in self.versions for helm in HELMS}
        return all(
            cell.taken and (version not in self.running or (len(cell.stages) == len(STAGES) and cell.dry_runs))
            for (version, _), cell in cells.items()
        )

    def lines(self) -> Iterator[str]:
        heads = [self.title, *(f"helm {_version(helm)}" for helm in HELMS)]
        yield f"| {' | '.join(heads)} |"
        yield "|" + " --- |" * len(heads)
        for version in self.versions:
            yield f"| {version} | {' | '.join(str(self.cell(version, helm)) for helm in HELMS)} |"


def _kubernetes() -> Table:
    words = "The clusters run the CRDs of Inference Extension v1.5.0 and its EPP."
    return Table("Kubernetes", words, KUBERNETES, running=list(CLUSTERS.values()))


def _extension() -> Table:
    words = "Counted are the objects of the Inference Extension itself, of those kinds that the release has."
    return Table("Inference Extension", words, TAGS)


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
