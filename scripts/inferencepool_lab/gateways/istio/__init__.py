"""Istio with support for InferencePools; where its images can't be pulled, one that is built here with a patch."""

from inferencepool_lab.gateways.gateway import Gateway, Workload
from inferencepool_lab.gateways.istio.install import install

GATEWAY = Gateway(
    name="Istio",
    images=("pilot", "proxyv2"),
    install=install,
    routes_from={"shared-gateway-access": "true"},
    proxy=Workload("default", "inference-gateway-istio", "gateway.networking.k8s.io/gateway-name=inference-gateway"),
    controller=Workload("istio-system", "istiod", "app=istiod"),
    api_versions=("networking.istio.io/v1",),
    crds=(("istio", "manifests/charts/base/files"),),
)
