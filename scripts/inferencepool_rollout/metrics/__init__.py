"""Prometheus metrics of the driver: what it asked for, what it saw, and how sure it is."""
