"""The metrics of an EPP, as whoever asks for them with or without a token sees them."""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inferencepool_lab.builds.tools import tool
from kit.namespace import Namespace


@dataclass(frozen=True)
class EppMetrics:
    """The metrics of an EPP at a port of this machine."""

    namespace: Namespace
    port: int

    def answer(self, account: str = "") -> tuple[int, str]:
        """The HTTP status and the page that a ServiceAccount is answered with; "" is nobody."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics")
        if account:
            token = self.namespace.kubectl("create", "token", account).strip()
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""


@contextmanager
def reached(namespace: Namespace, release: str) -> Iterator[EppMetrics]:
    """Reach the metrics of a release's EPP while the block runs."""
    with forwarded(namespace, f"deployment/{release}-epp", 9090) as port:
        yield EppMetrics(namespace, port)


@contextmanager
def forwarded(namespace: Namespace, target: str, remote: int) -> Iterator[int]:
    """Forward a port of this machine to the port `remote` of a pod, such as deployment/NAME, while the block runs."""
    command: list[str | Path] = [
        tool("kubectl"), "--namespace", namespace.name, "port-forward", "--address=127.0.0.1", target, f":{remote}",
    ]  # fmt: skip
    with subprocess.Popen(command, env=namespace.environment, stdout=subprocess.PIPE, text=True) as forwarding:
        assert forwarding.stdout
        port = re.search(r"127\.0\.0\.1:(\d+)", forwarding.stdout.readline())
        assert port
        try:
            yield int(port[1])
        finally:
            forwarding.terminate()


@contextmanager
def reader(namespace: Namespace) -> Iterator[str]:
    """Name an account of the namespace that may get /metrics while the block runs."""
    account = f"{namespace.name}-metrics-reader"
    namespace.kubectl("create", "serviceaccount", account)
    namespace.kubectl("create", "clusterrole", account, "--verb=get", "--non-resource-url=/metrics")
    binding = (f"--clusterrole={account}", f"--serviceaccount={namespace.name}:{account}")
    namespace.kubectl("create", "clusterrolebinding", account, *binding)
    try:
        yield account
    finally:
        namespace.kubectl("delete", "clusterrolebinding,clusterrole", account)
