"""docs/upgrades.md: what each habit of upgrading from a release did under load, with either helm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from inferencepool_lab.publish.markdown import table
from kit.charts import ROOT
from long.upgrade.habit import CHART_OF, HABITS, VERSION, Upgrade

FILE = ROOT / "docs/upgrades.md"
HELMS = ("helm3", "helm4")
COLUMNS = ("upgrade with", "helm", *CHART_OF, "pods replaced", "requests lost", "all upgrades took")
ROLLED = ("helm", "old pool", "new pool", "outcome", "requests lost")
HEAD = f"""\
# Upgrades

Written by `./scripts/test upgrade`, on a kind cluster with llm-d's simulator. Two pools and their route are installed
from the charts of release {VERSION}, with the files of values of that release, and 10 % of the requests go to the new
pool. Then route and pools are upgraded to the charts of this checkout under a steady load of 30 short answers and 8
streams a second, which nothing retries. An annotation of the model servers' pods changes too, so that all of them
restart. [How to upgrade](operations/upgrade.md) says what to type.
"""
MIXED = """\
## A rollout between releases

`rollout run` moves all requests from a pool of one release to a pool of the other, with the route's chart of this
checkout.
"""


@dataclass
class Page:
    """The rows so far."""

    rows: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    rollouts: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether each habit and each rollout is there with both helms."""
        return len(self.rows) == len(HABITS) * len(HELMS) and len(self.rollouts) == 2 * len(HELMS)

    def add(self, habit: str, helm: str, upgrade: Upgrade) -> None:
        """Add the row of a habit."""
        cells = ("refused, with the way" if upgrade.refused[release] else "upgraded" for release in CHART_OF)
        lost = f"{upgrade.lost} of {upgrade.sent}"
        self.rows[habit, helm] = (f"`{habit}`", helm, *cells, upgrade.replaced, lost, f"{upgrade.seconds:.0f} s")

    def __str__(self) -> str:
        return "\n".join([HEAD, *table(COLUMNS, self._sorted(self.rows)), "", MIXED, *self._mixed(), ""])

    def write(self) -> None:
        FILE.write_text(str(self))

    def _mixed(self) -> Iterator[str]:
        yield from table(ROLLED, self._sorted(self.rollouts))

    @staticmethod
    def _sorted(rows: dict[tuple[str, str], tuple[str, ...]]) -> list[tuple[str, ...]]:
        return [rows[key] for key in sorted(rows)]
