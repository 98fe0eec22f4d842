"""The gateways that a cluster of the laboratory can have: a folder each, whose name chooses it."""
