"""Installing Istio with inference support, and the Gateway `inference-gateway`."""

from __future__ import annotations

from pathlib import Path

from inferencepool_lab.builds.programs import module_folder
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.progress import step

HERE = Path(__file__).parent
NAMESPACE = "istio-system"


def install(cluster: Cluster) -> None:
    """Install Istio and the Gateway as gateways.gateway.Gateway says; raises Failure with helm's or kubectl's cause."""
    charts = module_folder("istio") / "manifests/charts"
    image = versions().images["pilot"]
    with step("installing Istio", "20 s"):
        _helm(cluster, "istio-base", charts / "base")
        _helm(
            cluster, "istiod", charts / "istio-control/istio-discovery", "--values", HERE / "istiod-values.yaml",
            "--set", f"global.hub={image.name.rpartition('/')[0]}", "--set", f"global.tag={image.tag}",
        )  # fmt: skip
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/istiod", "--timeout=180s")
    with step("waiting for the Gateway inference-gateway", "10 s"):
        cluster.kubectl("apply", "--filename", HERE / "gateway.yaml")
        cluster.kubectl("wait", "--for=condition=Programmed", "gateway/inference-gateway", "--timeout=180s")


def _helm(cluster: Cluster, release: str, chart: Path, *arguments: str | Path) -> None:
    cluster.helm("upgrade", "--install", release, chart, "--namespace", NAMESPACE, "--create-namespace", *arguments)
