"""Package the charts, each with its bill of materials; sign and push them if asked to."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.publish import changes, sbom
from inferencepool_rollout.failure import Failure, run_cli
from inferencepool_rollout.process import run
from inferencepool_rollout.progress import step

ROOT = Path(__file__).parents[3]
CHARTS = ("inferencepool", "rollout-route")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files of a release, print their names, and push the packages if a registry is named."""
    options = _parser().parse_args(arguments)
    if bool(options.key) != bool(options.keyring):
        raise Failure("--key and --keyring belong together: the name of a key, and the file that holds it")
    options.output.mkdir(parents=True, exist_ok=True)
    for name in CHARTS:
        with step(f"packaging {name}", "seconds"):
            package = packaged(ROOT / "charts" / name, options.output, options.key, options.keyring)
            bill = sbom.write(ROOT / "charts" / name, ROOT / "lora-syncer/requirements.lock", options.output)
        print(package, bill, sep="\n")
        if options.push:
            plain = ["--plain-http"] if options.plain_http else []
            with step(f"pushing {package.name} to {options.push}", "seconds"):
                run([tool("helm4"), "push", package, options.push, *plain], remedy="log in: helm registry login")
    return 0


def packaged(chart: Path, folder: Path, key: str | None, keyring: Path | None) -> Path:
    """Package a chart, with its changes, into a folder, signed where a key is given; return the package."""
    signing: list[str | Path] = ["--sign", "--key", key, "--keyring", keyring] if key and keyring else []
    with tempfile.TemporaryDirectory() as scratch:
        copy = changes.annotated(chart, ROOT / "CHANGELOG.md", Path(scratch))
        said = run([tool("helm4"), "package", copy, "--destination", folder, *signing])
    return Path(said.rpartition("saved it to: ")[2].strip())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/release", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("dist"), help="folder for the files (%(default)s)")
    parser.add_argument("--key", help="sign with the OpenPGP key of this name")
    parser.add_argument(
        "--keyring", type=Path, help="file of that key, without a passphrase (gpg --export-secret-keys)"
    )
    parser.add_argument("--push", metavar="oci://...", help="push the packages there")
    parser.add_argument("--plain-http", action="store_true", help="the registry speaks no TLS, as one on 127.0.0.1")
    return parser


if __name__ == "__main__":
    run_cli(main)
