"""The site builds without a warning, and each command in it is one that its program takes.

A `helm install` or `upgrade` is rendered with the values that it names; flags of any helm or kubectl command are looked
up in that command's own help; scripts must be there. What the commands do is held by the cluster's tests.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from inferencepool_lab.builds.tools import tool
from kit.charts import ROOT

BLOCK = re.compile(r"^ *```bash\n(.*?)```", re.DOTALL | re.MULTILINE)
PAGES = sorted((ROOT / "docs").rglob("*.md"))
COMMANDS = sorted(
    {
        line.strip()
        for page in PAGES
        for block in BLOCK.findall(page.read_text())
        for line in block.splitlines()
        if line.strip() and not line.startswith("#")
    }
)
TOOLS = {"helm": "helm4", "kubectl": "kubectl"}
INSTALLERS = {"pipx": ["install", "inferencepool-rollout"], "uv": ["tool", "install", "inferencepool-rollout"]}
VALUES = ("-f", "--values", "--set")
WRITTEN_BY_THE_IMPORT = "imported/adopt.sh"


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_docs_is_one_that_its_program_takes(command: str) -> None:
    program, *words = shlex.split(command)
    if program == "sh":
        assert words == [WRITTEN_BY_THE_IMPORT]
        return
    if program == "sleep":
        assert words[0].isdigit()
        return
    if program in INSTALLERS:
        assert words == INSTALLERS[program]
        return
    if program.startswith("./") or program == "rollout":
        assert (ROOT / (program if program.startswith("./") else "scripts/rollout")).is_file()
        return
    path = tool(TOOLS[program])
    text = subprocess.run([path, words[0], "--help"], capture_output=True, text=True, check=True).stdout
    text += subprocess.run([path, "options"], capture_output=True, text=True, check=False).stdout
    flags = {word.split("=")[0] for word in words if word.startswith("-")}
    assert [flag for flag in flags if not re.search(rf"(^|[\s,]){flag}[\s,=]", text)] == []


def test_every_rollback_of_the_docs_names_its_revision() -> None:
    """Without one Helm goes back by one, and a failed upgrade or rollback counts as a revision."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").glob("*/README.md")]
    written = [command for page in pages for command in re.findall(r"helm rollback \S+ \S+", page.read_text())]
    bare = [command for command in written if not re.fullmatch(r"(REVISION|N|\d+)\W*", command.split()[-1])]
    assert len(written) > 5
    assert bare == []


@pytest.mark.parametrize("command", [command for command in COMMANDS if " charts/" in command])
def test_an_install_or_upgrade_of_the_docs_renders(command: str) -> None:
    _, _, release, chart, *words = shlex.split(command)
    values = [word for i, word in enumerate(words) if word in VALUES or (i and words[i - 1] in VALUES)]
    done = subprocess.run(
        [tool("helm4"), "template", release, chart, *values], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
