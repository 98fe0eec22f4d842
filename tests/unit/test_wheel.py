"""What `pip install` brings: the tool and nothing of the laboratory, whose every command works without a checkout."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from inferencepool_lab.builds.found import wheel as unpacked
from inferencepool_lab.builds.tools import tool
from inferencepool_rollout.cli import EXAMPLES, app
from inferencepool_rollout.exit_codes import ExitCode
from kit.charts import ROOT
from unit.rollout.recorded_cluster import answering

PLAN = ROOT / "values/plans/base-model-update.yaml"
SETUPTOOLS = "setuptools==80.9.0"
EVERY_HELP = """
from inferencepool_rollout.cli import app
from typer.main import get_command
command = get_command(app)
for verb in command.commands:
    command.commands[verb](["--help"], prog_name=verb, standalone_mode=False)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout: setuptools writes beside the sources."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__", "builds"))
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, folder / "dist"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(unpacked(SETUPTOOLS))}, capture_output=True, check=True,
    )  # fmt: skip
    (made,) = (folder / "dist").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel, and with the locked packages of the tests' environment."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True)
    return python.parent


def run(folder: Path, command: str, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of that folder in an environment with nothing else on PATH."""
    return subprocess.run(
        [folder / command, *words],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_the_tool_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"inferencepool_rollout"}


def test_the_wheel_holds_every_file_of_the_tool(wheel: Path) -> None:
    files = [path for path in (ROOT / "scripts/inferencepool_rollout").rglob("*") if path.is_file()]
    wanted = {str(path.relative_to(ROOT / "scripts")) for path in files if path.parent.name != "__pycache__"}
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_requires_the_packages_that_the_tool_imports_and_no_others() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    providers = importlib.metadata.packages_distributions()
    imported = set()
    for file in (ROOT / "scripts/inferencepool_rollout").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {module.split(".")[0] for module in modules} - sys.stdlib_module_names
    found = {name: set(map(canonicalize_name, providers[name])) for name in imported - {"inferencepool_rollout"}}
    assert {name: names for name, names in found.items() if not names & required} == {}
    assert required - set().union(*found.values()) == set()


def test_it_says_its_version(installed: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    said = run(installed, "rollout", "--version")
    assert (said.returncode, said.stdout) == (0, f"rollout {project['version']}\n"), said.stderr


def test_every_command_says_how_it_is_used(installed: Path) -> None:
    done = run(installed, "python", "-c", EVERY_HELP)
    assert (done.returncode, done.stderr) == (0, "")
    verbs = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
    assert re.findall(r"Usage: (\w+)", done.stdout) == verbs


def test_the_help_alone_tells_a_rollout_in_its_order_and_every_exit_code(installed: Path) -> None:
    said = " ".join(run(installed, "rollout", "--help", COLUMNS="200").stdout.split())
    places = [said.index(command) for command, _ in EXAMPLES]
    assert places == sorted(places)
    for code in ExitCode:
        assert f"{code.value} {code.name.lower()}: {code.meaning.replace('`', '')}" in said


@pytest.mark.parametrize(("typed", "offered"), [("rollout pre", ["preflight"]), ("rollout run --gito", ["--gitops"])])
def test_bash_completes_commands_and_options(installed: Path, typed: str, offered: list[str]) -> None:
    """As bash does: it runs the function that completion installs, with the words that stand there."""
    script = run(installed, "rollout", _ROLLOUT_COMPLETE="source_bash").stdout
    words = typed.split()
    asked = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _rollout_completion rollout; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{asked}"],
        env={"PATH": f"{installed}:{os.environ['PATH']}"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == offered, done.stderr


def test_kubectl_runs_it_as_a_plugin(installed: Path) -> None:
    kubectl = tool("kubectl")
    done = subprocess.run(
        [kubectl, "rollout-inference", "--version"],
        env={"PATH": f"{installed}:{kubectl.parent}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, run(installed, "rollout", "--version").stdout), done.stderr


def test_without_helm_a_command_ends_with_one_line_that_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, answering(tmp_path, patch):
        done = run(installed, "rollout", "status", "-f", PLAN, KUBECONFIG=str(tmp_path / "kubeconfig"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: helm is not on PATH; install Helm 3 or 4\n"
