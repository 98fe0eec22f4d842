"""A rollout under way: its position, its probe, its decisions and what moves the weight."""
