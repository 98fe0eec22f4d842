"""Which module of the two packages imports which, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

SCRIPTS = Path(__file__).parents[2]
TOOL, LABORATORY = "inferencepool_rollout", "inferencepool_lab"


def imports(*, at_start: bool = False) -> Mapping[str, frozenset[str]]:
    """Return the modules that each module of both packages imports, by dotted names, as far as they are of these.

    With `at_start`, only those that importing the module imports, not those inside of functions.
    """
    files = {_name(file): file for package in (TOOL, LABORATORY) for file in (SCRIPTS / package).rglob("*.py")}
    found = {}
    for name, file in files.items():
        tree = ast.parse(file.read_text())
        named = {imported for node in (tree.body if at_start else ast.walk(tree)) for imported in _imported(node)}
        modules = {imported if imported in files else imported.rpartition(".")[0] for imported in named}
        found[name] = frozenset(modules & files.keys() - {name})
    return found


def _name(file: Path) -> str:
    return ".".join(file.relative_to(SCRIPTS).with_suffix("").parts).removesuffix(".__init__")


def _imported(node: ast.AST) -> Iterator[str]:
    """The dotted names that a statement imports; of `from a import b`, a.b, which may be a module or a name in one."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
