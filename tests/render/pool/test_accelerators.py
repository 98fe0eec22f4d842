"""`accelerator.preset` asks for the right resource on the right nodes, at every provider that has it."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
import yaml

from kit.charts import CHARTS, Manifest, RenderError, only, render

FAMILIES = {
    path.stem: yaml.safe_load(path.read_text()) for path in (CHARTS / "inferencepool/files/accelerators").glob("*.yaml")
}
OFFERS = [
    (preset, provider)
    for family in FAMILIES.values()
    for preset, data in family["presets"].items()
    for provider in list(data["nodes"])[:1]
]
"""Each preset at one provider; the cluster's tests have them all."""


def fewest(preset: str) -> int:
    """The smallest number of accelerators of a preset that a pod can have."""
    return int(next(iter(FAMILIES[preset.split("-")[0]]["presets"][preset].get("topologies", {"1": ""}))))


def pool(accelerator: dict[str, Any], provider: str = "bare", **server: Any) -> list[Manifest]:
    image = {"repository": "example/vllm", **server.pop("image", {})}
    count = accelerator.get("count", fewest(accelerator["preset"]))
    values = {
        "provider": provider,
        "accelerator": {**accelerator, "count": count},
        "modelServer": {"image": image, **server},
        "lora": {"mode": "none"},
    }
    return render("inferencepool", "pool-new", values)


def pod_spec(manifests: list[Manifest]) -> Manifest:
    spec: Manifest = only(manifests, "Deployment", "pool-new")["spec"]["template"]["spec"]
    return spec


def allowed(spec: Manifest) -> dict[str, set[str]]:
    """Values of node labels that the pod's node selector and its only node selector term allow; none: no such label."""
    found = {label: {value} for label, value in spec.get("nodeSelector", {}).items()}
    affinity = (
        spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    )
    (term,) = affinity.get("nodeSelectorTerms", [{}])
    expressions = term.get("matchExpressions", [])
    assert all(e["operator"] == ("In" if "values" in e else "DoesNotExist") for e in expressions)
    return found | {e["key"]: set(e.get("values", [])) for e in expressions}


@pytest.mark.parametrize(("preset", "provider"), OFFERS)
def test_only_nodes_with_the_labels_of_the_preset_are_taken(preset: str, provider: str) -> None:
    family = FAMILIES[preset.split("-")[0]]
    labels = {label: set(values) for label, values in family["presets"][preset]["nodes"][provider].items()}
    found = allowed(pod_spec(pool({"preset": preset}, provider)))
    assert {label: values for label, values in found.items() if label != family.get("topologyLabel")} == labels


@pytest.mark.parametrize(("preset", "provider"), OFFERS)
def test_the_resource_of_the_preset_is_asked_for_as_often_as_told(preset: str, provider: str) -> None:
    family = FAMILIES[preset.split("-")[0]]
    data = family["presets"][preset]
    resource = data.get("resourceByProvider", {}).get(provider) or data.get("resource") or family.get("resource")
    limits = pod_spec(pool({"preset": preset}, provider))["containers"][0]["resources"].get("limits", {})
    assert limits == ({resource: fewest(preset)} if resource else {})


def test_the_schema_names_every_preset_and_no_other() -> None:
    schema = json.loads((CHARTS / "inferencepool/values.schema.json").read_text())
    named = schema["properties"]["accelerator"]["properties"]["preset"]["enum"]
    assert sorted(named) == sorted(["", *(preset for family in FAMILIES.values() for preset in family["presets"])])


@pytest.mark.parametrize("family", FAMILIES)
def test_presets_are_found_by_the_first_word_of_their_name(family: str) -> None:
    assert {preset.split("-")[0] for preset in FAMILIES[family]["presets"]} == {family}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_tells_where_its_labels_are_documented(family: str) -> None:
    comments = (CHARTS / f"inferencepool/files/accelerators/{family}.yaml").read_text().split("\nimages:")[0]
    assert "https://" in comments


def test_without_a_preset_the_chart_asks_for_nothing_itself() -> None:
    spec = pod_spec(render("inferencepool", "pool-new"))
    assert not {"nodeSelector", "affinity", "tolerations"} & spec.keys()
    assert spec["containers"][0]["resources"] == {}


