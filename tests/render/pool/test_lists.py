"""A list that the API server keeps by the keys of its entries names nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from kit.charts import RenderError, render

SPREAD = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
ENTRIES: dict[str, dict[str, Any]] = {
    "global.imagePullSecrets": {"name": "a"},
    "modelServer.extraEnv": {"name": "A", "value": "a"},
    "modelServer.extraVolumes": {"name": "a", "emptyDir": {}},
    "modelServer.extraVolumeMounts": {"name": "tmp", "mountPath": "/a"},
    "modelServer.extraContainers": {"name": "a", "image": "example.com/a"},
    "modelServer.extraInitContainers": {"name": "a", "image": "example.com/a"},
    "modelServer.topologySpreadConstraints": SPREAD,
    "epp.extraEnv": {"name": "A", "value": "a"},
    "epp.extraContainers": {"name": "a", "image": "example.com/a"},
    "epp.extraVolumes": {"name": "a", "emptyDir": {}},
    "adopt.epp.servicePorts": {"name": "a", "port": 9002},
    "preview.parentRefs": {"name": "a"},
}


def values(path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    nested: Any = entries
    for key in reversed(path.split(".")):
        nested = {key: nested}
    return dict(nested)


@pytest.mark.parametrize("path", ENTRIES)
def test_an_entry_that_is_there_twice_is_refused(path: str) -> None:
    with pytest.raises(RenderError, match=f"{path} has two entries of the same .*; leave one out"):
        render("inferencepool", "pool-new", values(path, [ENTRIES[path]] * 2))


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("preview.parentRefs", {"sectionName": "b"}),
        ("modelServer.topologySpreadConstraints", {"whenUnsatisfiable": "DoNotSchedule"}),
    ],
)
def test_entries_that_one_key_tells_apart_stand_side_by_side(path: str, other: dict[str, Any]) -> None:
    assert render("inferencepool", "pool-new", values(path, [ENTRIES[path], ENTRIES[path] | other]))
