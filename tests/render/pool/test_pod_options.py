"""What a platform adds to the model servers' pods arrives there, and takes nothing away."""

from __future__ import annotations

from typing import Any

import pytest

from kit.charts import Manifest, RenderError, only, render

VOLUME = {"name": "mine", "emptyDir": {}}
MOUNT = {"name": "mine", "mountPath": "/mine"}
CONTAINER = {"name": "mine", "image": "example.com/mine"}


def template(**server: Any) -> Manifest:
    found: Manifest = only(render("inferencepool", "pool-old", {"modelServer": server}), "Deployment", "pool-old")[
        "spec"
    ]["template"]
    return found


@pytest.mark.parametrize("field", ["priorityClassName", "runtimeClassName", "schedulerName"])
def test_a_name_for_the_pod_is_written_only_when_it_is_given(field: str) -> None:
    assert template(**{field: "mine"})["spec"][field] == "mine"
    assert field not in template()["spec"]


def test_labels_are_added_but_never_take_a_pod_out_of_its_pool() -> None:
    labels = template(podLabels={"team": "a", "app.kubernetes.io/instance": "other"})["metadata"]["labels"]
    assert labels == {**template()["metadata"]["labels"], "team": "a"}


def test_annotations_are_added() -> None:
    assert template(podAnnotations={"a": "b"})["metadata"]["annotations"]["a"] == "b"


def test_volumes_and_their_mounts_are_added() -> None:
    spec = template(extraVolumes=[VOLUME], extraVolumeMounts=[MOUNT])["spec"]
    plain = template()["spec"]
    assert spec["volumes"] == [*plain["volumes"], VOLUME]
    assert spec["containers"][0]["volumeMounts"] == [*plain["containers"][0]["volumeMounts"], MOUNT]


def test_containers_are_added_after_the_server_and_before_the_syncer() -> None:
    server = {"extraContainers": [CONTAINER], "extraInitContainers": [CONTAINER | {"name": "first"}]}
    manifests = render("inferencepool", "pool-old", {"modelServer": server, "lora": {"mode": "syncer"}})
    spec = only(manifests, "Deployment", "pool-old")["spec"]["template"]["spec"]
    assert [c["name"] for c in spec["containers"]] == ["model-server", "mine"]
    assert [c["name"] for c in spec["initContainers"]] == ["first", "lora-syncer"]


def test_environment_and_arguments_are_added_last_so_that_they_win() -> None:
    server = template(extraEnv=[{"name": "A", "value": "b"}], extraArgs=["--seed", "1"])["spec"]["containers"][0]
    assert server["env"][-1] == {"name": "A", "value": "b"}
    assert server["args"][-2:] == ["--seed", "1"]


def test_a_spread_counts_the_pods_of_this_pool() -> None:
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    spec = template(topologySpreadConstraints=[constraint])["spec"]
    selector = only(render("inferencepool", "pool-old"), "InferencePool")["spec"]["selector"]
    assert spec["topologySpreadConstraints"] == [{**constraint, "labelSelector": selector}]


def test_a_spread_that_says_what_it_counts_keeps_that() -> None:
    constraint = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"a": "b"}},
    }
    found = template(topologySpreadConstraints=[constraint])["spec"]["topologySpreadConstraints"][0]
    assert found["labelSelector"]["matchLabels"]["a"] == "b"


@pytest.mark.parametrize("probe", ["readinessProbe", "livenessProbe"])
def test_a_probe_is_as_patient_as_told(probe: str) -> None:
    told = {"periodSeconds": 7, "timeoutSeconds": 6, "failureThreshold": 5}
    assert told.items() <= template(**{probe: told})["spec"]["containers"][0][probe].items()


def test_the_syncer_is_asked_as_patiently_as_the_server() -> None:
    told = {"periodSeconds": 7, "timeoutSeconds": 6, "failureThreshold": 5}
    values = {"modelServer": {"readinessProbe": told}, "lora": {"mode": "syncer"}}
    spec = only(render("inferencepool", "pool-old", values), "Deployment", "pool-old")["spec"]["template"]["spec"]
    asked = [container["readinessProbe"] for container in (spec["initContainers"][0], spec["containers"][0])]
    assert [{key: value for key, value in probe.items() if key != "httpGet"} for probe in asked] == [
        {"periodSeconds": 7, "timeoutSeconds": 6, "failureThreshold": 5}
    ] * 2


@pytest.mark.parametrize("group", [{}, {"leaderWorkerSet": {"enabled": True, "size": 2}}], ids=["pods", "groups"])
def test_a_drain_takes_one_server_at_a_time_unless_it_serves_nobody(group: dict[str, Any]) -> None:
    budget = only(render("inferencepool", "pool-old", group), "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    (component,) = budget["selector"]["matchExpressions"]
    assert component["values"] == ["model-server", "model-server-worker"]


def test_what_guards_model_servers_guards_adopted_ones_by_their_own_labels() -> None:
    labels = {"app": "vllm-llama2-7b"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "vllm", "image": "example.com/a:v1"}]}}
    adopted = {"adopt": {"modelServer": {"selector": labels, "template": template}}, "networkPolicy": {"enabled": True}}
    manifests = render("inferencepool", "pool-old", adopted)
    guards = [only(manifests, "PodDisruptionBudget")["spec"]["selector"]]
    guards += [only(manifests, "NetworkPolicy", "pool-old")["spec"]["podSelector"]]
    assert guards == [{"matchLabels": labels}] * 2


