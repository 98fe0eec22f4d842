"""Reading a plan's file: every error is reported at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan import contradictions as plans
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.quality.prompts import read_prompts
from inferencepool_rollout.quality.verdict import require_enough
from inferencepool_rollout.workload import checks as workloads

Where = Sequence[str | int]


def read_plan(file: Path) -> Plan:
    """Return the plan in a YAML file; raises Failure with every error, one a line, as FILE:LINE: KEY: what."""
    document = _parse(file)
    errors: list[tuple[int, str]]
    try:
        plan = Plan.model_validate(document)
    except ValidationError as refused:
        errors = list(_errors(document, refused))
    except RecursionError:
        raise Failure(f"the plan {file} is nested too deeply; see values/plans/ for its shape") from None
    else:
        found = [*plans.contradictions(plan, file.parent), *workloads.contradictions(plan, file.parent)]
        errors = [_at(document, path, why) for path, why in found]
        if not errors:
            return _located(plan, file.parent)
    raise Failure("the plan is refused\n" + "\n".join(f"{file}:{line}: {text}" for line, text in sorted({*errors})))


def _located(plan: Plan, folder: Path) -> Plan:
    """The plan with its files' paths absolute, so that they are found from anywhere; raises Failure for bad prompts."""
    if not plan.route.chart.startswith("oci://"):
        chart = str((folder / plan.route.chart).resolve())
        plan = plan.model_copy(update={"route": plan.route.model_copy(update={"chart": chart})})
    if plan.capacity and (scaling := plan.capacity.scaling) and not scaling.chart.startswith("oci://"):
        located_chart = scaling.model_copy(update={"chart": str((folder / scaling.chart).resolve())})
        plan = plan.model_copy(update={"capacity": plan.capacity.model_copy(update={"scaling": located_chart})})
    workload = plan.probe.workload
    if workload and workload.trace:
        located = workload.model_copy(update={"trace": str((folder / workload.trace).resolve())})
        plan = plan.model_copy(update={"probe": plan.probe.model_copy(update={"workload": located})})
    if plan.quality:
        prompts = (folder / plan.quality.prompts).resolve()
        require_enough(plan, read_prompts(prompts))
        plan = plan.model_copy(update={"quality": plan.quality.model_copy(update={"prompts": str(prompts)})})
    return plan


def _parse(file: Path) -> CommentedMap:
    try:
        document = YAML().load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"the plan {file} cannot be read: {error}") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Failure(f"{file}:{line}: {(error.problem or 'not YAML').splitlines()[0]}") from None
    except YAMLError as error:
        raise Failure(f"{file}: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise Failure(f"the plan {file} is nested too deeply; see values/plans/ for its shape") from None
    except (ValueError, NotImplementedError) as error:  # a date, number or tag that the parser cannot build
        raise Failure(f"the plan {file} cannot be read: {error}") from None
    if not isinstance(document, CommentedMap):
        raise Failure(f"{file}:1: a plan is a map that begins with `route:`; see values/plans/")
    return document


def _errors(document: CommentedMap, refused: ValidationError) -> Iterator[tuple[int, str]]:
    for error in refused.errors():
        path = [part for part in error["loc"] if part != "[key]"]
        yield _at(document, path, _reason(path, error))


def _reason(path: Where, error: Any) -> str:
    """Return pydantic's error in the words of a plan."""
    given = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return f"there is no such key; there are {', '.join(_known(path))}"
        case "missing":
            return "this key is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "string_pattern_mismatch":
            return f"{given!r} is not a name: use a-z, 0-9 and -, and begin and end with a letter or a digit"
        case _:
            shown = "" if isinstance(given, Mapping | list) else f"{given!r}: "
            text = str(error["msg"])
            return f"{shown}{text[0].lower()}{text[1:]}"


def _known(path: Where) -> list[str]:
    """The keys that may stand where the last part of `path` does."""
    schema: Any = Plan.model_json_schema(by_alias=True)
    node = schema
    for part in path[:-1]:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
        node = next((each for each in node.get("anyOf", [node]) if "$ref" in each or "items" in each), node)
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return list(node["properties"])


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
