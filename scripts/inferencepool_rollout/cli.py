"""The command line: parse, call, exit code. `rollout --help`."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from inferencepool_rollout.drive.driver import Driver, deferred_interrupt
from inferencepool_rollout.drive.finish import Finish
from inferencepool_rollout.drive.ladder import Ladder
from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.movers import Mover
from inferencepool_rollout.drive.movers.gitops import GitopsMover
from inferencepool_rollout.drive.movers.helm import HelmMover
from inferencepool_rollout.drive.movers.values_file import Unwritable
from inferencepool_rollout.drive.movers.values_file import written as number_written
from inferencepool_rollout.drive.position import following, pool_refs, position
from inferencepool_rollout.drive.run_log import RunLog, default_folder, read_log
from inferencepool_rollout.drive.status import print_status, status
from inferencepool_rollout.drive.timeline import print_timeline
from inferencepool_rollout.drive.verify import Gateway
from inferencepool_rollout.drive.way_back import WayBack
from inferencepool_rollout.evidence.capacity import last_capacity
from inferencepool_rollout.evidence.decision import Action
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure, run_cli
from inferencepool_rollout.importer.run import run_import
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.helm import Helm, program
from inferencepool_rollout.kube.snapshot import live_route, read_route
from inferencepool_rollout.plan.contradictions import shortest_ladder
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.plan.values import seconds as seconds_of
from inferencepool_rollout.plan.values import written
from inferencepool_rollout.plan_file import read_plan
from inferencepool_rollout.preflight import preflight as run_checks
from inferencepool_rollout.preflight.check import print_checks
from inferencepool_rollout.preflight.facts import gather
from inferencepool_rollout.scaling.releases import Releases
from inferencepool_rollout.scaling.scaler import Scaler

PATIENCE_SECONDS = 30.0
"""For how long a driver's reads are tried again while the API server is away."""

OTHERS_SECONDS = 60.0
"""For how long a rollback waits for the end of a running driver, after it has taken the weight back once."""

app = typer.Typer(
    help="Replace one pool by another behind a route, step by step, with proof, and take it back at any moment. "
    f"Exits with {', '.join(f'{code.value} {code.name.lower()}' for code in ExitCode)}.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
File = Annotated[Path, typer.Option("--file", "-f", help="the plan; values/plans/ has some to start from")]
Context = Annotated[str, typer.Option(help="context of the kubeconfig")]
Log = Annotated[Path | None, typer.Option(help="folder of the run log")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="print what would be done and do nothing")]
GitOps = Annotated[Path | None, typer.Option("--gitops", help="write the weight into this values file instead")]
At = Annotated[
    str, typer.Option("--at", help="with --gitops: the weight's place in another file, as spec.values.weights.new")
]
CONSOLE = Console(soft_wrap=True)  # nothing is cut into lines that somebody copies


@dataclass(frozen=True)
class Tools:
    """What the commands work with: one client, one helm, one mover and one Lease for a plan."""

    plan: Plan
    client: Client
    helm: Helm
    mover: Mover
    lease: Lease

    @classmethod
    def of(cls, file: Path, context: str, values: Path | None = None, at: str = "") -> Tools:
        """Make them for a plan's file; `values` is a file that a GitOps tool applies, `at` the weight's place in it."""
        plan = read_plan(file)
        if at and not values:
            raise Failure("--at needs --gitops FILE: it names a place in that file")
        if not values:
            program()
        elif plan.capacity and plan.capacity.scaling:
            raise Failure("capacity.scaling scales both pools by helm, so it does not go with --gitops; take it out")
        client = Client(context)
        helm = Helm(plan.route.namespace, context)
        mover: Mover = GitopsMover(plan, values, at) if values else HelmMover(plan, helm)
        return cls(plan, client, helm, mover, Lease(client, plan.route.namespace, plan.route.release))

    def driver(self, log: Path | None, stopped: threading.Event | None = None) -> Driver:
        """Return a driver that writes into a run log."""
        run_log = RunLog(log or default_folder(self.plan))
        client = self.client.with_patience(PATIENCE_SECONDS)
        stopped = stopped or threading.Event()
        return Driver(
            self.plan, client, self.mover, self.lease, run_log, CONSOLE, stopped, self.scaler(client, run_log, stopped)
        )

    def scaler(self, client: Client, log: RunLog, stopped: threading.Event) -> Scaler | None:
        """Return what scales both pools, None where the plan leaves their sizes alone."""
        scaling = self.plan.capacity.scaling if self.plan.capacity else None
        if not scaling:
            return None
        return Scaler.of(self.plan, client, Releases(self.helm, scaling.chart), self.lease, log, stopped)

    def way_back(self) -> WayBack:
        """Return the way back."""
        client = self.client.with_patience(PATIENCE_SECONDS)
        return WayBack(self.plan, client, self.mover, Gateway(self.plan, client))


