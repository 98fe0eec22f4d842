"""Traffic: load on a completions endpoint, who answered, who picked, and whether that is the asked split."""