def test_the_preset_adds_to_what_is_said_by_hand() -> None:
    spec = pod_spec(
        pool(
            {"preset": "nvidia-l4"},
            "gke",
            nodeSelector={"pool": "a"},
            tolerations=[{"key": "mine", "operator": "Exists"}],
            resources={"requests": {"cpu": "4"}, "limits": {"memory": "32Gi"}},
        )
    )
    assert spec["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4", "pool": "a"}
    assert {"key": "mine", "operator": "Exists"} in spec["tolerations"]
    assert spec["containers"][0]["resources"] == {
        "requests": {"cpu": "4"},
        "limits": {"memory": "32Gi", "nvidia.com/gpu": 1},
    }


def test_each_accelerator_brings_the_cpus_and_the_memory_that_it_needs() -> None:
    resources = pod_spec(pool({"preset": "nvidia-h100-80gb", "count": 8}))["containers"][0]["resources"]
    assert resources["requests"] == {"cpu": "64", "memory": "512Gi"}


@pytest.mark.parametrize("preset", [preset for family in FAMILIES.values() for preset in family["presets"]])
def test_every_accelerator_says_what_it_needs(preset: str) -> None:
    """Else the pods would be the first that a full node evicts."""
    family = FAMILIES[preset.split("-")[0]]
    needs = {**family, **family["presets"][preset]}.get("requests")
    assert preset == "cpu" or (needs and needs["cpu"].isdigit() and re.fullmatch(r"\d+Gi", needs["memory"]))


def test_the_room_for_downloads_is_asked_for() -> None:
    cache = {"sizeLimit": "200Gi"}
    spec = pod_spec(render("inferencepool", "pool-new", {"model": {"cache": cache}}))
    assert spec["containers"][0]["resources"]["requests"] == {"ephemeral-storage": "200Gi"}
    spec = pod_spec(render("inferencepool", "pool-new", {"model": {"cache": {**cache, "claimName": "cache"}}}))
    assert spec["containers"][0]["resources"] == {}


@pytest.mark.parametrize(("count", "size"), [(1, "1Gi"), (2, "20Gi")])
def test_several_devices_share_more_memory(count: int, size: str) -> None:
    volumes = {volume["name"]: volume for volume in pod_spec(pool({"preset": "nvidia-l4", "count": count}))["volumes"]}
    assert volumes["shm"]["emptyDir"]["sizeLimit"] == size


@pytest.mark.parametrize(("provider", "is_set"), [("gke", True), ("eks", False)])
def test_gpus_of_gke_start_without_the_nodes_tuner_unless_it_is_given(provider: str, is_set: bool) -> None:
    def tuners(**server: Any) -> list[str]:
        env = pod_spec(pool({"preset": "nvidia-h100-80gb"}, provider, **server))["containers"][0]["env"]
        return [variable["value"] for variable in env if variable["name"] == "NCCL_TUNER_PLUGIN"]

    assert tuners() == (["none"] if is_set else [])
    # one entry a name: the API server takes no two in a server-side apply
    assert tuners(extraEnv=[{"name": "NCCL_TUNER_PLUGIN", "value": "mine.so"}]) == ["mine.so"]


def expression(preset: str) -> str:
    manifests = pool({"preset": preset, "dra": {"enabled": True}})
    request = only(manifests, "ResourceClaimTemplate")["spec"]["spec"]["devices"]["requests"][0]
    found: str = request["exactly"]["selectors"][0]["cel"]["expression"]
    return found


SAME_SIZE = ("nvidia-a100-80gb-mig-3g.40gb", "nvidia-h100-80gb-mig-3g.40gb")


def test_slices_of_one_size_are_told_apart_by_their_product() -> None:
    a100, h100 = (allowed(pod_spec(pool({"preset": preset})))["nvidia.com/gpu.product"] for preset in SAME_SIZE)
    assert a100 and h100 and not a100 & h100
    assert ["H100" in expression(preset) for preset in SAME_SIZE] == [False, True]


