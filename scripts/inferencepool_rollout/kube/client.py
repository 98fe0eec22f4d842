"""The one client of the API server: objects as maps, and every fault as one line."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import yaml
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from urllib3.exceptions import HTTPError

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import Api
from inferencepool_rollout.progress import say

Manifest = dict[str, Any]

READ_SECONDS, ASKED_SECONDS = 20.0, 4.0
"""Time limits of a request: of one that everything waits for, and of those that are repeated while a step runs."""
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
BUSY = (429, 500, 502, 503, 504)
"""Statuses by which an API server says that it cannot answer now."""
UNREADABLE = (
    config.ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError,
)  # fmt: skip
"""What the kubernetes package raises for a kubeconfig that is missing, no kubeconfig, or not readable."""


class ApiFault(Failure):
    """The API server refused or did not answer; `status` is its HTTP status, 0 without an answer."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed later without anybody changing a thing."""
        return self.status == 0 or self.status in BUSY


class Client:
    """A client of the cluster that a context of the kubeconfig names, or of the pod's own.

    Reads are tried again for `patience` seconds while the API server is away, and progress says so; writes never are.
    Every method raises ApiFault where the cluster does not do what it is asked.
    """

    def __init__(self, context: str = "", patience: float = 0, kubeconfig: Path | None = None) -> None:
        self._client = _loaded(context, kubeconfig)
        self.context = context
        self.patience = patience
        self.timeout = READ_SECONDS

    def with_patience(self, seconds: float, timeout: float = READ_SECONDS) -> Client:
        """Return this client with another patience, and another time limit of a single request."""
        other = copy.copy(self)
        other.patience, other.timeout = seconds, timeout
        return other

    @property
    def server(self) -> str:
        """The address of the API server."""
        return str(self._client.configuration.host)

    def get(self, api: Api, namespace: str, name: str) -> Manifest | None:
        """Return an object, None if there is none or the cluster does not serve its kind."""
        return self._or_none(lambda: self._read(api.path(namespace, name), f"{api.kind} {namespace}/{name}"))

    def list(self, api: Api, namespace: str | None = None) -> list[Manifest]:
        """Return all objects of a kind in a namespace, or in the cluster; none of a kind that it does not serve."""
        what = f"{api.plural} of {f'namespace {namespace}' if namespace else 'all namespaces'}"
        found = self._or_none(lambda: self._read(api.path(namespace), what)) or {}
        items = found.get("items", [])
        if not isinstance(items, list):
            raise ApiFault(f"{what} could not be read: the answer is not a list of objects")
        return [{**item, "apiVersion": api.api_version, "kind": api.kind} for item in items]

    def create(self, api: Api, namespace: str, body: Manifest) -> Manifest:
        """Create an object and return it."""
        return self._write("POST", api.path(namespace), body, f"{api.kind} {body['metadata']['name']}")

    def replace(self, api: Api, namespace: str, body: Manifest) -> Manifest:
        """Replace an object, of the resourceVersion that `body` names, and return it."""
        name = body["metadata"]["name"]
        return self._write("PUT", api.path(namespace, name), body, f"{api.kind} {name}")

    def patch(self, api: Api, namespace: str, name: str, body: Manifest) -> Manifest:
        """Merge a patch (RFC 7386) into an object and return it."""
        return self._write("PATCH", api.path(namespace, name), body, f"{api.kind} {name}", content=MERGE_PATCH)

    def delete(self, api: Api, namespace: str, name: str) -> None:
        """Delete an object with all that it owns; it may be there for a while yet. None there is no fault."""
        body = json.dumps({"propagationPolicy": "Background"}).encode()
        try:
            self._ask("DELETE", api.path(namespace, name), f"{api.kind} {name}", body, "application/json")
        except ApiFault as fault:
            if fault.status != 404:
                raise

    def apply(self, body: Manifest, manager: str, *, dry_run: bool = False) -> Manifest:
        """Apply an object on the server as field manager `manager`, taking over fields of others, and return it."""
        api, namespaced = self.resource(body["apiVersion"], body["kind"])
        meta = body["metadata"]
        query = {"fieldManager": manager, "force": "true", **({"dryRun": "All"} if dry_run else {})}
        path = api.path(meta.get("namespace") if namespaced else None, meta["name"])
        return self._write("PATCH", path, body, f"{api.kind} {meta['name']}", content=APPLY_PATCH, query=query)

    def live(self, manifest: Manifest) -> Manifest | None:
        """Return the live object of the same kind, namespace and name, None if there is none."""
        api, namespaced = self.resource(manifest["apiVersion"], manifest["kind"])
        meta = manifest["metadata"]
        path = api.path(meta.get("namespace") if namespaced else None, meta["name"])
        return self._or_none(lambda: self._read(path, f"{api.kind} {meta['name']}"))

    def resource(self, api_version: str, kind: str) -> tuple[Api, bool]:
        """Return a kind as the cluster serves it, and whether its objects are in namespaces."""
        group, _, version = api_version.rpartition("/")
        root = f"/apis/{api_version}" if group else f"/api/{version}"
        served = self._or_none(lambda: self._read(root, f"the kinds of {api_version}")) or {}
        for each in served.get("resources", []):
            if each["kind"] == kind and "/" not in each["name"]:
                return Api(group, version, kind, each["name"]), bool(each["namespaced"])
        raise ApiFault(f"the cluster does not serve {kind} of {api_version}; install its CRD", 404)

    def proxy(self, namespace: str, pod: str, port: int, path: str) -> bytes:
        """Return what a pod answers to GET `path` on a port, through the API server."""
        where = f"/api/v1/namespaces/{namespace}/pods/{quote(pod)}:{port}/proxy/{path}"
        return self._ask("GET", where, f"/{path} of pod {pod}")

    def whoami(self) -> str:
        """Return the name by which the API server knows the user."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        found = self._write("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, "your name")
        return str((found.get("status") or {}).get("userInfo", {}).get("username") or "")

    def may(self, verb: str, api: Api, namespace: str | None, subresource: str = "", name: str = "") -> bool:
        """Tell whether the user may do `verb` with a kind in a namespace, or in all of them; or with one object."""
        attributes = {
            "verb": verb, "group": api.group, "version": api.version, "resource": api.plural,
            "subresource": subresource, "namespace": namespace or "", "name": name,
        }  # fmt: skip
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        body = {**review, "spec": {"resourceAttributes": attributes}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return bool(self._write("POST", path, body, "your rights").get("status", {}).get("allowed"))

    def _or_none(self, read: Callable[[], Manifest]) -> Manifest | None:
        try:
            return read()
        except ApiFault as fault:
            if fault.status == 404:
                return None
            raise

    def _read(self, path: str, what: str) -> Manifest:
        """GET an object, again and again within the client's patience."""
        until = time.monotonic() + self.patience
        waited = False
        while True:
            try:
                return _parsed(self._ask("GET", path, what), what)
            except ApiFault as fault:
                if not fault.passes or time.monotonic() >= until:
                    raise
                if not waited:
                    say(f"{fault}; trying again for up to {self.patience:.0f} s")
                waited = True
                time.sleep(1)

    def _write(
        self, method: str, path: str, body: Manifest, what: str, *, content: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Manifest:  # fmt: skip
        text = json.dumps(body).encode()
        return _parsed(self._ask(method, path, what, text, content, query), what)

    def _ask(
        self, method: str, path: str, what: str, body: bytes | None = None, content: str = "",
        query: Mapping[str, str] | None = None,
    ) -> bytes:  # fmt: skip
        headers = {"Accept": "application/json, */*", **({"Content-Type": content} if content else {})}
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        did = "read" if method == "GET" else "written"
        try:
            self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
            answer = self._client.rest_client.pool_manager.request(
                method, url, body=body, headers=headers, timeout=self.timeout, retries=False
            )
        except (HTTPError, OSError) as error:
            raise ApiFault(f"{what} could not be {did}: {self.server} does not answer ({_cause(error)})") from None
        if answer.status >= 400:
            raise ApiFault(f"{what} could not be {did}: {_refusal(answer)}", int(answer.status))
        return bytes(answer.data)


def _loaded(context: str, kubeconfig: Path | None) -> ApiClient:
    """A client of the kubeconfig's context, of its current one if none is named, else of the pod's own account."""
    try:
        return config.new_client_from_config(str(kubeconfig) if kubeconfig else None, context or None)  # type: ignore[no-any-return, no-untyped-call]
    except UNREADABLE as error:
        found = Configuration()
        try:
            if context or kubeconfig or not isinstance(error, config.ConfigException):
                raise
            config.load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
        except UNREADABLE:
            raise Failure(f"no cluster to work with: {_cause(error)}; set KUBECONFIG to a file that names it") from None
        return ApiClient(found)


def _parsed(text: bytes, what: str) -> Manifest:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ApiFault(f"{what}: the API server's answer is not a JSON object")
    return found


def _refusal(answer: Any) -> str:
    """The message of the API server's Status, or its HTTP status alone."""
    head = f"{answer.status} {answer.reason or ''}".strip()
    try:
        message = json.loads(answer.data).get("message")
    except (ValueError, AttributeError, RecursionError):
        message = None
    return f"{head} ({message})" if message else head


def _cause(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines and lines[0].strip() else type(error).__name__
