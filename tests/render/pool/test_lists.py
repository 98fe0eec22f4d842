"""A list that the API server keeps by the keys of its entries names nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from kit.charts import RenderError, only, render

SPREAD = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
ENTRIES: dict[str, dict[str, Any]] = {
    "global.imagePullSecrets": {"name": "a"},
    "modelServer.extraEnv": {"name": "A", "value": "a"},
    "modelServer.extraVolumes": {"name": "a", "emptyDir": {}},
    "modelServer.extraVolumeMounts": {"name": "tmp", "mountPath": "/a"},
    "modelServer.extraContainers": {"name": "a", "image": "example.com/a"},
    "modelServer.extraInitContainers": {"name": "a", "image": "example.com/a"},
    "modelServer.topologySpreadConstraints": SPREAD,
    "epp.extraEnv": {"name": "A", "value": "a"},
    "epp.extraContainers": {"name": "a", "image": "example.com/a"},
    "epp.extraVolumes": {"name": "a", "emptyDir": {}},
    "adopt.epp.servicePorts": {"name": "a", "port": 9002},
    "preview.parentRefs": {"name": "a"},
}


def values(path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    nested: Any = entries
    for key in reversed(path.split(".")):
        nested = {key: nested}
    return dict(nested)


@pytest.mark.parametrize("path", ENTRIES)
def test_an_entry_that_is_there_twice_is_refused(path: str) -> None:
    with pytest.raises(RenderError, match=f"{path} has two entries of the same .*; leave one out"):
        render("inferencepool", "pool-new", values(path, [ENTRIES[path]] * 2))


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("preview.parentRefs", {"namespace": "b"}),
        ("modelServer.topologySpreadConstraints", {"whenUnsatisfiable": "DoNotSchedule"}),
    ],
)
def test_entries_that_one_key_tells_apart_stand_side_by_side(path: str, other: dict[str, Any]) -> None:
    assert render("inferencepool", "pool-new", values(path, [ENTRIES[path], ENTRIES[path] | other]))


@pytest.mark.parametrize(
    ("path", "entry", "told"),
    [
        ("modelServer.extraVolumes", {"name": "data", "emptyDir": {}}, "the same name"),
        ("modelServer.extraVolumeMounts", {"name": "data", "mountPath": "/data"}, "the same mountPath"),
        ("modelServer.extraContainers", {"name": "model-server", "image": "a"}, "the same name"),
        ("modelServer.extraContainers", {"name": "lora-syncer", "image": "a"}, "the same name"),
        ("modelServer.extraInitContainers", {"name": "lora-syncer", "image": "a"}, "the same name"),
        ("epp.extraVolumes", {"name": "plugins", "emptyDir": {}}, "the same name"),
        ("epp.extraContainers", {"name": "epp", "image": "a"}, "the same name"),
        ("epp.extraEnv", {"name": "NAMESPACE", "value": "a"}, "the same name"),
    ],
)
def test_an_entry_with_a_name_of_the_chart_s_own_is_refused(path: str, entry: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderError, match=rf"{path.partition('.')[0]}\.extra\w+, with .*, has two entries of {told}"):
        render("inferencepool", "pool-new", {"lora": {"mode": "syncer"}, **values(path, [entry])})


def test_a_mount_of_a_volume_that_is_not_there_is_refused() -> None:
    mount = {"name": "nowhere", "mountPath": "/a"}
    with pytest.raises(
        RenderError, match=r"mounts the volume nowhere, which the pod has not; it has data, .* add it to"
    ):
        render("inferencepool", "pool-new", values("modelServer.extraVolumeMounts", [mount]))


def test_the_server_s_further_environment_stands_over_the_preset_s() -> None:
    manifests = render(
        "inferencepool", "pool-new", values("modelServer.extraEnv", [{"name": "HF_HOME", "value": "/a"}])
    )
    env = only(manifests, "Deployment", "pool-new")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [each["value"] for each in env if each["name"] == "HF_HOME"] == ["/a"]


@pytest.mark.parametrize(
    ("objectives", "name"),
    [
        ([{"name": "a", "object": "z", "priority": 1}, {"name": "b", "object": "z", "priority": 1}], "z"),
        ([{"name": "a", "priority": 1}, {"name": "b", "object": "pool-new-a", "priority": 1}], "pool-new-a"),
    ],
)
def test_two_objectives_that_would_be_one_object_are_refused(objectives: list[dict[str, Any]], name: str) -> None:
    with pytest.raises(
        RenderError, match=f"two of objectives make the InferenceObjective {name}; give b another object"
    ):
        render("inferencepool", "pool-new", {"objectives": objectives})


def test_two_aliases_that_would_be_one_object_are_refused() -> None:
    aliases = [{"model": name, "object": "z", "targets": [{"model": "food-review-1"}]} for name in ("a", "b")]
    with pytest.raises(RenderError, match="two of aliases make the InferenceModel z; give b another object"):
        render("inferencepool", "pool-new", {"api": {"version": "x-k8s"}, "aliases": aliases})


@pytest.mark.parametrize(
    ("values_", "where"),
    [
        ({"modelServer": {"extraEnv": [{"name": "A=B", "value": "a"}]}}, "modelServer[./]extraEnv[./]0"),
        ({"modelServer": {"extraEnv": [{"name": "A", "value": 1}]}}, "modelServer[./]extraEnv[./]0"),
        ({"epp": {"extraEnv": [{"name": "A", "value": "a", "valueFrom": {}}]}}, "epp[./]extraEnv[./]0"),
        ({"modelServer": {"extraContainers": [{"name": "A", "image": "a"}]}}, "extraContainers[./]0[./]name"),
        ({"modelServer": {"extraContainers": [{"name": "a"}]}}, "extraContainers[./]0"),
        ({"epp": {"extraVolumes": [{"name": "A_b", "emptyDir": {}}]}}, "extraVolumes[./]0[./]name"),
        ({"modelServer": {"tolerations": [{"operator": "Sometimes"}]}}, "tolerations[./]0[./]operator"),
        ({"epp": {"tolerations": [{"operator": "Exists", "value": "a"}]}}, "tolerations[./]0"),
        ({"modelServer": {"topologySpreadConstraints": [SPREAD | {"maxSkew": 0}]}}, "Constraints[./]0[./]maxSkew"),
        ({"modelServer": {"resources": {"limits": {"gpus": 1}}}}, "resources/limits.*additional properties 'gpus'"),
        ({"modelServer": {"nodeSelector": {"a b": "c"}}}, "modelServer/nodeSelector.*additional properties 'a b'"),
        ({"modelServer": {"podAnnotations": {"a b": "c"}}}, "modelServer/podAnnotations.*additional properties 'a b'"),
        ({"epp": {"flags": {"1": "c"}}}, "epp/flags.*additional properties '1'"),
        ({"preview": {"paths": ["/a b"]}}, "preview[./]paths[./]0"),
        ({"preview": {"paths": ["//"]}}, "preview[./]paths[./]0"),
        ({"preview": {"paths": ["/a/../b"]}}, "preview[./]paths[./]0"),
    ],
)
def test_what_the_api_server_would_refuse_late_is_refused_by_name(values_: dict[str, Any], where: str) -> None:
    with pytest.raises(RenderError, match=where):
        render("inferencepool", "pool-new", values_)


@pytest.mark.parametrize("path", ["/", "/v1/completions", "/v1/", "/a.b/%7Ec", "/v1/models/meta-llama:8b@x"])
def test_a_path_of_a_url_is_one(path: str) -> None:
    assert render("inferencepool", "pool-new", {"preview": {"paths": [path]}})


def test_of_several_references_to_a_gateway_each_says_which_listener_it_means() -> None:
    refs = [{"name": "g"}, {"name": "g", "sectionName": "a"}]
    with pytest.raises(RenderError, match=r"preview.parentRefs refers to the Gateway g several times, and once to all"):
        render("inferencepool", "pool-new", {"preview": {"parentRefs": refs}})
    refs[0]["sectionName"] = "b"
    assert render("inferencepool", "pool-new", {"preview": {"parentRefs": refs}})
