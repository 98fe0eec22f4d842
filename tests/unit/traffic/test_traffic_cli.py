"""The command line: a table, and an exit code that tells whether all is well."""

from __future__ import annotations

import pytest

from inferencepool_rollout.command import invoke
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.__main__ import traffic
from kit import completion_servers as servers
from kit.completion_servers import serving


def test_good_answers_exit_0_and_are_counted_by_pod(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(servers.whole) as server:
        assert invoke(traffic, ["--url", server.url, "--model", "m", "--requests", "20", "--stream"]) == 0
    assert server.requests == 20
    assert "pool-old-1" in capsys.readouterr().out


def test_a_lost_request_exits_1_and_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(servers.error_500) as server:
        assert invoke(traffic, ["--url", server.url, "--model", "m", "--requests", "3"]) == 1
    told = capsys.readouterr().out
    assert "lost 3 by status 500" in told
    assert "out of cheese" in told


def test_the_asked_split_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(servers.whole) as server:
        asked = ["--asked", "pool-old=100", "--asked", "pool-new=0"]
        assert invoke(traffic, ["--url", server.url, "--model", "m", "--requests", "20", *asked]) == 0
    told = capsys.readouterr().out
    assert "p of the asked split by answers: 1" in told
    assert "is refused with 99%" in told


def test_another_split_exits_1_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(servers.whole) as server:
        asked = ["--asked", "pool-old=50", "--asked", "pool-new=50"]
        assert invoke(traffic, ["--url", server.url, "--model", "m", "--requests", "40", *asked]) == 1
    assert "FAULT wrong split" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ([], "needs an end"),
        (["--requests", "0"], "count of a load"),
        (["--requests", "1", "--asked", "pool-old"], "--asked"),
        (["--requests", "1", "--asked", "pool-old=0"], "weights"),
        (["--requests", "1", "--asked", "pool-old=1", "--asked", "pool-old=2"], "twice"),
    ],
)
def test_bad_usage_says_what_is_wrong_and_sends_nothing(arguments: list[str], cause: str) -> None:
    with serving(servers.whole) as server, pytest.raises(Failure, match=cause):
        invoke(traffic, ["--url", server.url, "--model", "m", *arguments])
    assert server.requests == 0


def test_counting_without_a_cluster_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", "/nonexistent")  # KUBECONFIG's
    asked = ["--asked", "pool-old=1", "--namespace", "default"]
    with serving(servers.whole) as server, pytest.raises(Failure, match="no cluster to work with"):
        invoke(traffic, ["--url", server.url, "--model", "m", "--requests", "1", *asked])
    assert server.requests == 0
