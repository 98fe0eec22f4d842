"""What a rollout is to do: the one model from which parser, defaults, JSON schema and reference page follow."""
