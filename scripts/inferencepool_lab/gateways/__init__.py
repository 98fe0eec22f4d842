"""The gateways that a test cluster can have: one folder each."""
