"""The Istio that is built here gives each pool of a rule its own endpoint picker, by our patch and only by it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from inferencepool_lab.builds import programs
from inferencepool_lab.builds.versions import ROOT, versions

PATCHES = ROOT / versions().modules["istio"].patches
PACKAGE = Path("pilot/pkg/networking/core/route")
ONLY_WITH_THE_PATCH = {
    "TestEachOfSeveralPoolsHasItsOwnPicker",
    "TestAServiceBesideAPoolHasNoPicker",
    "TestACORSFilterLeavesThePicker",
}
ALWAYS = {"TestTheOnlyPoolHasItsPickerOnTheRoute"}


def _passing_go_tests(folder: Path, *, patched: bool) -> set[str]:
    """The names of our Go tests that pass on the module with the patch, or with the patched file put back."""
    source = programs.patched_source("istio", *versions().programs["pilot-discovery"].patches)
    replaced = {source / PACKAGE / "weighted_pools_test.go": PATCHES / "weighted_pools_test.go"}
    if not patched:
        replaced[source / PACKAGE / "route.go"] = programs.module_folder("istio") / PACKAGE / "route.go"
    overlay = folder / "overlay.json"
    overlay.write_text(json.dumps({"Replace": {str(there): str(here) for there, here in replaced.items()}}))
    for name in ("go.mod", "go.sum"):  # the tests need more modules than the programs; the source stays as it is
        shutil.copy(source / name, folder)
    done = subprocess.run(
        [
            programs.go(), "test", "-v", "-trimpath", "-vet=off", "-mod=mod",
            f"-overlay={overlay}", f"-modfile={folder}/go.mod",
            "-run", "|".join(ONLY_WITH_THE_PATCH | ALWAYS), f"./{PACKAGE}",
        ],
        cwd=source,
        env={**os.environ, **programs.environment()},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert "--- " in done.stdout, done.stdout + done.stderr
    return set(re.findall(r"^--- PASS: (\w+)", done.stdout, re.MULTILINE))


def test_with_the_patch_each_pool_has_its_own_picker(tmp_path: Path) -> None:
    assert _passing_go_tests(tmp_path, patched=True) == ONLY_WITH_THE_PATCH | ALWAYS


def test_without_the_patch_one_picker_serves_the_whole_rule(tmp_path: Path) -> None:
    assert _passing_go_tests(tmp_path, patched=False) == ALWAYS


@pytest.mark.parametrize("program", ["helm4", "kind", "epp", "pilot-discovery-unpatched"])
def test_the_patch_goes_into_istio_alone(program: str) -> None:
    assert versions().programs[program].patches == []
