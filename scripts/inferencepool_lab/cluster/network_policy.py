"""NetworkPolicy that is enforced: the published node's network does so itself, the one built here gets a firewall."""

from __future__ import annotations

from pathlib import Path

from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster import kind
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.images import pull
from inferencepool_rollout.progress import step

IMAGE = "kube-router"
MANIFEST = Path(__file__).with_name("kube-router.yaml")


def enforce(cluster: Cluster) -> None:
    """Let the cluster enforce NetworkPolicies from now on; raises Failure with the cause where that can't be done."""
    if not kind.built_here(cluster.docker):
        return
    pull.ensure(cluster.docker, [IMAGE])
    cluster.load(IMAGE)
    with step("installing the firewall of kube-router", "10 s"):
        manifest = (
            Path(__file__).with_name("kube-router.yaml").read_text().replace("IMAGE", versions().images[IMAGE].name)
        )
        cluster.kubectl("apply", "--filename=-", stdin=manifest)
        cluster.kubectl("--namespace=kube-system", "rollout", "status", "daemonset/kube-router", "--timeout=180s")
