"""Who reads the EPP's metrics when `epp.metricsAuth` asks for a token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from kit.epp_metrics import EppMetrics, reached, reader
from kit.namespace import Namespace
from kit.pools import NO_SERVERS, install

RELEASE = "asked"


@dataclass(frozen=True)
class Asked:
    """An EPP that asks for a token, and an account whose token it takes."""

    metrics: EppMetrics
    reader: str

    def status(self, account: str = "") -> int:
        return self.metrics.answer(account)[0]


@pytest.fixture(scope="module")
def epp(shared: Namespace) -> Iterator[Asked]:
    install(shared, RELEASE, {**NO_SERVERS, "epp.metricsAuth": True})
    shared.kubectl("create", "serviceaccount", "other")
    with reader(shared) as account, reached(shared, RELEASE) as metrics:
        yield Asked(metrics, account)
    shared.helm("uninstall", RELEASE)  # its ClusterRole is in no namespace


def test_who_may_get_the_path_reads_metrics(epp: Asked) -> None:
    assert epp.status(epp.reader) == 200


def test_nobody_else_does(epp: Asked) -> None:
    assert (epp.status(), epp.status("other")) == (401, 403)


def test_without_its_right_to_review_tokens_it_lets_nobody_in(epp: Asked) -> None:
    namespace = epp.metrics.namespace
    role = f"{namespace.name}:{RELEASE}-epp:metrics-auth"
    namespace.kubectl("patch", "clusterrole", role, "--type=json", '--patch=[{"op": "remove", "path": "/rules/0"}]')
    namespace.kubectl("create", "serviceaccount", "later")  # one whose review is not cached
    assert epp.status("later") == 500
