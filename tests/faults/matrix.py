"""The matrix that a run of the rows leaves behind, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from charts import ROOT
from faults.bench import OTHER, STRUCK, Bench
from faults.run import Seen, last_loss, run, wrongs
from faults.table import Row

FILE = ROOT / "docs/fault-matrix.md"
COLUMNS = (
    "fault", "failureMode", "may be lost of the struck pool", "lost of it", "states seen", "last loss s",
    "lost of the other pool", "verdict",
)  # fmt: skip
HEAD = f"""# Fault matrix

Written by `./scripts/test faults`, on a kind cluster. Each fault strikes one of two pools, or what they share, at a
split of 50/50 under a steady load of 40 short answers and 6 streams of a second each second. The route marks every
answer and every refusal with the pool that the gateway chose, so a lost request is counted on the pool whose share it
was. Nothing is retried. The other pool may never lose a request; when all is over the split is judged again, by answers
and by picks.

| {" | ".join(COLUMNS)} |
|{" --- |" * len(COLUMNS)}
"""


@dataclass
class Matrix:
    """The lines so far."""

    lines: list[str] = field(default_factory=list)

    def prove(self, bench: Bench, row: Row) -> list[str]:
        """Run a row, write its line, and return what the row does not allow."""
        seen = run(bench, row)
        self._add(row, bench.failure_mode, seen)
        return wrongs(seen, row.loss[bench.failure_mode])

    def _add(self, row: Row, failure_mode: str, seen: Seen) -> None:
        struck, other, nobody = (seen.of(pool) for pool in (STRUCK, OTHER, ""))
        loss, last = row.loss[failure_mode], last_loss(seen)
        states = ", ".join(f"{count} x {state}" for state, count in sorted((struck.causes() + nobody.causes()).items()))
        cells = (
            row.name, failure_mode, str(loss), f"{struck.lost + nobody.lost} of {len(struck) + nobody.lost}",
            states or "-",
            "-" if last is None else f"{last:.1f}", f"{other.lost} of {len(other)}",
            "**wrong**" if wrongs(seen, loss) else "as allowed",
        )  # fmt: skip
        self.lines.append(f"| {' | '.join(cells)} |")

    def write(self, file: Path = FILE) -> None:
        file.parent.mkdir(exist_ok=True)
        file.write_text(HEAD + "".join(f"{line}\n" for line in self.lines))
