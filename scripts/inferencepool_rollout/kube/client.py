"""The client of the API server that a command speaks to."""

from __future__ import annotations

from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from inferencepool_rollout.failure import Failure


def api_client(purpose: str, context: str = "") -> ApiClient:
    """Return a client by a context of the kubeconfig, its current one if none is named, else by the pod's own account.

    Raises Failure, with the kubeconfig's cause, where there is no cluster to `purpose`.
    """
    try:
        made: ApiClient = config.new_client_from_config(context=context or None)  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        found = Configuration()
        try:
            if context:
                raise
            config.load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            raise Failure(f"no cluster to {purpose}: {error}; set KUBECONFIG to a file that names it") from None
        made = ApiClient(found)
    return made
