"""A plan and the files that it names, as they are mounted into the Job's pod."""

from __future__ import annotations

from pathlib import Path

import yaml

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan

MOST_BYTES = 700_000
"""What a Secret takes (1 MiB in base64)."""
CHART, PROMPTS, TRACE = "chart", "prompts.jsonl", "trace"


def bundle(plan: Plan, file: str) -> dict[str, bytes]:
    """Return the files by their paths; `file` is the plan's own, whose other paths become relative to it.

    Raises Failure for more than a Secret takes, for a file that cannot be read, and for a plan that scales the pools.
    """
    if plan.capacity and plan.capacity.scaling:
        raise Failure(
            "capacity.scaling upgrades the pools' releases, which the Job's Role does not allow; "
            "run this plan without --in-cluster"
        )
    document = plan.model_dump(mode="json", by_alias=True, exclude_none=True)
    found: dict[str, bytes] = {}
    if url := document["gateway"].pop("inClusterUrl", None):
        document["gateway"]["url"] = url
    if not plan.route.chart.startswith("oci://"):
        document["route"]["chart"] = CHART
        folder = Path(plan.route.chart)
        found |= {f"{CHART}/{each.relative_to(folder)}": _read(each) for each in sorted(folder.rglob("*")) if
                  each.is_file()}  # fmt: skip
    if plan.quality:
        document["quality"]["prompts"] = PROMPTS
        found[PROMPTS] = _read(Path(plan.quality.prompts))
    if plan.probe.workload and plan.probe.workload.trace:
        name = f"{TRACE}{Path(plan.probe.workload.trace).suffix}"
        document["probe"]["workload"]["trace"] = name
        found[name] = _read(Path(plan.probe.workload.trace))
    found[file] = yaml.safe_dump(document, sort_keys=False).encode()
    if (size := sum(map(len, found.values()))) > MOST_BYTES:
        largest = max(found, key=lambda name: len(found[name]))
        raise Failure(
            f"the plan's files have {size} bytes, and a Secret takes {MOST_BYTES}; the largest is {largest}: use a "
            "chart by oci://, fewer prompts or a shorter trace, or run the rollout without --in-cluster"
        )
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from None
