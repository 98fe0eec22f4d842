"""A function as a command line program: its parameters are the options, its docstring is the help."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import typer

from inferencepool_rollout.failure import run_cli


def run_command(function: Callable[..., int], name: str) -> None:
    """Run the function with the arguments of this process, and exit with what it returns.

    A Failure is one line and exit code 1, a wrong option is one line after the usage and exit code 2.
    """
    run_cli(lambda: _program(function)(prog_name=name) or 0)


def invoke(function: Callable[..., int], arguments: Sequence[str]) -> int:
    """Run the function with these arguments and return what it returns; raises as it does."""
    return int(_program(function)(args=arguments, standalone_mode=False) or 0)


def _program(function: Callable[..., int]) -> typer.Typer:
    @functools.wraps(function)
    def command(*arguments: Any, **options: Any) -> None:
        raise typer.Exit(function(*arguments, **options))

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(command)
    return app
