"""Rendering the charts of this checkout with a real helm, for tests."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from inferencepool_lab.builds.tools import tool

ROOT = Path(__file__).parents[2]
CHARTS = ROOT / "charts"
VALUES = ROOT / "values"
VALUES_OF = {"inferencepool": VALUES / "pool", "rollout-route": VALUES / "route"}
"""The folder of the files of values for each chart."""
NAMES = sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml"))

SHORT_LIFE = {
    "GOGC": "off",  # no garbage to collect in so short a life: a third less time
    "LC_ALL": "",
    "LC_MESSAGES": "zh_TW.UTF-8",  # helm loads kubectl's messages and says none: this language has the fewest
}
"""Environment in which helm renders the same in less time."""

Manifest = dict[str, Any]


class RenderError(Exception):
    """helm refused to render; the message is helm's own."""


def render(
    chart: str,
    release: str,
    values: Mapping[str, Any] | None = None,
    *,
    files: Sequence[Path] = (),
    arguments: Sequence[str] = (),
    namespace: str = "default",
    helm: str = "helm4",
) -> list[Manifest]:
    """Render `charts/<chart>` as helm would install it and return its objects, in helm's order.

    `files` are passed as `-f`, in order, before `values`; `arguments` are further helm flags
    (`--set weights.new=10`, `--api-versions ...`). Raises RenderError with helm's message when it refuses.
    """
    text = _template(
        helm,
        chart,
        release,
        namespace,
        json.dumps(values or {}),
        tuple(str(path) for path in files),
        tuple(arguments),
    )
    return [manifest for manifest in yaml.load_all(text, yaml.CSafeLoader) if manifest]  # a tenth of safe_load's time


def documents(manifests: Sequence[Manifest]) -> str:
    """Objects as the text that kubectl and kubeconform read: JSON is YAML, and soon written."""
    return "\n---\n".join(json.dumps(manifest) for manifest in manifests)


def notes(chart: str, release: str, values: Mapping[str, Any]) -> str:
    """What helm tells the user after it has installed `charts/<chart>`."""
    command = [str(tool("helm4")), "install", release, str(CHARTS / chart), "--dry-run=client", "--values=-"]
    done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=True)
    return done.stdout.rpartition("\nNOTES:\n")[2]


def only(manifests: Sequence[Manifest], kind: str, name: str | None = None) -> Manifest:
    """Return the one manifest of that kind (and name); a test with none or several fails here."""
    found = [m for m in manifests if m["kind"] == kind and name in (None, m["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of kind {kind}, name {name}"
    return found[0]


@functools.cache
def _template(
    helm: str,
    chart: str,
    release: str,
    namespace: str,
    values: str,
    files: tuple[str, ...],
    arguments: tuple[str, ...],
) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as values_file:
        values_file.write(values)
        values_file.flush()
        command = [str(tool(helm)), "template", release, str(CHARTS / chart), "--namespace", namespace]
        for path in (*files, values_file.name):
            command += ["--values", path]
        environment = {**os.environ, **SHORT_LIFE}
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RenderError(done.stderr.strip())
    return done.stdout