@app.command("plan")
def show_plan(file: File) -> None:
    """Check a plan and show its timeline, the replicas that it takes and the commands that it runs."""
    plan = read_plan(file)
    print_timeline(CONSOLE, plan, Helm(plan.route.namespace))


@app.command()
def preflight(file: File, context: Context = "") -> None:
    """Check all that has to be right before the next step."""
    tools = Tools.of(file, context)
    plan = tools.plan
    route = read_route(tools.client, plan.route.namespace, plan.route.release)
    step = following(plan, position(plan, route, tools.mover.record())) if route else plan.steps[0]
    checks = run_checks(gather(plan, tools.client, tools.helm, step, _measured(plan)))
    print_checks(CONSOLE, checks)
    raise typer.Exit(ExitCode.DONE if all(check.ok for check in checks) else ExitCode.REFUSED)


@app.command()
def run(
    file: File,
    context: Context = "",
    log: Log = None,
    again: Annotated[bool, typer.Option(help="start again a rollout that was rolled back")] = False,
    resume: Annotated[bool, typer.Option(help="end a hold first")] = False,
    dry_run: DryRun = False,
    values: GitOps = None,
    at: At = "",
) -> None:
    """Go through the steps, from wherever the cluster stands; if it was killed, start it again."""
    tools = Tools.of(file, context, values, at)
    if dry_run:
        return _dry_run(tools)
    with deferred_interrupt() as stopped, tools.lease.held():
        if resume:
            tools.lease.hold("")
        if reason := tools.lease.on_hold():
            raise Failure(f"the rollout is on hold ({reason}); continue with `rollout run --resume`", ExitCode.HELD)
        code = tools.driver(log, stopped).run(again)
    raise typer.Exit(code)


@app.command("quality")
def judge_answers(file: File, context: Context = "", log: Log = None) -> None:
    """Ask both pools the plan's prompts and judge the answers; no weight is moved."""
    tools = Tools.of(file, context)
    if tools.plan.quality is None:
        raise Failure(
            "the plan has no key `quality`; add it, with the file of prompts in quality.prompts", ExitCode.REFUSED
        )
    with deferred_interrupt() as stopped:
        driver = tools.driver(log, stopped)
        driver.begin()
        percent = driver.where().percent
        decision = driver.judge_answers(percent)
        driver.log.write("end", outcome="answers judged", why=decision.why, percent=percent)
    CONSOLE.print(decision.why, markup=False)
    codes = {Action.PROMOTE: ExitCode.DONE, Action.ROLL_BACK: ExitCode.REFUSED}
    raise typer.Exit(ExitCode.INTERRUPTED if stopped.is_set() else codes.get(decision.action, ExitCode.HELD))


