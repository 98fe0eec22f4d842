"""Weight moves only once the people and gates of the plan have said yes, and the step before is observed until then."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console

from inferencepool_rollout.drive.approval import APPROVED, Approvals
from inferencepool_rollout.drive.driver import Driver
from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.movers.helm import HelmMover
from inferencepool_rollout.drive.permission import Permissions
from inferencepool_rollout.drive.run_log import RunLog, read_log
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.notify.message import Messages, Subject
from inferencepool_rollout.notify.notifier import Notifier
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.traffic.request import POOL_HEADER
from kit import completion_servers as servers
from kit import receiver as kit
from kit.completion_servers import Server, serving
from kit.plans import TEXT, plan_of
from kit.receiver import Receiver, receiving
from kit.wait import wait_until
from unit.rollout.fake_cluster import FakeClient, FakeCluster, FakeHelm

SECONDS = 30
STEPS = """\
steps:
  - {{percent: 10, burnIn: 1s, longest: 20s{first}}}
  - {{percent: 60, burnIn: 1s, longest: 20s{second}}}
objectives:"""


class Unchecked(Driver):
    """A driver whose preflight is right: the fake cluster has no pods to ask, and preflight has tests of its own."""

    def may_move(self, step: Step) -> bool:
        return True


@dataclass
class Stage:
    """A rollout to 10 and 60 % in a fake cluster, behind a real HTTP server that splits as the live route says."""

    plan: Plan
    folder: Path
    cluster: FakeCluster
    helm: FakeHelm
    server: Server
    bad: bool = False
    """The new pool fails."""
    stopped: threading.Event = field(default_factory=threading.Event)
    sent: int = 0

    @property
    def client(self) -> FakeClient:
        return FakeClient(self.cluster)

    def lease(self) -> Lease:
        return Lease(self.client, "default", "route")

    def approvals(self) -> Approvals:
        return Approvals(self.plan, self.client, self.lease())

    def driver(self) -> Unchecked:
        messages, lease = Messages(Subject.of(self.plan, "plan.yaml")), self.lease()
        notifier = Notifier.of(self.plan, self.client, messages, kit.KEY, None, lambda name: None)
        log = RunLog(self.folder, listeners=(notifier,))
        approvals = Approvals(self.plan, self.client, lease)
        permissions = Permissions(self.plan, approvals, log, messages, kit.KEY, again=0.3, poll=0.1)
        mover = HelmMover(self.plan, self.helm)
        return Unchecked(self.plan, self.client, mover, lease, log, Console(quiet=True), permissions, self.stopped)

    def run(self) -> int:
        driver = self.driver()
        with driver.lease.held():
            return driver.run()

    @contextmanager
    def running(self) -> Iterator[Future[int]]:
        """A driver under way; it is interrupted if it still is when the block ends."""
        with ThreadPoolExecutor(1) as pool:
            try:
                yield pool.submit(self.run)
            finally:
                self.stopped.set()

    def percent(self) -> float:
        live = self.cluster.route()
        assert live
        return sum(100 * share for ref, share in live.shares()[0].items() if ref.name == self.plan.new)

    def events(self, name: str) -> list[dict[str, Any]]:
        try:
            return [event for event in read_log(self.folder) if event["event"] == name]
        except Failure:  # nothing is written yet
            return []

    def await_event(self, name: str, **wanted: Any) -> None:
        def there() -> bool:
            return any(wanted.items() <= event.items() for event in self.events(name))

        wait_until(there, f"the log has {name} {wanted}", SECONDS, 0.1)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.sent += 1
        is_new = self.sent * 37 % 100 < self.percent()
        if is_new and self.bad:
            headers = {POOL_HEADER: f"default/{self.plan.new}"}
            return web.Response(status=500, headers=headers)
        pool = self.plan.new if is_new else self.plan.old
        answer = await servers.whole(request)
        answer.headers.update({POOL_HEADER: f"default/{pool}", "X-INFERENCE-POD": f"{pool}-1"})
        return answer


Make = Callable[..., Stage]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make a stage whose steps and hooks have further keys."""
    held: list[Any] = []

    def stage(first: str = "", second: str = "", hooks: Mapping[str, object] | None = None) -> Stage:
        async def behaviour(request: web.Request) -> web.StreamResponse:
            return await made.answer(request)

        server = serving(behaviour)
        held.append(server)
        url = server.__enter__().url
        before, _, rest = TEXT.partition("steps:")
        _, _, after = rest.partition("objectives:")
        text = before + STEPS.format(first=first, second=second) + after.partition("  latency")[0]
        text = text.replace("rate: 50", "rate: 200\n  stream: false").replace("http://127.0.0.1:8080", url)
        text = text.replace("accept: 0.01, detect: 0.05", "accept: 0.02, detect: 0.5")
        plan = plan_of(tmp_path, f"{text}hooks: {json.dumps(hooks or {})}\n")
        cluster = FakeCluster(plan)
        for pool in (plan.old, plan.new):
            cluster.pool(pool)
        helm = FakeHelm(cluster, 4)
        helm.install()
        made = Stage(plan, tmp_path / "log", cluster, helm, server)  # type: ignore[arg-type]
        return made

    yield stage
    for server in held:
        server.__exit__(None, None, None)


