"""What stands in the cluster before any pool: CRDs, Istio with inference support, the Gateway."""

from __future__ import annotations

from pathlib import Path

from inferencepool_lab.builds.programs import module_folder
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.progress import step

HERE = Path(__file__).parent


def install(cluster: Cluster) -> None:
    """Install the CRDs, Istio and the Gateway; what is there already stays. The images must be in the node."""
    with step("applying the CRDs of Gateway API and of the Inference Extension", "10 s"):
        for folder in (
            module_folder("gateway-api") / "config/crd/standard",
            module_folder("inference-extension") / "config/crd/bases",
        ):
            cluster.kubectl("apply", "--server-side", "--filename", folder)
    charts = module_folder("istio") / "manifests/charts"
    with step("installing Istio", "20 s"):
        _helm(cluster, "istio-base", charts / "base")
        _helm(
            cluster, "istiod", charts / "istio-control/istio-discovery", "--values", HERE / "istiod-values.yaml",
            "--set", f"global.hub={versions().istio_hub}", "--set", f"global.tag={versions().istio_tag}",
        )  # fmt: skip
        cluster.kubectl("-n", "istio-system", "rollout", "status", "deployment/istiod", "--timeout=180s")
    with step("waiting for the Gateway inference-gateway", "10 s"):
        cluster.kubectl("apply", "--filename", HERE / "gateway.yaml")
        cluster.kubectl("wait", "--for=condition=Programmed", "gateway/inference-gateway", "--timeout=180s")


def _helm(cluster: Cluster, release: str, chart: Path, *arguments: str | Path) -> None:
    cluster.helm(
        "upgrade", "--install", release, chart, "--namespace", "istio-system", "--create-namespace", *arguments
    )
