"""What the chart renders for each version of a model server is what that version's own parser takes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from long.servers.rendered import command_lines, containers, shapes
from long.servers.supported import VERSIONS, Answer, Version, ask

SERVERS = {"vllm", "sglang"}


@pytest.fixture(scope="session")
def answers() -> Iterator[dict[Version, Answer]]:
    """What each version says to all that the chart renders for it."""
    with ThreadPoolExecutor() as pool:
        yield dict(zip(VERSIONS, pool.map(_answer, VERSIONS), strict=True))


def _lines(version: Version) -> list[tuple[str, list[str]]]:
    found = [(shape, containers(version, values)) for shape, values in shapes(version.package).items()]
    return [(shape, line) for shape, some in found for line in command_lines(some)]


def _answer(version: Version) -> Answer:
    return ask(version, [line for _, line in _lines(version)])


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_a_versions_own_parser_takes_what_the_chart_renders_for_it(
    version: Version, answers: dict[Version, Answer]
) -> None:
    lines, errors = _lines(version), answers[version].errors
    assert lines
    assert [(shape, error) for (shape, _), error in zip(lines, errors, strict=True) if error] == []


@pytest.mark.parametrize("server", sorted(SERVERS))
def test_the_newest_versions_own_parser_takes_the_examples(server: str) -> None:
    pass
