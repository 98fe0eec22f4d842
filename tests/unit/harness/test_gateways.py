"""A gateway is a folder of the laboratory and its rows in versions.toml; everything else asks for its interface."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import inferencepool_lab
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster import kind
from inferencepool_lab.gateways import gateway
from inferencepool_lab.gateways.gateway import chosen
from kit.charts import ROOT, only

LABORATORY = Path(inferencepool_lab.__file__).parent
FOLDER = LABORATORY / "gateways" / gateway.CHOSEN
ELSEWHERE = [
    path
    for path in sorted(LABORATORY.rglob("*"))
    if path.suffix != ".pyc" and path.is_file() and FOLDER not in path.parents
]


@pytest.mark.parametrize("word", [gateway.CHOSEN, *chosen().images])
def test_only_its_folder_versions_toml_and_the_choice_name_the_gateway(word: str) -> None:
    naming = {str(path.relative_to(ROOT)) for path in ELSEWHERE if word in path.read_text(errors="ignore").lower()}
    assert naming - {str(Path(gateway.__file__).relative_to(ROOT))} == {
        "scripts/inferencepool_lab/builds/versions.toml"
    }


def test_the_node_port_of_the_gateway_is_the_one_that_the_cluster_publishes() -> None:
    assert f"nodePort: {kind.GATEWAY_NODE_PORT}\n" in (FOLDER / "gateway.yaml").read_text()


def test_the_gateway_takes_routes_of_the_labelled_namespaces_of_which_default_is_one() -> None:
    objects = list(yaml.safe_load_all((FOLDER / "gateway.yaml").read_text()))
    (listener,) = only(objects, "Gateway")["spec"]["listeners"]
    labels = dict(chosen().routes_from)
    assert listener["allowedRoutes"] == {"namespaces": {"from": "Selector", "selector": {"matchLabels": labels}}}
    assert only(objects, "Namespace", "default")["metadata"]["labels"] == labels


def test_its_images_and_modules_are_in_versions_toml() -> None:
    assert {*chosen().images} <= versions().images.keys()
    assert {module for module, _ in chosen().crds} <= versions().modules.keys()
