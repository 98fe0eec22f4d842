"""A rollout told by its run log: as a page, as a picture, and as JSON."""
