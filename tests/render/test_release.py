"""A release is what ./scripts/release makes: packages that verify, install from a registry, and say what they run."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from inferencepool_lab.builds.programs import compiled
from inferencepool_lab.builds.tools import tool
from inferencepool_lab.publish.__main__ import publish
from inferencepool_lab.publish.changes import newest
from inferencepool_lab.publish.sbom import images_of
from inferencepool_rollout.failure import Failure
from kit.charts import CHARTS, ROOT, render

NAMES = ("inferencepool", "rollout-route")
VERSIONS = {name: yaml.safe_load((CHARTS / name / "Chart.yaml").read_text())["version"] for name in NAMES}
KEY = "tests@example.com"
HELMS = ("helm3", "helm4")


@dataclass(frozen=True)
class Keys:
    """Files of a throw-away OpenPGP key, in the one form that helm reads."""

    secret: Path
    public: Path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not on PATH (apt-get install gnupg)")
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    environment = {**os.environ, "GNUPGHOME": str(home)}

    def gpg(*arguments: str) -> bytes:
        words = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *arguments]
        return subprocess.run(words, env=environment, check=True, capture_output=True).stdout

    gpg("--quick-generate-key", KEY, "rsa2048", "sign", "1d")
    made = Keys(home / "secret.gpg", home / "public.gpg")
    made.secret.write_bytes(gpg("--export-secret-keys", KEY))
    made.public.write_bytes(gpg("--export", KEY))
    yield made
    subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty OCI registry on 127.0.0.1, as `host:port`."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder)}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": secrets.token_hex(8)},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    program = compiled(["registry"])["registry"]
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    server = subprocess.Popen([program, "serve", folder / "config.yml"], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while socket.socket().connect_ex(("127.0.0.1", port)):
        assert server.poll() is None and time.monotonic() < deadline, "the registry did not start"
        time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    server.send_signal(signal.SIGTERM)
    server.wait(10)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, keys: Keys, registry: str) -> Path:
    """The folder of a signed release, which was pushed to the registry too."""
    folder = tmp_path_factory.mktemp("dist")
    push = f"oci://{registry}/charts"
    assert publish(output=folder, key=KEY, keyring=keys.secret, push=push, plain_http=True) == 0
    return folder


def helm(version: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool(version), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_release_has_package_signature_and_bill_of_each_chart(release: Path, name: str) -> None:
    stem = f"{name}-{VERSIONS[name]}"
    made = {path.name for path in release.glob(f"{name}*")}
    assert made == {f"{stem}.tgz", f"{stem}.tgz.prov", f"{stem}.cdx.json"}


@pytest.mark.parametrize("version", HELMS)
@pytest.mark.parametrize("name", NAMES)
def test_a_package_verifies_with_the_key_that_signed_it(release: Path, keys: Keys, name: str, version: str) -> None:
    done = helm(version, "verify", release / f"{name}-{VERSIONS[name]}.tgz", "--keyring", keys.public)
    assert done.returncode == 0, done.stderr
    assert KEY in done.stdout + done.stderr


def test_a_package_that_was_changed_does_not_verify(release: Path, keys: Keys, tmp_path: Path) -> None:
    package = f"rollout-route-{VERSIONS['rollout-route']}.tgz"
    for file in (package, f"{package}.prov"):
        shutil.copy(release / file, tmp_path)
    with (tmp_path / package).open("ab") as changed:
        changed.write(b"\0")
    done = helm("helm4", "verify", tmp_path / package, "--keyring", keys.public)
    assert done.returncode != 0
    assert "sha256 sum does not match" in done.stderr


@pytest.mark.parametrize("version", HELMS)
@pytest.mark.parametrize("name", NAMES)
def test_the_chart_from_the_registry_renders_what_the_checkout_renders(
    release: Path, registry: str, name: str, version: str
) -> None:
    chart = f"oci://{registry}/charts/{name}"
    done = helm(version, "template", "pool-old", chart, "--version", VERSIONS[name], "--plain-http")
    assert done.returncode == 0, done.stderr
    assert [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest] == render(
        name, "pool-old", helm=version
    )


def test_a_pull_from_the_registry_brings_the_signature_along(
    release: Path, registry: str, keys: Keys, tmp_path: Path
) -> None:
    chart = f"oci://{registry}/charts/inferencepool"
    done = helm("helm4", "pull", chart, "--plain-http", "--verify", "--keyring", keys.public, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    package = f"inferencepool-{VERSIONS['inferencepool']}.tgz"
    assert (tmp_path / package).read_bytes() == (release / package).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_package_says_the_newest_changes_of_its_chart(release: Path, name: str) -> None:
    chart = yaml.safe_load(helm("helm4", "show", "chart", release / f"{name}-{VERSIONS[name]}.tgz").stdout)
    said = yaml.safe_load(chart["annotations"]["artifacthub.io/changes"])
    assert said
    assert said == newest(name, (ROOT / "CHANGELOG.md").read_text())


def test_a_package_holds_no_scenario_and_no_test_of_this_repository(release: Path) -> None:
    for name in NAMES:
        listed = subprocess.run(
            ["tar", "--list", "--file", release / f"{name}-{VERSIONS[name]}.tgz"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert f"{name}/values.schema.json" in listed
        assert [path for path in listed if path.startswith(f"{name}/ci/") or path.endswith(".gotmpl")] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_bill_is_strict_cyclonedx_and_names_every_image(release: Path, name: str) -> None:
    text = (release / f"{name}-{VERSIONS[name]}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components = json.loads(text).get("components", [])
    containers = {f"{part['name']}:{part['version']}" for part in components if part["type"] == "container"}
    assert containers == set(images_of(CHARTS / name))


def test_the_bill_names_the_packages_of_the_image_that_is_built_here(release: Path) -> None:
    bill = json.loads((release / f"inferencepool-{VERSIONS['inferencepool']}.cdx.json").read_text())
    libraries = {part["purl"] for part in bill["components"] if part["type"] == "library"}
    lock = (ROOT / "lora-syncer/requirements.lock").read_text().splitlines()
    locked = [line.split(" ")[0].replace("==", "@") for line in lock if "==" in line and line[0].isalpha()]
    assert libraries == {f"pkg:pypi/{name}" for name in locked}


def test_a_key_without_its_file_is_refused() -> None:
    with pytest.raises(Failure, match="--key and --keyring belong together"):
        publish(key=KEY)


def test_the_changelog_has_a_section_for_what_is_not_released_yet() -> None:
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github/workflows").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_workflow_runs_what_is_in_the_repository(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    words = [word for job in jobs.values() for step in job["steps"] for word in step.get("run", "").split()]
    scripts = [word for word in words if word.startswith(("./scripts/", ".ci/"))]
    assert scripts
    assert [word for word in scripts if not os.access(ROOT / word, os.X_OK)] == []
