"""The command line: parse, call, exit code. `rollout --help`."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from inferencepool_rollout.drive.approval import Approval, Approvals
from inferencepool_rollout.drive.driver import Driver, deferred_interrupt
from inferencepool_rollout.drive.finish import Finish
from inferencepool_rollout.drive.ladder import Ladder
from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.movers import Mover
from inferencepool_rollout.drive.movers.gitops import GitopsMover
from inferencepool_rollout.drive.movers.helm import HelmMover
from inferencepool_rollout.drive.movers.values_file import Unwritable
from inferencepool_rollout.drive.movers.values_file import written as number_written
from inferencepool_rollout.drive.permission import Permissions
from inferencepool_rollout.drive.position import following, pool_refs, position
from inferencepool_rollout.drive.run_log import Listener, RunLog, default_folder, read_log
from inferencepool_rollout.drive.status import print_status, status
from inferencepool_rollout.drive.timeline import print_timeline
from inferencepool_rollout.drive.verify import Gateway
from inferencepool_rollout.drive.way_back import WayBack
from inferencepool_rollout.evidence.capacity import last_capacity
from inferencepool_rollout.evidence.decision import Action
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure, run_cli
from inferencepool_rollout.hooks.cloud_event import signing_key
from inferencepool_rollout.importer.run import run_import
from inferencepool_rollout.in_cluster.job import Job
from inferencepool_rollout.in_cluster.last_log import last_log
from inferencepool_rollout.in_cluster.log_store import LogStore
from inferencepool_rollout.in_cluster.manifests import IMAGE, KEEP_LOG
from inferencepool_rollout.kube.client import ASKED_SECONDS, Client
from inferencepool_rollout.kube.helm import Helm, program
from inferencepool_rollout.kube.snapshot import live_route, read_route
from inferencepool_rollout.metrics.exporter import Exporter
from inferencepool_rollout.notify.message import Messages, Subject
from inferencepool_rollout.notify.notifier import Notifier
from inferencepool_rollout.notify.services import Services
from inferencepool_rollout.plan.contradictions import shortest_ladder
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.plan.values import seconds as seconds_of
from inferencepool_rollout.plan.values import written
from inferencepool_rollout.plan_file import read_plan
from inferencepool_rollout.preflight import preflight as run_checks
from inferencepool_rollout.preflight.check import print_checks
from inferencepool_rollout.preflight.facts import gather
from inferencepool_rollout.progress import say
from inferencepool_rollout.scaling.releases import Releases
from inferencepool_rollout.scaling.scaler import Scaler
from inferencepool_rollout.version import version

T = TypeVar("T")
PATIENCE_SECONDS = 30.0
"""For how long a driver's reads are tried again while the API server is away."""

OTHERS_SECONDS = 60.0
"""For how long a rollback waits for the end of a running driver, after it has taken the weight back once."""

