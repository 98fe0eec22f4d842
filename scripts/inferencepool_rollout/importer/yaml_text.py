"""YAML that people read: keys in their order, texts of several lines as blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Writes each text of several lines as a block, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Every value stands where it is used."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def as_yaml(values: Mapping[str, Any]) -> str:
    """Return a map as YAML."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