def test_without_gates_it_goes_to_the_last_step(make: Make) -> None:
    stage = make()
    assert stage.run() == ExitCode.DONE
    assert stage.percent() == 60


def test_a_step_that_needs_an_approval_waits_for_it_and_the_log_says_who_and_when(make: Make) -> None:
    stage = make(second=", approve: true")
    with stage.running() as code:
        stage.await_event("waiting", percent=60)
        time.sleep(1.5)
        assert stage.percent() == 10
        given = stage.approvals().give(stage.plan.steps[1])
        assert code.result(SECONDS) == ExitCode.DONE
    assert stage.percent() == 60
    (approved,) = stage.events("approved")
    assert (approved["by"], approved["at"]) == (given.by, given.at)
    assert approved["by"].startswith("jane@example.com")


def test_the_first_step_waits_for_its_approval_at_weight_0(make: Make) -> None:
    stage = make(first=", approve: true")
    with stage.running() as code:
        stage.await_event("waiting", percent=10)
        assert stage.percent() == 0
        stage.approvals().give(stage.plan.steps[0])
        assert code.result(SECONDS) == ExitCode.DONE


def test_while_an_approval_is_waited_for_a_pool_that_fails_is_rolled_back(make: Make) -> None:
    stage = make(second=", approve: true")
    with stage.running() as code:
        stage.await_event("waiting", percent=60)
        stage.bad = True
        stage.sent = 10**6
        until = time.monotonic() + SECONDS
        while stage.percent() and time.monotonic() < until:
            time.sleep(0.1)
        stage.bad = False
        assert code.result(SECONDS) == ExitCode.ROLLED_BACK
    assert stage.percent() == 0


def test_a_hold_by_hand_ends_the_wait(make: Make) -> None:
    stage = make(second=", approve: true")
    with stage.running() as code:
        stage.await_event("waiting", percent=60)
        stage.lease().hold("lunch")
        assert code.result(SECONDS) == ExitCode.HELD
    assert stage.percent() == 10


def test_an_approval_of_an_earlier_rollout_does_not_count(make: Make) -> None:
    stage = make(second=", approve: true")
    mover = HelmMover(stage.plan, stage.helm)
    mover.move(10)
    given = stage.approvals().give(stage.plan.steps[1])
    assert stage.approvals().of(stage.plan.steps[1]) == given
    mover.move(0)
    mover.move(10)
    assert stage.approvals().of(stage.plan.steps[1]) is None


def test_an_approval_of_another_step_does_not_count(make: Make) -> None:
    stage = make(first=", approve: true", second=", approve: true")
    stage.approvals().give(stage.plan.steps[0])
    assert stage.approvals().of(stage.plan.steps[1]) is None


def test_what_is_no_approval_moves_nothing(make: Make) -> None:
    stage = make(second=", approve: true")
    stage.lease().write_note(APPROVED, "yes please")
    with stage.running() as code:
        stage.await_event("waiting", percent=60)
        time.sleep(1)
        stage.lease().hold("enough")
        assert code.result(SECONDS) == ExitCode.HELD
    assert stage.percent() == 10


