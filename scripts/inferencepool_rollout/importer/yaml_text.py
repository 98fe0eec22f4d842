"""YAML that people read: keys in their order, texts of several lines as blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Writes each text of several lines as a block, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Every value stands where it is used."""
        return True


OTHERS = re.compile(r"[-+]?[.0-9][0-9_.,:]*([eE][-+]?[0-9]+)?|[-+]?0[box][0-9a-fA-F_]+|[yYnN]")
"""Texts that Helm's parser reads as a number or a boolean where they are not quoted, and PyYAML does not (`1e3`, `0o7`,
`y`), and some more."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if OTHERS.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(values: Mapping[str, Any]) -> str:
    """Return a map as YAML."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
