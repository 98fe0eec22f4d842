"""What belongs to one InferencePool: found by following its references and those of its pods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.importer.objects import Manifest, Objects, group_of, pod_labels, selects
from inferencepool_rollout.kube import inference_pool

EPP_PORT = 9002
SYNCER_KEY = "configmap.yaml"


@dataclass(frozen=True)
class Stack:
    """One pool with its parts; `adapters` and `plugins` are None where the pods mount none that this pool has alone."""

    pool: Manifest
    server: Manifest
    service: Manifest
    epp: Manifest
    adapters: Manifest | None
    plugins: Manifest | None
    names: Sequence[Manifest]
    """InferenceModels, InferenceObjectives and InferenceModelRewrites of the pool."""
    destination_rule: Manifest | None
    unmanaged: Sequence[str]
    """Objects that the pool uses and that no release will own, each with the reason."""

    @property
    def name(self) -> str:
        """Name of the pool, and of the release that will own it."""
        return str(self.pool["metadata"]["name"])


def find(objects: Objects, namespace: str, name: str, group: str) -> Stack:
    """Return the stack of a pool; raises Failure where it has a part that the chart can't make."""
    pool = objects.one("InferencePool", namespace, name, group)
    if pool is None:
        raise Failure(f"there is no InferencePool {namespace}/{name} of {group}")
    server = _server(objects, namespace, pool)
    service, epp = _epp(objects, namespace, pool)
    unmanaged: list[str] = []
    adapters = _adapters(objects, namespace, server, unmanaged)
    plugins = _plugins(objects, namespace, epp, unmanaged)
    _scalers(objects, namespace, server, epp)
    account = epp["spec"]["template"]["spec"].get("serviceAccountName", "default")
    if account != epp["metadata"]["name"]:
        unmanaged.append(f"ServiceAccount {account} and its rights: the EPP's pods name it, and others may")
    kinds = ("InferenceModel", "InferenceObjective", "InferenceModelRewrite")
    names = [m for kind in kinds for m in objects.of(kind, namespace) if _pool_of(m) == name]
    rewrites = [m["metadata"]["name"] for m in names if m["kind"] == "InferenceModelRewrite"]
    unmanaged += [f"InferenceModelRewrite {m}: its rules go over to {rewrites[0]}" for m in rewrites[1:]]
    rule = objects.one("DestinationRule", namespace, service["metadata"]["name"])
    rules = objects.of("DestinationRule", namespace)
    hosts = [m for m in rules if m["spec"]["host"].split(".")[0] == service["metadata"]["name"]]
    if hosts and rule is None:
        unmanaged.append(f"DestinationRule {hosts[0]['metadata']['name']}: it has another name than the EPP's Service")
    return Stack(pool, server, service, epp, adapters, plugins, names, rule, unmanaged)


def pool_port(pool: Manifest) -> int:
    """Return the pool's one port; raises Failure if it has several."""
    ports = inference_pool.target_ports(pool)
    if len(ports) != 1:
        raise Failure(
            f"InferencePool {pool['metadata']['name']} has {len(ports)} ports; the chart renders pools with one port"
        )
    return ports[0]


def mounted(deployment: Manifest) -> list[str]:
    """Return the names of the ConfigMaps that a Deployment's pods mount."""
    volumes = deployment["spec"]["template"]["spec"].get("volumes", [])
    return [volume["configMap"]["name"] for volume in volumes if "configMap" in volume]


def _server(objects: Objects, namespace: str, pool: Manifest) -> Manifest:
    found = [m for m in objects.of("Deployment", namespace) if selects(inference_pool.selector(pool), pod_labels(m))]
    if len(found) != 1:
        names = ", ".join(m["metadata"]["name"] for m in found) or "no Deployment"
        raise Failure(
            f"InferencePool {pool['metadata']['name']}: its pods are of {names}; the chart renders one Deployment"
        )
    _only_match_labels(found[0])
    return found[0]