HELP = """\
Replace one pool by another behind a route, step by step, with proof, and take it back at any moment.

All commands read a plan: the route, the pools, the steps, and what the new pool has to keep.
`rollout COMMAND --help` says more of each.
"""
EXAMPLES = (
    ("rollout plan -f plan.yaml", "check the plan and show its steps"),
    ("rollout preflight -f plan.yaml", "check the cluster; nothing is changed"),
    ("rollout run -f plan.yaml", "move the weight, and take it back if the new pool is worse"),
    ("rollout status -f plan.yaml", "show where it stands, from another terminal"),
    ("rollout rollback -f plan.yaml", "give the old pool all requests, at any moment"),
    ("rollout finish -f plan.yaml", "delete the old pool"),
)
"""What one types in a rollout, in this order."""
app = typer.Typer(
    help=HELP,
    epilog="\n\n".join(
        [
            "A rollout, in order:",
            *(f"- `{command}`: {what}" for command, what in EXAMPLES),
            "Exit codes:",
            *(f"- {code.value} {code.name.lower()}: {code.meaning}" for code in ExitCode),
        ]
    ),
    rich_markup_mode="markdown",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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

    file: Path
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
        return cls(file, plan, client, helm, mover, Lease(client, plan.route.namespace, plan.route.release))

    def driver(self, log: Path | None, stopped: threading.Event | None = None, metrics: str = "") -> Driver:
        """Return a driver that writes into a run log and tells whoever wants to know; `metrics` is HOST:PORT."""
        plan, messages, exporter = self.plan, self.messages, Exporter(self.plan)
        key, services = _told(signing_key, ""), _told(Services.of_environment, None)
        if metrics:
            exporter.serve(metrics)
        notifier = Notifier.of(plan, self.client, messages, key, services, exporter.lost)
        listeners: list[Listener] = [exporter, notifier]
        if self.keeps_log():
            listeners.append(LogStore(plan, self.client))
        run_log = RunLog(log or default_folder(plan), listeners=listeners)
        client = self.client.with_patience(PATIENCE_SECONDS)
        permissions = Permissions(plan, self.approvals(), run_log, messages, key)
        stopped = stopped or threading.Event()
        scaler = self.scaler(client, run_log, stopped)
        return Driver(plan, client, self.mover, self.lease, run_log, CONSOLE, permissions, stopped, scaler)

    def scaler(self, client: Client, log: RunLog, stopped: threading.Event) -> Scaler | None:
        """Return what scales both pools, None where the plan leaves their sizes alone."""
        scaling = self.plan.capacity.scaling if self.plan.capacity else None
        if not scaling:
            return None
        return Scaler.of(self.plan, client, Releases(self.helm, scaling.chart), self.lease, log, stopped)

    def job(self) -> Job:
        """Return the rollout's Job, which need not be there."""
        return Job(self.plan, self.client, lambda text: CONSOLE.print(text, markup=False))

    def keeps_log(self) -> bool:
        """Tell whether the run log is kept in the cluster: by the Job, and by all who have a part in its rollout."""
        try:
            return bool(os.environ.get(KEEP_LOG)) or self.job().exists()
        except Failure:
            return False

    def others_drive(self) -> bool:
        """Tell whether a driver is at work, or a Job that will start one again."""
        if self.lease.living_holder():
            return True
        try:
            return self.job().active()
        except Failure:  # Jobs may not be read
            return False

    @property
    def messages(self) -> Messages:
        """What is told about this rollout."""
        return Messages(Subject.of(self.plan, self.file.name))

    def approvals(self) -> Approvals:
        """Return the approvals of this rollout."""
        return Approvals(self.plan, self.client, self.lease)

    def way_back(self) -> WayBack:
        """Return the way back."""
        client = self.client.with_patience(PATIENCE_SECONDS)
        return WayBack(self.plan, client, self.mover, Gateway(self.plan, client))


def _print_version(asked: bool) -> None:
    if asked:
        print(f"rollout {version()}")
        raise typer.Exit


@app.callback()
def of_all_commands(
    which: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


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
    metrics: Annotated[str, typer.Option(metavar="HOST:PORT", help="serve metrics for Prometheus there")] = "",
    in_cluster: Annotated[
        bool, typer.Option("--in-cluster", help="as a Job in the cluster, which goes on without this terminal")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="with --in-cluster: only follow the Job that runs")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="with --in-cluster: start the Job and leave it")] = False,
    image: Annotated[str, typer.Option(help="with --in-cluster: the driver's image")] = IMAGE,
) -> None:
    """Go through the steps, from wherever the cluster stands; if it was killed, start it again."""
    if in_cluster and (values or log or metrics):
        raise Failure(
            "--in-cluster takes no --gitops, --log or --metrics; leave them out, the Job has its own", ExitCode.USAGE
        )
    if (follow or detach) and not in_cluster:
        raise Failure("--follow and --detach are about a Job; add --in-cluster", ExitCode.USAGE)
    tools = Tools.of(file, context, values, at)
    if dry_run:
        return _dry_run(tools)
    if in_cluster:
        raise typer.Exit(_in_cluster(tools, image, again=again, resume=resume, follow=follow, detach=detach))
    signing_key()  # what is wrong with the environment is refused here, and in no way back
    Services.of_environment()
    with deferred_interrupt() as stopped, tools.lease.held():
        if resume:
            tools.lease.hold("")
        if reason := tools.lease.on_hold():
            raise Failure(f"the rollout is on hold ({reason}); continue with `rollout run --resume`", ExitCode.HELD)
        code = tools.driver(log, stopped, metrics).run(again)
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
    """Approve the next step of a running driver, or without one move to it past the present one's verdict."""
    tools = Tools.of(file, context)
    if dry_run:
        return _dry_run(tools, steps=1)
    if approved := _approved(tools):
        CONSOLE.print(
            f"{approved.percent} % is approved by {approved.by}; the running driver moves to it", markup=False
        )
        return
    with tools.lease.held():
        tools.lease.hold("")
        code = tools.driver(log).promote()
    if code == ExitCode.DONE:
        CONSOLE.print("moved; judge it with `rollout run`")
    raise typer.Exit(code)


