"""An API server takes the upgrade of every scenario of a release: Helm gives it the new objects over the old ones."""

from __future__ import annotations

import pytest
import yaml

from kit.api_server import ApiServer
from kit.charts import NAMES, Manifest, documents, render
from kit.released import RELEASES, REMEDIES, released, scenarios


def taken(server: ApiServer, manifests: list[Manifest]) -> list[Manifest]:
    """Those of the objects whose kinds the API server has. The Pod is helm's hook, which no upgrade changes."""
    listed = [line.split() for line in server.kubectl("api-resources", "--no-headers").splitlines()]
    served = {(columns[-3], columns[-1]) for columns in listed}
    return [m for m in manifests if (m["apiVersion"], m["kind"]) in served and m["kind"] != "Pod"]


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("chart", NAMES)
def test_the_api_server_takes_the_upgrade_of_every_scenario(server: ApiServer, version: str, chart: str) -> None:
    for file in (each.values for each in scenarios(version) if each.chart == chart):
        name = f"upgrade-{chart}-{file.stem}".lower()
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        server.kubectl("create", "--filename=-", stdin=yaml.safe_dump(namespace))
        before = render(str(released(version) / "charts" / chart), "pool-old", files=[file], namespace=name)
        remedy = REMEDIES[version].get(file.name, ())
        after = render(chart, "pool-old", files=[file], arguments=remedy, namespace=name)
        apply = ("apply", "--server-side", "--force-conflicts", f"--namespace={name}", "--filename=-")
        server.kubectl(*apply, stdin=documents(taken(server, before)))
        answered = server.kubectl(*apply, "--dry-run=server", stdin=documents(taken(server, after)))
        assert len(answered.splitlines()) == len(taken(server, after)) > 0
