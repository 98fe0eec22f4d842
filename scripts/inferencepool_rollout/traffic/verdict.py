"""Whether traffic followed the asked split, told by who answered and by who picked, and what is wrong if not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from inferencepool_rollout.traffic.sequential import anytime_p
from inferencepool_rollout.traffic.statistics import multinomial_p

ALPHA, POWER = 0.001, 0.99
"""The default probability that a right split is refused, and the power that is reported beside it."""


class Fault(StrEnum):
    """What can be wrong with a split."""

    LOST = "lost requests"
    STRAY = "stray answers"
    SPLIT = "wrong split"
    SHARED_PICKER = "istio#61594"
    UNPICKED = "unpicked requests"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    fault: Fault
    text: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.text}"


@dataclass(frozen=True)
class Verdict:
    """The p-value of the asked split from either source, and all that is wrong; nothing wrong is a pass."""

    answers_p: float | None
    """None without answers."""
    picks_p: float | None
    """None where the picks are not known, or there were none."""
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def judge(
    asked: Mapping[str, float],
    answered: Mapping[str, int],
    picked: Mapping[str, int] | None = None,
    *,
    lost: int = 0,
    causes: Mapping[str, int] | None = None,
    alpha: float = ALPHA,
    peeking: bool = False,
) -> Verdict:
    """Judge one run.

    `asked`: pool -> weight (ratios; 0 is none), `answered`: pool -> good answers (by_pool), `picked`: pool -> picks
    by its EPP while nobody else sent requests, `lost`: requests without a good answer, `causes`: what became of
    them (Answers.causes). `alpha` is the probability
    that a right split is refused; it is shared evenly between the sources that are judged. With `peeking` the
    test holds although the same run is judged again and again as it goes on, else it must be judged once, after
    a number of requests fixed beforehand. Raises ValueError for weights that are none.
    """
    test = anytime_p if peeking else multinomial_p
    level = alpha if picked is None else alpha / 2
    weights = list(asked.values())
    findings = []
    if lost:
        why = f" ({_counts(causes)})" if causes else ""
        findings.append(Finding(Fault.LOST, f"{lost} requests without a good answer{why}"))
    strays = {who: count for who, count in answered.items() if who not in asked and count}
    if strays:
        findings.append(Finding(Fault.STRAY, f"from no pool that was asked: {_counts(strays)}"))

    def p_of(source: Mapping[str, int]) -> float | None:
        counts = [source.get(pool, 0) for pool in asked]
        return test(counts, weights) if sum(counts) else None

    answers_p = p_of(answered)
    if answers_p is None:
        findings.append(Finding(Fault.LOST, "no pool answered at all"))
    elif answers_p <= level:
        findings.append(Finding(Fault.SPLIT, _off("answered", asked, answered, answers_p)))
    if picked is None:
        return Verdict(answers_p, None, tuple(findings))

    picks_p = p_of(picked)
    answering = [pool for pool in asked if answered.get(pool, 0)]
    picking = [pool for pool in asked if picked.get(pool, 0)]
    total_answered, total_picked = sum(answered.values()), sum(picked.get(pool, 0) for pool in asked)
    if total_picked < total_answered:
        unpicked = f"{total_answered - total_picked} of {total_answered} answers were picked by no EPP"
        findings.append(Finding(Fault.UNPICKED, unpicked))
    if picks_p is not None and picks_p <= level:
        if len(picking) == 1 and len(answering) > 1:
            text = (
                f"the EPP of {picking[0]} picked for {' and '.join(answering)} alike ({_counts(picked)} picks for "
                f"{_counts(answered)} answers); the gateway attaches one endpoint picker to a rule with several "
                "pools, use an Istio that has the fix"
            )
            findings.append(Finding(Fault.SHARED_PICKER, text))
        else:
            findings.append(Finding(Fault.SPLIT, _off("picked", asked, picked, picks_p)))
    return Verdict(answers_p, picks_p, tuple(findings))


def _off(what: str, asked: Mapping[str, float], counts: Mapping[str, int], p: float) -> str:
    total = sum(asked.values())
    wanted = ", ".join(f"{pool} {weight / total:.1%}" for pool, weight in asked.items())
    return f"{what} {_counts({pool: counts.get(pool, 0) for pool in asked})}, asked {wanted} (p = {p:.2g})"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
