"""The operator's tool: the command `rollout`."""
