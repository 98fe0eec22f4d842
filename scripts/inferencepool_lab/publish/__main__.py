"""Package the charts, each with its bill of materials; sign and push them if asked to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.publish import changes, sbom
from inferencepool_rollout.command import run_command
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.process import run
from inferencepool_rollout.progress import step

ROOT = Path(__file__).parents[3]
CHARTS = ("inferencepool", "rollout-route")


def publish(
    output: Annotated[Path, typer.Option(help="folder for the files")] = Path("dist"),
    key: Annotated[str | None, typer.Option(help="sign with the OpenPGP key of this name")] = None,
    keyring: Annotated[
        Path | None, typer.Option(help="file of that key, without a passphrase (gpg --export-secret-keys)")
    ] = None,
    push: Annotated[str | None, typer.Option(metavar="oci://...", help="push the packages there")] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="the registry speaks no TLS, like one on 127.0.0.1")
    ] = False,
) -> int:
    """Package the charts, each with its bill of materials; sign and push them if asked to."""
    if bool(key) != bool(keyring):
        raise Failure("--key and --keyring belong together: the name of a key, and the file that holds it")
    output.mkdir(parents=True, exist_ok=True)
    for name in CHARTS:
        with step(f"packaging {name}", "seconds"):
            package = packaged(ROOT / "charts" / name, output, key, keyring)
            bill = sbom.write(ROOT / "charts" / name, ROOT / "lora-syncer/requirements.lock", output)
        print(package, bill, sep="\n")
        if push:
            plain = ["--plain-http"] if plain_http else []
            with step(f"pushing {package.name} to {push}", "seconds"):
                run([tool("helm4"), "push", package, push, *plain], remedy="log in: helm registry login")
    return 0


def packaged(chart: Path, folder: Path, key: str | None, keyring: Path | None) -> Path:
    """Package a chart, with its changes, into a folder, signed where a key is given; return the package."""
    signing: list[str | Path] = ["--sign", "--key", key, "--keyring", keyring] if key and keyring else []
    with tempfile.TemporaryDirectory() as scratch:
        copy = changes.annotated(chart, ROOT / "CHANGELOG.md", Path(scratch))
        said = run([tool("helm4"), "package", copy, "--destination", folder, *signing])
    return Path(said.rpartition("saved it to: ")[2].strip())


if __name__ == "__main__":
    run_command(publish, "scripts/release")
