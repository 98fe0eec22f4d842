"""A rollout within few accelerators: both pools are scaled as the weight moves."""
