"""The Job of a rollout may do what it must and no more: without any verb of its Role something fails."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from inferencepool_lab.builds.tools import tool
from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.movers.helm import HelmMover
from inferencepool_rollout.drive.way_back import FIELD_MANAGER
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.in_cluster.bundle import bundle
from inferencepool_rollout.in_cluster.log_store import LogStore, chunk_name, kept_log
from inferencepool_rollout.in_cluster.manifests import IMAGE, manifests, name_of
from inferencepool_rollout.kube.apis import CONFIG_MAPS, LEASES, PODS, POOLS, ROUTES, SERVICES
from inferencepool_rollout.kube.client import Client, Manifest
from inferencepool_rollout.kube.helm import Helm
from inferencepool_rollout.kube.snapshot import live_route, read_snapshot
from inferencepool_rollout.notify.kube_events import KubeEvents
from inferencepool_rollout.notify.message import Messages, Subject
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.preflight.facts import gather
from kit.api_server import ApiServer
from kit.namespace import RESTRICTED
from kit.plans import TEXT, plan_of

HELM = "helm4"
"""The one in the driver's image."""


@dataclass(frozen=True)
class Stage:
    """A namespace with a route at weight 0 and both pools ready, and the Job's account with its Role."""

    server: ApiServer
    plan: Plan
    folder: Path
    made: dict[str, Manifest]

    @property
    def namespace(self) -> str:
        return self.plan.route.namespace

    def kubectl(self, *words: str | Path, stdin: str | None = None) -> str:
        return self.server.kubectl("--namespace", self.namespace, *words, stdin=stdin)

    def client(self) -> Client:
        return Client(kubeconfig=self.folder / "job").with_patience(30)  # CRDs are served some seconds after they came

    def helm(self) -> Helm:
        return Helm(self.namespace)

    def allow(self, rules: list[Manifest]) -> None:
        role = {**self.made["Role"], "rules": rules}
        self.kubectl("replace", "--filename=-", stdin=json.dumps(role))


