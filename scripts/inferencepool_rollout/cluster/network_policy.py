"""NetworkPolicy that is enforced: the published node's network does so itself, the one built here gets a firewall."""

from __future__ import annotations

from inferencepool_rollout.cluster import kind
from inferencepool_rollout.cluster.gateway import MANIFESTS
from inferencepool_rollout.cluster.kind import Cluster
from inferencepool_rollout.images import pull
from inferencepool_rollout.progress import step
from inferencepool_rollout.versions import versions

IMAGE = "kube-router"


def enforce(cluster: Cluster) -> None:
    """Let the cluster enforce NetworkPolicies from now on; raises Failure with the cause where that can't be done."""
    if not kind.built_here(cluster.engine):
        return
    pull.ensure(cluster.engine, [IMAGE])
    cluster.load(IMAGE)
    with step("installing the firewall of kube-router", "10 s"):
        manifest = (MANIFESTS / "kube-router.yaml").read_text().replace("IMAGE", versions().images[IMAGE].name)
        cluster.kubectl("apply", "--filename=-", stdin=manifest)
        cluster.kubectl("--namespace=kube-system", "rollout", "status", "daemonset/kube-router", "--timeout=180s")
