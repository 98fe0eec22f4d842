"""Istio with support for InferencePools, and the Gateway `inference-gateway`."""