def _epp(objects: Objects, namespace: str, pool: Manifest) -> tuple[Manifest, Manifest]:
    ref, name = inference_pool.picker(pool), pool["metadata"]["name"]
    port = ref.get("port", {}).get("number", ref.get("portNumber", EPP_PORT))
    if port != EPP_PORT:
        raise Failure(
            f"InferencePool {name} asks its endpoint picker at port {port}; the chart's listens at {EPP_PORT}"
        )
    service = objects.one("Service", namespace, ref.get("name", ""))
    if service is None:
        raise Failure(f"InferencePool {name} names the endpoint picker {ref.get('name')}, and there is no such Service")
    epp = objects.one("Deployment", namespace, service["metadata"]["name"])
    if epp is None or not selects(service["spec"].get("selector", {}), pod_labels(epp)):
        raise Failure(
            f"Service {service['metadata']['name']} leads to no Deployment of the same name, which the chart would make"
        )
    _only_match_labels(epp)
    return service, epp


def _only_match_labels(deployment: Manifest) -> None:
    if deployment["spec"]["selector"].get("matchExpressions"):
        name = deployment["metadata"]["name"]
        raise Failure(f"Deployment {name} selects its pods by matchExpressions, which the chart cannot express")


def _adapters(objects: Objects, namespace: str, server: Manifest, unmanaged: list[str]) -> Manifest | None:
    for name in mounted(server):
        found = objects.one("ConfigMap", namespace, name)
        text = (found or {}).get("data", {}).get(SYNCER_KEY)
        config = (yaml.safe_load(text) or {}).get("vLLMLoRAConfig") if text else None
        if found is None or config is None:
            unmanaged.append(f"ConfigMap {name}: it is no configuration of adapters")
        elif unknown := _unknown(config):
            unmanaged.append(f"ConfigMap {name}: the chart cannot express its {unknown}")
        else:
            return found
    return None


def _unknown(config: Manifest) -> str:
    """What of a syncer's configuration the chart has no value for; empty if all."""
    known = {"name", "port", "defaultBaseModel", "ensureExist", "ensureNotExist"}
    further = sorted(config.keys() - known)
    base_model = "" if config.get("defaultBaseModel") else f"base model (port {config.get('port', 8000)})"
    return ", ".join(further) or base_model


def _plugins(objects: Objects, namespace: str, epp: Manifest, unmanaged: list[str]) -> Manifest | None:
    for name in mounted(epp):
        users = [m["metadata"]["name"] for m in objects.of("Deployment", namespace) if name in mounted(m)]
        found = objects.one("ConfigMap", namespace, name)
        if len(users) > 1:
            unmanaged.append(f"ConfigMap {name}: {', '.join(sorted(users))} read it together")
        elif found is None or config_file(epp) not in found.get("data", {}):
            unmanaged.append(f"ConfigMap {name}: the EPP reads no configuration from it")
        else:
            return found
    return None


def config_file(epp: Manifest) -> str:
    """Return the name of the file that an EPP reads its configuration from, empty if its arguments tell none."""
    told = flags(epp)
    path = told.get("config-file") or told.get("configFile") or ""
    return path.rpartition("/")[2]


def flags(deployment: Manifest) -> dict[str, str]:
    """Return the flags of a Deployment's first container: `-f v`, `--f v` and `--f=v` as f and v, `--f` as f and ""."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    found: dict[str, str] = {}
    last = ""
    for word in [*container.get("command", []), *container.get("args", [])]:
        if word.startswith("-"):
            last, _, value = word.lstrip("-").partition("=")
            found[last] = value
        elif last:
            found[last], last = word, ""
    return found


def _scalers(objects: Objects, namespace: str, *deployments: Manifest) -> None:
    names = {m["metadata"]["name"] for m in deployments}
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        for scaler in objects.of(kind, namespace):
            target = scaler["spec"]["scaleTargetRef"]
            if target.get("kind", "Deployment") == "Deployment" and target["name"] in names:
                raise Failure(
                    f"{kind} {scaler['metadata']['name']} scales Deployment {target['name']}, and each upgrade of the "
                    "release would undo that; delete it first, and let the chart scale (autoscaling) afterwards"
                )


def _pool_of(manifest: Manifest) -> str:
    return str(manifest["spec"].get("poolRef", {}).get("name", ""))


def is_old_api(pool: Manifest) -> bool:
    """Whether a pool is of the API before v1."""
    return group_of(pool).endswith("x-k8s.io")
