"""Renovate reads every version that the tree pins: .github/renovate.json beside what a search of the tree finds."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from kit.charts import ROOT

CONFIG: dict[str, Any] = json.loads((ROOT / ".github/renovate.json").read_text())
CUSTOM: list[dict[str, Any]] = CONFIG["customManagers"]
FOLDERS = (".github", "charts", "lora-syncer", "scripts", "tests", "values")
READ = {".cfg", ".conflist", ".in", ".mod", ".py", ".sh", ".toml", ".tpl", ".txt", ".yaml", ""}
"""Suffixes of files that may pin a version; lock files pin all of theirs, and have a test of their own."""
PINS = {
    "package": r"(?<![\w=])[A-Za-z0-9][\w.-]*==\d[\w.]*",
    "image": r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+/[\w./-]+|=python):v?\d[\w.-]*",
    "tag": r"\btag: *\"?v?\d[\w.-]*",
    "version": r"\"v\d+\.\d+\.\d+[\w.-]*\"|^istio-images = \"[\d.]+\"",
    "action": r"\buses: *\S+@v?\d[\w.]*",
    "language": r"\b(?:go|python)-version: *\"[\d.]+\"",
    "module": r"^(?:\t|require )\S+ v\d\S*|^go \d\S*",
}
ONLY_IN = {"version": "*.toml", "module": "*/go.mod", "tag": "*.yaml"}
"""Files in which a text like this is a pin."""
BUILT_IN = {  # what Renovate's own managers read by default, or by the patterns of CONFIG
    "gomod": ("module", r"(^|/)go\.mod$"),
    "dockerfile": ("image", r"(^|/)Dockerfile$"),
    "github-actions": ("action", r"^\.github/workflows/[^/]+\.ya?ml$"),
    "pip_requirements": ("package", ""),
    "kubernetes": ("image", ""),
}
NO_DEPENDENCY = {  # pins that no update may touch, each with its reason
    "tests/golden/": "what upstream's guide renders",
    "tests/kit/released.py": "the past",
    "values/pool/accelerators/intel-gaudi3.yaml": "a user's own image",
    "values/pool/model-servers/vllm-image-volume.yaml": "a user's own image",
    "tests/unit/": "examples of versions",
    "tests/render/": "examples of versions",
    "tests/long/": "versions that behave differently",
    "tests/kit/any_values.py": "examples of versions",
    "tests/kit/run_logs.py": "an example",
    "tests/kit/model_servers/versions.toml": "supported versions, which stay in the list",
    "scripts/inferencepool_rollout/in_cluster/manifests.py": "this project's own version",
}
FOR_A_PLATFORM = "scripts/builds/images/vllm-cpu/requirements.lock"
"""The lock file with --python-platform, which Renovate does not know. It reads the pins of its requirements.in."""
OPTIONS = {"--universal", "--generate-hashes", "--python-version=", "--group=", "--constraint=", "--output-file="}
"""Of `uv pip compile`, those that Renovate knows: lib/modules/manager/pip-compile/common.ts of version 44."""
READ_IN_TESTS = ("package",)
"""Pins that are dependencies wherever they stand."""


class Pin(NamedTuple):
    """A version in a file of the tree."""

    file: str
    line: int
    kind: str
    text: str


def files() -> Iterator[tuple[str, str]]:
    """Yield each file that may pin a version, by its path, with its text."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in READ and path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text()


def pins() -> Iterator[Pin]:
    """Yield every pin of the tree that is a dependency."""
    for file, text in files():
        for kind, pattern in PINS.items():
            past = kind not in READ_IN_TESTS and file.startswith(tuple(NO_DEPENDENCY))
            if fnmatch.fnmatch(file, ONLY_IN.get(kind, "*")) and not past:
                for found in re.finditer(pattern, text, re.MULTILINE):
                    yield Pin(file, text.count("\n", 0, found.start()) + 1, kind, found[0].strip())