def test_a_claim_for_a_whole_gpu_of_amd_takes_no_partition_of_one() -> None:
    assert '.type == "amdgpu" &&' in expression("amd-mi300x")
    assert '.type == "amdgpu-partition" &&' in expression("amd-mi300x-cpx-nps4")


def test_each_term_of_an_affinity_by_hand_gets_the_labels_of_the_preset() -> None:
    terms = [{"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]} for zone in "ab"]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    spec = pod_spec(pool({"preset": "nvidia-h100-80gb"}, "eks", affinity={"nodeAffinity": required}))
    found = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    types = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["p5.4xlarge", "p5.48xlarge"]}
    assert [term["matchExpressions"] for term in found] == [[term["matchExpressions"][0], types] for term in terms]


@pytest.mark.parametrize("count", [1, 4, 8])
def test_a_tpu_node_has_the_topology_of_its_number_of_chips(count: int) -> None:
    spec = pod_spec(pool({"preset": "google-tpu-v6e", "count": count}, "gke"))
    topology = spec["nodeSelector"]["cloud.google.com/gke-tpu-topology"]
    sides = [int(side) for side in topology.split("x")]
    assert sides[0] * sides[1] == count


@pytest.mark.parametrize(
    ("preset", "image"),
    [
        ("", "docker.io/vllm/vllm-openai:v0.32.0"),
        ("nvidia-l4", "docker.io/vllm/vllm-openai:v0.32.0"),
        ("amd-mi300x", "docker.io/vllm/vllm-openai-rocm:v0.32.0"),
        ("cpu", "docker.io/vllm/vllm-openai-cpu:v0.32.0"),
    ],
)
def test_the_image_is_the_build_for_the_accelerator(preset: str, image: str) -> None:
    spec = pod_spec(render("inferencepool", "pool-new", {"accelerator": {"preset": preset}}))
    assert spec["containers"][0]["image"] == image


def test_an_image_by_hand_wins_over_the_build_for_the_accelerator() -> None:
    image = {"registry": "localhost", "repository": "vllm", "tag": "local"}
    spec = pod_spec(pool({"preset": "cpu"}, image=image, version="0.32.0"))
    assert spec["containers"][0]["image"] == "localhost/vllm:local"


def test_all_accelerators_of_a_pod_share_each_layer() -> None:
    args = pod_spec(pool({"preset": "nvidia-h100-80gb", "count": 8}))["containers"][0]["args"]
    assert args[args.index("--tensor-parallel-size") + 1] == "8"


@pytest.mark.parametrize(
    ("preset", "provider", "count", "devices"),
    [("google-tpu-7x", "gke", 4, "8"), ("aws-trn2", "eks", 1, "4"), ("google-tpu-v6e", "gke", 4, "4")],
)
def test_an_accelerator_is_as_many_devices_as_it_has_cores(
    preset: str, provider: str, count: int, devices: str
) -> None:
    args = pod_spec(pool({"preset": preset, "count": count}, provider))["containers"][0]["args"]
    assert args[args.index("--tensor-parallel-size") + 1] == devices


def test_copies_of_a_model_share_the_accelerators_of_a_pod() -> None:
    args = pod_spec(pool({"preset": "nvidia-h100-80gb", "count": 8}, dataParallelSize=4))["containers"][0]["args"]
    assert args[args.index("--tensor-parallel-size") + 1] == "2"
    assert args[args.index("--data-parallel-size") + 1] == "4"


def test_neuron_compiles_few_graphs() -> None:
    """The last of two values of an argument counts."""
    args = pod_spec(pool({"preset": "aws-trn2"}, "eks"))["containers"][0]["args"]
    given = dict(itertools.pairwise(args))
    assert (given["--max-num-seqs"], given["--max-model-len"]) == ("8", "8192")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"provider": "eks", "accelerator": {"preset": "google-tpu-v6e"}},
            "accelerator.preset google-tpu-v6e is not available on provider eks, only on gke",
        ),
        (
            {"provider": "gke", "accelerator": {"preset": "google-tpu-v6e", "count": 3}},
            "accelerator.count is 3, but a node has 1, 4, 8 of accelerator.preset google-tpu-v6e",
        ),
        (
            {"accelerator": {"preset": "intel-gaudi3"}},
            "no image of modelServer.preset vllm for accelerator.preset intel-gaudi3 is known",
        ),
        (
            {"accelerator": {"preset": "nvidia-l4"}, "modelServer": {"resources": {"limits": {"nvidia.com/gpu": 2}}}},
            "modelServer.resources.limits has nvidia.com/gpu",
        ),
        (
            {"accelerator": {"preset": "nvidia-l4", "count": 4}, "modelServer": {"tensorParallelSize": 2}},
            "modelServer.tensorParallelSize (2) times pipelineParallelSize (1) times dataParallelSize (1) is not 4",
        ),
        (
            {"provider": "eks", "accelerator": {"preset": "aws-inf2"}, "lora": {"mode": "none"}},
            "no image of modelServer.preset vllm for accelerator.preset aws-inf2 is known",
        ),
        (
            {"provider": "eks", "accelerator": {"preset": "aws-trn2"}, "lora": {"mode": "syncer"}},
            "lora.mode is syncer, but modelServer.preset vllm on accelerator.preset aws-trn2 supports none; set",
        ),
        ({"accelerator": {"preset": "cpu", "count": 2}}, "accelerator.preset cpu has no countable resource"),
        (
            {"accelerator": {"preset": "cpu", "dra": {"enabled": True}}},
            'accelerator.preset "cpu" has no DeviceClass',
        ),
        ({"accelerator": {"dra": {"enabled": True}}}, 'accelerator.preset "" has no DeviceClass'),
        (
            {
                "provider": "gke",
                "accelerator": {"preset": "nvidia-h100-80gb-mig-1g.10gb", "dra": {"enabled": True}},
            },
            "the driver of provider gke has no devices for accelerator.preset nvidia-h100-80gb-mig-1g.10gb",
        ),
        (
            {
                "provider": "gke",
                "accelerator": {"preset": "google-tpu-v6e", "count": 8},
                "leaderWorkerSet": {"enabled": True},
                "modelServer": {"pipelineParallelSize": 2},
            },
            "on accelerator.preset google-tpu-v6e the arguments of modelServer.preset vllm for several nodes",
        ),
    ],
)
def test_what_no_node_has_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderError, match=re.escape(told)):
        render("inferencepool", "pool-new", values)


