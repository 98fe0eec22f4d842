"""What a package of a chart tells Artifact Hub of its changes: the newest section of CHANGELOG.md."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import yaml

ANNOTATION = "artifacthub.io/changes"
KIND = re.compile(r"^### (\w+)\n(.*?)(?=^### |\Z)", re.DOTALL | re.MULTILINE)


def newest(chart: str, changelog: str) -> list[dict[str, str]]:
    """Return the items of a changelog's newest section that begin with the chart, in Artifact Hub's form."""
    item = re.compile(rf"^- `charts/{chart}`: (.*?)(?=^- |\Z)", re.DOTALL | re.MULTILINE)
    section = changelog.split("\n## ")[1]
    return [
        {"kind": kind.lower(), "description": " ".join(text.split())}
        for kind, items in KIND.findall(section)
        for text in item.findall(items)
    ]


def annotated(chart: Path, changelog: Path, folder: Path) -> Path:
    """Copy a chart into a folder, with its newest changes as an annotation of Chart.yaml; return the copy."""
    copy = folder / chart.name
    shutil.copytree(chart, copy)
    metadata = yaml.safe_load((chart / "Chart.yaml").read_text())
    metadata["annotations"][ANNOTATION] = json.dumps(newest(chart.name, changelog.read_text()))
    (copy / "Chart.yaml").write_text(yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True))
    return copy
