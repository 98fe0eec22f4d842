"""What a step shows, and what follows from it: the probe, its observations, Prometheus checks, the decision."""