@app.command()
def report(
    file: File,
    context: Context = "",
    log: Log = None,
    out: Annotated[Path | None, typer.Option(help="file to write; report.html or report.png by default")] = None,
    png: Annotated[bool, typer.Option("--png", help="write the charts as a PNG picture")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, as report.schema.json describes it")] = False,
    texts: Annotated[bool, typer.Option("--texts", help="show prompts and answers that differ")] = False,
) -> None:
    """Show the last rollout by its run log, of this machine or kept in the cluster: as a page, a picture, or JSON."""
    from inferencepool_rollout.report.write import write_report  # here, as it takes a second

    events = read_log(log) if log else last_log(read_plan(file), Client(context))
    write_report(events, out, png=png, as_json=as_json, texts=texts)


@app.command()
def serve(
    file: File,
    context: Context = "",
    log: Log = None,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="where the page is served")] = "127.0.0.1:8088",
    host: Annotated[list[str] | None, typer.Option(help="a name by which a browser may ask for the page")] = None,
) -> None:
    """Show the rollout as a page that keeps itself up to date; with the token that is printed it can act, too."""
    from inferencepool_rollout.live.actions import Actions  # here, as they take a second
    from inferencepool_rollout.live.feed import Feed
    from inferencepool_rollout.live.server import Server

    tools = Tools.of(file, context)
    folder = log or default_folder(tools.plan)
    feed = Feed(tools.plan, tools.client.with_patience(0, ASKED_SECONDS), folder, is_told=log is not None)
    Server(
        listen,
        names=host or [],
        events=feed.events,
        status=lambda: status(tools.plan, tools.client, tools.mover, tools.helm, tools.lease),
        actions=Actions(file, context, log),
    ).run(lambda line: CONSOLE.print(line, markup=False))


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
    if tools.lease.holder() or tools.others_drive():
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


def _in_cluster(tools: Tools, image: str, *, again: bool, resume: bool, follow: bool, detach: bool) -> int:
    """Start the rollout's Job and follow it; Ctrl-C leaves it at work."""
    job = tools.job()
    if not follow:
        if resume:
            tools.lease.hold("")
        if reason := tools.lease.on_hold():
            raise Failure(f"the rollout is on hold ({reason}); add --resume", ExitCode.HELD)
        job.start(tools.file.name, image, ["--again"] if again else [])
    on = f"Job {tools.plan.route.namespace}/{job.name}"
    if detach:
        CONSOLE.print(f"{on} is started; see it with `rollout run --in-cluster --follow`", markup=False)
        return ExitCode.DONE
    try:
        return job.follow()
    except KeyboardInterrupt:
        CONSOLE.print(f"{on} goes on; `rollout hold` stops it at its step", markup=False)
        return ExitCode.DONE


def _approved(tools: Tools) -> Approval | None:
    """Approve the next step where it needs that and a driver is at work; None where it is moved to here and now."""
    plan = tools.plan
    route = live_route(tools.client, plan.route.namespace, plan.route.release)
    step = following(plan, position(plan, route, tools.mover.record()))
    if step is None or not step.approve or not tools.others_drive():
        return None
    return tools.approvals().give(step)


def _told(read: Callable[[], T], otherwise: T) -> T:
    """What the environment says, or something else where that is wrong, which is reported."""
    try:
        return read()
    except Failure as failure:
        say(f"{failure}; the rollout goes on without it")
        return otherwise


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
    run_cli(lambda: app(prog_name="rollout") or 0)
