"""The way back: whatever happened before, a rollback that says it is done is done, and any other says why it is not."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inferencepool_rollout.drive.movers.helm import HelmMover
from inferencepool_rollout.drive.position import Next, position
from inferencepool_rollout.drive.verify import Gateway
from inferencepool_rollout.drive.way_back import WayBack
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import POOLS
from inferencepool_rollout.plan.plan import Plan
from kit.plans import plan_of
from unit.rollout.fake_cluster import FakeClient, FakeCluster, FakeHelm, gives_all_to_old
from unit.rollout.live_routes import rule as route_rule

HELMS = (3, 4)


class Stage:
    """A cluster with both pools and a route at weight 0."""

    def __init__(self, plan: Plan, version: int) -> None:
        self.plan = plan
        self.cluster = FakeCluster(plan)
        self.client, self.helm = FakeClient(self.cluster), FakeHelm(self.cluster, version)
        for pool in (plan.old, plan.new):
            self.cluster.pool(pool)
        self.helm.install()
        self.mover = HelmMover(plan, self.helm)

    def roll_back(self) -> None:
        gateway = Gateway(self.plan, self.client, follow=0.05, verify=0.05, poll=0, send=self.cluster.send)
        WayBack(self.plan, self.client, self.mover, gateway).go()

    def patch(self, old: int, new: int) -> None:
        """What `kubectl patch` does."""
        live = self.cluster.route()
        assert live
        rules = [route_rule({self.plan.old: old, self.plan.new: new})]
        self.cluster.write({**live.spec, "rules": rules}, "kubectl-patch")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path)


@pytest.fixture(params=HELMS, ids=lambda version: f"helm{version}")
def stage(request: pytest.FixtureRequest, plan: Plan) -> Stage:
    return Stage(plan, request.param)


def test_a_hand_edit_at_weight_0_is_taken_back(stage: Stage) -> None:
    stage.patch(50, 50)
    stage.roll_back()
    assert gives_all_to_old(stage.cluster)


@pytest.mark.parametrize("written", [False, True])
def test_a_helm_killed_in_the_first_shift_is_taken_back(stage: Stage, written: bool) -> None:
    stage.helm.killed = lambda: written
    with pytest.raises(Failure, match="killed"):
        stage.mover.move(10)
    stage.roll_back()
    assert gives_all_to_old(stage.cluster)
    assert stage.helm.revisions[-1].status == "deployed"


def test_it_goes_back_in_one_try_whoever_owns_the_fields(stage: Stage) -> None:
    stage.mover.move(10)
    stage.patch(88, 12)
    stage.roll_back()
    assert gives_all_to_old(stage.cluster)
    live = stage.cluster.route()
    assert live
    assert position(stage.plan, live, stage.mover.record()).next is Next.STOPPED


def test_an_old_pool_that_is_gone_is_refused_with_the_way_to_get_it_back(stage: Stage) -> None:
    stage.mover.move(50)
    stage.mover.move(100)
    stage.cluster.delete_pool(stage.plan.old)
    before = stage.cluster.route()
    with pytest.raises(Failure, match="pool-old is gone.* helm install pool-old") as refusal:
        stage.roll_back()
    assert refusal.value.code == ExitCode.REFUSED
    assert stage.cluster.route() == before


def test_an_old_pool_that_cannot_serve_is_refused_and_nothing_moves(stage: Stage) -> None:
    stage.mover.move(50)
    stage.cluster.pool(stage.plan.old, ready=False)
    with pytest.raises(Failure, match="0 of 1 model servers and 0 of 1 endpoint pickers are ready"):
        stage.roll_back()
    live = stage.cluster.route()
    assert live
    assert live.percent(next(ref for ref in live.shares()[0] if ref.name == stage.plan.new)) == 50


def test_a_release_that_cannot_be_written_does_not_stop_it(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.mover.move(10)
    stage.helm.broken = True
    stage.roll_back()
    assert gives_all_to_old(stage.cluster)
    assert "does not know that the weight was taken back" in capsys.readouterr().err


def test_an_old_pool_that_does_not_answer_is_no_success(stage: Stage) -> None:
    stage.mover.move(10)
    stage.cluster.fails = {stage.plan.old}
    with pytest.raises(Failure, match="20 of 20 requests had no good answer"):
        stage.roll_back()


def test_a_gateway_that_does_not_follow_is_no_success(stage: Stage) -> None:
    stage.mover.move(10)
    stage.cluster.slow = 10_000
    with pytest.raises(Failure, match="the gateway did not follow within"):
        stage.roll_back()


def test_answers_that_name_no_pod_leave_the_gateways_conditions_as_proof(stage: Stage) -> None:
    stage.mover.move(10)
    stage.cluster.silent = True
    stage.roll_back()
    assert gives_all_to_old(stage.cluster)


class WayBackMachine(RuleBasedStateMachine):
    """Any sequence of upgrades, hand edits, killed helms, failing and deleted pools, and faults of the API server."""

    @initialize(version=st.sampled_from(HELMS))
    def begin(self, version: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.stage = Stage(plan_of(Path(self.folder.name)), version)

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(percent=st.sampled_from([0, 10, 50, 100]), killed=st.sampled_from([None, False, True]))
    def move(self, percent: int, killed: bool | None) -> None:
        self.stage.helm.killed = None if killed is None else (lambda: killed)
        with contextlib.suppress(Failure):
            self.stage.mover.move(percent)
        self.stage.helm.killed = None

    @rule(new=st.integers(0, 100))
    def edit_weights(self, new: int) -> None:
        self.stage.patch(100 - new, new)

    @rule()
    def edit_a_timeout(self) -> None:
        live = self.stage.cluster.route()
        assert live
        rules = [{**each, "timeouts": {"request": "7s"}} for each in live.spec["rules"]]
        self.stage.cluster.write({**live.spec, "rules": rules}, "kubectl-patch")

    @rule(number=st.integers(1, 8))
    def roll_the_release_back_by_hand(self, number: int) -> None:
        with contextlib.suppress(Failure):
            self.stage.helm.run("rollback", "route", str(min(number, len(self.stage.helm.revisions))))

    @rule(pool=st.sampled_from(["pool-old", "pool-new"]), state=st.sampled_from(["ready", "unready", "fails", "gone"]))
    def pool_is(self, pool: str, state: str) -> None:
        cluster = self.stage.cluster
        cluster.pool(pool, ready=state != "unready")
        cluster.fails = {*(cluster.fails - {pool}), *({pool} if state == "fails" else ())}
        if state == "gone":
            cluster.delete_pool(pool)

    @rule(broken=st.booleans())
    def break_helm(self, broken: bool) -> None:
        self.stage.helm.broken = broken

    @rule(away=st.integers(0, 3), slow=st.integers(0, 3), silent=st.booleans())
    def cluster_is(self, away: int, slow: int, silent: bool) -> None:
        """Requests that the API server does not answer, readings before the gateway follows, answers without a pod."""
        self.stage.cluster.away, self.stage.cluster.slow, self.stage.cluster.silent = away, slow, silent

    @precondition(lambda self: hasattr(self, "stage"))
    @rule()
    def roll_back(self) -> None:
        """Success means that the old pool has everything and can serve; anything else is a Failure that says why."""
        try:
            self.stage.roll_back()
        except Failure as failure:
            assert str(failure)
            return
        assert gives_all_to_old(self.stage.cluster)
        assert self.stage.plan.old not in self.stage.cluster.fails
        assert POOLS[0].path("default", self.stage.plan.old) in self.stage.cluster.objects


TestWayBack = WayBackMachine.TestCase
TestWayBack.settings = settings(
    max_examples=100, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
