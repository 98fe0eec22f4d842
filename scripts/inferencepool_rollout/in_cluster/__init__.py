"""A rollout that runs in the cluster: a Job with the driver's image, its rights, and the run log that it keeps."""
