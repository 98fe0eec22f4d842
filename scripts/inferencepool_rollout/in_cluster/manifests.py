"""The objects of a rollout in the cluster, from the files in objects/."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import yaml

from inferencepool_rollout.in_cluster.rights import rules
from inferencepool_rollout.kube.apis import ROUTES
from inferencepool_rollout.kube.client import Manifest
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.plan.plan import Plan

OBJECTS = Path(__file__).with_name("objects")
IMAGE = "ghcr.io/inferencepool-rollout/rollout:0.1.0"
KEEP_LOG = "ROLLOUT_KEEP_LOG"
"""The environment variable by which the Job's driver keeps its run log in the cluster."""
FOLDER = "/plan"
METRICS = "0.0.0.0:9464"


def name_of(plan: Plan) -> str:
    """Return the name of a rollout's Job, which its account and its Role have too."""
    return f"rollout-{plan.route.release}"


def manifests(
    plan: Plan, route: Route, files: Mapping[str, bytes], file: str, image: str, words: Sequence[str]
) -> list[Manifest]:
    """Return account, Role, binding, plan and Job, in the order in which they are needed.

    `words` are further arguments of `rollout run`. All belong to the HTTPRoute and go with it.
    """
    values = {"name": name_of(plan), "namespace": plan.route.namespace, "image": image, "keep_log": KEEP_LOG}
    owner = {"apiVersion": ROUTES.api_version, "kind": ROUTES.kind, "name": route.name, "uid": route.uid}
    made = {name: _read(name, values) for name in ("account", "role", "binding", "plan", "job")}
    for each in made.values():
        each["metadata"]["ownerReferences"] = [owner]
    made["role"]["rules"] = rules(plan)
    keys = {path: f"file-{number}" for number, path in enumerate(files)}
    made["plan"]["data"] = {keys[path]: base64.b64encode(held).decode() for path, held in files.items()}
    pod = made["job"]["spec"]["template"]["spec"]
    pod["volumes"][0]["secret"]["items"] = [{"key": key, "path": path} for path, key in keys.items()]
    pod["containers"][0]["args"] = ["run", "--file", f"{FOLDER}/{file}", "--metrics", METRICS, *words]
    return list(made.values())


def _read(name: str, values: Mapping[str, str]) -> Manifest:
    found: dict[str, Any] = yaml.safe_load(Template((OBJECTS / f"{name}.yaml").read_text()).substitute(values))
    return found
