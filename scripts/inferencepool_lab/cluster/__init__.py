"""A kind cluster with Gateway API, the Inference Extension's CRDs, Istio and the Gateway of the guide."""
