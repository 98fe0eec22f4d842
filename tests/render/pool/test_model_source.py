"""`model.source` and `model.cache`: where weights come from and where they are kept."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kit.charts import Manifest, RenderError, only, render


def pod_spec(model: dict[str, Any], **more: Any) -> Manifest:
    deployment = only(render("inferencepool", "pool-old", {"model": model}, **more), "Deployment", "pool-old")
    spec: Manifest = deployment["spec"]["template"]["spec"]
    return spec


def volumes(model: dict[str, Any]) -> dict[str, Manifest]:
    return {volume.pop("name"): volume for volume in pod_spec(model)["volumes"]}


def test_a_hub_needs_no_volume_but_the_cache() -> None:
    assert "model" not in volumes({})
    assert pod_spec({"name": "org/model"})["containers"][0]["args"][0] == "org/model"


def test_a_claim_is_mounted_read_only_and_loaded_under_the_name_that_clients_ask_for() -> None:
    model = {"name": "org/model", "source": {"type": "pvc", "claimName": "weights", "path": "a/b"}}
    container = pod_spec(model)["containers"][0]
    assert volumes(model)["model"] == {"persistentVolumeClaim": {"claimName": "weights", "readOnly": True}}
    assert {"name": "model", "mountPath": "/models", "readOnly": True} in container["volumeMounts"]
    assert container["args"][:3] == ["/models/a/b", "--served-model-name", "org/model"]


def test_without_a_path_the_whole_volume_is_the_model() -> None:
    model = {"source": {"type": "pvc", "claimName": "weights"}}
    assert pod_spec(model)["containers"][0]["args"][0] == "/models"


def test_an_oci_image_is_mounted_as_a_volume() -> None:
    model = {"source": {"type": "image", "image": "example.com/weights:v1"}}
    assert volumes(model)["model"] == {"image": {"reference": "example.com/weights:v1", "pullPolicy": "IfNotPresent"}}


def test_an_oci_image_needs_a_kubernetes_that_can_mount_it() -> None:
    model = {"source": {"type": "image", "image": "example.com/weights:v1"}}
    with pytest.raises(RenderError, match=r"Kubernetes v1\.30\.4 has no image volumes"):
        pod_spec(model, arguments=["--kube-version", "1.30.4"])


@pytest.mark.parametrize(
    ("cache", "volume"),
    [
        ({}, {"emptyDir": {}}),
        ({"sizeLimit": "50Gi"}, {"emptyDir": {"sizeLimit": "50Gi"}}),
        ({"claimName": "cache"}, {"persistentVolumeClaim": {"claimName": "cache"}}),
    ],
)
def test_the_cache_is_an_empty_volume_or_a_claim(cache: dict[str, Any], volume: Manifest) -> None:
    assert volumes({"cache": cache})["data"] == volume


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"type": "pvc"}, "model.source.claimName is empty"),
        ({"type": "image"}, "model.source.image is empty"),
        ({"claimName": "weights"}, "model.source.type is hub and it would be ignored; set model.source.type=pvc"),
        ({"type": "pvc", "claimName": "weights", "image": "x"}, "set model.source.type=image"),
        ({"path": "a"}, "model.source.path is given, but model.source.type is hub"),
    ],
)
def test_a_place_and_a_type_that_do_not_belong_together_are_refused(source: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderError, match=re.escape(told)):
        pod_spec({"source": source})
