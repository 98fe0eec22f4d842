"""An import from its beginning to its files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.importer.cluster import Cluster
from inferencepool_rollout.importer.commands import script
from inferencepool_rollout.importer.objects import Manifest, Objects
from inferencepool_rollout.importer.plan import DryRun, Release, dry_run
from inferencepool_rollout.importer.pool_values import pool_values
from inferencepool_rollout.importer.route_values import parent_refs, pool_refs, route_values
from inferencepool_rollout.importer.stack import find
from inferencepool_rollout.importer.yaml_text import as_yaml
from inferencepool_rollout.kube.apis import POOL_GROUP
from inferencepool_rollout.kube.helm import Helm

HEADER = "# Written by `rollout import`: {} as it stands.\n"


def run_import(
    route: str, namespace: str, context: str, folder: Path, charts: Path, allow_restart: bool, console: Console
) -> None:
    """Write the values of a route and its pools and the script that adopts them; change nothing in the cluster.

    Raises Failure, with nothing written, where the charts can't say what is there or where a pod would restart.
    """
    cluster = Cluster(context)
    objects = cluster.read(namespace)
    found = objects.one("HTTPRoute", namespace, route)
    if found is None:
        raise Failure(f"there is no HTTPRoute {namespace}/{route}")
    further = {ref["namespace"] for ref in pool_refs(found) if ref.get("namespace", namespace) != namespace}
    if further:
        objects = cluster.read(namespace, *sorted(further))
    with tempfile.TemporaryDirectory() as scratch:
        dry_runs = [
            dry_run(release, cluster, Helm(release.namespace, context), Path(scratch))
            for release in releases(objects, found, namespace, charts)
        ]
    if not dry_runs:
        console.print(f"Nothing to import: {route} and its pools are releases of these charts.", highlight=False)
        return
    for each in dry_runs:
        show(each, console)
    restarts = [f"{c.name} {field}" for each in dry_runs for c in each.changes for field in c.restarts]
    if restarts and not allow_restart:
        raise Failure(
            f"pods would restart because of {', '.join(restarts)}; --allow-restart writes the files all the same"
        )
    _write(dry_runs, folder, Helm(namespace, context), context)
    console.print(
        f"Nothing was changed. Read {folder}, then: sh {folder}/adopt.sh", markup=False, highlight=False, soft_wrap=True
    )


def releases(objects: Objects, route: Manifest, namespace: str, charts: Path) -> Iterator[Release]:
    """Yield the releases of a route's pools, and that of the route, but for what these charts have made or adopted."""
    for ref in pool_refs(route):
        stack = find(objects, ref.get("namespace", namespace), ref["name"], ref.get("group", POOL_GROUP))
        if _is_of(stack.server, "inferencepool"):
            continue
        values = pool_values(stack, [_gateway(each, namespace, ref) for each in parent_refs(route)])
        place = stack.pool["metadata"].get("namespace", namespace)
        yield Release(stack.name, place, charts / "inferencepool", f"pool-{stack.name}.yaml", values, stack.unmanaged)
    if not _is_of(route, "rollout-route"):
        yield Release(route["metadata"]["name"], namespace, charts / "rollout-route", "route.yaml", route_values(route))


def _is_of(manifest: Manifest, chart: str) -> bool:
    """Whether an object bears the labels of a chart here."""
    return str((manifest["metadata"].get("labels") or {}).get("helm.sh/chart", "")).startswith(f"{chart}-")


def _gateway(parent: Manifest, namespace: str, ref: Manifest) -> Manifest:
    """A parentRef of the route as a pool in another namespace has to name it."""
    elsewhere = ref.get("namespace", namespace) != namespace
    return {**parent, "namespace": parent.get("namespace", namespace)} if elsewhere else parent


def show(each: DryRun, console: Console) -> None:
    """Print what becomes of each object."""
    release = each.release
    text = [f"release {release.name} of {release.chart.name}, namespace {release.namespace}"]
    text += [f"  {line}" for change in each.changes for line in change.lines()]
    text += [f"  {m['kind']} {m['metadata']['name']}: deleted, the chart's own take its place" for m in each.deleted]
    text += [f"  {m['kind']} {m['metadata']['name']}: kept, though the chart has none" for m in each.to_keep]
    text += [f"  {unmanaged}; left unmanaged: no Helm release owns it" for unmanaged in release.unmanaged]
    console.print("\n".join(text), markup=False, highlight=False, soft_wrap=True)


def _write(dry_runs: list[DryRun], folder: Path, helm: Helm, context: str) -> None:
    """Write the files; raises Failure, with nothing written, where one of them was edited since."""
    texts = {
        each.release.file: HEADER.format(f"{each.release.namespace}/{each.release.name}") + as_yaml(each.release.values)
        for each in dry_runs
    }
    texts["adopt.sh"] = script(dry_runs, folder, helm.major() == 3, context)
    write_files(folder, texts)


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts by their files' names into a folder; raises Failure rather than replace a file of another text."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        other = [
            name for name, text in texts.items() if (folder / name).exists() and (folder / name).read_text() != text
        ]
        if other:
            names = ", ".join(sorted(other))
            raise Failure(f"{folder} has {names} with another content already; name another folder with --output")
        for name, text in texts.items():
            (folder / name).write_text(text)
    except (OSError, ValueError) as error:
        raise Failure(f"{folder} cannot be written: {error}; name another folder with --output") from None
