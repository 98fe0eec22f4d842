"""No text of the project uses a retired word; each has one that a stranger understands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from kit.charts import ROOT

EVERYWHERE = {
    r"outlooks?": "dry run",
    r"witness(es)?": "Prometheus check",
    r"str(ike|ikes|iking|uck)": "inject, the faulted pool",
    r"linger(s|ed|ing)?": "finish its streams",
    r"adoption": "import",
    r"look(s|ed|ing)? (at|anew)": "observe, compare, read",
    r"of no release": "left unmanaged: no Helm release owns it",
    r"(api|epp)('s)? generations?": "API version; EPP version or family",
    r"cluster's eyes": "what the cluster knows",
}
"""Retired words, and what to write."""
PUBLISHED = {
    r"the guide('s)?": "upstream's rollout guide, or the page's name",
    r"ours?": "the noun that it is",
    r"a must with": "required with",
    r"is not to be had": "is not available",
    r"no chart can save": "Helm's own start",
}
"""Further ones, outside of tests."""
NOT_PROSE = {".lock", ".sum", ".png", ".html", ".svg", ".json"}
FILES = [
    Path(line)
    for line in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    if Path(line).suffix not in NOT_PROSE
    and not line.startswith("tests/golden/")
    and line != "tests/unit/test_words.py"
]


def hits(word: str, files: list[Path]) -> list[str]:
    """Where a word stands, as FILE:LINE: the line."""
    pattern = re.compile(rf"\b{word}\b", re.IGNORECASE)
    return [
        f"{file}:{number}: {line.strip()}"
        for file in files
        if (ROOT / file).is_file()
        for number, line in enumerate((ROOT / file).read_text().splitlines(), 1)
        if pattern.search(line.replace("https://", ""))
    ]


@pytest.mark.parametrize("word", EVERYWHERE)
def test_a_retired_word_is_used_nowhere(word: str) -> None:
    assert hits(word, FILES) == [], f"write: {EVERYWHERE[word]}"


@pytest.mark.parametrize("word", PUBLISHED)
def test_a_retired_word_is_not_published(word: str) -> None:
    assert hits(word, [file for file in FILES if file.parts[0] != "tests"]) == [], f"write: {PUBLISHED[word]}"
