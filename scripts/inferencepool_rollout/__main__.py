"""Run the command line as `python -m inferencepool_rollout`."""

from inferencepool_rollout.cli import main

main()