@app.command("status")
def show_status(
    file: File,
    context: Context = "",
    watch: Annotated[bool, typer.Option(help="repeat every 2 s")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show where the rollout stands."""
    tools = Tools.of(file, context)
    while True:
        seen = status(tools.plan, tools.client, tools.mover, tools.helm, tools.lease)
        if as_json:
            print(json.dumps(seen))
        else:
            if watch:
                CONSOLE.clear()
            print_status(CONSOLE, seen)
        if not watch:
            return
        time.sleep(2)


@app.command()
def promote(file: File, context: Context = "", log: Log = None, dry_run: DryRun = False) -> None:
    """Move to the next step past the present one's verdict; preflight still has its say."""
    tools = Tools.of(file, context)
    if dry_run:
        return _dry_run(tools, steps=1)
    with tools.lease.held():
        tools.lease.hold("")
        code = tools.driver(log).promote()
    if code == ExitCode.DONE:
        CONSOLE.print("moved; judge it with `rollout run`")
    raise typer.Exit(code)


@app.command()
def report(
    file: File,
    log: Log = None,
    out: Annotated[Path | None, typer.Option(help="file to write; report.html or report.png by default")] = None,
    png: Annotated[bool, typer.Option("--png", help="write the charts as a PNG picture")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, as report.schema.json describes it")] = False,
    texts: Annotated[bool, typer.Option("--texts", help="show prompts and answers that differ")] = False,
) -> None:
    """Show the last rollout by its run log: a page that needs nothing else, a picture, or JSON."""
    from inferencepool_rollout.report.write import write_report  # here, as it takes a second

    write_report(read_log(log or default_folder(read_plan(file))), out, png=png, as_json=as_json, texts=texts)


@app.command()
def hold(file: File, context: Context = "", reason: Annotated[str, typer.Option()] = "by hand") -> None:
    """Stop a running driver at its present step, and let none begin until `run --resume` or `promote`."""
    Tools.of(file, context).lease.hold(reason)
    CONSOLE.print("on hold; continue with `rollout run --resume`, or go back with `rollout rollback`")


@app.command()
def rollback(
    file: File,
    context: Context = "",
    log: Log = None,
    dry_run: DryRun = False,
    now: Annotated[bool, typer.Option("--now", help="at once, even if the old pool has too few replicas")] = False,
) -> None:
    """Give the old pool all requests again, at once, and prove it at the gateway; a running driver is stopped.

    With capacity.scaling the weight moves back as the old pool gets its replicas again.
    """
    tools = Tools.of(file, context)
    scaled = bool(tools.plan.capacity and tools.plan.capacity.scaling) and not now
    if not scaled:
        tools.way_back().check()
    if dry_run:
        print(" ".join(tools.mover.back_command()))
        return
    if tools.lease.holder():
        tools.lease.hold("rolled back by hand")
    driver = tools.driver(log)
    driver.begin()
    if scaled:
        tools.lease.await_free(OTHERS_SECONDS)
        with tools.lease.held():
            driver.roll_back("by hand")
    else:
        driver.scaler = None
        driver.roll_back("by hand", lambda: tools.lease.await_free(OTHERS_SECONDS))
    driver.log.write("end", outcome="rolled back", why="by hand", percent=0)


@app.command("finish")
def finish_rollout(
    file: File,
    context: Context = "",
    log: Log = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask for confirmation")] = False,
    dry_run: DryRun = False,
) -> None:
    """Delete the old release, once the new pool has had all requests for the plan's soak and nothing needs the old."""
    tools = Tools.of(file, context)
    plan = tools.plan
    finish = Finish(plan, tools.client, tools.mover, tools.helm)
    finish.check()
    if dry_run:
        print(" ".join(finish.command()))
        return
    with tools.lease.held():
        if not yes and not typer.confirm(f"Delete {plan.old}? Then there is no way back to it."):
            raise typer.Exit(ExitCode.HELD)
        driver = tools.driver(log)
        driver.begin()
        finish.go()
        driver.log.write("end", outcome="finished", why=f"{plan.old} is deleted", percent=100)
    CONSOLE.print(f"{plan.old} is deleted; all requests are served by {plan.new}")


@app.command("import")
def import_route(
    route: Annotated[str, typer.Argument(help="HTTPRoute that leads to the pools")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="namespace of the HTTPRoute")] = "default",
    context: Context = "",
    output: Annotated[Path, typer.Option("--output", "-o", help="folder to write the files into")] = Path("imported"),
    charts: Annotated[Path, typer.Option(help="folder of the two charts")] = Path("charts"),
    allow_restart: Annotated[
        bool, typer.Option("--allow-restart", help="write the files even if pods would restart")
    ] = False,
) -> None:
    """Write values and commands by which Helm adopts a route and its pools that others made, no pod restarted."""
    run_import(route, namespace, context, output, charts, allow_restart, CONSOLE)


@app.command()
def profile(
    file: File,
    context: Context = "",
    log: Log = None,
    longest: Annotated[str, typer.Option(help="longest time for all eight rates, for example 10m")] = "10m",
) -> None:
    """Measure what one replica of the new pool holds, while it has no weight, and write it into the plan."""
    tools = Tools.of(file, context)
    plan, seconds = tools.plan, _seconds(longest)
    if plan.capacity is None or plan.goodput is None or not plan.probe.to_new:
        raise Failure("profile needs capacity.peak, objectives.goodput, probe.toOld and probe.toNew in the plan")
    if seconds / 3 < (least := shortest_ladder(plan.goodput)):
        raise Failure(
            f"{longest} is too short to show a queue at each of eight rates; give --longest {written(3 * least)}"
        )
    with deferred_interrupt() as stopped, tools.lease.held():
        live = live_route(tools.client, plan.route.namespace, plan.route.release)
        if share := live.percent(pool_refs(plan, live)[1]):
            raise Failure(
                f"{plan.new} serves {share:g} % of all requests, which the load of a profile would slow down; "
                "profile a pool while its weight is 0"
            )
        driver = tools.driver(log, stopped)
        driver.begin()
        step = Step(percent=0, burn_in=written(seconds / 3), longest=written(seconds))  # type: ignore[arg-type]
        if not driver.may_move(step):
            raise typer.Exit(ExitCode.REFUSED)
        found = Ladder(plan, tools.client, driver.log, stopped).climb(step, plan.capacity.peak)
        driver.log.write("end", outcome="measured", why=str(found), percent=0)
    CONSOLE.print(str(found), markup=False)
    if not found.held:
        raise typer.Exit(ExitCode.HELD)
    each = float(f"{found.per_replica:.3g}")
    try:
        file.write_text(number_written(file.read_text(), 0, ("capacity", "perReplica", "new"), each))
    except (Unwritable, OSError) as error:
        raise Failure(f"{file} cannot be changed ({error}); set capacity.perReplica.new: {each:g} by hand") from None
    CONSOLE.print(f"wrote capacity.perReplica.new: {each:g} into {file}")


def _seconds(duration: str) -> float:
    try:
        return seconds_of(duration)
    except ValueError as error:
        raise Failure(f"--longest: {error}", ExitCode.USAGE) from None


def _measured(plan: Plan) -> float | None:
    """What the last rollout measured of the new pool, None where its log is not there."""
    try:
        return last_capacity(read_log(default_folder(plan)), plan.new)
    except Failure:
        return None


def _dry_run(tools: Tools, steps: int | None = None) -> None:
    """Print where the rollout stands and the commands of its next steps."""
    plan = tools.plan
    route = live_route(tools.client, plan.route.namespace, plan.route.release)
    at = position(plan, route, tools.mover.record())
    CONSOLE.print(f"at {at.percent:g} %, next: {at.next}{f' ({at.why})' if at.why else ''}", markup=False)
    for step in [step for step in plan.steps if step.percent > at.percent][:steps]:
        print(" ".join(tools.mover.command(step.percent)))


def main() -> None:
    """Entry point of the console script."""
    run_cli(lambda: app() or 0)
