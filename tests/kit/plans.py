"""A plan for tests, and files of plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan_file import read_plan
from kit.charts import ROOT

Part = TypeVar("Part", bound=BaseModel)
TEXT = f"""\
route:
  chart: {ROOT}/charts/rollout-route
pools:
  old: pool-old
  new: pool-new
gateway:
  url: http://127.0.0.1:8080
probe:
  models: [food-review]
  rate: 50
steps:
  - {{percent: 10, burnIn: 60s, requests: 500, longest: 1h}}
  - {{percent: 50, burnIn: 60s, requests: 500, longest: 1h}}
  - {{percent: 100, burnIn: 60s, requests: 500, longest: 1h}}
objectives:
  errorRate: {{accept: 0.01, detect: 0.05, burst: 1}}
  latency:
    - {{metric: ttft, percentile: 50, accept: 1.1, detect: 1.8}}
    - {{metric: e2e, percentile: 90, accept: 1.1, detect: 1.8}}
decision:
  alpha: 0.05
  power: 0.9
  earliest: 0s
capacity:
  peak: 40
  perReplica: {{old: 20, new: 20}}
"""


def altered(part: Part, **changes: Any) -> Part:
    """Return a part of a plan, or a whole one, with other values for some keys."""
    return part.model_copy(update=changes)


def plan_of(folder: Path, text: str = TEXT) -> Plan:
    """Write a plan into `folder` and read it."""
    file = folder / "plan.yaml"
    file.write_text(text)
    return read_plan(file)
