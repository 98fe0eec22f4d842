"""Draw what a command printed, from stdin, as a terminal: `COMMAND | ./scripts/terminal-picture FILE COMMAND`."""

from __future__ import annotations

import io
import re
import sys
from html import escape
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from inferencepool_rollout.command import run_command

COLUMNS = 88
PADDING = 12
FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}" role="img">
<title>What {title} prints</title>
<style>.{unique_id}-matrix {{ font: {char_height}px monospace; line-height: {line_height}px }} {styles}</style>
<defs>{lines}</defs>
<rect fill="#292929" width="100%" height="100%" rx="8"/>
<g transform="translate(12, 12)"><g class="{unique_id}-matrix">
{matrix}
</g></g>
</svg>
"""
"""A picture that asks for no font from elsewhere."""


def draw(
    file: Annotated[Path, typer.Argument(help="the SVG to write")],
    command: Annotated[str, typer.Argument(help="the command that printed it")],
) -> int:
    """Write the picture of a terminal with the command and the text of stdin."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), legacy_windows=False)
    for line in (f"$ {command}", *sys.stdin.read().rstrip().splitlines()):
        console.print(Text(line))
    name = "".join(letter for letter in file.stem if letter.isalnum())
    picture = FORMAT.replace("{title}", escape(command).replace("{", "{{").replace("}", "}}"))
    file.write_text(_padded(console.export_svg(theme=MONOKAI, code_format=picture, unique_id=name)))
    return 0


def _padded(svg: str) -> str:
    """The picture with room around its text."""

    def wider(found: re.Match[str]) -> str:
        return f'viewBox="0 0 {float(found[1]) + 2 * PADDING:g} {float(found[2]) + 2 * PADDING:g}"'

    return re.sub(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', wider, svg, count=1)


if __name__ == "__main__":
    run_command(draw, "scripts/terminal-picture")
