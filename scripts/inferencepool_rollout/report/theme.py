"""Colours by name, for light and for dark; charts are drawn in the light ones, which the page then makes variables."""

from __future__ import annotations

COLOURS = {  # name: (light, dark); old and new are told apart by eyes that do not see red or green, too
    "paper": ("#ffffff", "#14171c"),
    "card": ("#f6f7f9", "#1c2027"),
    "ink": ("#1c2128", "#e8eaee"),
    "dim": ("#5b6470", "#9aa4b2"),
    "line": ("#d9dde3", "#333a45"),
    "old": ("#0b6bcb", "#5aaeff"),
    "new": ("#b04d06", "#ff9f5a"),
    "good": ("#1a7f37", "#4ac26b"),
    "warn": ("#8a6100", "#e0b13c"),
    "bad": ("#c8102e", "#ff6b7a"),
}
LIGHT = {name: light for name, (light, _) in COLOURS.items()}

# How a verdict, an outcome and an objective's state look.
MOODS = {
    "promote": "good",
    "kept": "good",
    "done": "good",
    "finished": "good",
    "promoted by hand": "warn",
    "hold": "warn",
    "held": "warn",
    "open": "warn",
    "refused": "bad",
    "failed": "bad",
    "roll back": "bad",
    "rolled back": "bad",
    "violated": "bad",
}


def mood(word: str) -> str:
    """Return the colour's name for a verdict, outcome or state; dim for what is neither good nor bad."""
    return MOODS.get(word, "dim")
