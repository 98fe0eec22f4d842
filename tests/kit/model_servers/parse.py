"""Runs in a process of its own: what a model server's own parser knows, and what it says to command lines.

    python -m kit.model_servers.parse vllm [PACKAGE VERSION] < lines.json > answer.json

`lines` is a list of lists of arguments. The answer has `flags`, each with the name of its `type`, its `nargs` and
`choices`, and `errors`: for each line what the parser says against it, or null. Without a package it is the server that
is installed, else that of the package's wheel, run with stand-ins for all that it is built on.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import json
import re
import sys
from collections.abc import Sequence
from typing import Any

import yaml  # noqa: F401  before there are stand-ins: it tries what may be missing


def vllm() -> argparse.ArgumentParser:
    """Return the parser of `vllm serve`."""
    kind = _first("FlexibleArgumentParser", "vllm.utils.argparse_utils", "vllm.utils")
    places = [f"vllm.entrypoints.{place}.cli_args" for place in ("common", "launchers", "openai")]
    parser: argparse.ArgumentParser = _first("make_arg_parser", *places)(kind(prog="vllm serve"))
    return parser


def sglang() -> argparse.ArgumentParser:
    """Return the parser of `python -m sglang.launch_server`."""
    parser = argparse.ArgumentParser(prog="sglang.launch_server")
    _first("ServerArgs", "sglang.srt.server_args").add_cli_args(parser)
    return parser


def _first(name: str, *modules: str) -> Any:
    """Return what has that name in the first of these modules that is there."""
    for module in modules:
        try:
            return getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if not module.startswith(f"{error.name}"):
                raise
    raise SystemExit(f"none of {', '.join(modules)} is there")


def _flags(parser: argparse.ArgumentParser) -> dict[str, dict[str, Any]]:
    return {
        option: {
            "type": "switch" if action.nargs == 0 else getattr(action.type, "__name__", "str"),
            "nargs": action.nargs,
            "choices": None if action.choices is None else [str(choice) for choice in action.choices],
        }
        for action in parser._actions
        for option in action.option_strings
    }


def _error(parser: argparse.ArgumentParser, line: Sequence[str]) -> str | None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parser.parse_args(line)
    except SystemExit:
        return said.getvalue().partition("error: ")[2].strip() or said.getvalue()
    return None


def main(server: str, package: str = "", version: str = "") -> None:
    """Print the answer of a server's parser."""
    lines: list[list[str]] = json.load(sys.stdin)
    if package:
        from kit.model_servers.packages import Wheel
        from kit.model_servers.stand_ins import NEWEST, Finder

        sys.modules["regex"] = re
        sys.meta_path.insert(0, Finder(server, Wheel(package, version)))
        # vLLM asks its package's version for what device it was built; a build for CPUs looks for no other
        own = {server, package, package.replace("-", "_")}
        importlib.metadata.version = lambda distribution_name: f"{version}+cpu" if distribution_name in own else NEWEST
    with contextlib.redirect_stdout(sys.stderr):
        parser = {"vllm": vllm, "sglang": sglang}[server]()
        answer = {"flags": _flags(parser), "errors": [_error(parser, line) for line in lines]}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
