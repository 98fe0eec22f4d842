"""The charts as they were released, and the files of values that came with them: out of git's history.

A copy of them in the tree would be a second chart to keep; the history has them as they were. A checkout without that
history (`git clone --depth 1`) skips the tests that need them, and says so; CI's checkout has all of it.
"""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from inferencepool_lab.builds import cache
from kit.charts import NAMES, ROOT
from kit.scenarios import Scenario

RELEASES = {"0.1.0": "b52e5e6281812028722a231c38f535976945803c"}
"""The commit of each release. 0.1.0 is the last one before values of the charts got other names; it was installed from
checkouts alone, and has no tag."""

REMEDIES: dict[str, dict[str, list[str]]] = yaml.safe_load(
    Path(__file__).with_name("upgrade-remedies.yaml").read_text()
)
"""Helm's flags for what the charts of this checkout want of a release's files of values, by release and file."""


def released(version: str) -> Path:
    """Return a folder with `charts/` and `values/` of a release, extracted once; skips the test without the history."""
    commit = RELEASES[version]
    if subprocess.run(["git", "cat-file", "-e", commit], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip(f"the history of this checkout does not reach release {version}: git fetch --unshallow")
    target = cache.folder("released") / commit[:12]
    with cache.made(target) as scratch:
        if scratch:
            scratch.mkdir()
            archive = ["git", "archive", commit, "charts", "values"]
            with (
                subprocess.Popen(archive, cwd=ROOT, stdout=subprocess.PIPE) as git,
                tarfile.open(fileobj=git.stdout, mode="r|") as tree,
            ):
                tree.extractall(scratch, filter="data")
    return target


def scenarios(version: str) -> Iterator[Scenario]:
    """Yield every file of values of a release with its chart: the one that has all of the file's keys."""
    folder = released(version)
    for chart in NAMES:
        known = set(yaml.safe_load((folder / "charts" / chart / "values.yaml").read_text()))
        files = [*(folder / "charts" / chart / "ci").glob("*.yaml"), *(folder / "values").rglob("*.yaml")]
        yield from (Scenario(chart, file) for file in sorted(files) if set(yaml.safe_load(file.read_text())) <= known)
