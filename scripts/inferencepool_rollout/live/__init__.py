"""A page that shows a rollout while it is under way, and from which a person can act."""
