"""Whatever it is given, the command line ends with one line and the right code, never with a traceback."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inferencepool_rollout import cli
from inferencepool_rollout.cli import main
from inferencepool_rollout.exit_codes import ExitCode
from kit.kubeconfig import kubeconfig
from kit.plans import TEXT

NOWHERE = "http://127.0.0.1:1"
VERBS = ("preflight", "run", "status", "promote", "hold", "rollback", "finish")
NOTHING_THERE = {"rollback": ExitCode.REFUSED, "finish": ExitCode.HELD}
"""Exit codes of the verbs that are refused, and not at fault, where neither route nor pools are there."""

Rollout = Callable[..., None]
"""Run the command line with words, and see that it ends with one line that says `says`."""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(TEXT)
    return file


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Rollout:
    """The command line with some of the environment changed; no helm is on PATH unless HELM names one."""

    def run(*words: str | Path, says: str, code: int = ExitCode.FAILED, **environment: str) -> None:
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        if "KUBECONFIG" in environment:
            where = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
            monkeypatch.setattr(where, environment["KUBECONFIG"])
        monkeypatch.setattr(sys, "argv", ["rollout", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert says in captured.err
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1 or "the plan is refused" in captured.err, captured.err
        assert "Traceback" not in captured.out + captured.err
        assert "a fault of the program" not in captured.err
        assert ended.value.code == code

    return run


@contextmanager
def always(status: int, body: bytes) -> Iterator[str]:
    """The URL of a server that answers everything with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815 (names of http.server)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


def program(folder: Path, prints: str) -> Path:
    """A program that prints that, whatever it is asked."""
    made = folder / "helm"
    made.write_text(f"#!/bin/sh\nprintf '%s' '{prints}'\n")
    made.chmod(0o755)
    return made


@pytest.mark.parametrize("verb", VERBS)
def test_without_helm(plan: Path, fails: Rollout, verb: str) -> None:
    fails(verb, "--file", plan, says="error: helm is not on PATH; install Helm 3 or 4")


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_cluster(
    plan: Path, tmp_path: Path, fails: Rollout, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(cli, "PATIENCE_SECONDS", 0.0)
    helm, config = program(tmp_path, "[]"), kubeconfig(tmp_path, NOWHERE)
    fails(verb, "--file", plan, says="http://127.0.0.1:1 does not answer", HELM=str(helm), KUBECONFIG=str(config))


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, b"Unauthorized", "Unauthorized"),
        (403, b'{"kind": "Status", "message": "leases is forbidden"}', "leases is forbidden"),
        (404, b'{"kind": "Status", "message": "namespaces \\"llm\\" not found"}', ""),
        (500, b"", "500"),
        (200, b"<html>", ""),
        (200, b"[1, 2]", ""),
    ],
)
@pytest.mark.parametrize("verb", VERBS)
def test_with_an_api_server_that_refuses_everything(
    plan: Path, tmp_path: Path, fails: Rollout, monkeypatch: pytest.MonkeyPatch,
    verb: str, status: int, body: bytes, says: str,
) -> None:  # fmt: skip
    """No right to Leases or to anything else, a namespace that is not there, something else that answers."""
    monkeypatch.setattr(cli, "PATIENCE_SECONDS", 0.0)
    with always(status, body) as url:
        helm, config = program(tmp_path, "[]"), kubeconfig(tmp_path, url)
        code = NOTHING_THERE.get(verb, ExitCode.FAILED) if status == 404 else ExitCode.FAILED
        fails(verb, "--file", plan, says=says, code=code, HELM=str(helm), KUBECONFIG=str(config))


@pytest.mark.parametrize("verb", VERBS)
def test_with_a_kubeconfig_that_is_no_yaml(plan: Path, tmp_path: Path, fails: Rollout, verb: str) -> None:
    helm, config = program(tmp_path, "[]"), tmp_path / "config"
    config.write_text("a: [")
    fails(verb, "--file", plan, says="no cluster to work with", HELM=str(helm), KUBECONFIG=str(config))


@pytest.mark.parametrize(
    "text", ["", "[" * 800, "a: {" * 800, "route: !!python/object:os.system {}\n", "\x00", "&a [*a]\n"]
)
def test_with_a_plan_that_is_none(tmp_path: Path, fails: Rollout, text: str) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    fails("plan", "--file", file, says="plan")
