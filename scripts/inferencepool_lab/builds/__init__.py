"""Tools and programs: taken from PATH, from PyPI, or compiled from Go modules into the cache."""
