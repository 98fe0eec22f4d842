"""Moving weight where a GitOps tool applies it: by the values file in the checkout, of which one line changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from inferencepool_rollout.drive.position import Record
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan import Plan


@dataclass(frozen=True)
class GitopsMover:
    """Moves weight by a values file; `live` is the percent that the cluster serves, to see whether it is applied."""

    plan: Plan
    file: Path
    applies: bool = False
    helm: None = None

    def record(self) -> Record:
        """Return what the file asks for."""
        return Record(asked(self.file, self.plan.route.backend), str(self.file))

    def asked(self) -> None:
        """Return None: what the GitOps tool renders is its own."""
        return

    def command(self, percent: int) -> Sequence[str]:
        """Return the change of the file in words."""
        return (f"weights.{self.plan.route.backend}: {percent} in {self.file}",)

    def move(self, percent: int) -> None:
        """Write the percent into the file."""
        ask(self.file, self.plan.route.backend, percent)

    def back_command(self) -> Sequence[str]:
        """Return the change of the file in words."""
        return self.command(0)

    def back(self) -> None:
        """Write 0 into the file."""
        self.move(0)

    def free(self) -> None:
        """Do nothing: the GitOps tool ends its own changes."""


def asked(file: Path, backend: str) -> int:
    """Return the percent that a values file asks for the backend; raises Failure if it cannot be read."""
    return _percent(_parsed(file, _text(file)), backend)


def ask(file: Path, backend: str, percent: int) -> None:
    """Write the percent into the values file, in one rename; raises Failure if its YAML is one that this cannot do."""
    text = _text(file)
    before = _parsed(file, text)
    edited = _edited(text, before, backend, percent)
    after = _parsed(file, edited)
    weights = {**(before.get("weights") or {}), backend: percent}
    if after != {**before, "weights": weights}:
        raise Failure(
            f"{file} is written in a way that cannot be changed here; set weights.{backend} to {percent} in it"
        )
    scratch = file.with_name(f".{file.name}.new")
    scratch.write_bytes(edited.encode())  # as text its line ends would change
    scratch.replace(file)


def _edited(text: str, values: CommentedMap, backend: str, percent: int) -> str:
    lines = text.splitlines(keepends=True)
    weights, end = values.get("weights"), "\r\n" if "\r\n" in text else "\n"
    if weights and backend in weights:
        number, column = weights.lc.value(backend)
        line = lines[number]
        old = str(weights[backend])
        lines[number] = line[:column] + str(percent) + line[column:].removeprefix(old)
    elif weights:
        number, column = weights.lc.key(next(iter(weights)))
        line = lines[number]
        entry = f"{backend}: {percent}"
        between = f"{entry}, " if weights.fa.flow_style() else f"{entry}{end}{' ' * column}"
        lines[number] = line[:column] + between + line[column:]
    elif "weights" in values:
        number, _ = values.lc.key("weights")
        lines[number] = f"weights: {{{backend}: {percent}}}{end}"
    else:
        before = "" if text.endswith("\n") else end
        lines.append(f"{before}weights: {{{backend}: {percent}}}{end}")
    return "".join(lines)


def _percent(values: CommentedMap, backend: str) -> int:
    return int((values.get("weights") or {}).get(backend) or 0)


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"the values file {file} cannot be read: {error}") from None


def _parsed(file: Path, text: str) -> CommentedMap:
    try:
        values = YAML().load(text)
    except YAMLError as error:
        raise Failure(f"the values file {file} is no YAML: {error}") from None
    if not isinstance(values, CommentedMap):
        raise Failure(f"the values file {file} is no map")
    return values
