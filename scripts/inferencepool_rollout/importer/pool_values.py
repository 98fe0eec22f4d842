"""The values of charts/inferencepool by which a release renders a stack as it stands."""

from __future__ import annotations

from typing import Any

import yaml

from inferencepool_rollout.importer.objects import Manifest, group_of
from inferencepool_rollout.importer.pod_template import without_defaults
from inferencepool_rollout.importer.stack import (
    SYNCER_KEY,
    Stack,
    config_file,
    flags,
    is_old_api,
    pool_port,
)
from inferencepool_rollout.kube import inference_pool

ORDER = ("api", "model", "modelServer", "lora", "pool", "preview", "aliases", "objectives", "epp", "adopt")
PRESETS = {"llm-d-inference-sim": "simulator", "sglang": "sglang"}
NO = ("false", "f", "0")
"""What Go's flags take for false."""
Values = dict[str, Any]


def pool_values(stack: Stack, parent_refs: list[Manifest]) -> Values:
    """Return the values of a stack; `parent_refs` are those of the route, for the pool's preview."""
    server, epp = stack.server, stack.epp
    values: Values = {
        "api": {"version": _api_version(stack)},
        "modelServer": {
            "preset": _preset(server),
            "replicas": int(server["spec"].get("replicas", 1)),
            **_api_key(server),
        },
        "lora": {"mode": "none"},
        "pool": {
            "failureMode": inference_pool.picker(stack.pool).get("failureMode", "FailClose"),
            "targetPort": pool_port(stack.pool),
        },
        "preview": {"parentRefs": parent_refs},
        "epp": {
            "replicas": int(epp["spec"].get("replicas", 1)),
            "tls": _speaks_tls(epp),
            "metricsAuth": is_old_api(stack.pool) or flags(epp).get("metrics-endpoint-auth") != "false",
        },
        "adopt": _adopt(stack),
    }
    if stack.adapters:
        values |= _adapters(yaml.safe_load(stack.adapters["data"][SYNCER_KEY])["vLLMLoRAConfig"])
    elif model := _model(server):
        values["model"] = {"name": model}
    if stack.plugins:
        values["epp"]["plugins"] = {"preset": "custom", "custom": stack.plugins["data"][config_file(epp)]}
    if "llm-d-router" in _image(epp):
        values["epp"]["family"] = "router"
    values |= _names(stack)
    return {key: values[key] for key in ORDER if key in values}


def _speaks_tls(epp: Manifest) -> bool:
    """Whether an EPP speaks TLS with the gateway, as it does without a flag that says otherwise."""
    told = flags(epp)
    return told.get("secure-serving", told.get("secureServing", "true")).lower() not in NO


def _api_key(server: Manifest) -> Values:
    """The Secret of the key that the server asks for, as its environment names it."""
    for variable in server["spec"]["template"]["spec"]["containers"][0].get("env", []):
        reference = (variable.get("valueFrom") or {}).get("secretKeyRef") or {}
        if variable["name"] == "VLLM_API_KEY" and reference:
            return {"apiKey": {"secretName": reference["name"], "key": reference["key"]}}
    return {}


def _adopt(stack: Stack) -> Values:
    server, epp = stack.server, stack.epp
    selector = inference_pool.selector(stack.pool)
    adopt: Values = {
        "modelServer": {"name": server["metadata"]["name"], **_pods(server)},
        **({"pool": {"selector": selector}} if selector != server["spec"]["selector"]["matchLabels"] else {}),
        "epp": {
            "name": epp["metadata"]["name"],
            **_pods(epp),
            "servicePorts": [_port(port) for port in stack.service["spec"]["ports"]],
        },
    }
    if stack.plugins:
        adopt["epp"] |= {"configMap": stack.plugins["metadata"]["name"], "configFile": config_file(epp)}
    if stack.adapters:
        adopt["adapters"] = stack.adapters["metadata"]["name"]
    if rewrites := [m for m in stack.names if m["kind"] == "InferenceModelRewrite"]:
        adopt["rewrite"] = rewrites[0]["metadata"]["name"]
    return adopt


def _pods(deployment: Manifest) -> Values:
    spec = deployment["spec"]
    return {"selector": spec["selector"]["matchLabels"], "template": without_defaults(spec["template"])}


def _port(port: Manifest) -> Manifest:
    return {key: value for key, value in port.items() if (key, value) != ("protocol", "TCP") and key != "nodePort"}


def _api_version(stack: Stack) -> str:
    if is_old_api(stack.pool):
        return "x-k8s"
    return "router" if any(group_of(m) == "llm-d.ai" for m in stack.names) else "v1"


def _image(deployment: Manifest) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _preset(server: Manifest) -> str:
    return next((preset for part, preset in PRESETS.items() if part in _image(server)), "vllm")


def _model(server: Manifest) -> str:
    told = flags(server)
    return told.get("served-model-name") or told.get("model") or told.get("model-path") or ""


def _adapters(config: Manifest) -> Values:
    def models(key: str) -> list[Manifest]:
        return list((config.get(key) or {}).get("models") or [])

    adapters = [
        {
            "id": each["id"],
            "source": each["source"],
            **({"baseModel": each["base-model"]} if each.get("base-model") else {}),
        }
        for each in models("ensureExist")
    ]
    absent = [{"id": each["id"]} for each in models("ensureNotExist")]
    return {
        "model": {"name": config["defaultBaseModel"]},
        "lora": {"mode": "syncer", "adapters": adapters, **({"absent": absent} if absent else {})},
    }


def _names(stack: Stack) -> Values:
    """Aliases and objectives, each with the name of its object where that is one of its own."""
    aliases: list[Values] = []
    objectives: list[Values] = []
    for manifest in stack.names:
        name, spec = manifest["metadata"]["name"], manifest["spec"]
        if manifest["kind"] == "InferenceObjective":
            objectives.append({"name": name, "object": name, "priority": int(spec.get("priority", 0))})
        elif manifest["kind"] == "InferenceModel":
            aliases.append(_of_model(name, spec))
        else:
            aliases += [alias for rule in spec.get("rules", []) for alias in _of_rule(rule)]
    return {**({"aliases": aliases} if aliases else {}), **({"objectives": objectives} if objectives else {})}


def _of_model(name: str, spec: Manifest) -> Values:
    targets = [_target(each, "name") for each in spec.get("targetModels") or [{"name": spec["modelName"]}]]
    criticality = {"criticality": spec["criticality"]} if spec.get("criticality") else {}
    return {"model": spec["modelName"], "object": name, **criticality, "targets": targets}


def _of_rule(rule: Manifest) -> list[Values]:
    targets = [_target(each, "modelRewrite") for each in rule["targets"]]
    return [{"model": match["model"]["value"], "targets": targets} for match in rule.get("matches", [])]


def _target(target: Manifest, key: str) -> Values:
    return {"model": target[key], **({"weight": int(target["weight"])} if target.get("weight") else {})}
