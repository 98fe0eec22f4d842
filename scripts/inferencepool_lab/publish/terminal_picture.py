"""Draw what a command printed, from stdin, as a terminal: `COMMAND | ./scripts/terminal-picture FILE COMMAND`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from inferencepool_rollout.command import run_command

FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}" role="img">
<title>What {title} prints</title>
<style>.{unique_id}-matrix {{ font: {char_height}px monospace; line-height: {line_height}px }} {styles}</style>
<rect fill="#292929" width="100%" height="100%" rx="8"/>
<g transform="translate(9, 9)"><g class="{unique_id}-matrix">
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
    lines = [f"$ {command}", *sys.stdin.read().rstrip().splitlines()]
    console = Console(record=True, width=max(map(len, lines)), file=io.StringIO(), legacy_windows=False)
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    name = "".join(letter for letter in file.stem if letter.isalnum())
    file.write_text(console.export_svg(title=command, theme=MONOKAI, code_format=FORMAT, unique_id=name))
    return 0


if __name__ == "__main__":
    run_command(draw, "scripts/terminal-picture")
