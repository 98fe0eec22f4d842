"""What a hook is sent, how it is signed, and that only an answer in time that says yes is a yes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from standardwebhooks import WebhookVerificationError

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.hooks.call import call
from inferencepool_rollout.hooks.cloud_event import KEY, letter, signing_key
from inferencepool_rollout.notify.message import Message, Messages, Subject
from inferencepool_rollout.plan.hooks import Hook
from kit import receiver as kit
from kit.receiver import Receiver, receiving

SUBJECT = Subject(namespace="llm", route="route", old="pool-old", new="pool-new", plan="plan.yaml")
ASKING = Messages(SUBJECT).asking("gate", 50)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def ask(hook: Hook, key: str = kit.KEY) -> str:
    return call(hook, letter(ASKING, key))


def url_hook(receiver: Receiver, timeout: str = "5s") -> Hook:
    return Hook.model_validate({"url": receiver.url, "timeout": timeout})


def program(code: str, timeout: str = "5s") -> Hook:
    return Hook.model_validate({"command": [sys.executable, "-c", code], "timeout": timeout})


def test_it_gets_a_cloud_event_that_names_the_rollout_and_what_is_asked(receiver: Receiver) -> None:
    assert ask(url_hook(receiver)) == ""
    (post,) = receiver.posts
    event = post.event()
    assert event.get_type() == "io.inferencepool-rollout.gate"
    assert event.get_source() == "/namespaces/llm/httproutes/route"
    data = json.loads(post.body)["data"]
    assert (data["percent"], data["rollout"]["new"], data["back"]) == (50, "pool-new", "rollout rollback -f plan.yaml")


def test_the_data_are_as_the_published_schema_says(receiver: Receiver) -> None:
    ask(url_hook(receiver))
    data = json.loads(receiver.posts[0].body)["data"]
    schema = Message.model_json_schema()
    jsonschema.validate(data, schema)
    assert data.keys() == schema["properties"].keys()


def test_the_signature_is_the_one_that_standard_webhooks_verifies(receiver: Receiver) -> None:
    ask(url_hook(receiver))
    (post,) = receiver.posts
    assert post.verified()["id"] == post.headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        kit.Post(post.path, post.headers, post.body.replace(b"50", b"99")).verified()
    with pytest.raises(WebhookVerificationError):
        post.verified("whsec_YW5vdGhlciBrZXk=")


def test_without_a_key_nothing_claims_to_be_signed(receiver: Receiver) -> None:
    ask(url_hook(receiver), key="")
    assert not [name for name in receiver.posts[0].headers if name.startswith("webhook-")]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_status_of_success_is_a_yes(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert ask(url_hook(receiver)) == ""


@pytest.mark.parametrize("status", [301, 302, 400, 403, 404, 423, 500, 503])
def test_any_other_status_is_a_no_with_its_reason(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.said = status, b"change freeze until Monday\n"
    receiver.headers = {"Location": f"{receiver.url}/login"} if status in (301, 302) else {}
    assert ask(url_hook(receiver)) == f"{receiver.url} answered {status}: change freeze until Monday"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.statuses, receiver.headers = [302], {"Location": f"{receiver.url}/login"}
    assert "answered 302" in ask(url_hook(receiver))
    assert [post.path for post in receiver.posts] == ["/"]


@pytest.mark.parametrize(("seconds", "drip"), [(30, 0), (0, 0.2)], ids=["nothing", "a byte now and then"])
def test_no_whole_answer_in_time_is_a_no(receiver: Receiver, seconds: float, drip: float) -> None:
    receiver.seconds, receiver.drip, receiver.said = seconds, drip, b"y" * 200
    began = time.monotonic()
    assert ask(url_hook(receiver, "500ms")) == f"{receiver.url} had not answered after 0.5 s"
    assert time.monotonic() - began < 3


def test_nobody_at_the_address_is_a_no() -> None:
    with receiving() as gone:
        pass
    assert "cannot be asked" in ask(url_hook(gone))


def test_a_program_reads_the_event_and_says_yes_with_exit_code_0(tmp_path: Path) -> None:
    code = f"import pathlib, sys; pathlib.Path({str(tmp_path / 'seen')!r}).write_bytes(sys.stdin.buffer.read())"
    assert ask(program(code)) == ""
    assert json.loads((tmp_path / "seen").read_text())["data"]["event"] == "gate"


def test_a_program_that_exits_otherwise_says_no_with_its_last_line() -> None:
    why = ask(program("import sys; print('first'); print('no budget left'); sys.exit(3)"))
    assert why == f"{sys.executable} exited with 3: no budget left"


def test_a_program_out_of_time_is_ended_with_what_it_started(tmp_path: Path) -> None:
    late = tmp_path / "late"
    inner = f"import time, pathlib; time.sleep(2); pathlib.Path({str(late)!r}).touch()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    assert "had not answered after 0.5 s" in ask(program(code, "500ms"))
    time.sleep(2.5)
    assert not late.exists()


def test_a_program_that_is_not_there_is_a_no() -> None:
    assert "cannot be asked" in ask(Hook(command=("/nowhere/gate",)))


def test_a_key_that_is_no_base64_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "a")
    with pytest.raises(Failure, match="openssl rand -base64 32") as refusal:
        signing_key()
    assert "'a'" not in str(refusal.value)
