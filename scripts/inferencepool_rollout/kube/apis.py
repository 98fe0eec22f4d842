"""The table of API groups, versions and kinds (apis.yaml), typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

TABLE = Path(__file__).with_name("apis.yaml")


@dataclass(frozen=True)
class Api:
    """One kind of object in one version of its API group; the core group is empty."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "") -> str:
        """Return the path of an object, of all in a namespace, or (None) of all in the cluster."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{within}/{self.plural}" + (f"/{name}" if name else "")


def _read() -> dict[str, tuple[Api, ...]]:
    def api(line: str) -> Api:
        api_version, kind, plural = line.split()
        group, _, version = api_version.rpartition("/")
        return Api(group, version, kind, plural)

    return {name: tuple(map(api, lines)) for name, lines in yaml.safe_load(TABLE.read_text()).items()}


APIS = _read()
(ROUTES,) = APIS["routes"]
(MODELS,) = APIS["models"]
(PODS,) = APIS["pods"]
(SERVICES,) = APIS["services"]
(SECRETS,) = APIS["secrets"]
(LEASES,) = APIS["leases"]
(EVENTS,) = APIS["events"]
(CONFIG_MAPS,) = APIS["configmaps"]
(NAMESPACES,) = APIS["namespaces"]
(ACCOUNTS,) = APIS["accounts"]
(ROLES,) = APIS["roles"]
(BINDINGS,) = APIS["bindings"]
(JOBS,) = APIS["jobs"]
POOLS, REWRITES = APIS["pools"], APIS["rewrites"]
POOL_GROUP = POOLS[0].group
"""The API group of an InferencePool that a reference does not name."""
