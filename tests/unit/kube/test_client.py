"""Whatever the API server or the kubeconfig is like, the client's fault is one line that names it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import LEASES, PODS, ROUTES
from inferencepool_rollout.kube.client import ApiFault, Client
from kit.kubeconfig import kubeconfig

STATUS = {"kind": "Status", "reason": "Forbidden", "message": 'pods is forbidden: User "x" cannot list resource "pods"'}


class Answers:
    """What the server answers: (status, body), the last one again and again; None hangs up."""

    def __init__(self, *answers: tuple[int, bytes] | None) -> None:
        self.left = list(answers)
        self.asked: list[str] = []

    def next(self) -> tuple[int, bytes] | None:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@contextmanager
def server(answers: Answers, folder: Path) -> Iterator[Client]:
    """A client of an API server that gives these answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append(f"{self.command} {self.path}")
            found = answers.next()
            if found is None:
                self.close_connection = True
                return
            self.send_response(found[0])
            self.send_header("Content-Length", str(len(found[1])))
            self.end_headers()
            self.wfile.write(found[1])

        do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815 (names of http.server)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield Client(kubeconfig=kubeconfig(folder, f"http://127.0.0.1:{made.server_port}"))
        made.shutdown()


def body(**content: object) -> bytes:
    return json.dumps(content).encode()


def test_an_object_is_returned_as_it_is_and_a_missing_one_as_none(tmp_path: Path) -> None:
    with server(Answers((200, body(kind="HTTPRoute"))), tmp_path) as client:
        assert client.get(ROUTES, "default", "route") == {"kind": "HTTPRoute"}
    with server(Answers((404, body(kind="Status"))), tmp_path) as client:
        assert client.get(ROUTES, "default", "route") is None
        assert client.list(ROUTES) == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, json.dumps(STATUS).encode()), r'403 Forbidden \(pods is forbidden: User "x" cannot list'),
        ((500, b"<html>oops</html>"), "500 Internal Server Error"),
        ((200, b"<html>a login page</html>"), "the API server's answer is not a JSON object"),
        ((200, b"[1, 2]"), "the API server's answer is not a JSON object"),
        ((200, b"[" * 100_000), "the API server's answer is not a JSON object"),
        ((200, body(items={"a": 1})), "the answer is not a list of objects"),
        (None, "does not answer"),
    ],
)
def test_a_bad_answer_is_one_line(tmp_path: Path, answer: tuple[int, bytes] | None, says: str) -> None:
    with server(Answers(answer), tmp_path) as client, pytest.raises(ApiFault, match=says) as fault:
        client.list(PODS, "default")
    assert "\n" not in str(fault.value)


def test_an_api_server_that_is_away_is_read_again_within_the_patience_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = Answers(None, (503, b""), (200, body(items=[])))
    with server(answers, tmp_path) as client:
        assert client.with_patience(10).list(PODS, "default") == []
    assert len(answers.asked) == 3
    said = capsys.readouterr().err
    assert said.count("trying again for up to 10 s") == 1


def test_the_patience_ends(tmp_path: Path) -> None:
    with server(Answers((503, b"")), tmp_path) as client:
        began = time.monotonic()
        with pytest.raises(ApiFault, match="503"):
            client.with_patience(2).list(PODS, "default")
    assert 1 < time.monotonic() - began < 10


def test_a_refusal_is_not_tried_again(tmp_path: Path) -> None:
    answers = Answers((403, json.dumps(STATUS).encode()))
    with server(answers, tmp_path) as client, pytest.raises(ApiFault):
        client.with_patience(10).list(PODS, "default")
    assert len(answers.asked) == 1


def test_a_write_is_never_tried_again(tmp_path: Path) -> None:
    answers = Answers((503, b""))
    with server(answers, tmp_path) as client:
        with pytest.raises(ApiFault, match="could not be written: 503"):
            client.with_patience(10).patch(LEASES, "default", "rollout-route", {})
        with pytest.raises(ApiFault, match="could not be written: 503"):
            client.with_patience(10).create(LEASES, "default", {"metadata": {"name": "rollout-route"}})
    assert len(answers.asked) == 2


@pytest.mark.parametrize(
    "text",
    ["", "- a list\n", "a: [", "\x00\x01", "clusters: 5\ncontexts: 7\ncurrent-context: x\n", "current-context: none\n"],
)
def test_a_kubeconfig_that_is_none_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(Failure, match="no cluster to work with: .*; set KUBECONFIG") as failure:
        Client(kubeconfig=file)
    assert "\n" not in str(failure.value)


def test_a_kubeconfig_that_is_a_folder_or_missing_is_one_line(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "none"):
        with pytest.raises(Failure, match="no cluster to work with"):
            Client(kubeconfig=file)
