"""One release of an import: its chart, its values, and what its installation makes of the live objects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.importer.cluster import Cluster
from inferencepool_rollout.importer.difference import Change, change
from inferencepool_rollout.importer.objects import Manifest, group_of
from inferencepool_rollout.importer.yaml_text import as_yaml
from inferencepool_rollout.kube.helm import Helm

RELEASE, NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
MANAGED_BY = "app.kubernetes.io/managed-by"
RIGHTS = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@dataclass(frozen=True)
class Release:
    """A release that is to own live objects; `values` of `chart` render them, and are written into `file`."""

    name: str
    namespace: str
    chart: Path
    file: str
    values: Mapping[str, Any]
    unmanaged: Sequence[str] = ()


@dataclass(frozen=True)
class DryRun:
    """What a release makes of the cluster.

    `to_mark` are the live objects that no Helm release owns yet. Of what the release's present revision has and the new
    one has not, `deleted` are the rights, which this chart's take the place of, and `to_keep` all else.
    """

    release: Release
    changes: Sequence[Change]
    to_mark: Sequence[Manifest]
    deleted: Sequence[Manifest] = ()
    to_keep: Sequence[Manifest] = ()


def dry_run(release: Release, cluster: Cluster, helm: Helm, folder: Path) -> DryRun:
    """Render a release for the cluster's API versions, and ask the API server what each object would become.

    Raises Failure with the chart's or the API server's refusal, and where another release owns an object.
    """
    file = folder / release.file
    file.write_text(as_yaml(release.values))
    rendered = _manifests(_rendered(release, file, helm))
    changes: list[Change] = []
    to_mark: list[Manifest] = []
    for manifest in rendered:
        live = cluster.get(manifest)
        if live is not None and not _owned(live, release):
            to_mark.append(manifest)
        changes.append(change(live, cluster.applied(_marked(manifest, release)) if live else manifest))
    before = _manifests(helm.run("get", "manifest", release.name)) if helm.history(release.name) else []
    kept = {_key(manifest, release) for manifest in rendered}
    missing = [manifest for manifest in before if _key(manifest, release) not in kept]
    gone = [live for manifest in missing if (live := cluster.get(_placed(manifest, release)))]
    deleted = [manifest for manifest in gone if manifest["kind"] in RIGHTS]
    return DryRun(release, changes, to_mark, deleted, [manifest for manifest in gone if manifest not in deleted])


def _rendered(release: Release, file: Path, helm: Helm) -> str:
    """The manifest that helm would install, rendered for what the cluster serves and holds."""
    words = ("--install", "--dry-run=server", "--take-ownership", "--output", "json")
    said = helm.run("upgrade", release.name, str(release.chart), "-f", str(file), *words)
    manifest: str = json.loads(said)["manifest"]
    return manifest


def _manifests(text: str) -> list[Manifest]:
    """The objects of a release, without those of its tests."""
    found: list[Manifest] = [manifest for manifest in yaml.safe_load_all(text) if manifest]
    return [m for m in found if "helm.sh/hook" not in (m["metadata"].get("annotations") or {})]


def _owned(live: Manifest, release: Release) -> bool:
    """Whether the release owns a live object already; raises Failure if another one does."""
    annotations = live["metadata"].get("annotations") or {}
    owner = annotations.get(NAMESPACE), annotations.get(RELEASE)
    if any(owner) and owner != (release.namespace, release.name):
        raise Failure(
            f"{live['kind']} {live['metadata']['name']} belongs to release {owner[0]}/{owner[1]}, but the release of a "
            f"pool must have the pool's name ({release.name}); annotate it with helm.sh/resource-policy: keep, then "
            "take it out of that release"
        )
    return any(owner)


def _marked(manifest: Manifest, release: Release) -> Manifest:
    """The object with the annotations that helm adds."""
    meta = manifest["metadata"]
    annotations = {**(meta.get("annotations") or {}), RELEASE: release.name, NAMESPACE: release.namespace}
    return {**manifest, "metadata": {**meta, "annotations": annotations}}


def _placed(manifest: Manifest, release: Release) -> Manifest:
    """The object in the release's namespace, which a chart may leave out."""
    return {**manifest, "metadata": {"namespace": release.namespace, **manifest["metadata"]}}


def _key(manifest: Manifest, release: Release) -> tuple[str, ...]:
    meta = manifest["metadata"]
    return group_of(manifest), manifest["kind"], meta.get("namespace", release.namespace), meta["name"]
