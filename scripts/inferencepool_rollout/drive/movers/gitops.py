"""Moving weight where a GitOps tool applies it: by a file in the checkout, of which one line changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yaml import YAMLError

from inferencepool_rollout.drive.movers.values_file import (
    Place,
    Unwritable,
    documents,
    dumped,
    place_of,
    same,
    value_at,
    with_value,
    written,
)
from inferencepool_rollout.drive.position import Record
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan

PLACES = {
    "HelmRelease": "spec.values.weights.{}",
    "Application": "spec.source.helm.valuesObject.weights.{}",
    "ApplicationSet": "spec.template.spec.source.helm.valuesObject.weights.{}",
}
"""Where objects of GitOps tools hold the weight of a backend, as a hint to people."""


@dataclass(frozen=True)
class GitopsMover:
    """Moves weight by a file; `at` is the path of the weight in it, empty for a values file of the route's chart."""

    plan: Plan
    file: Path
    at: str = ""
    applies: bool = False
    helm: None = None

    def record(self) -> Record:
        """Return what the file asks for."""
        return Record(asked(self.file, self.plan.route.backend, self.at), str(self.file))

    def asked(self) -> None:
        """Return None: what the GitOps tool renders is its own."""
        return

    def command(self, percent: int) -> Sequence[str]:
        """Return the change of the file in words."""
        return (f"{self.at or f'weights.{self.plan.route.backend}'}: {percent} in {self.file}",)

    def move(self, percent: int) -> None:
        """Write the percent into the file."""
        ask(self.file, self.plan.route.backend, percent, self.at)

    def back_command(self) -> Sequence[str]:
        """Return the change of the file in words."""
        return self.command(0)

    def back(self) -> None:
        """Write 0 into the file."""
        self.move(0)

    def free(self) -> None:
        """Do nothing: the GitOps tool ends its own changes."""


def asked(file: Path, backend: str, at: str = "") -> int:
    """Return the percent that a file asks for the backend; raises Failure if it cannot be read."""
    found = _Found.of(file, backend, at)
    value = value_at(found.documents[found.number], found.place)
    if value is None:
        return 0
    if isinstance(value, bool) or not str(value).isdecimal():
        raise Failure(f"{'.'.join(found.place)} in {file} is {value!r}; a whole percent was expected")
    return int(value)


def ask(file: Path, backend: str, percent: int, at: str = "") -> None:
    """Write the percent into the file, in one rename; raises Failure if that cannot be done without other changes."""
    found = _Found.of(file, backend, at)
    try:
        wanted = with_value(found.documents[found.number], found.place, percent)
        edited = written(found.text, found.number, found.place, percent)
        after = documents(edited)
        others = [each for i, each in enumerate(found.documents) if i != found.number]
        is_right = same(after.pop(found.number), wanted, found.place) and dumped(after) == dumped(others)
    except (Unwritable, Failure, LookupError, RecursionError, TypeError, YAMLError):
        is_right = False
    if not is_right:
        place = ".".join(found.place)
        raise Failure(f"{file} has a form that cannot be edited in place; set {place} to {percent} in it")
    scratch = file.with_name(f".{file.name}.new")
    scratch.write_bytes(edited.encode())  # as text its line ends would change
    scratch.replace(file)


@dataclass(frozen=True)
class _Found:
    """A file with the place of the weight: which of its documents, and where in it."""

    text: str
    documents: Sequence[Any]
    number: int
    place: Place

    @classmethod
    def of(cls, file: Path, backend: str, at: str) -> _Found:
        """Find the place; raises Failure if the file cannot be read, or if it is not clear."""
        try:
            text = file.read_bytes().decode()
            found = documents(text)
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"{file} cannot be read: {error}") from None
        except Failure as failure:
            raise Failure(f"{file} {failure}") from None
        if at:
            place = place_of(at)
            return cls(text, found, _document(file, found, place, at), place)
        _check_values(file, found, backend)
        return cls(text, found, 0, ["weights", backend])


def _document(file: Path, found: Sequence[Any], place: Place, at: str) -> int:
    """The document that holds the map of the weights at a place, or what that map would stand in."""
    for depth in (len(place) - 1, len(place) - 2):
        holders = [i for i, each in enumerate(found) if depth >= 0 and _holds(each, place[:depth])]
        if len(holders) == 1:
            return holders[0]
        if holders:
            raise Failure(f"{file} has {len(holders)} documents with {at}; keep the route's in a file of its own")
    raise Failure(f"{file} has no {'.'.join(place[:-1])}; correct --at, or write that map into the file first")


def _holds(document: Any, place: Place) -> bool:
    try:
        found = value_at(document, place)
    except (Unwritable, RecursionError):
        return False
    return isinstance(found, dict | list) or (isinstance(found, str) and "\n" in found)


def _check_values(file: Path, found: Sequence[Any], backend: str) -> None:
    """Refuse what is no values file of the route's chart: one map, with the chart's `weights` or `backends`."""
    named = f"name the weight's place in it with --at, for example --at {{}}.weights.{backend}"
    if len(found) != 1:
        raise Failure(f"{file} has {len(found)} documents, and a values file has one; {named.format('spec.values')}")
    (values,) = found
    if not isinstance(values, dict):
        raise Failure(f"{file} is not a map, so it is not a values file of the route's chart")
    if "apiVersion" in values and "kind" in values:
        kind = str(values["kind"])
        place = PLACES.get(kind, "spec.values.weights.{}").format(backend)
        raise Failure(f"{file} is the object {kind} and no values file; name the weight's place with --at {place}")
    if not {"weights", "backends"} & values.keys():
        inner = next((key for key, each in values.items() if _is_route(each)), "rollout-route")
        raise Failure(
            f"{file} has neither weights nor backends, which the values of the route's chart have; "
            f"{named.format(inner)}, or --at weights.{backend} if it is its values file"
        )


def _is_route(node: Any) -> bool:
    return isinstance(node, dict) and bool({"weights", "backends"} & node.keys())
