"""The EPP's families: flags, plugin presets, rights, and what each can't do."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest
import yaml

from inferencepool_lab.builds.programs import module_folder
from kit.charts import Manifest, RenderError, only, render
from kit.epp_lines import LINES, PRESETS, Line, config_of, presets_of

API = {"0.5": "x-k8s", "1.x": "v1", "router": "router"}
OFFERED = [(family, preset) for family in API for preset in sorted(presets_of(family))]
LOADED = [pytest.param(line, preset, id=f"{line}-{preset}") for line in LINES for preset in line.presets]


def rendered(family: str, **epp: Any) -> list[Manifest]:
    return render("inferencepool", "pool-new", {"api": {"version": API[family]}, "epp": epp})


def needed(preset: str) -> list[dict[str, str]]:
    """The environment that a plugin preset needs."""
    return [{"name": name, "value": "http://localhost:8001"} for name in PRESETS[preset].get("env", {})]


def container(manifests: list[Manifest]) -> dict[str, Any]:
    found: dict[str, Any] = only(manifests, "Deployment", "pool-new-epp")["spec"]["template"]["spec"]["containers"][0]
    return found


def config(manifests: list[Manifest]) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(only(manifests, "ConfigMap", "pool-new-epp")["data"]["plugins.yaml"])
    return loaded


@functools.cache
def source(line: Line) -> str:
    """The Go source of that EPP, without its tests."""
    folder = module_folder(line.module)
    files = [file for part in ("pkg", "cmd/epp", "api", "apix") for file in (folder / part).rglob("*.go")]
    return "\n".join(file.read_text() for file in files if not file.name.endswith("_test.go"))


@pytest.mark.parametrize("line", LINES, ids=str)
def test_every_flag_is_one_of_that_epp(line: Line) -> None:
    sets = [f"--set={key}={value}" for key, value in line.values.items()]
    for argument in container(render("inferencepool", "pool-new", arguments=sets))["args"]:
        flag = argument.removeprefix("--").split("=")[0]
        assert flag == "zap-encoder" or re.search(rf'"{flag}"[,)]', source(line)), flag


@pytest.mark.parametrize(("line", "preset"), LOADED)
def test_a_preset_uses_plugins_and_parameters_of_that_epp(line: Line, preset: str) -> None:
    for plugin in config_of(preset, line.family)["plugins"]:
        assert re.search(rf'Type\s*=\s*"{plugin["type"]}"', source(line)), plugin["type"]
        for name in keys(plugin.get("parameters", {})):
            assert re.search(rf'json:"{name}[",]', source(line)), name


@pytest.mark.parametrize("line", LINES, ids=str)
def test_aliases_are_for_those_epps_that_read_rewrites(line: Line) -> None:
    assert ("InferenceModelRewriteReconciler" in source(line)) is line.rewrites


def keys(node: Any) -> set[str]:
    if not isinstance(node, dict):
        return set()
    return set(node) | {key for child in node.values() for key in keys(child)}


@pytest.mark.parametrize(("family", "preset"), OFFERED)
def test_a_preset_refers_only_to_plugins_that_it_has(family: str, preset: str) -> None:
    loaded = config(rendered(family, plugins={"preset": preset}, extraEnv=needed(preset)))
    names = {plugin.get("name", plugin["type"]) for plugin in loaded["plugins"]}
    (profile,) = loaded["schedulingProfiles"]
    assert {plugin["pluginRef"] for plugin in profile["plugins"]} <= names


@pytest.mark.parametrize(("family", "preset"), OFFERED)
def test_a_preset_is_a_configuration_of_its_family(family: str, preset: str) -> None:
    loaded = config(rendered(family, plugins={"preset": preset}, extraEnv=needed(preset)))
    version = "llm-d.ai/v1alpha1" if family == "router" else "inference.networking.x-k8s.io/v1alpha1"
    assert loaded == {"apiVersion": version, "kind": "EndpointPickerConfig", **config_of(preset, family)}


@pytest.mark.parametrize(
    ("preset", "variable"), [(name, variable) for name, data in PRESETS.items() for variable in data.get("env", {})]
)
def test_a_variable_that_a_preset_needs_is_asked_for_with_what_to_do(preset: str, variable: str) -> None:
    said = f"epp.plugins.preset is {preset}, but epp.extraEnv has no {variable}; {PRESETS[preset]['env'][variable]}"
    with pytest.raises(RenderError, match=re.escape(said)):
        rendered(next(iter(PRESETS[preset]["families"])), plugins={"preset": preset})


@pytest.mark.parametrize("family", API)
def test_a_preset_that_the_epp_lacks_is_refused_with_those_it_has(family: str) -> None:
    has = sorted(presets_of(family))
    lacking = set(PRESETS) - set(has)
    assert lacking
    for preset in lacking:
        said = f"{preset}, which the EPP {family} can't decode; set one of {', '.join(has)}, or custom"
        with pytest.raises(RenderError, match=re.escape(said)):
            rendered(family, plugins={"preset": preset})


def test_a_custom_config_is_taken_verbatim() -> None:
    custom = "apiVersion: x/v1 # mine\nkind: EndpointPickerConfig\nplugins: []\n"
    manifests = rendered("1.x", plugins={"preset": "custom", "custom": custom})
    assert only(manifests, "ConfigMap", "pool-new-epp")["data"]["plugins.yaml"] == custom


def test_a_changed_config_changes_the_pods_of_the_epp_alone() -> None:
    default, other = (rendered("1.x", plugins={"preset": preset}) for preset in ("default", "lora-affinity"))
    changed = {m["metadata"]["name"] for m, n in zip(default, other, strict=True) if m != n}
    assert changed == {"pool-new-epp"}
    templates = [only(m, "Deployment", "pool-new-epp")["spec"]["template"]["metadata"] for m in (default, other)]
    assert templates[0] != templates[1]


@pytest.mark.parametrize("family", ["1.x", "router"])
def test_several_replicas_elect_a_leader_and_have_a_budget(family: str) -> None:
    one, three = rendered(family), rendered(family, replicas=3)
    assert "--ha-enable-leader-election=false" in container(one)["args"]
    assert "--ha-enable-leader-election=true" in container(three)["args"]
    assert [container(three)[f"{kind}Probe"]["grpc"]["service"] for kind in ("liveness", "readiness")] == [
        "liveness",
        "readiness",
    ]
    resources = [
        {r for rule in only(m, "Role", "pool-new-epp")["rules"] for r in rule["resources"]} for m in (one, three)
    ]
    assert resources[1] - resources[0] == {"leases", "events"}
    assert "pool-new-epp" not in {m["metadata"]["name"] for m in one if m["kind"] == "PodDisruptionBudget"}
    assert only(three, "PodDisruptionBudget", "pool-new-epp")["spec"]["maxUnavailable"] == "100%"


def test_one_replica_is_replaced_after_its_successor_is_ready() -> None:
    deployment = only(rendered("1.x"), "Deployment", "pool-new-epp")["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize(("grace", "seconds"), [(130, 100), (36, 6), (20, 5), (5, 5)])
def test_it_finishes_its_streams_and_has_30_s_left_to_end(grace: int, seconds: int) -> None:
    manifests = rendered("1.x", terminationGracePeriodSeconds=grace)
    assert container(manifests)["lifecycle"] == {"preStop": {"sleep": {"seconds": seconds}}}


def test_the_router_finishes_its_streams_by_itself() -> None:
    router = container(rendered("router"))
    assert "lifecycle" not in router
    assert "--drain-timeout=5s" in router["args"]


def test_a_leader_goes_at_once_beside_successors_that_can_be_ready_only_then() -> None:
    three = rendered("1.x", replicas=3)
    deployment = only(three, "Deployment", "pool-new-epp")["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": "100%", "maxUnavailable": "100%"}
    assert "lifecycle" not in container(three)


def test_metrics_without_a_token_need_no_right_in_the_cluster() -> None:
    assert not [m for m in rendered("1.x", metricsAuth=False) if m["kind"].startswith("ClusterRole")]
    assert len([m for m in rendered("1.x") if m["kind"].startswith("ClusterRole")]) == 2


def test_tls_brings_the_gateways_part_where_istio_is() -> None:
    arguments = ["--api-versions=networking.istio.io/v1"]
    kinds = [m["kind"] for m in render("inferencepool", "pool-new", {"epp": {"tls": True}}, arguments=arguments)]
    assert kinds.count("DestinationRule") == 1
    assert "--secure-serving=true" in container(rendered("1.x", tls=True))["args"]


@pytest.mark.parametrize("family", API)
@pytest.mark.parametrize(("provider", "speaks"), [("gke", "true"), ("bare", "false")])
def test_the_epp_speaks_tls_where_the_gateways_of_the_provider_do(family: str, provider: str, speaks: str) -> None:
    values = {"api": {"version": API[family]}, "provider": provider}
    args = container(render("inferencepool", "pool-new", values))["args"]
    assert {arg.split("=")[1] for arg in args if arg.lower().startswith("--secure")} == {speaks}


def test_tls_that_is_switched_off_stays_off_at_every_provider() -> None:
    manifests = render("inferencepool", "pool-new", {"provider": "gke", "epp": {"tls": False}})
    assert "--secure-serving=false" in container(manifests)["args"]


@pytest.mark.parametrize("value", ["x", 3, 10_000_000, 0.25, True])
def test_a_further_flag_is_written_as_it_is_given(value: Any) -> None:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    assert f"--drain={text}" in container(rendered("1.x", flags={"drain": value}))["args"]


@pytest.mark.parametrize(
    ("family", "epp", "said"),
    [
        ("0.5", {"replicas": 2}, "epp.replicas is 2, but the EPP 0.5 elects no leader"),
        ("0.5", {"metricsAuth": False}, "epp.metricsAuth is false, but the EPP v0.5.1 always asks for a token"),
        ("1.x", {"metricsAuth": False, "image": {"tag": "v1.0.0"}}, "but the EPP v1.0.0 always asks for a token"),
        ("1.x", {"flags": {"lora-info-metric": ""}, "image": {"tag": "v1.2.1"}}, "the chart sets this flag itself"),
        ("1.x", {"flags": {"pool-name": "x"}}, "epp.flags.pool-name is given, but the chart sets this flag itself"),
        ("1.x", {"plugins": {"preset": "custom"}}, "epp.plugins.custom is empty"),
        ("1.x", {"plugins": {"custom": "x"}}, "it would be ignored; set epp.plugins.preset=custom"),
        (
            "1.x",
            {"plugins": {"preset": "predicted-latency"}, "image": {"tag": "v1.4.0"}},
            "which the EPP decodes from 1.5.0 on, but epp.image.tag is v1.4.0; take a newer image or another preset",
        ),
        (
            "1.x",
            {"plugins": {"preset": "guide-v2"}, "image": {"tag": "v1.3.0"}},
            "which the EPP decodes from 1.4.0 on, but epp.image.tag is v1.3.0; take a newer image or another preset",
        ),
    ],
)
def test_what_an_epp_can_not_do_is_refused(family: str, epp: dict[str, Any], said: str) -> None:
    with pytest.raises(RenderError, match=re.escape(said)):
        rendered(family, **epp)


def test_a_digest_wins_over_every_tag() -> None:
    digest = f"sha256:{'0' * 64}"
    images = {"epp": {"image": {"tag": "v1.5.0", "digest": digest}}, "global": {"imageRegistry": "mirror.example"}}
    image = container(render("inferencepool", "pool-new", images))["image"]
    assert image == f"mirror.example/gateway-api-inference-extension/epp@{digest}"


def test_its_pods_go_where_the_platform_tells_them_and_keep_their_own_labels() -> None:
    told: dict[str, Any] = {
        "nodeSelector": {"pool": "cpu"},
        "tolerations": [{"key": "cpu", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}},
        "priorityClassName": "high",
    }
    own, template = (
        only(rendered("1.x", **more), "Deployment", "pool-new-epp")["spec"]["template"]
        for more in ({}, {**told, "podLabels": {"team": "a"}, "podAnnotations": {"note": "b"}})
    )
    assert told.items() <= template["spec"].items()
    assert not told.keys() & own["spec"].keys()
    for kind, added in (("labels", {"team": "a"}), ("annotations", {"note": "b"})):
        assert template["metadata"][kind] == own["metadata"][kind] | added


@pytest.mark.parametrize(
    ("tag", "has_tracing"),
    [
        ("v1.0.0", False),
        ("v1.0.0-rc.1", False),
        ("v1.0", False),
        ("1.0.1-eksbuild.1", False),
        ("v1.2.1-eksbuild.1", True),
        ("v1.1.0-rc.2", True),
        ("main", True),
    ],
)
def test_an_image_has_the_flags_of_the_version_that_its_tag_begins_with(tag: str, has_tracing: bool) -> None:
    args = container(render("inferencepool", "pool-new", {"epp": {"image": {"tag": tag}}}))["args"]
    assert ("--tracing=false" in args) is has_tracing


def test_a_digest_of_which_nothing_says_the_version_is_refused() -> None:
    with pytest.raises(RenderError, match="set epp.image.tag to the image's version"):
        render("inferencepool", "pool-new", {"epp": {"image": {"digest": f"sha256:{'0' * 64}"}}})


@pytest.mark.parametrize("epp", [{}, {"family": "router"}, {"image": {"tag": "v1.1.0"}}])
def test_traces_can_be_switched_on(epp: dict[str, Any]) -> None:
    args = container(render("inferencepool", "pool-new", {"epp": {**epp, "flags": {"tracing": True}}}))["args"]
    assert [word for word in args if "tracing" in word] == ["--tracing=true"]


@pytest.mark.parametrize(
    "values", [{"epp": {"image": {"tag": "v1.0.1"}}}, {"api": {"version": "x-k8s"}, "epp": {}}], ids=["1.0", "0.5"]
)
def test_traces_of_an_epp_that_has_none_are_refused(values: dict[str, Any]) -> None:
    values = {**values, "epp": {**values["epp"], "flags": {"tracing": True}}}
    with pytest.raises(RenderError, match="epp.flags.tracing is given, but the EPP .* has no such flag"):
        render("inferencepool", "pool-new", values)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("just words", "epp.plugins.custom is no map of YAML"),
        ("a: [", "epp.plugins.custom is no map of YAML"),
        ("plugins: []", "epp.plugins.custom has the apiVersion (none) and the kind (none)"),
        ("apiVersion: v1\nkind: Pod\nplugins: []", "epp.plugins.custom has the apiVersion v1 and the kind Pod"),
        ("apiVersion: x/v1\nkind: EndpointPickerConfig\nplugins: {}", "epp.plugins.custom has no list of plugins"),
    ],
)
def test_a_configuration_that_no_epp_reads_is_refused(text: str, told: str) -> None:
    with pytest.raises(RenderError, match=re.escape(told)):
        render("inferencepool", "pool-new", {"epp": {"plugins": {"preset": "custom", "custom": text}}})


def test_its_security_context_has_what_the_values_say_over_the_restricted_one() -> None:
    epp = {"securityContext": {"readOnlyRootFilesystem": False}, "podSecurityContext": {"runAsUser": 1000}}
    values = {"epp": {**epp, "serviceAccountAnnotations": {"identity": "epp"}}}
    manifests = render("inferencepool", "pool-new", values)
    plain = container(render("inferencepool", "pool-new"))["securityContext"]
    assert container(manifests)["securityContext"] == {**plain, "readOnlyRootFilesystem": False}
    pod = only(manifests, "Deployment", "pool-new-epp")["spec"]["template"]["spec"]["securityContext"]
    assert (pod["runAsUser"], pod["runAsNonRoot"]) == (1000, True)
    assert only(manifests, "ServiceAccount", "pool-new-epp")["metadata"]["annotations"] == {"identity": "epp"}
