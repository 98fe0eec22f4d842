"""A kind cluster: its nodes, its network, the CRDs in it, and how other code works with it."""
