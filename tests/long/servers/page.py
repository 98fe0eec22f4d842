"""The page that a run of the tests of model servers leaves behind: what each version knows of what the chart uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from inferencepool_lab.publish.markdown import table
from kit.charts import ROOT
from kit.model_servers.supported import PACKAGES, Answer, Package, Version
from long.servers import sources

FILE = ROOT / "docs/model-servers.md"
HEAD = """# Model servers

Written by `./scripts/test servers`, which reads the servers' packages on PyPI, version by version. It runs their own
argument parsers, without a GPU and without what they are built on, on what the chart renders for that version. What a
health check does and which metrics and variables there are, it reads in their sources.

What is not on PyPI was read by hand: vLLM's plugins for Gaudi and Neuron (`vllm-gaudi`, `vllm-neuron`), whose flags are
those of the vLLM that they extend, TensorRT-LLM's `trtllm-serve`, and Triton's frontend. The images of vLLM for ROCm
and XPU hold the sources of the package `vllm`.
"""


def write(used: Mapping[Version, set[str]], answers: Mapping[Version, Answer]) -> None:
    """Write the page: `used` are the flags that the chart renders for a version, `answers` is what it knows."""
    FILE.write_text("\n".join([HEAD, *(part for package in PACKAGES for part in _section(package, used, answers))]))


def _section(package: Package, used: Mapping[Version, set[str]], answers: Mapping[Version, Answer]) -> Iterator[str]:
    versions = [Version(package, number) for number in package.versions]
    flags = sorted(set().union(*(used[version] for version in versions)))
    yield f"## {package.name}\n"
    yield f"Preset `{package.server}`: {len(versions)} versions, {versions[0].number} to {versions[-1].number}.\n"
    rows = []
    for flag in flags:
        known = [version for version in versions if flag in answers[version].flags]
        rows.append((f"`{flag}`", _value(answers[known[-1]].flags[flag]), _range(known, versions)))
    yield from table(("flag", "value", "known to"), rows)
    yield ""
    rows = []
    for before, version in zip([None, *versions], versions, strict=False):
        changes = list(_changes(flags, answers[before] if before else None, answers[version]))
        rows.append((version.number, ", ".join(changes) or "-", _health(version)))
    yield from table(("version", "changes among these flags", "health check"), rows)
    yield ""


def _value(flag: Mapping[str, object]) -> str:
    choices = flag["choices"]
    return f"one of {', '.join(choices)}" if isinstance(choices, list) else f"`{flag['type']}`"


def _range(known: Sequence[Version], versions: Sequence[Version]) -> str:
    first = "" if known[0] == versions[0] else f"from {known[0].number}"
    last = "" if known[-1] == versions[-1] else f"to {known[-1].number}"
    return " ".join(filter(None, (first, last))) or "all"


def _changes(flags: Sequence[str], before: Answer | None, after: Answer) -> Iterator[str]:
    for flag in flags if before else ():
        old, new = (answer.flags.get(flag) for answer in (before, after) if answer)
        if old != new:
            yield f"`{flag}` " + ("is new" if not old else "is gone" if not new else f"takes {_value(new)}")


def _health(version: Version) -> str:
    handler = sources.handler(version.wheel, "/health")
    return f"`{handler.file}`, answers after {handler.sleeps:.0f} s at the earliest" if handler else "none"
