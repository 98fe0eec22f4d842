"""The bill of materials of a chart: the images that it runs, and what this project's own image holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from inferencepool_lab.builds.tools import tool
from inferencepool_rollout.process import run

SYNCER = "lora-syncer"


def bill(chart: Path, syncer_lock: Path) -> str:
    """Return the CycloneDX 1.6 JSON of a chart: each image that its default values run, as a component of its own.

    The image of the LoRA syncer, which this project builds, is followed by the Python packages of `syncer_lock`.
    """
    description = yaml.safe_load((chart / "Chart.yaml").read_text())
    bom = Bom()
    whole = _component(
        ComponentType.APPLICATION, description["name"], description["version"], "helm", description["description"]
    )
    bom.metadata.component = whole
    images = [_image(name) for name in images_of(chart)]
    bom.register_dependency(whole, images)
    for image in images:
        bom.components.add(image)
        if image.name.endswith(f"/{SYNCER}"):
            packages = [
                _component(ComponentType.LIBRARY, name, version, "pypi") for name, version in _locked(syncer_lock)
            ]
            bom.components.update(packages)
            bom.register_dependency(image, packages)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def images_of(chart: Path) -> list[str]:
    """Return the images that a chart runs with its default values, sorted."""
    manifests = yaml.safe_load_all(run([tool("helm4"), "template", chart.name, chart]))
    return sorted({image for manifest in manifests for image in _images(manifest)})


def _images(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("image"), str):
            yield node["image"]
        for child in node.values():
            yield from _images(child)
    elif isinstance(node, list):
        for child in node:
            yield from _images(child)


def _image(reference: str) -> Component:
    name, separator, version = reference.partition("@") if "@" in reference else reference.rpartition(":")
    if not separator:
        name, version = reference, "latest"
    return _component(ComponentType.CONTAINER, name, version, "oci")


def _component(kind: ComponentType, name: str, version: str, purl: str, description: str | None = None) -> Component:
    if purl == "oci":  # https://github.com/package-url/purl-spec: the repository goes into a qualifier
        url = PackageURL("oci", name=name.rsplit("/", 1)[-1], version=version, qualifiers={"repository_url": name})
    else:
        url = PackageURL(purl, name=name, version=version)
    return Component(type=kind, name=name, version=version, purl=url, bom_ref=url.to_string(), description=description)


def _locked(lock: Path) -> list[tuple[str, str]]:
    return re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE)


def write(chart: Path, syncer_lock: Path, folder: Path) -> Path:
    """Write the bill of a chart into a folder and return its path."""
    text = bill(chart, syncer_lock)
    file = folder / f"{chart.name}-{json.loads(text)['metadata']['component']['version']}.cdx.json"
    file.write_text(text)
    return file
