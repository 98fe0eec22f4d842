"""Moving weight where a GitOps tool applies it: by the values file in the checkout, comments and order kept."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from inferencepool_rollout.failure import Failure


def asked(file: Path, backend: str) -> int:
    """Return the percent that a values file asks for the backend; raises Failure if it cannot be read."""
    return int((_read(file).get("weights") or {}).get(backend) or 0)


def ask(file: Path, backend: str, percent: int) -> None:
    """Write the percent into the values file, in one rename."""
    values = _read(file)
    values["weights"] = values.get("weights") or {}
    values["weights"][backend] = percent
    text = io.StringIO()
    YAML().dump(values, text)
    scratch = file.with_name(f".{file.name}.new")
    scratch.write_text(text.getvalue())
    scratch.replace(file)


def _read(file: Path) -> Any:
    try:
        values = YAML().load(file.read_text())
    except (OSError, YAMLError) as error:
        raise Failure(f"the values file {file} cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise Failure(f"the values file {file} is no map")
    return values
