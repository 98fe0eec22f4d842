"""What all tests without a cluster share."""

import os

from hypothesis import settings

# The same examples each time, so that a change is refused for what it does; HYPOTHESIS_PROFILE=search tries others.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
