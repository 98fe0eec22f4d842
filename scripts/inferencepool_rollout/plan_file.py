"""Reading a plan: what is wrong with it is told with its lines, all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from inferencepool_rollout.drive.prometheus import names
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan import (
    Capacity,
    ErrorRate,
    Latency,
    Plan,
    Probe,
    Prometheus,
    Query,
    Route,
    Step,
    Unit,
)
from inferencepool_rollout.traffic.request import Completion

SCHEMA = Path(__file__).with_name("plan.schema.json")
UNITS = {"s": 1, "m": 60, "h": 3600}

Where = Sequence[str | int]


def read_plan(file: Path) -> Plan:
    """Return the plan in a YAML file; raises Failure with every error, one a line, as FILE:LINE: KEY: what."""
    document = _parse(file)
    errors = sorted({*_schema_errors(document)} or {*_sense_errors(document, file)})
    if errors:
        raise Failure("the plan is refused\n" + "\n".join(f"{file}:{line}: {text}" for line, text in errors))
    return _plan(document, file)


def seconds(duration: str) -> float:
    """Return a duration like 90s, 10m or 1.5h in seconds."""
    return float(duration[:-1]) * UNITS[duration[-1]]


def _parse(file: Path) -> CommentedMap:
    try:
        document = YAML().load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"the plan {file} cannot be read: {error}") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Failure(f"{file}:{line}: {(error.problem or 'no YAML').splitlines()[0]}") from None
    except YAMLError as error:
        raise Failure(f"{file}: {error}") from None
    if not isinstance(document, CommentedMap):
        raise Failure(f"{file}:1: a plan is a map that begins with `route:`; see values/plans/")
    return document


def _schema_errors(document: CommentedMap) -> Iterator[tuple[int, str]]:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    for error in validator.iter_errors(document):
        where = list(error.absolute_path)
        schema = error.schema
        if error.validator == "additionalProperties" and isinstance(schema, dict) and "properties" in schema:
            known = schema["properties"]
            for key in error.instance:
                if key not in known:
                    yield _at(document, [*where, key], f"there is no such key; there are {', '.join(known)}")
        else:
            yield _at(document, where, _reason(error))


def _reason(error: ValidationError) -> str:
    if error.validator == "pattern" and "(s|m|h)" in str(error.validator_value):
        return f"{error.instance!r} is no duration; write it like 90s, 10m or 1h"
    return error.message


def _sense_errors(document: CommentedMap, file: Path) -> Iterator[tuple[int, str]]:
    """What a schema cannot say: keys that must fit each other."""
    before, limit = 0, document.get("maxStep", 50)
    for index, step in enumerate(document["steps"]):
        percent = step["percent"]
        if percent <= before:
            text = f"{percent} does not go up from the {before} before it"
            yield _at(document, ["steps", index, "percent"], text)
        elif percent - before > limit:
            text = f"moves {percent - before} points at once, and maxStep is {limit}; put a step in between"
            yield _at(document, ["steps", index, "percent"], text)
        if "longest" in step and seconds(step["longest"]) < seconds(step["burnIn"]):
            yield _at(document, ["steps", index, "longest"], f"{step['longest']} is shorter than burnIn")
        if seconds(step["burnIn"]) <= 0:
            yield _at(document, ["steps", index, "burnIn"], "a step is looked at for more than no time")
        before = percent
    objectives = document["objectives"]
    paths: list[Where] = [["objectives", "errorRate"]]
    paths += [["objectives", "latency", index] for index in range(len(objectives.get("latency", [])))]
    for path in paths:
        bounds = _value(document, path)
        if bounds["accept"] >= bounds["detect"]:
            text = f"{bounds['detect']} must be above accept ({bounds['accept']}): between the two nothing is promised"
            yield _at(document, [*path, "detect"], text)
        if bounds.get("metric", "e2e") != "e2e" and not document["probe"].get("stream", True):
            yield _at(document, [*path, "metric"], "known of streams only; set probe.stream: true")
    yield from _query_errors(document)
    if document["pools"]["old"] == document["pools"]["new"]:
        yield _at(document, ["pools", "new"], "a rollout is between two pools")
    if ("toOld" in document["probe"]) != ("toNew" in document["probe"]):
        given = "toOld" if "toOld" in document["probe"] else "toNew"
        yield _at(document, ["probe", given], "toOld and toNew go together: pools are compared by requests sent alike")
    chart = document["route"]["chart"]
    if not chart.startswith("oci://") and not (file.parent / chart / "Chart.yaml").is_file():
        yield _at(document, ["route", "chart"], f"there is no chart in {file.parent / chart}")


def _query_errors(document: CommentedMap) -> Iterator[tuple[int, str]]:
    taken = {ErrorRate.name, *(Latency(**entry).name for entry in document["objectives"].get("latency", []))}
    known = names("old", "new", "default", 1)
    for index, entry in enumerate(document.get("prometheus", {}).get("queries", [])):
        at: list[str | int] = ["prometheus", "queries", index]
        try:
            Template(entry["query"]).substitute(known)
        except (KeyError, ValueError):
            text = f"after $ there is one of {', '.join(known)}, or another $ where $ itself is meant"
            yield _at(document, [*at, "query"], text)
        if entry["name"] in taken:
            yield _at(document, [*at, "name"], "another objective has this name")
        taken.add(entry["name"])


def _at(document: CommentedMap, path: Where, text: str) -> tuple[int, str]:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return _line(document, path), f"{key}: {text}" if key else text


def _line(document: CommentedMap, path: Where) -> int:
    """The line (from 1) of a key or item; of its parent, where it is missing."""
    line, node = 0, document
    for part in path:
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0]
        elif isinstance(node, CommentedSeq):
            line = node.lc.item(part)[0]
        else:
            break
        node = node[part]
    return int(line) + 1


def _value(document: CommentedMap, path: Where) -> Any:
    node = document
    for part in path:
        node = node[part]
    return node


def _plan(document: CommentedMap, file: Path) -> Plan:
    route, gateway, probe = document["route"], document["gateway"], document["probe"]
    objectives, decision, capacity = document["objectives"], document.get("decision", {}), document.get("capacity")
    chart = route["chart"]
    return Plan(
        route=Route(
            release=route.get("release", "route"),
            namespace=route.get("namespace", "default"),
            chart=chart if chart.startswith("oci://") else str((file.parent / chart).resolve()),
            backend=route.get("backend", "new"),
        ),
        old=document["pools"]["old"],
        new=document["pools"]["new"],
        probe=Probe(
            url=gateway["url"],
            models=tuple(probe["models"]),
            rate=float(probe["rate"]),
            prompt=probe.get("prompt", Completion.prompt),
            max_tokens=probe.get("maxTokens", Completion.max_tokens),
            stream=probe.get("stream", True),
            chat=probe.get("chat", False),
            workers=probe.get("workers", 64),
            timeout=seconds(probe.get("timeout", "60s")),
            headers=dict(gateway.get("headers", {})),
            to_old=dict(probe.get("toOld", {})),
            to_new=dict(probe.get("toNew", {})),
        ),
        steps=tuple(
            Step(
                percent=step["percent"],
                burn_in=seconds(step["burnIn"]),
                requests=step.get("requests", 0),
                longest=seconds(step["longest"]) if "longest" in step else 3 * seconds(step["burnIn"]),
            )
            for step in document["steps"]
        ),
        error_rate=ErrorRate(**objectives["errorRate"]),
        latency=tuple(Latency(**entry) for entry in objectives.get("latency", [])),
        alpha=decision.get("alpha", 0.01),
        power=decision.get("power", 0.95),
        capacity=Capacity(capacity["peak"], **capacity["perReplica"]) if capacity else None,
        max_step=document.get("maxStep", 50),
        soak=seconds(document.get("soak", "0s")),
        prometheus=_prometheus(document["prometheus"]) if "prometheus" in document else None,
    )


def _prometheus(document: CommentedMap) -> Prometheus:
    return Prometheus(
        url=document["url"],
        headers=dict(document.get("headers", {})),
        queries=tuple(
            Query(
                name=entry["name"],
                query=entry["query"],
                unit=Unit(entry["unit"]),
                accept=float(entry["accept"]),
                lasting=seconds(entry.get("lasting", "1m")),
            )
            for entry in document["queries"]
        ),
    )
