"""Releases whose namespaces and names meet are installed beside each other; an older chart's release goes over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kit.api_server import ApiServer
from kit.charts import CHARTS

CHART = CHARTS / "inferencepool"
NAMES = "templates/_library/_names.tpl"
NEW, OLD = '"%s:%s:metrics-auth"', '"%s-%s-metrics-auth"'


def install(server: ApiServer, helm: str, release: str, namespace: str, chart: Path = CHART) -> None:
    words = ("--create-namespace", "--set=modelServer.preset=simulator,lora.mode=none")
    server.helm(helm, "upgrade", "--install", release, chart, "--namespace", namespace, *words)


def roles(server: ApiServer, part: str) -> set[str]:
    kinds = "clusterroles,clusterrolebindings"
    return {name for name in server.kubectl("get", kinds, "--output=name").split() if part in name}


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_releases_whose_names_meet_are_installed_beside_each_other(server: ApiServer, helm: str) -> None:
    install(server, helm, "c", f"{helm}-a-b")
    install(server, helm, "b-c", f"{helm}-a")
    assert len(roles(server, f"{helm}-a")) == 4


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_an_upgrade_takes_the_old_names_away(server: ApiServer, helm: str, tmp_path: Path) -> None:
    shutil.copytree(CHART, tmp_path / "older")
    names = tmp_path / "older" / NAMES
    assert NEW in names.read_text()
    names.write_text(names.read_text().replace(NEW, OLD))
    install(server, helm, "pool", f"{helm}-older", tmp_path / "older")
    kinds = [f"{kind}.rbac.authorization.k8s.io" for kind in ("clusterrole", "clusterrolebinding")]
    assert roles(server, f"{helm}-older") == {f"{kind}/{helm}-older-pool-epp-metrics-auth" for kind in kinds}
    install(server, helm, "pool", f"{helm}-older")
    assert roles(server, f"{helm}-older") == {f"{kind}/{helm}-older:pool-epp:metrics-auth" for kind in kinds}
