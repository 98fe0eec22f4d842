"""Answers judged: the same prompts to both pools, held to expectations, to each other and to a judge from outside."""
