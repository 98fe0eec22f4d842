"""What a version's sources say, read without running them: its HTTP handlers, metrics and environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from kit.model_servers.packages import Wheel

# Where they are, in all supported versions: patterns of paths in the wheel.
HANDLERS = r"vllm/entrypoints/(openai|serve)/(.*/)?(api_server|basic|health)\.py|sglang/srt/entrypoints/http_server\.py"
METRICS = (
    r"vllm/(v1/(metrics|spec_decode)|distributed)/.*(metrics|loggers|stats)\.py"
    r"|sglang/srt/(metrics|observability)/.*\.py"
)
ENVIRONMENT = r"vllm/envs\.py|sglang/srt/environ\.py|sglang/srt/entrypoints/http_server\.py"


@dataclass(frozen=True)
class Handler:
    """A handler of HTTP GET: where it is, and how many seconds it sleeps at least before it answers with success."""

    file: str
    line: int
    sleeps: float


@dataclass(frozen=True)
class Metric:
    """A metric: where it is made, and its kind: counter, gauge or histogram."""

    file: str
    kind: str


def handler(wheel: Wheel, path: str) -> Handler | None:
    """Return the handler of GET `path`, or None where there is none."""
    for file, tree in _trees(wheel, HANDLERS):
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef) and any(_gets(call, path) for call in node.decorator_list):
                return Handler(file, node.lineno, sum(_slept(call) for call in ast.walk(node)))
    return None


def metrics(wheel: Wheel) -> dict[str, Metric]:
    """Return the metrics that the version makes, by the name it gives them (a counter's without `_total`)."""
    found = {}
    for file, tree in _trees(wheel, METRICS):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (kind := re.search("counter|gauge|histogram", _called(node))):
                found.update({name.removesuffix("_total"): Metric(file, kind[0]) for name in _names(node)})
    return found


def reads_environment(wheel: Wheel, name: str) -> bool:
    """Whether the version reads an environment variable of that name."""
    texts = (wheel.file(file).read_text() for file in _files(wheel, ENVIRONMENT))
    return any(re.search(rf"\b{name}\b", text) for text in texts)


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).lower()


def _names(call: ast.Call) -> list[str]:
    values = [*call.args, *(word.value for word in call.keywords if word.arg == "name")]
    texts = [str(value.value) for value in values if isinstance(value, ast.Constant)]
    return [text for text in texts if text.startswith(("vllm:", "sglang:"))]


def _gets(call: ast.expr, path: str) -> bool:
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "get"
        and any(isinstance(value, ast.Constant) and value.value == path for value in call.args)
    )


def _slept(node: ast.AST) -> float:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "asyncio.sleep":
        return float(ast.literal_eval(node.args[0]))
    return 0


def _trees(wheel: Wheel, pattern: str) -> Iterator[tuple[str, ast.Module]]:
    for file in _files(wheel, pattern):
        yield file, ast.parse(wheel.file(file).read_text())


def _files(wheel: Wheel, pattern: str) -> list[str]:
    return sorted(name for name in wheel.names if re.fullmatch(pattern, name))