def python(pattern: str) -> str:
    """A regular expression of JavaScript as Python writes it."""
    return re.sub(r"\(\?<(?=\w)", "(?P<", pattern)


def reads(patterns: list[str], file: str) -> bool:
    """Whether a manager with these managerFilePatterns reads a file. All of CONFIG are regular expressions."""
    assert all(each[0] == each[-1] == "/" for each in patterns)
    ignored = any(fnmatch.fnmatch(file, path) for path in CONFIG["ignorePaths"])
    return not ignored and any(re.search(each[1:-1], file) for each in patterns)


def lines(manager: dict[str, Any], text: str) -> Iterator[int]:
    """Yield the line of each version that a custom manager takes from a text."""
    *outer, inner = map(python, manager["matchStrings"])
    recursive = manager.get("matchStringsStrategy") == "recursive"
    parts = [(0, text)]
    for pattern in outer if recursive else ():
        parts = [(start + found.start(), found[0]) for start, part in parts for found in re.finditer(pattern, part)]
    for pattern in [inner] if recursive else [*outer, inner]:
        for start, part in parts:
            for found in re.finditer(pattern, part):
                yield text.count("\n", 0, start + found.start("currentValue")) + 1


@pytest.fixture(scope="module")
def covered() -> set[tuple[str, int]]:
    """File and line of each version that a custom manager reads."""
    return {
        (file, line)
        for file, text in files()
        for manager in CUSTOM
        if reads(manager["managerFilePatterns"], file)
        for line in lines(manager, text)
    }


def built_in(pin: Pin) -> bool:
    """Whether one of Renovate's own managers reads a pin."""
    for name, (kind, default) in BUILT_IN.items():
        patterns = CONFIG.get(name, {}).get("managerFilePatterns", [])
        if pin.kind == kind and reads([*patterns, *([f"/{default}/"] if default else [])], pin.file):
            return True
    return False


def test_every_pinned_version_is_read(covered: set[tuple[str, int]]) -> None:
    found = list(pins())
    assert {pin.kind for pin in found} == set(PINS)
    assert [pin for pin in found if (pin.file, pin.line) not in covered and not built_in(pin)] == []


def test_every_lock_file_is_read_and_says_the_command_that_renovate_repeats() -> None:
    """Renovate runs the command of a lock file's second line, if it knows all options and each has its value by `=`."""
    locks = [str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*.lock")]
    patterns = CONFIG["pip-compile"]["managerFilePatterns"]
    assert [lock for lock in ["requirements.lock", *locks] if not reads(patterns, lock)] == [FOR_A_PLATFORM]
    for lock in {"requirements.lock", *locks} - {FOR_A_PLATFORM}:
        command = (ROOT / lock).read_text().splitlines()[1].removeprefix("#    ").split()
        assert command[:3] == ["uv", "pip", "compile"]
        assert {word.partition("=")[0] + "=" * ("=" in word) for word in command if word[0] == "-"} <= OPTIONS, lock


@pytest.mark.parametrize("manager", CUSTOM, ids=lambda manager: manager["description"])
def test_every_manager_reads_a_version_of_each_file_that_it_names(manager: dict[str, Any]) -> None:
    for pattern in manager["managerFilePatterns"]:
        texts = [text for file, text in files() if reads([pattern], file)]
        assert [text for text in texts if list(lines(manager, text))], pattern


def test_every_exception_is_of_a_file_that_is_there() -> None:
    assert [path for path in NO_DEPENDENCY if not (ROOT / path).exists()] == []


def test_renovate_reads_the_tests_too() -> None:
    """`config:recommended` ignores folders of tests, unless the configuration names its own paths to ignore."""
    assert "config:recommended" in CONFIG["extends"]
    assert CONFIG["ignorePaths"] == ["tests/golden/**"]
    assert reads(CUSTOM[5]["managerFilePatterns"], "tests/unit/test_wheel.py")
