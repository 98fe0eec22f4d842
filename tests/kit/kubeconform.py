"""kubeconform over rendered objects."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from inferencepool_lab.builds.tools import tool
from kit.charts import Manifest, documents
from kit.schemas import LOCATION


def refused(releases: Mapping[str, Sequence[Manifest]], schemas: Path) -> dict[str, list[str]]:
    """What kubeconform, asked once, says of the manifests that the `schemas` refuse, by the name of their release."""
    with tempfile.TemporaryDirectory() as folder:
        for name, manifests in releases.items():
            (Path(folder) / f"{name}.yaml").write_text(documents(manifests))
        done = subprocess.run(
            [tool("kubeconform"), "-strict", "-output=json", f"-schema-location={schemas}/{LOCATION}", folder],
            capture_output=True,
            text=True,
            check=False,
        )
    found: dict[str, list[str]] = {}
    for resource in json.loads(done.stdout)["resources"] or []:
        words = f"{resource['kind']} {resource['name']}: {resource['msg']}"
        found.setdefault(Path(resource["filename"]).stem, []).append(words)
    return found
