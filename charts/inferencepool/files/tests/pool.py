"""Prints what `helm test` finds of a pool, and ends with 1 and every reason if something is wrong.

Reads the pool's conditions and its endpoint picker, asks each model server for its models, and compares the pool's pods
with the selectors of the other pools of the namespace.
"""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT_SECONDS = 10
ADMITTED_SECONDS = 15  # a network that enforces a NetworkPolicy lets a new pod through once it has heard of it


def main() -> int:
    """Run every check, even after one has failed."""
    reasons = []
    for check in (check_pool, check_epp, check_model_servers, check_apart):
        try:
            reasons += check()
        except (OSError, ValueError) as error:
            reasons.append(f"{check.__name__.replace('_', ' ')}: {error}")
    for reason in reasons:
        print(f"FAILED: {reason}")
    if not reasons:
        print("all well")
    return 1 if reasons else 0


def check_pool() -> list[str]:
    """Return what a gateway says against the pool; a pool that no route leads to has not been judged yet."""
    pool = api(f"/apis/{env('POOL_VERSION')}/namespaces/{env('NAMESPACE')}/inferencepools/{env('POOL')}")
    status = pool.get("status") or {}
    parents = [p for p in status.get("parents", status.get("parent", [])) if p.get("conditions")]
    if not parents:
        print(f"pool {env('POOL')}: no gateway has judged it, since no route leads to it yet")
    reasons = []
    for parent in parents:
        reference = parent.get("parentRef", {})
        for condition in parent["conditions"]:
            said = f"pool {env('POOL')}: {reference.get('kind', 'Gateway')} {reference.get('name')} says " + (
                f"{condition['type']}={condition['status']} ({condition['reason']}: {condition.get('message', '')})"
            )
            print(said)
            if condition["type"] in ("Accepted", "ResolvedRefs") and condition["status"] == "False":
                reasons.append(said)
    return reasons


def check_epp() -> list[str]:
    """Return why no endpoint picker is ready."""
    deployment = api(f"/apis/apps/v1/namespaces/{env('NAMESPACE')}/deployments/{env('EPP')}")
    ready, wanted = deployment["status"].get("readyReplicas", 0), deployment["spec"]["replicas"]
    elected = " (only the leader is)" if wanted > 1 else ""
    print(f"endpoint picker {env('EPP')}: {ready} of {wanted} ready{elected}")
    if ready:
        return []
    causes = [f"{pod['metadata']['name']} {waiting(pod)}" for pod in pods("epp")] or ["it has no pod"]
    return [f"endpoint picker {env('EPP')} is not ready: {'; '.join(causes)}"]


def check_model_servers() -> list[str]:
    """Return which model servers don't answer, or lack a model that the pool is to serve."""
    found = pods("model-server")
    until = time.monotonic() + ADMITTED_SECONDS
    reasons = [] if found else [f"pool {env('POOL')} has no model server"]
    for pod in found:
        name = pod["metadata"]["name"]
        if not pod["status"].get("podIP"):
            reasons.append(f"model server {name} {waiting(pod)}")
            continue
        try:
            served = models(name, pod["status"]["podIP"], until)
        except OSError as error:
            reasons.append(f"model server {name} does not tell its models ({cause(error)}); it {waiting(pod)}")
            continue
        print(f"model server {name}: serves {', '.join(served)}")
        missing = [model for model in json.loads(env("EXPECTED_MODELS")) if model not in served]
        if missing:
            reasons.append(f"model server {name} does not serve {', '.join(missing)}; it {waiting(pod)}")
    return reasons


def check_apart() -> list[str]:
    """Return which other pools select a model server of this one: then a route's weights between them shift nothing."""
    others = [
        pool
        for pool in api(f"/apis/{env('POOL_VERSION')}/namespaces/{env('NAMESPACE')}/inferencepools")["items"]
        if pool["metadata"]["name"] != env("POOL")
    ]
    reasons = []
    for pod in pods("model-server"):
        labels = pod["metadata"].get("labels", {}).items()
        for other in others:
            selector = other["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            if wanted and wanted.items() <= labels:
                reasons.append(
                    f"model server {pod['metadata']['name']} is selected by the InferencePool "
                    f"{other['metadata']['name']} too ({', '.join(f'{k}={v}' for k, v in wanted.items())}); "
                    "give each pool labels of its own"
                )
    return reasons


def models(name: str, address: str, until: float) -> list[str]:
    """Return what a model server serves, asked again while no connection to it opens, until a time.monotonic()."""
    host = f"[{address}]" if ":" in address else address
    request = urllib.request.Request(f"http://{host}:{env('MODEL_SERVER_PORT')}/v1/models")
    if key := os.environ.get("VLLM_API_KEY", "").strip():
        if not (key.isascii() and key.isprintable()):  # urllib would print it in its refusal
            raise OSError("the API key of modelServer.apiKey has characters that no header can have")
        request.add_header("Authorization", f"Bearer {key}")
    while True:
        try:
            return sorted(model["id"] for model in fetch(request)["data"])
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError) or time.monotonic() > until:
                raise
            print(f"model server {name} does not answer yet ({error}); it is asked again")
            time.sleep(1)


def cause(error: OSError) -> str:
    """Return what went wrong, with the remedy where the server wants another API key."""
    if not isinstance(error, urllib.error.HTTPError) or error.code not in (401, 403):
        return str(error)
    wrong = "another API key than that of" if os.environ.get("VLLM_API_KEY") else "an API key; name its Secret in"
    return f"{error.code}: it asks for {wrong} modelServer.apiKey"


def pods(component: str) -> list[dict[str, Any]]:
    """Return the pods of one part of the release that are not going away."""
    selector = ",".join(f"{key}={value}" for key, value in json.loads(env("SELECTORS"))[component].items())
    found = api(f"/api/v1/namespaces/{env('NAMESPACE')}/pods?labelSelector={selector}")["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def waiting(pod: dict[str, Any]) -> str:
    """Return what a pod is up to, with the reason if it waits."""
    status = pod["status"]
    for container in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
        state, name = container["state"], container["name"]
        if "waiting" in state:
            return f"waits: {name} {state['waiting'].get('reason')} {state['waiting'].get('message', '')}".strip()
        if "running" in state and not container["ready"]:
            return f"is not ready: {name} runs, its readiness probe fails"
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"is not scheduled: {condition.get('message', condition.get('reason'))}"
    return f"is {status['phase']}"


def api(path: str) -> dict[str, Any]:
    """Return what the API server answers, with its own message when it refuses."""
    request = urllib.request.Request(f"https://kubernetes.default.svc{path}")
    request.add_header("Authorization", f"Bearer {(ACCOUNT / 'token').read_text()}")
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    try:
        return fetch(request, context)
    except urllib.error.HTTPError as error:
        raise ValueError(json.loads(error.read())["message"]) from error


def fetch(request: str | urllib.request.Request, context: ssl.SSLContext | None = None) -> dict[str, Any]:
    """Return the JSON that a URL or a request is answered with."""
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def env(name: str) -> str:
    """Return a variable that the chart sets."""
    return os.environ[name]


if __name__ == "__main__":
    sys.exit(main())
