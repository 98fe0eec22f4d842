"""The cluster as the tool reads it: one client, one snapshot, one table of API groups, and helm."""
