"""The harness of inferencepool-rollout: tools, images, kind cluster, traffic and rollout."""
