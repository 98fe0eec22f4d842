"""The live page's server: anyone may read, who has the token may act, and no other site may do either."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.live.actions import Actions
from inferencepool_rollout.live.server import HEADERS, Server
from kit.live_page import TOKEN, Rollout, served
from kit.wait import wait_until

ASKED = json.dumps({"percent": 10})
RIGHT = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page of a rollout at 10 %, whose plan is not there: a command that is begun ends at once and moves nothing."""
    with served(Rollout(), tmp_path_factory.mktemp("live") / "plan.yaml", names=["rollout.example"]) as at:
        wait_until(lambda: "Take the 10 % back" in first_event(at), "the page knows the weight")
        yield at


def asked(
    url: str, method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None
) -> tuple[int, str, dict[str, str]]:
    """The status, body and headers of an answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), dict(answer.getheaders())
    connection.close()
    return found


def first_event(url: str) -> str:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("GET", "/events")
    line = connection.getresponse().readline().decode()
    connection.close()
    return line


def test_everybody_who_reaches_it_may_read(url: str) -> None:
    assert asked(url, "GET", "/")[0] == 200
    assert json.loads(first_event(url).removeprefix("data: "))["percent"] == 10


@pytest.mark.parametrize("path", ["/", "/live.js", "/live.css"])
def test_what_is_read_does_not_hold_the_token(url: str, path: str) -> None:
    assert TOKEN not in asked(url, "GET", path)[1]
    assert TOKEN not in first_event(url)


@pytest.mark.parametrize("path", ["/", "/live.js", "/live.css", "/nothing"])
def test_every_answer_keeps_other_sites_out(url: str, path: str) -> None:
    """No frame (clickjacking), no script of others, nothing kept in caches, no leave for other origins (CORS)."""
    headers = asked(url, "GET", path)[2]
    assert HEADERS.items() <= headers.items()
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/../server.py", "/server.py", "/live/server.py", "/%2e%2e/cli.py"])
def test_no_other_file_is_served(url: str, path: str) -> None:
    assert asked(url, "GET", path)[0] == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "", "127.0.0.1.evil.example"]
)
@pytest.mark.parametrize("path", ["/", "/events", "/act/hold"])
def test_a_name_that_points_here_is_refused(url: str, host: str, path: str) -> None:
    """DNS rebinding: a site lets its own name point to 127.0.0.1, so that its scripts count as this page's."""
    method = "POST" if path.startswith("/act") else "GET"
    assert asked(url, method, path, {**RIGHT, "Host": host}, ASKED)[0] == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:9", "rollout.example"])
def test_its_own_names_are_answered(url: str, host: str) -> None:
    assert asked(url, "GET", "/", {"Host": host})[0] == 200


@pytest.mark.parametrize("verb", Actions.VERBS)
@pytest.mark.parametrize("given", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer é"])
def test_nobody_acts_without_the_token(url: str, verb: str, given: str | None) -> None:
    headers = {
        "Content-Type": "application/json",
        **({"Authorization": given.encode().decode("latin-1")} if given else {}),
    }
    assert asked(url, "POST", f"/act/{verb}", headers, ASKED)[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_another_site_does_not_act_through_a_reader(url: str, headers: dict[str, str]) -> None:
    assert asked(url, "POST", "/act/rollback", {**RIGHT, **headers}, ASKED)[0] == 403


def test_a_form_does_not_act(url: str) -> None:
    """What a form of another site can send without asking the browser: no header of its own, no JSON."""
    form = {**RIGHT, "Content-Type": "text/plain"}
    assert asked(url, "POST", "/act/rollback", form, ASKED)[0] == 415


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_a_post_acts(url: str, method: str) -> None:
    assert asked(url, method, "/act/rollback", RIGHT, ASKED)[0] == 405


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"percent": "ten"}', '{"percent": null}', '{"percent": [10]}'])
def test_a_body_that_does_not_say_what_was_seen_is_refused(url: str, body: str) -> None:
    assert asked(url, "POST", "/act/rollback", RIGHT, body)[0] == 400


def test_a_body_that_is_too_long_is_refused(url: str) -> None:
    assert asked(url, "POST", "/act/rollback", RIGHT, json.dumps({"percent": 10, "reason": "x" * 9000}))[0] == 413


def test_who_saw_another_weight_looks_again(url: str) -> None:
    status, text, _ = asked(url, "POST", "/act/rollback", RIGHT, json.dumps({"percent": 50}))
    assert (status, text) == (409, "the new pool has 10 % now, not 50 %; look again")


def test_a_verb_that_is_none_of_the_three_is_refused(url: str) -> None:
    assert asked(url, "POST", "/act/finish", RIGHT, ASKED)[0] == 409


def test_with_the_token_the_command_runs_and_its_words_are_shown(url: str) -> None:
    assert asked(url, "POST", "/act/hold", RIGHT, ASKED)[0] == 202
    wait_until(lambda: "rollout hold" in first_event(url) and "plan.yaml" in first_event(url), "its words are shown")


@pytest.mark.parametrize("listen", ["8088", ":8088", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_refused_with_an_example(listen: str) -> None:
    with pytest.raises(Failure, match="is not HOST:PORT, as in") as refused:
        Server(listen, (), lambda: (), dict, Actions(Path("plan.yaml")))
    assert refused.value.code == ExitCode.USAGE


def test_a_token_of_ones_own_that_is_too_short_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLOUT_PAGE_TOKEN", "short")
    with pytest.raises(Failure, match="fewer than 16 characters"):
        Server("127.0.0.1:0", (), lambda: (), dict, Actions(Path("plan.yaml")))


def test_each_start_has_a_token_of_its_own() -> None:
    one, other = (Server("127.0.0.1:0", (), lambda: (), dict, Actions(Path("plan.yaml"))).token for _ in range(2))
    assert one != other
    assert len(one) >= 32
