"""What the chart renders for each version of a model server is what that version's own parser takes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from packaging.specifiers import SpecifierSet

from kit.charts import CHARTS
from kit.model_servers.supported import PACKAGES, VERSIONS, Answer, Package, Version, ask
from long.servers import page
from long.servers.rendered import command_lines, containers, examples, shapes

# Command lines, each with what the values ask for.
Lines = list[tuple[str, list[str]]]


@pytest.fixture(scope="session")
def lines() -> dict[Version, Lines]:
    """What the chart renders for each version."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(VERSIONS, pool.map(_rendered, VERSIONS), strict=True))


def _rendered(version: Version) -> Lines:
    found = {shape: containers(version, values) for shape, values in shapes(version).items()}
    return [(shape, line) for shape, some in found.items() for line in command_lines(some)]


@pytest.fixture(scope="session")
def answers(lines: dict[Version, Lines]) -> dict[Version, Answer]:
    """What each version's own parser says to that, line by line."""
    with ThreadPoolExecutor() as pool:
        said = pool.map(lambda version: ask(version, [line for _, line in lines[version]]), VERSIONS)
        return dict(zip(VERSIONS, said, strict=True))


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_a_version_takes_what_the_chart_renders_for_it(
    version: Version, lines: dict[Version, Lines], answers: dict[Version, Answer]
) -> None:
    errors = zip(lines[version], answers[version].errors, strict=True)
    assert [(shape, error) for (shape, _), error in errors if error] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_parser_refuses_what_is_no_flag_or_no_value_of_one(package: Package) -> None:
    """So its silence means something."""
    model = {"vllm": ["model"], "sglang": ["--model-path", "model"]}[package.server]
    newest = Version(package, package.versions[-1])
    unknown, wrong = ask(newest, [[*model, "--no-such-flag"], [*model, "--port", "http"]]).errors
    assert unknown and "--no-such-flag" in unknown
    assert wrong and "--port" in wrong


@pytest.mark.parametrize("package", PACKAGES[:1] + PACKAGES[-1:], ids=lambda package: package.name)
def test_the_newest_version_takes_the_examples_that_people_copy(package: Package) -> None:
    found = examples(package.server)
    assert found
    some = [line for containers_of_one in found.values() for line in command_lines(containers_of_one)]
    assert [error for error in ask(Version(package, package.versions[-1]), some).errors if error] == []


def test_the_page_says_what_each_version_knows(lines: dict[Version, Lines], answers: dict[Version, Answer]) -> None:
    used = {
        version: {word for _, line in some for word in line if word.startswith("--")} for version, some in lines.items()
    }
    page.write(used, answers)
    assert all(f"## {package.name}" in page.FILE.read_text() for package in PACKAGES)


@pytest.mark.parametrize("server", ["vllm", "sglang"])
def test_the_first_and_the_last_version_of_each_range_of_a_preset_are_tried(server: str) -> None:
    """So that a bound is a fact and no guess: a minor's first release may lack what its last has."""
    text = (CHARTS / f"inferencepool/files/model-servers/{server}.yaml").read_text()
    (tried,) = (package.versions for package in PACKAGES if package.name == server)
    first = re.findall(r"[vV]ersions: \">=([\d.]+)", text)
    assert first and set(first) <= set(tried)
    ranges = [SpecifierSet(bounds.replace(" ", ",")) for bounds in re.findall(r"[vV]ersions: \"([^\"]+)\"", text)]
    assert all(number in ranges[0] for number in tried)
