"""One driver a route: a coordination.k8s.io Lease beside the route, which also carries a person's hold.

No clocks are compared. Who finds the Lease held watches it: if it is renewed, its holder lives and the newcomer is
refused; if it is not for as long as it lasts, the holder is dead and the Lease is taken over, by resourceVersion.
(The election of client-go, tools/leaderelection, likewise trusts only what it saw itself.) The Lease belongs to its
HTTPRoute, so that Kubernetes deletes it, and a hold with it, when the route goes.
"""

from __future__ import annotations

import getpass
import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import LEASES, ROUTES
from inferencepool_rollout.kube.client import ASKED_SECONDS, ApiFault, Client, Manifest
from inferencepool_rollout.kube.route import Route

LASTS_SECONDS = 10
RENEW_SECONDS = 2.0
HOLD = "rollout/hold"


class Lease:
    """The Lease of a route."""

    def __init__(self, client: Client, namespace: str, route: str) -> None:
        self.name = f"rollout-{route}"
        self._client, self._namespace, self._route = client.with_patience(0, ASKED_SECONDS), namespace, route
        self.me = f"{_user()}@{socket.gethostname()} pid {os.getpid()}"
        self._lost = threading.Event()
        self._released = threading.Event()
        self._renewed = -math.inf

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the Lease while the block runs; raises Failure with code BUSY if another driver does."""
        self._take()
        renewer = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._released.clear()
        self._renewed = time.monotonic()
        renewer.start()
        try:
            yield
        finally:
            self._released.set()
            renewer.join()
            self._release()

    def require(self) -> None:
        """Raise Failure if the Lease was lost to another driver, ApiFault if it could not be renewed in time.

        Called before each change.
        """
        if self._lost.is_set():
            raise Failure(
                f"the Lease {self.name} was lost to {self.holder() or 'nobody'}; nothing more is moved", ExitCode.BUSY
            )
        if (since := time.monotonic() - self._renewed) > LASTS_SECONDS:
            raise ApiFault(f"the Lease {self.name} could not be renewed for {since:.0f} s")

    def holder(self) -> str:
        """Return who holds the Lease, or held it until its death; empty if nobody does."""
        return _holder(self._read())

    def living_holder(self) -> str:
        """Return who holds the Lease and renews it, watched for two renewals at most; empty if nobody does."""
        first = self._read()
        until = time.monotonic() + 2 * RENEW_SECONDS + 0.5
        while _holder(first) and time.monotonic() < until:
            time.sleep(RENEW_SECONDS / 4)
            now = self._read()
            if _renewed(now) != _renewed(first):
                return _holder(now)
        return ""

    def await_free(self, seconds: float) -> None:
        """Wait until no driver holds the Lease, for `seconds` at most; raises Failure if one still renews it then."""
        until = time.monotonic() + seconds
        while holder := self.living_holder():
            if time.monotonic() > until:
                raise Failure(f"{holder} still drives this rollout and may move weight again; stop it", ExitCode.BUSY)

    def on_hold(self) -> str:
        """Return the reason of a hold; empty without one."""
        return self.note(HOLD)

    def hold(self, reason: str) -> None:
        """Put the rollout on hold, or with an empty reason take that back; a running driver sees it."""
        self.write_note(HOLD, reason)

    def note(self, name: str) -> str:
        """Return what somebody wrote on the Lease under an annotation's name; empty if nobody did."""
        lease = self._read()
        return str(((lease or {}).get("metadata", {}).get("annotations") or {}).get(name) or "")

    def write_note(self, name: str, text: str) -> None:
        """Write on the Lease under an annotation's name, or with an empty text take that away."""
        if self._read() is None:
            if not text:
                return
            self._create("")
        body = {"metadata": {"annotations": {name: text or None}}}
        self._client.patch(LEASES, self._namespace, self.name, body)

    def _take(self) -> None:
        seen = self._read()
        if seen is None:
            self._create(self.me)
            return
        until = time.monotonic() + LASTS_SECONDS
        while _holder(seen) and time.monotonic() < until:
            time.sleep(RENEW_SECONDS / 4)
            now = self._read()
            if now is None:
                return self._take()
            if _holder(now) and _renewed(now) != _renewed(seen):
                raise Failure(
                    f"{_holder(now)} drives this rollout already; see `rollout status`, or stop it with `rollout hold`",
                    ExitCode.BUSY,
                )
            seen = now
        try:
            metadata = {**seen["metadata"], "ownerReferences": self._owner()}
            self._client.replace(LEASES, self._namespace, {**seen, "metadata": metadata, "spec": _spec(self.me)})
        except ApiFault as fault:
            if fault.status == 409:
                raise Failure(f"{self.holder()} has just begun to drive this rollout", ExitCode.BUSY) from None
            raise

    def _create(self, holder: str) -> None:
        lease = {
            "apiVersion": LEASES.api_version, "kind": LEASES.kind, "spec": _spec(holder),
            "metadata": {"name": self.name, "ownerReferences": self._owner()},
        }  # fmt: skip
        try:
            self._client.create(LEASES, self._namespace, lease)
        except ApiFault as fault:
            if fault.status != 409:
                raise
            if not holder:
                return
            self._take()

    def _owner(self) -> list[Manifest]:
        found = self._client.get(ROUTES, self._namespace, self._route)
        if found is None:
            raise Failure(f"there is no HTTPRoute {self._namespace}/{self._route}; install its release first")
        owner = {"apiVersion": ROUTES.api_version, "kind": ROUTES.kind, "name": self._route, "uid": Route(found).uid}
        return [owner]

    def _renew(self) -> None:
        """Renew the Lease until it is released or another driver has it; without an API server, try again."""
        while not self._released.wait(RENEW_SECONDS):
            try:
                lease = self._read()
                if lease is None or _holder(lease) != self.me:
                    self._lost.set()
                    return
                lease["spec"]["renewTime"] = _now()
                self._client.replace(LEASES, self._namespace, lease)
            except ApiFault:  # somebody's hold in between (409), or no API server
                continue
            self._renewed = time.monotonic()

    def _release(self) -> None:
        if self._lost.is_set():
            return
        try:
            self._client.patch(LEASES, self._namespace, self.name, {"spec": {"holderIdentity": ""}})
        except ApiFault:
            return  # it ends by itself

    def _read(self) -> Manifest | None:
        return self._client.get(LEASES, self._namespace, self.name)


def _holder(lease: Manifest | None) -> str:
    return str(((lease or {}).get("spec") or {}).get("holderIdentity") or "")


def _renewed(lease: Manifest | None) -> str:
    return str(((lease or {}).get("spec") or {}).get("renewTime") or "")


def _spec(holder: str) -> Manifest:
    now = _now()
    return {"holderIdentity": holder, "leaseDurationSeconds": LASTS_SECONDS, "acquireTime": now, "renewTime": now}


def _now() -> str:
    """The time as a Kubernetes MicroTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as containers have
        return f"uid {os.getuid()}"
