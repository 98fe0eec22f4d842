"""Keeps the LoRA adapters of a vLLM server as a ConfigMap says."""