def test_dynamic_resources_are_claimed_instead_of_a_resource_and_labels() -> None:
    manifests = pool({"preset": "nvidia-h100-80gb", "count": 2, "dra": {"enabled": True}})
    spec = pod_spec(manifests)
    template = only(manifests, "ResourceClaimTemplate")
    request = template["spec"]["spec"]["devices"]["requests"][0]
    assert (request["exactly"]["deviceClassName"], request["exactly"]["count"]) == ("gpu.nvidia.com", 2)
    assert "NVIDIA H100 80GB HBM3" in request["exactly"]["selectors"][0]["cel"]["expression"]
    assert spec["resourceClaims"] == [
        {"name": "accelerator", "resourceClaimTemplateName": template["metadata"]["name"]},
    ]
    assert spec["containers"][0]["resources"]["claims"] == [{"name": "accelerator"}]
    assert "limits" not in spec["containers"][0]["resources"]
    assert not {"nodeSelector", "affinity"} & spec.keys()


@pytest.mark.parametrize("change", [{"count": 4}, {"preset": "nvidia-l4"}, {"dra": {"enabled": True, "selector": "a"}}])
def test_another_claim_is_another_template_since_none_can_be_changed(change: dict[str, Any]) -> None:
    values = {"preset": "nvidia-h100-80gb", "count": 2, "dra": {"enabled": True}}
    names = [only(pool(each), "ResourceClaimTemplate")["metadata"]["name"] for each in (values, {**values, **change})]
    assert len(set(names)) == 2


def test_dynamic_resources_need_a_kubernetes_that_has_them() -> None:
    values = {"accelerator": {"preset": "nvidia-l4", "dra": {"enabled": True}}}
    with pytest.raises(RenderError, match=re.escape("Kubernetes v1.33.0 does not serve resource.k8s.io/v1")):
        render("inferencepool", "pool-new", values, arguments=["--kube-version", "1.33.0"])
