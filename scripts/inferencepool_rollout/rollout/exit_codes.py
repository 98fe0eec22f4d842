"""What `rollout` exits with, for the pipelines that call it."""

DONE = 0  # what was asked is done: the rollout stands at its last step, every objective kept
FAILED = 1  # something did not work; the line on stderr says what, and nothing is half done
USAGE = 2  # the command line is wrong
HELD = 3  # the rollout stands at a step: undecided, put on hold, or weight was moved by somebody else
ROLLED_BACK = 4  # an objective was violated and the old pool has all requests again
REFUSED = 5  # preflight failed, so nothing was moved
BUSY = 6  # another driver is at work on this route
INTERRUPTED = 130  # Ctrl-C; the rollout stands at its present step
