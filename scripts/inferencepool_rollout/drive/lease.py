"""One driver a route: a coordination.k8s.io Lease beside the route, which also carries a person's hold.

No clocks are compared. Who finds the Lease held watches it: if it is renewed, its holder lives and the newcomer is
refused; if it is not for as long as it lasts, the holder is dead and the Lease is taken over, by resourceVersion.
(The election of client-go, tools/leaderelection, likewise trusts only what it saw itself.)
"""

from __future__ import annotations

import getpass
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from kubernetes.client import ApiException, CoordinationV1Api, V1Lease, V1LeaseSpec, V1ObjectMeta
from urllib3.exceptions import HTTPError

from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure

LASTS_SECONDS = 10
RENEW_SECONDS = 2.0
HOLD = "rollout/hold"


class Lease:
    """The Lease of a route."""

    def __init__(self, api: CoordinationV1Api, namespace: str, route: str) -> None:
        self.name = f"rollout-{route}"
        self._api, self._namespace = api, namespace
        self.me = f"{getpass.getuser()}@{socket.gethostname()} pid {os.getpid()}"
        self._lost = threading.Event()
        self._released = threading.Event()
        self._holding = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the Lease while the block runs; raises Failure with code BUSY if another driver does."""
        self._take()
        renewer = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._released.clear()
        self._holding = True
        renewer.start()
        try:
            yield
        finally:
            self._released.set()
            renewer.join()
            self._holding = False
            self._release()

    def require(self) -> None:
        """Raise Failure if the Lease was lost; called before each change."""
        if self._lost.is_set():
            raise Failure(
                f"the Lease {self.name} was lost to {self.holder() or 'nobody'}; nothing more is moved", ExitCode.BUSY
            )

    def holder(self) -> str:
        """Return who holds the Lease, or held it until its death; empty if nobody does."""
        lease = self._read()
        return (lease.spec.holder_identity or "") if lease and lease.spec else ""

    def on_hold(self) -> str:
        """Return the reason of a hold; empty without one."""
        lease = self._read()
        return ((lease.metadata.annotations or {}).get(HOLD) or "") if lease and lease.metadata else ""

    def hold(self, reason: str) -> None:
        """Put the rollout on hold, or with an empty reason take that back; a running driver sees it."""
        if self._read() is None:
            self._create("")
        body = {"metadata": {"annotations": {HOLD: reason or None}}}
        self._api.patch_namespaced_lease(self.name, self._namespace, body, _request_timeout=10)

    def _take(self) -> None:
        seen = self._read()
        if seen is None:
            self._create(self.me)
            return
        until = time.monotonic() + LASTS_SECONDS
        while seen.spec and seen.spec.holder_identity and time.monotonic() < until:
            time.sleep(RENEW_SECONDS / 4)
            now = self._read()
            if now is None:
                return self._take()
            if now.spec and now.spec.holder_identity and now.spec.renew_time != seen.spec.renew_time:
                raise Failure(
                    f"{now.spec.holder_identity} drives this rollout already; look with `rollout status`, or stop it "
                    "with `rollout hold`",
                    ExitCode.BUSY,
                )
            seen = now
        seen.spec = self._spec(self.me)
        try:
            self._api.replace_namespaced_lease(self.name, self._namespace, seen, _request_timeout=10)
        except ApiException as error:
            if error.status == 409:
                raise Failure(f"{self.holder()} has just begun to drive this rollout", ExitCode.BUSY) from None
            raise

    def _create(self, holder: str) -> None:
        lease = V1Lease(metadata=V1ObjectMeta(name=self.name), spec=self._spec(holder))
        try:
            self._api.create_namespaced_lease(self._namespace, lease, _request_timeout=10)
        except ApiException as error:
            if error.status != 409:
                raise
            self._take()

    def _renew(self) -> None:
        last = time.monotonic()
        while not self._released.wait(RENEW_SECONDS):
            try:
                lease = self._read()
                if not lease or not lease.spec or lease.spec.holder_identity != self.me:
                    self._lost.set()
                    return
                lease.spec.renew_time = datetime.now(UTC)
                self._api.replace_namespaced_lease(self.name, self._namespace, lease, _request_timeout=RENEW_SECONDS)
                last = time.monotonic()
            except (ApiException, HTTPError):  # somebody's hold in between (409), or no API server: tried again
                if time.monotonic() - last > LASTS_SECONDS - RENEW_SECONDS:
                    self._lost.set()
                    return

    def _release(self) -> None:
        if self._lost.is_set():
            return
        try:
            body = {"spec": {"holderIdentity": ""}}
            self._api.patch_namespaced_lease(self.name, self._namespace, body, _request_timeout=10)
        except (ApiException, HTTPError):
            return  # it ends by itself

    def _read(self) -> V1Lease | None:
        try:
            lease: V1Lease = self._api.read_namespaced_lease(self.name, self._namespace, _request_timeout=10)
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return lease

    def _spec(self, holder: str) -> V1LeaseSpec:
        now = datetime.now(UTC)
        return V1LeaseSpec(
            holder_identity=holder, lease_duration_seconds=LASTS_SECONDS, acquire_time=now, renew_time=now
        )
