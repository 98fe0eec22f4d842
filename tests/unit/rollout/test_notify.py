"""Every step of a rollout is told to those who want to know, and none of them can delay or end it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apprise import Apprise

from inferencepool_rollout.drive.run_log import RunLog, read_log
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import EVENTS
from inferencepool_rollout.notify.kube_events import LONGEST, KubeEvents, event
from inferencepool_rollout.notify.message import Message, Messages, Severity, Subject
from inferencepool_rollout.notify.outbox import Outbox
from inferencepool_rollout.notify.services import URLS, Services
from kit import run_logs
from kit.plans import altered, plan_of
from kit.receiver import Receiver, receiving
from unit.rollout.fake_cluster import FakeClient, FakeCluster
from unit.rollout.live_routes import route, rule

SUBJECT = Subject(namespace="default", route="route", old="pool-old", new="pool-new", plan="plan.yaml")
SERVICES = (
    "slack://xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d/#ops",
    "workflows://prod-12.westeurope.logic.azure.com:443/WorkflowID/Signature/",
    "mailto://user:password@example.com",
    "jsons://user:password@example.com/hook",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def told(events: list[dict[str, Any]]) -> list[Message]:
    found = [Messages(SUBJECT).of(event) for event in events]
    return [message for message in found if message]


def message(text: str = "news") -> Message:
    return altered(told([{"event": "followed", "percent": 10, "seconds": 1.0}])[0], text=text)


def test_a_rollout_that_goes_well_is_told_step_by_step(tmp_path: Path) -> None:
    run_logs.done(plan_of(tmp_path), tmp_path / "log")
    messages = told(read_log(tmp_path / "log"))
    assert [(each.event, each.percent) for each in messages] == [
        ("start", 0), ("followed", 10), ("verdict", 10), ("followed", 50), ("verdict", 50), ("followed", 100),
        ("verdict", 100), ("end", 100),
    ]  # fmt: skip
    assert messages[-1].severity is Severity.SUCCESS


def test_a_rollback_is_told_with_its_reason_and_then_its_proof_and_no_third_time(tmp_path: Path) -> None:
    run_logs.rolled_back(plan_of(tmp_path), tmp_path / "log")
    *_, taken, proven = told(read_log(tmp_path / "log"))
    assert (taken.event, taken.severity) == ("roll back", Severity.FAILURE)
    assert (proven.event, proven.severity) == ("rolled back", Severity.WARNING)
    assert "all by pool-old" in proven.text


@pytest.mark.parametrize("percent", [10, 0])
def test_the_command_to_go_back_is_told_while_there_is_something_to_take_back(percent: int) -> None:
    (moved,) = told([{"event": "followed", "percent": percent, "seconds": 1.0}])
    assert moved.back == ("rollout rollback -f plan.yaml" if percent else "")
    assert ("rollout rollback" in moved.body) is bool(percent)


def test_every_kind_of_outcome_and_event_that_the_driver_writes_has_a_severity_or_is_left_out_on_purpose() -> None:
    left_out = {("end", "rolled back")}
    outcomes = ("done", "held", "stopped", "refused", "rolled back", "rollback failed", "promoted by hand", "finished")
    silent = {("end", outcome) for outcome in outcomes if not told([{"event": "end", "outcome": outcome, "why": ""}])}
    assert silent == left_out


def test_a_service_gets_title_text_and_severity(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URLS, f"json://{receiver.url.removeprefix('http://')}/hook")
    services = Services.of_environment()
    assert services
    assert services.send(message()) == ""
    body = json.loads(receiver.posts[0].body)
    assert body["title"] == "Rollout default/route: pool-old to pool-new"
    assert body["message"] == "news\nBack to pool-old: rollout rollback -f plan.yaml"
    assert body["type"] == "info"


def test_a_service_that_refuses_is_reported_without_its_password(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = 500
    monkeypatch.setenv(URLS, f"json://user:hunter2@{receiver.url.removeprefix('http://')}/hook")
    services = Services.of_environment()
    assert services
    why = services.send(message())
    assert "500" in why
    assert "hunter2" not in why


@pytest.mark.parametrize("url", SERVICES)
def test_the_services_of_the_documentation_are_apprises(url: str) -> None:
    assert Apprise().add(url)


def test_a_url_of_no_service_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URLS, "json://127.0.0.1/a\n  nosuch://user:hunter2@example.com")
    with pytest.raises(Failure, match=r"URL 2 of ROLLOUT_NOTIFY_URLS \(nosuch\)") as refusal:
        Services.of_environment()
    assert "hunter2" not in str(refusal.value)


def test_a_kubernetes_event_is_written_for_the_route(tmp_path: Path) -> None:
    cluster = FakeCluster(plan_of(tmp_path))
    cluster.write(dict(route(rule({"pool-old": 100})).spec), "helm")
    assert KubeEvents(FakeClient(cluster)).send(message()) == ""
    (made,) = [found for path, found in cluster.objects.items() if path.startswith(EVENTS.path("default"))]
    assert made["involvedObject"]["uid"] == "uid-of-default-route"
    assert (made["reason"], made["type"]) == ("Followed", "Normal")
    assert made["message"].endswith("Back: rollout rollback -f plan.yaml")


def test_a_kubernetes_event_is_as_long_as_the_api_server_takes_and_keeps_the_way_back() -> None:
    made = event(message("x" * 5000), route(rule({"pool-old": 100})))
    assert len(made["message"]) == LONGEST
    assert made["message"].endswith("Back: rollout rollback -f plan.yaml")


def test_a_recipient_that_raises_or_hangs_delays_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hanging = threading.Event()
    failed: list[str] = []
    got: list[str] = []

    def raises(message: Message) -> str:
        raise RuntimeError("out of cheese")

    def hangs(message: Message) -> str:
        hanging.wait(30)
        return ""

    def gets(message: Message) -> str:
        got.append(message.event)
        return ""

    boxes = [Outbox("chat", raises, failed.append), Outbox("mail", hangs), Outbox("good", gets)]
    messages = Messages(SUBJECT)

    def listener(event: Any) -> None:
        if made := messages.of(event):
            for box in boxes:
                box.put(made)

    began = time.monotonic()
    log = RunLog(tmp_path, listeners=[listener])
    for percent in (10, 50):
        log.write("followed", percent=percent, seconds=1.0)
    assert time.monotonic() - began < 1
    boxes[2].close()
    boxes[0].close()
    assert got == ["followed", "followed"]
    assert failed == ["chat", "chat"]
    assert capsys.readouterr().err.count("chat was not told of 'followed': RuntimeError: out of cheese") == 1
    began = time.monotonic()
    boxes[1].close(0.2)
    assert time.monotonic() - began < 1
    hanging.set()


def test_a_listener_that_raises_leaves_the_log_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def raises(event: Any) -> None:
        raise ValueError("no")

    RunLog(tmp_path, listeners=[raises]).write("start", percent=0)
    assert [each["event"] for each in read_log(tmp_path)] == ["start"]
    assert "'start' was not passed on: ValueError: no" in capsys.readouterr().err
