"""The commands that let Helm own the objects that an import has read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from inferencepool_rollout.importer.objects import Manifest, group_of
from inferencepool_rollout.importer.plan import MANAGED_BY, NAMESPACE, RELEASE, DryRun

KEEP = "helm.sh/resource-policy=keep"
HELM_4_FLAGS = ("--server-side=true", "--force-conflicts")


def script(dry_runs: Sequence[DryRun], folder: Path, is_helm_3: bool, context: str) -> str:
    """Return a shell script that adopts release by release; it ends at the first command that fails."""
    lines = [
        "#!/bin/sh",
        "# Lets Helm own what `rollout import` has read: marks the live objects, then installs the releases over them.",
        "# Started again after a failure it goes on.",
        "set -eu",
    ]
    for each in dry_runs:
        lines += ["", f"# {each.release.name}: {each.release.chart.name}", *commands(each, folder, is_helm_3, context)]
    return "\n".join(lines) + "\n"


def commands(dry_run: DryRun, folder: Path, is_helm_3: bool, context: str) -> Iterator[str]:
    """Yield the commands of one release.

    Helm 3 patches a custom resource from the manifest before to the one after, and when it adopts both are the same:
    so it writes nothing, and kubectl has to.
    """
    release = dry_run.release
    kubectl = ["kubectl", *(["--context", context] if context else [])]
    helm = ["helm", *(["--kube-context", context] if context else [])]
    owner = [f"{RELEASE}={release.name}", f"{NAMESPACE}={release.namespace}"]
    for namespace, names in _by_namespace(dry_run.to_mark).items():
        within = ["--namespace", namespace] if namespace else []
        yield shlex.join([*kubectl, "annotate", "--overwrite", *within, *names, *owner])
        yield shlex.join([*kubectl, "label", "--overwrite", *within, *names, f"{MANAGED_BY}=Helm"])
    for namespace, names in _by_namespace(dry_run.to_keep).items():
        within = ["--namespace", namespace] if namespace else []
        yield shlex.join([*kubectl, "annotate", "--overwrite", *within, *names, KEEP])
    words = ["upgrade", "--install", release.name, str(release.chart), "-f", str(folder / release.file)]
    place = ["--namespace", release.namespace]
    yield shlex.join([*helm, *words, *place, *(() if is_helm_3 else HELM_4_FLAGS)])
    if is_helm_3:
        manifest = shlex.join([*helm, "get", "manifest", release.name, *place])
        apply = shlex.join([*kubectl, "apply", "--server-side", "--force-conflicts", "--field-manager=helm", *place])
        yield f"{manifest} | {apply} --filename=-"


def _by_namespace(manifests: Sequence[Manifest]) -> dict[str, list[str]]:
    """`kind.group/name` of each object by its namespace, "" for those that are in none."""
    found: dict[str, list[str]] = {}
    for manifest in manifests:
        kind, group = manifest["kind"].lower(), group_of(manifest)
        names = found.setdefault(manifest["metadata"].get("namespace", ""), [])
        names.append(f"{kind}{'.' if group else ''}{group}/{manifest['metadata']['name']}")
    return found