def ready(name: str, labels: dict[str, str]) -> Manifest:
    spec = {"containers": [{"name": "server", "image": "none", "ports": [{"containerPort": 8000}]}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


@pytest.fixture(scope="module")
def stage(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder, namespace = tmp_path_factory.mktemp("job"), f"job-{secrets.token_hex(4)}"
    plan = plan_of(folder, TEXT.replace("route:\n", f"route:\n  namespace: {namespace}\n"))
    server.kubectl("create", "namespace", namespace)
    server.kubectl("label", "namespace", namespace, *(f"{key}={value}" for key, value in RESTRICTED.items()))
    server.kubectl("label", "--overwrite", "namespace", namespace, "pod-security.kubernetes.io/enforce=privileged")
    condition = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    admin = Client(kubeconfig=server.kubeconfig)
    for pool in (plan.old, plan.new):
        spec = {
            "selector": {"matchLabels": {"pool": pool}}, "targetPorts": [{"number": 8000}],
            "endpointPickerRef": {"name": f"{pool}-epp", "port": {"number": 9002}},
        }  # fmt: skip
        head = {"apiVersion": POOLS[0].api_version, "kind": POOLS[0].kind}
        admin.create(POOLS[0], namespace, {**head, "metadata": {"name": pool}, "spec": spec})
        service = {"selector": {"picker": pool}, "ports": [{"name": "http-metrics", "port": 9090}]}
        admin.create(
            SERVICES, namespace,
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{pool}-epp"}, "spec": service},
        )  # fmt: skip
        for pod, labels in ((f"{pool}-1", {"pool": pool}), (f"{pool}-epp-1", {"picker": pool})):
            admin.create(PODS, namespace, ready(pod, labels))
            patch = ("patch", "pod", pod, "--subresource=status", "--type=merge", f"--patch={json.dumps(condition)}")
            server.kubectl("--namespace", namespace, *patch)
    values = folder / "route.yaml"
    backends = [{"name": "old", "pool": plan.old}, {"name": "new", "pool": plan.new}]
    values.write_text(yaml.safe_dump({"backends": backends, "parentRefs": [{"name": "gateway"}]}))
    server.helm(
        HELM, "install", plan.route.release, plan.route.chart, "--namespace", namespace, "--values", values,
        "--set=guards.maxStep=100",
    )  # fmt: skip
    route = live_route(admin, namespace, plan.route.release)
    objects = {each["kind"]: each for each in manifests(plan, route, bundle(plan, "plan.yaml"), "plan.yaml", IMAGE, [])}
    for kind in ("ServiceAccount", "Role", "RoleBinding", "Secret"):
        admin.apply(objects[kind], "tests")
    token = server.kubectl("--namespace", namespace, "create", "token", name_of(plan), "--duration=2h").strip()
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    (folder / "job").write_text(yaml.safe_dump(config))
    with pytest.MonkeyPatch.context() as patch_of:
        patch_of.setenv("KUBECONFIG", str(folder / "job"))
        patch_of.setenv("HELM", str(tool(HELM)))
        patch_of.setenv("HOME", str(folder))
        yield Stage(server, plan, folder, objects)
        server.kubectl("delete", "namespace", namespace, "--wait=false")


def preflight(stage: Stage) -> None:
    """Gather what preflight judges by."""
    facts = gather(stage.plan, stage.client(), stage.helm(), stage.plan.steps[0])
    assert facts.snapshot.route
    refused = [right for right in facts.rights if not right.allowed]
    if refused:
        raise Failure(f"you may not {', '.join(f'{right.verb} {right.resource}' for right in refused)}")


def model_list(stage: Stage) -> None:
    """Ask a model server; no pod of this API server runs, so that any answer but a refusal is one."""
    plan = stage.plan
    found = read_snapshot(stage.client(), stage.namespace, plan.route.release, (plan.old,), models=True)
    pool = found.pools[plan.old]
    assert pool
    (models,) = pool.models.values()
    if "403" in models.fault:
        raise Failure(models.fault)


def move(stage: Stage) -> None:
    """Give the new pool weight, and none."""
    mover = HelmMover(stage.plan, stage.helm())
    mover.move(1)
    mover.move(0)
    mover.record()


def history(stage: Stage) -> None:
    """Let helm delete revisions that are too old to keep."""
    plan = stage.plan
    stage.helm().run(
        "upgrade", plan.route.release, plan.route.chart, "--reset-then-reuse-values", "--history-max=1", "--set",
        f"weights.{plan.route.backend}=0",
    )  # fmt: skip
    if (count := len(stage.helm().history(plan.route.release))) > 2:  # the new one, and the one before it
        raise Failure(f"{count} revisions are kept: helm may not delete secrets")


def way_back(stage: Stage) -> None:
    """Write the live route past helm."""
    route = live_route(stage.client(), stage.namespace, stage.plan.route.release)
    metadata = {"name": route.name, "namespace": route.namespace}
    body = {"apiVersion": ROUTES.api_version, "kind": ROUTES.kind, "metadata": metadata, "spec": dict(route.spec)}
    stage.client().apply(body, FIELD_MANAGER)


def one_driver(stage: Stage) -> None:
    """Hold the Lease, made anew and found; put the rollout on hold."""
    with suppress(Failure):
        Client(kubeconfig=stage.server.kubeconfig).delete(LEASES, stage.namespace, name_of(stage.plan))
    for _ in range(2):
        lease = Lease(stage.client(), stage.namespace, stage.plan.route.release)
        with lease.held():
            lease.require()
        if lease.holder():
            raise Failure("the Lease could not be given back: patch leases")


def events(stage: Stage) -> None:
    """Tell of the rollout by an Event of the route."""
    message = Messages(Subject.of(stage.plan, "plan.yaml")).of({"event": "followed", "percent": 10, "seconds": 1.0})
    assert message
    if why := KubeEvents(stage.client()).send(message):
        raise Failure(why)


def kept_run_log(stage: Stage) -> None:
    """Keep the run log in the cluster."""
    admin = Client(kubeconfig=stage.server.kubeconfig)
    admin.delete(CONFIG_MAPS, stage.namespace, chunk_name(stage.plan, 0))
    store = LogStore(stage.plan, stage.client(), flush=3600)
    now = time.time()
    store({"time": now, "event": "start", "percent": 0, "by": "tests"})
    store.flush()
    store({"time": now + 1, "event": "end", "outcome": "done", "why": "", "percent": 0})
    store.close()
    kept = [event["time"] for event in kept_log(admin, stage.plan)]
    if kept != [now, now + 1]:
        raise Failure("the run log is not kept: configmaps")


THINGS: tuple[Callable[[Stage], None], ...] = (
    preflight, model_list, move, history, way_back, one_driver, events, kept_run_log,
)  # fmt: skip


def broken(stage: Stage) -> dict[str, str]:
    """Why each thing that fails does."""
    found = {}
    for thing in THINGS:
        try:
            thing(stage)
        except Failure as failure:
            found[thing.__name__] = str(failure)
    return found


def resource_of(rule: Manifest) -> str:
    """The resource of a rule with its group, as in leases.coordination.k8s.io."""
    return f"{rule['resources'][0]}.{rule['apiGroups'][0]}".rstrip(".")


def without(rules: list[Manifest], verb: str, resource: str) -> list[Manifest]:
    """The rules without a verb on a resource, which `resource` names with its group."""
    found = []
    for rule in rules:
        verbs = [each for each in rule["verbs"] if (each, resource_of(rule)) != (verb, resource)]
        found += [{**rule, "verbs": verbs}] if verbs else []
    return found


def test_with_its_role_everything_works(stage: Stage) -> None:
    stage.allow(stage.made["Role"]["rules"])
    assert broken(stage) == {}


def test_without_any_verb_of_its_role_something_else_than_the_check_of_rights_breaks(stage: Stage) -> None:
    rules = stage.made["Role"]["rules"]
    verbs = sorted(
        {
            (verb, f"{rule['resources'][0]}.{rule['apiGroups'][0]}".rstrip("."))
            for rule in rules
            for verb in rule["verbs"]
        }
    )
    needless, report = [], []
    for verb, resource in verbs:
        stage.allow(without(rules, verb, resource))
        time.sleep(0.3)
        found = broken(stage)
        report.append(f"{verb} {resource}: {', '.join(found)}")
        by_itself = {name for name, why in found.items() if not why.startswith("you may not")}
        if not by_itself:
            needless.append(f"{verb} {resource}")
    stage.allow(rules)
    print("\n".join(report))
    assert needless == []


def test_rights_on_named_objects_do_not_reach_others(stage: Stage) -> None:
    stage.allow(stage.made["Role"]["rules"])
    account = f"--as=system:serviceaccount:{stage.namespace}:{name_of(stage.plan)}"
    for verb, what in (
        ("patch", "httproute/another"), ("update", "lease/another"), ("get", "configmap/another"),
        ("delete", f"httproute/{stage.plan.route.release}"), ("create", "httproutes"), ("get", "secret/x"),
    ):  # fmt: skip
        allowed = what == "secret/x"  # helm's own, whose names nobody knows before
        with suppress(Failure):
            answer = stage.kubectl("auth", "can-i", verb, what, account).strip()
            assert (answer == "yes") is allowed, f"{verb} {what}"


def test_the_pod_is_of_the_restricted_profile(stage: Stage) -> None:
    template = stage.made["Job"]["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "driver", **template["metadata"]}}
    label = "pod-security.kubernetes.io/enforce"
    stage.server.kubectl("label", "--overwrite", "namespace", stage.namespace, f"{label}=restricted")
    try:
        stage.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps({**pod, "spec": template["spec"]}))
        loose = {**template["spec"], "securityContext": {}}
        with pytest.raises(Failure, match="violates PodSecurity"):
            stage.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps({**pod, "spec": loose}))
    finally:
        stage.server.kubectl("label", "--overwrite", "namespace", stage.namespace, f"{label}=privileged")


def test_the_api_server_takes_the_job_as_it_is_written(stage: Stage) -> None:
    flags = ("--server-side", "--dry-run=server", "--validate=strict", "--filename=-")
    for made in stage.made.values():
        stage.kubectl(
            "apply", *flags, "--field-manager=inferencepool-rollout", "--force-conflicts", stdin=json.dumps(made)
        )


def test_all_of_it_goes_with_the_route(stage: Stage) -> None:
    assert {owner["kind"] for made in stage.made.values() for owner in made["metadata"]["ownerReferences"]} == {
        "HTTPRoute"
    }
    assert CONFIG_MAPS.kind not in stage.made
    assert os.environ["HOME"] == str(stage.folder)
