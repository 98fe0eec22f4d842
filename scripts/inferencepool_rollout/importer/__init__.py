"""`rollout import`: objects that were applied by hand, or by another chart, as values of the charts here."""
