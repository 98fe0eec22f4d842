"""The forms of issues and pull requests ask for commands that there are, and lead to pages that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from inferencepool_rollout.cli import app
from kit.charts import ROOT

GITHUB = ROOT / ".github"
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yaml"))
PAGES = [*GITHUB.glob("*.md"), *(GITHUB / "ISSUE_TEMPLATE").iterdir()]
REPOSITORY = "https://github.com/inferencepool-rollout/inferencepool-rollout/"
KINDS = ("markdown", "textarea", "input")
GROUP: Any = typer.main.get_command(app)


def fields(form: Path) -> list[dict[str, Any]]:
    """What a form asks for."""
    body: list[dict[str, Any]] = yaml.safe_load(form.read_text())["body"]
    return body


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_is_one_that_github_takes(form: Path) -> None:
    """Its syntax: https://docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests."""
    read = yaml.safe_load(form.read_text())
    assert read.keys() == {"name", "description", "labels", "body"}
    ids = [field["id"] for field in fields(form) if field["type"] != "markdown"]
    assert len(set(ids)) == len(ids) > 1
    for field in fields(form):
        assert field["type"] in KINDS
        assert ("value" if field["type"] == "markdown" else "label") in field["attributes"]


def test_a_bug_s_form_asks_for_the_version_and_the_report() -> None:
    asked = (GITHUB / "ISSUE_TEMPLATE/bug.yaml").read_text()
    assert "rollout --version" in asked
    assert re.search(r"rollout report \S* ?\S* ?--json", asked)


def test_a_pull_request_is_asked_for_the_version_and_the_report() -> None:
    asked = (GITHUB / "PULL_REQUEST_TEMPLATE.md").read_text()
    assert "`rollout report --json`" in asked
    assert "`rollout --version`" in asked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_is_one_that_the_tool_has(page: Path) -> None:
    for command, options in re.findall(r"rollout (--version|[a-z]+)((?: -[-\w.]+(?: [\w.]+\b)?)*)`", page.read_text()):
        if command != "--version":
            known = {option for each in GROUP.commands[command].params for option in each.opts}
            assert [word for word in options.split() if word.startswith("-") and word not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_into_the_repository_leads_to_a_file(page: Path) -> None:
    text = page.read_text()
    linked = [ROOT / path for path in re.findall(rf"{REPOSITORY}blob/main/([\w./-]+)", text)]
    linked += [(page.parent / path).resolve() for path in re.findall(r"\]\(((?!https?:)[\w./-]+)\)", text)]
    assert [path for path in linked if not path.exists()] == []
