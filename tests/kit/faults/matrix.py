"""The matrix that a run of the rows leaves behind, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from inferencepool_lab.publish.markdown import table
from kit.charts import ROOT
from kit.faults.run import Seen, last_loss, run, wrongs
from kit.faults.table import Row
from kit.two_pools import FAULTED, OTHER, TwoPools

FILE = ROOT / "docs/fault-matrix.md"
COLUMNS = (
    "fault", "failureMode", "may be lost of the faulted pool", "lost of it", "states seen", "last loss s",
    "lost of the other pool", "verdict",
)  # fmt: skip
HEAD = """# Fault matrix

Written by `./scripts/test faults`, on a kind cluster. Each fault hits one of two pools, or what they share, at a
split of 50/50 under a steady load of 40 short answers and 6 streams of a second each second. The route marks every
answer and every refusal with the pool that the gateway chose, so a lost request is counted on the pool whose share it
was. Nothing is retried. The other pool may never lose a request; when all is over the split is judged again, by answers
and by picks.

"""


@dataclass
class Matrix:
    """The rows so far."""

    rows: list[tuple[str, ...]] = field(default_factory=list)

    def prove(self, pools: TwoPools, row: Row) -> list[str]:
        """Run a row, write it down, and return what the row does not allow."""
        seen = run(pools, row)
        self._add(row, pools.failure_mode, seen)
        return wrongs(seen, row.loss[pools.failure_mode])

    def _add(self, row: Row, failure_mode: str, seen: Seen) -> None:
        faulted, other, nobody = (seen.of(pool) for pool in (FAULTED, OTHER, ""))
        loss, last = row.loss[failure_mode], last_loss(seen)
        causes = sorted((faulted.causes() + nobody.causes()).items())
        states = ", ".join(f"{count} x {state}" for state, count in causes)
        cells = (
            row.name, failure_mode, str(loss), f"{faulted.lost + nobody.lost} of {len(faulted) + nobody.lost}",
            states or "-",
            "-" if last is None else f"{last:.1f}", f"{other.lost} of {len(other)}",
            "**wrong**" if wrongs(seen, loss) else "as allowed",
        )  # fmt: skip
        self.rows.append(cells)

    def write(self, file: Path = FILE) -> None:
        file.parent.mkdir(exist_ok=True)
        file.write_text(HEAD + "".join(f"{line}\n" for line in table(COLUMNS, self.rows)))
