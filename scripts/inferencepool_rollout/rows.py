"""Names and texts as two columns: texts are wrapped between words, so that URLs and commands can be copied."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

WIDEST = 24
"""Letters of a name beyond which its text begins on a line of its own."""


def print_rows(console: Console, rows: Iterable[tuple[str, str]], styles: Iterable[str] = ()) -> None:
    """Print rows of a name and a text to the console's width; a word that is longer stands whole on its own line.

    `styles` are rich's, one a row, for the first word of the text.
    """
    pairs = list(rows)
    indent = 2 + min(WIDEST, max((len(name) for name, _ in pairs), default=0))
    for (name, text), style in zip(pairs, [*styles, *[""] * len(pairs)], strict=False):
        lines = textwrap.wrap(
            text, max(console.width - indent, WIDEST), break_long_words=False, break_on_hyphens=False
        ) or [""]
        first = name.ljust(indent) if len(name) < indent else f"{name}\n{' ' * indent}"
        shown = Text(first + f"\n{' ' * indent}".join(lines))
        if style:
            shown.stylize(style, len(first), len(first) + len(lines[0].split(" ")[0]))
        console.print(shown, soft_wrap=True)