def test_a_network_policy_names_ports_by_number_since_an_adopted_pod_need_not_name_them() -> None:
    manifests = render("inferencepool", "pool-old", {"networkPolicy": {"enabled": True}})
    policies = [manifest["spec"] for manifest in manifests if manifest["kind"] == "NetworkPolicy"]
    rules = [rule for spec in policies for rule in [*spec["ingress"], *spec["egress"]]]
    assert {type(port["port"]) for rule in rules for port in rule.get("ports", [])} == {int}


def test_a_drain_may_take_all_servers_where_that_is_told() -> None:
    manifests = render("inferencepool", "pool-old", {"modelServer": {"podDisruptionBudget": {"enabled": False}}})
    assert "PodDisruptionBudget" not in {m["kind"] for m in manifests}


def test_a_name_that_yaml_would_read_as_something_else_stays_a_name() -> None:
    adopted = {"modelServer": {"name": "1"}, "epp": {"name": "on", "configMap": "2"}, "adapters": "3", "rewrite": "4"}
    values = {
        "adopt": adopted,
        "lora": {"mode": "syncer"},
        "aliases": [{"model": "a", "targets": [{"model": "b"}]}],
        "model": {"cache": {"claimName": "5"}, "source": {"type": "pvc", "claimName": "6"}},
    }
    manifests = render("inferencepool", "pool-old", values)
    assert {"1", "on", "2", "3", "4"} <= {manifest["metadata"]["name"] for manifest in manifests}
    volumes = only(manifests, "Deployment", "1")["spec"]["template"]["spec"]["volumes"]
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume]
    assert claims == ["5", "6"]


@pytest.mark.parametrize("release", ["123", "old.pool"])
def test_a_release_whose_epp_could_have_no_service_is_refused(release: str) -> None:
    with pytest.raises(RenderError, match=rf"Service can't be named {release}-epp.*name the release so, or set adopt"):
        render("inferencepool", release)
    assert only(render("inferencepool", release, {"adopt": {"epp": {"name": "picker"}}}), "Service")


@pytest.mark.parametrize(("surge", "unavailable"), [(0, 0), ("0%", 0)])
def test_an_update_that_could_replace_no_pod_is_refused(surge: int | str, unavailable: int | str) -> None:
    update = {"maxSurge": surge, "maxUnavailable": unavailable}
    with pytest.raises(RenderError, match="both 0, so no pod could ever be replaced; set .*maxUnavailable=1"):
        template(rollingUpdate=update)
    assert template(rollingUpdate={**update, "maxUnavailable": 1})


@pytest.mark.parametrize("key", ["podDisruptionBudget", "rollingUpdate"])
def test_more_than_all_pods_cannot_be_missing(key: str) -> None:
    assert render("inferencepool", "pool-old", {"modelServer": {key: {"maxUnavailable": "100%"}}})
    with pytest.raises(RenderError, match=f"{key}.*maxUnavailable"):
        render("inferencepool", "pool-old", {"modelServer": {key: {"maxUnavailable": "101%"}}})


@pytest.mark.parametrize("value", ["", "b"])
def test_an_adopted_template_without_a_label_of_its_selector_is_refused(value: str) -> None:
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "example.com/a:v1"}]}}
    adopted = {"adopt": {"modelServer": {"selector": {"app": value}, "template": pod}}}
    with pytest.raises(RenderError, match=r"adopt\.modelServer\.selector asks for the label app="):
        render("inferencepool", "pool-old", adopted)


def test_the_security_context_has_what_the_values_say_over_the_presets() -> None:
    given = {"runAsUser": 2000, "capabilities": {"add": ["IPC_LOCK"]}}
    context = template(preset="simulator", securityContext=given)["spec"]["containers"][0]["securityContext"]
    assert (context["runAsUser"], context["runAsNonRoot"]) == (2000, True)
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["IPC_LOCK"]}


RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 2000,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def test_a_server_of_any_preset_can_be_restricted() -> None:
    spec = template(securityContext=RESTRICTED, podSecurityContext={"fsGroup": 2000})["spec"]
    assert spec["containers"][0]["securityContext"] == {"allowPrivilegeEscalation": False, **RESTRICTED}
    assert spec["securityContext"] == {"fsGroup": 2000}


def test_pods_have_an_account_and_the_nodes_network_only_when_they_are_asked_for() -> None:
    spec = template(serviceAccountName="with-identity", hostNetwork=True, hostIPC=True)["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("with-identity", False)
    assert (spec["hostNetwork"], spec["dnsPolicy"], spec["hostIPC"]) == (True, "ClusterFirstWithHostNet", True)
    plain = template()["spec"]
    assert not {"serviceAccountName", "hostNetwork", "dnsPolicy", "hostIPC", "securityContext"} & plain.keys()


def test_the_syncers_security_context_has_what_the_values_say_over_the_restricted_one() -> None:
    values = {"lora": {"mode": "syncer", "syncer": {"securityContext": {"runAsUser": 2000}}}}
    pod = only(render("inferencepool", "pool-old", values), "Deployment", "pool-old")["spec"]["template"]["spec"]
    context = pod["initContainers"][0]["securityContext"]
    assert (context["runAsUser"], context["readOnlyRootFilesystem"]) == (2000, True)
