"""Tests share through kit alone: no test folder imports from another one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from kit.charts import ROOT

TESTS = ROOT / "tests"


def imported(text: str) -> Iterator[str]:
    """The modules that a file imports, by their full names."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def sideways(text: str, folder: Path) -> list[str]:
    """The modules of tests/ that a file of a folder may not import: of neither kit nor its own folder or one around."""
    own = ".".join(folder.relative_to(TESTS).parts) + "."
    found = []
    for name in imported(text):
        around = name.rpartition(".")[0] + "."
        allowed = f"{name}.".startswith(("kit.", own)) or own.startswith(around)
        if (TESTS / name.split(".")[0]).exists() and not allowed:
            found.append(name)
    return found


def test_a_file_imports_from_kit_and_from_its_own_folder_alone() -> None:
    found = {str(file.relative_to(TESTS)): sideways(file.read_text(), file.parent) for file in TESTS.rglob("*.py")}
    assert {file: names for file, names in found.items() if names} == {}


def test_an_import_from_another_folder_would_be_found() -> None:
    text = "from kit.wait import wait_until\nfrom cluster.route import stalling\nimport long.vllm.servers\n"
    assert sideways(text, TESTS / "cluster/route") == ["long.vllm.servers"]
    assert sideways(text, TESTS / "kit") == ["cluster.route", "long.vllm.servers"]