@pytest.mark.parametrize("fault", ["no", "silent", "gone"])
def test_a_gate_that_does_not_say_yes_holds_and_never_promotes(make: Make, receiver: Receiver, fault: str) -> None:
    url = "http://127.0.0.1:9" if fault == "gone" else receiver.url
    receiver.status = 403 if fault == "no" else 200
    receiver.seconds = 30 if fault == "silent" else 0
    stage = make(hooks={"gate": {"url": url, "timeout": "500ms"}})
    assert stage.run() == ExitCode.HELD
    assert stage.percent() == 0
    assert "the gate did not say yes" in stage.events("end")[-1]["why"]


def test_a_gate_is_asked_again_for_as_long_as_it_is_waited_for(make: Make, receiver: Receiver) -> None:
    receiver.statuses = [503, 503, 200, 503, 200]
    stage = make(hooks={"gate": {"url": receiver.url, "wait": "20s"}})
    assert stage.run() == ExitCode.DONE
    assert [event["answer"] for event in stage.events("hook")] == ["no", "no", "yes", "no", "yes"]
    assert [post.verified()["data"]["percent"] for post in receiver.posts] == [10, 10, 10, 60, 60]


def test_while_a_gate_is_silent_a_pool_that_fails_is_rolled_back(make: Make, receiver: Receiver) -> None:
    stage = make(hooks={"gate": {"url": receiver.url, "timeout": "1h"}})
    with stage.running() as code:
        stage.await_event("step", percent=10)
        receiver.seconds = 8
        stage.await_event("waiting", percent=60)
        stage.bad = True
        stage.sent = 10**6
        until = time.monotonic() + SECONDS
        while stage.percent() and time.monotonic() < until:
            time.sleep(0.1)
        stage.bad = False
        assert code.result(SECONDS) == ExitCode.ROLLED_BACK


def test_the_hook_before_a_step_holds_it_with_a_no(make: Make, receiver: Receiver) -> None:
    receiver.statuses, receiver.said = [200, 409], b"caches are cold"
    stage = make(hooks={"before": {"url": receiver.url}})
    assert stage.run() == ExitCode.HELD
    assert stage.percent() == 10
    assert "409: caches are cold" in stage.events("end")[-1]["why"]


def test_the_hook_after_a_step_holds_it_with_a_no(make: Make, receiver: Receiver) -> None:
    receiver.statuses = [200, 500]
    stage = make(hooks={"after": {"url": receiver.url}})
    assert stage.run() == ExitCode.HELD
    assert stage.percent() == 60
    assert [post.verified()["data"]["percent"] for post in receiver.posts] == [10, 60]


def test_the_hook_of_events_is_told_each_and_whatever_it_answers_the_rollout_goes_on(
    make: Make, receiver: Receiver
) -> None:
    receiver.status = 500
    stage = make(second=", approve: true", hooks={"event": {"url": receiver.url}})
    with stage.running() as code:
        stage.await_event("waiting", percent=60)
        stage.approvals().give(stage.plan.steps[1])
        assert code.result(SECONDS) == ExitCode.DONE
    told = ["start", "followed", "waiting", "approved", "verdict", "followed", "verdict", "end"]
    wait_until(lambda: len(receiver.posts) >= len(told), "the receiver was told", SECONDS, 0.1)
    assert receiver.kinds() == told
    assert [post.verified()["data"]["severity"] for post in receiver.posts][-1] == "success"


def test_a_promotion_by_hand_asks_the_gate_and_records_who_it_was(make: Make, receiver: Receiver) -> None:
    receiver.statuses = [403]
    stage = make(hooks={"gate": {"url": receiver.url}})
    assert stage.driver().promote() == ExitCode.HELD
    assert stage.percent() == 0
    driver = stage.driver()
    with driver.lease.held():
        assert driver.promote() == ExitCode.DONE
    assert stage.percent() == 10
    assert stage.events("approved")[-1]["by"].startswith("jane@example.com")
