"""The command line: `rollout --help`."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from inferencepool_rollout import strict_json
from inferencepool_rollout.drive.decision import Action, fewest_requests
from inferencepool_rollout.drive.driver import Driver, deferred_interrupt
from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.movers import gitops
from inferencepool_rollout.drive.position import Next, following
from inferencepool_rollout.drive.run_log import RunLog, default_folder, read_log
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure, run_cli
from inferencepool_rollout.importer.run import run_import
from inferencepool_rollout.kube.helm import Helm, upgrade
from inferencepool_rollout.kube.live import Live
from inferencepool_rollout.plan import Plan
from inferencepool_rollout.plan_file import read_plan
from inferencepool_rollout.preflight import preflight as run_checks
from inferencepool_rollout.preflight import print_checks, replicas

app = typer.Typer(
    help="Replace one pool by another behind a route, step by step, with proof, and take it back at any moment. "
    f"Exits with {', '.join(f'{code.value} {code.name.lower()}' for code in ExitCode)}; docs/driver.md says more.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
File = Annotated[Path, typer.Option("--file", "-f", help="the plan; values/plans/ has some to start from")]
Context = Annotated[str, typer.Option(help="context of the kubeconfig")]
Log = Annotated[Path | None, typer.Option(help="folder of the run log")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would be done and do nothing")]
CONSOLE = Console()


@app.command("plan")
def show_plan(file: File) -> None:
    """Check a plan and show its timeline, the replicas that it takes and the commands that it runs."""
    plan = read_plan(file)
    helm = Helm(plan.route.namespace)
    table = Table("step", "to the new pool", "from", "to", "replicas new / old", "requests of the probe")
    least = most = 0.0
    for number, step in enumerate(plan.steps, 1):
        need = "-"
        if plan.capacity:
            new = replicas(step.percent / 100 * plan.capacity.peak, plan.capacity.new)
            need = f"{new} / {replicas(plan.capacity.peak, plan.capacity.old)}"
        table.add_row(
            str(number), f"{step.percent} %", f"+{_span(least)}", f"+{_span(least + step.burn_in)}", need,
            f"{plan.probe.rate * step.burn_in:.0f} to {plan.probe.rate * step.longest:.0f}",
        )  # fmt: skip
        least, most = least + step.burn_in, most + step.longest
    CONSOLE.print(table)
    fewest = fewest_requests(plan)
    CONSOLE.print(f"in all {_span(least)}, {_span(most)} if every step takes its longest; alpha {plan.alpha:g}")
    CONSOLE.print(f"no step passes before {fewest} requests to {plan.new}", markup=False)
    share = 1 / 3 if plan.probe.to_new else plan.steps[0].percent / 100
    if fewest > plan.probe.rate * share * plan.steps[0].longest:
        CONSOLE.print("[bold red]the first step cannot send as many: raise probe.rate or longest[/]")
    for step in plan.steps:
        print(" ".join(helm.command(*upgrade(plan, step.percent))))
    print(f"# back at any moment: {' '.join(helm.command('rollback', plan.route.release, 'REVISION-BEFORE'))}")
    print(f"# in the end: {' '.join(helm.command('uninstall', plan.old))}")


@app.command()
def preflight(file: File, context: Context = "") -> None:
    """Check all that has to be right before the next step."""
    plan = read_plan(file)
    driver = _driver(plan, context)
    step = following(plan, driver.where())
    checks = run_checks(plan, driver.helm, driver.live, step)
    print_checks(CONSOLE, checks)
    raise typer.Exit(ExitCode.DONE if all(check.ok for check in checks) else ExitCode.REFUSED)


@app.command()
def run(
    file: File,
    context: Context = "",
    log: Log = None,
    again: Annotated[bool, typer.Option(help="start a rollout that was rolled back once more")] = False,
    resume: Annotated[bool, typer.Option(help="take back a hold first")] = False,
    dry_run: DryRun = False,
    values: Annotated[
        Path | None, typer.Option("--gitops", help="write the weight into this values file instead")
    ] = None,
) -> None:
    """Go through the steps, from wherever the cluster stands; killed, start it again."""
    plan = read_plan(file)
    if dry_run:
        driver = _driver(plan, context)
        at = driver.where()
        CONSOLE.print(f"at {at.percent} %, next: {at.next}")
        for step in plan.steps[at.step + 1 :]:
            print(" ".join(driver.helm.command(*upgrade(plan, step.percent))))
        return
    with deferred_interrupt() as stopped:
        driver = _driver(plan, context)
        driver.stopped = stopped
        with driver.lease.held():
            if resume:
                driver.lease.hold("")
            if reason := driver.lease.on_hold():
                raise Failure(f"the rollout is on hold ({reason}); go on with `rollout run --resume`", ExitCode.HELD)
            driver.log = RunLog(log or default_folder(plan))
            try:
                code = _gitops(driver, values) if values else driver.run(again)
            except Failure as failure:
                driver.log.write("end", outcome="failed", why=str(failure))
                raise
    raise typer.Exit(code)


@app.command()
def status(
    file: File,
    context: Context = "",
    watch: Annotated[bool, typer.Option(help="again every 2 s")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Show where the rollout stands."""
    plan = read_plan(file)
    driver = _driver(plan, context)
    while True:
        seen = _status(driver)
        if as_json:
            print(json.dumps(seen))
        else:
            if watch:
                CONSOLE.clear()
            _print_status(seen)
        if not watch:
            return
        time.sleep(2)


@app.command()
def promote(file: File, context: Context = "", log: Log = None, dry_run: DryRun = False) -> None:
    """Move to the next step past the present one's check; preflight still has its say."""
    plan = read_plan(file)
    driver = _driver(plan, context)
    at = driver.where()
    step = following(plan, at)
    if step is None:
        raise Failure("the rollout stands at its last step; `rollout finish` ends it")
    if dry_run:
        print(" ".join(driver.helm.command(*upgrade(plan, step.percent))))
        return
    with driver.lease.held():
        driver.lease.hold("")
        driver.log = RunLog(log or default_folder(plan))
        driver.begin(at.percent)
        if not driver.may_move(step, driver.helm):
            raise typer.Exit(ExitCode.REFUSED)
        driver.move(step.percent)
        driver.log.write("end", outcome="promoted by hand", why="")
    CONSOLE.print(f"{step.percent} % to {plan.new}; judge it with `rollout run`")


@app.command()
def report(
    file: File,
    log: Log = None,
    out: Annotated[Path | None, typer.Option(help="where to; report.html or report.png by default")] = None,
    png: Annotated[bool, typer.Option("--png", help="the charts as a picture")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="for machines, to stdout; report.schema.json says what")
    ] = False,
) -> None:
    """Tell the last rollout by its run log: a page that needs nothing else, a picture, or JSON."""
    from inferencepool_rollout.report import data, document, figures, page  # here, as they take a second

    told = data.report(read_log(log or default_folder(read_plan(file))))
    if as_json:
        print(strict_json.text(document.document(told), indent=2))
        return
    out = out or Path("report.png" if png else "report.html")
    try:
        if png:
            figures.write_picture(told, page.title(told), out)
        else:
            out.write_text(page.page(told))
    except OSError as error:
        raise Failure(f"the report cannot be written: {error}; name another file with --out") from None
    print(f"wrote {out}")


@app.command()
def hold(file: File, context: Context = "", reason: Annotated[str, typer.Option()] = "by hand") -> None:
    """Stop a running driver at its present step, and let none begin until `run --resume` or `promote`."""
    plan = read_plan(file)
    _driver(plan, context).lease.hold(reason)
    CONSOLE.print("on hold; go on with `rollout run --resume`, back with `rollout rollback`")


@app.command()
def rollback(file: File, context: Context = "", log: Log = None, dry_run: DryRun = False) -> None:
    """Give the old pool all requests again, at once; a running driver is stopped."""
    plan = read_plan(file)
    driver = _driver(plan, context)
    at = driver.where()
    if dry_run:
        print(" ".join(driver.helm.command("rollback", plan.route.release, str(at.start))))
        return
    if driver.lease.holder():
        driver.lease.hold("rolled back by hand")
    if at.percent:
        driver.log = RunLog(log or default_folder(plan))
        driver.begin(at.percent)
        driver.roll_back()
        driver.log.write("end", outcome="rolled back", why="by hand")
    CONSOLE.print(f"{plan.old} has all requests")


@app.command()
def finish(
    file: File,
    context: Context = "",
    log: Log = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    dry_run: DryRun = False,
) -> None:
    """Delete the old release, once the new pool has had all requests for the plan's soak."""
    plan = read_plan(file)
    driver = _driver(plan, context)
    at = driver.where()
    command = ["uninstall", plan.old, "--wait"]
    if at.percent != 100 or at.next is not Next.JUDGE:
        raise Failure(f"{plan.new} has {at.percent} %, so {plan.old} still serves; `rollout run` first", ExitCode.HELD)
    if users := driver.live.routes_to(plan.old):
        raise Failure(f"routes still refer to {plan.old}: {', '.join(users)}; take it out of them first", ExitCode.HELD)
    revision = driver.helm.history(plan.route.release)[-1]
    age = time.time() - datetime.fromisoformat(revision.updated).timestamp()
    if age < plan.soak:
        raise Failure(f"{plan.new} has had 100 % for {_span(age)} of {_span(plan.soak)} (soak)", ExitCode.HELD)
    if dry_run:
        print(" ".join(driver.helm.command(*command)))
        return
    with driver.lease.held():
        if not yes and not typer.confirm(f"Delete {plan.old}? Then there is no way back to it."):
            raise typer.Exit(ExitCode.HELD)
        driver.log = RunLog(log or default_folder(plan))
        driver.begin(at.percent)
        driver.helm.run(*command)
        driver.log.write("end", outcome="finished", why=f"{plan.old} is deleted")
    CONSOLE.print(f"{plan.old} is deleted; all requests are served by {plan.new}")


@app.command("import")
def import_route(
    route: Annotated[str, typer.Argument(help="HTTPRoute that leads to the pools")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="its namespace")] = "default",
    context: Context = "",
    output: Annotated[Path, typer.Option("--output", "-o", help="folder of the files")] = Path("imported"),
    charts: Annotated[Path, typer.Option(help="folder of the two charts")] = Path("charts"),
    allow_restart: Annotated[bool, typer.Option("--allow-restart", help="even if pods would restart")] = False,
) -> None:
    """Write values and commands by which Helm adopts a route and its pools that others made, no pod restarted."""
    run_import(route, namespace, context, output, charts, allow_restart, CONSOLE)


def _driver(plan: Plan, context: str) -> Driver:
    import threading

    live = Live(plan.route.namespace, context)
    lease = Lease(live.coordination, plan.route.namespace, plan.route.release)
    helm = Helm(plan.route.namespace, context)
    return Driver(plan, helm, live, lease, None, CONSOLE, threading.Event())  # type: ignore[arg-type]


def _gitops(driver: Driver, values: Path) -> int:
    """Judge the present step and write the next weight; the GitOps tool applies it, then this is called again."""
    plan, backend = driver.plan, driver.plan.route.backend
    route = driver.live.route(plan.route.release)
    if route is None:
        raise Failure(f"there is no HTTPRoute {plan.route.release}")
    percent, asked = route.percent(plan.new), gitops.asked(values, backend)
    if percent != asked or not route.followed:
        CONSOLE.print(f"{values} asks for {asked} % and the gateway serves {percent} %; waiting for the sync")
        return ExitCode.HELD
    driver.begin(percent)
    step = next((each for each in plan.steps if each.percent == percent), None)
    if percent and step is None:
        raise Failure(f"{percent} % is no step of the plan")
    if step:
        decision = driver.look(step, moving=False)
        if decision.action is Action.ROLL_BACK:
            gitops.ask(values, backend, 0)
            driver.log.write("roll back", percent=0, command=[f"weights.{backend}: 0 in {values}"])
            driver.log.write("end", outcome="rolled back", why=decision.why)
            CONSOLE.print(f"wrote 0 % into {values}; commit it: {decision.why}", markup=False)
            return ExitCode.ROLLED_BACK
        if decision.action is not Action.PROMOTE:
            driver.log.write("end", outcome="held", why=decision.why)
            CONSOLE.print(f"held: {decision.why}", markup=False)
            return ExitCode.HELD
    target = next((each for each in plan.steps if each.percent > percent), None)
    if target is None:
        driver.log.write("end", outcome="done", why="")
        CONSOLE.print("done")
        return ExitCode.DONE
    if not driver.may_move(target, None):
        return ExitCode.REFUSED
    gitops.ask(values, backend, target.percent)
    driver.log.write("move", percent=target.percent, command=[f"weights.{backend}: {target.percent} in {values}"])
    CONSOLE.print(f"wrote {target.percent} % into {values}; commit it, and run this again when it is applied")
    return ExitCode.DONE


def _status(driver: Driver) -> dict[str, Any]:
    plan, at = driver.plan, driver.where()
    route = driver.live.route(plan.route.release)
    step = following(plan, at)
    pods = driver.live.pods(plan.old, plan.new)
    return {
        "percent": at.percent,
        "next": at.next,
        "nextPercent": step.percent if step else None,
        "live": route.split if route else None,
        "followed": bool(route and route.followed),
        "pods": {
            release: {
                component: [pod.serving for pod in pods if (pod.release, pod.component) == (release, component)]
                for component in ("model-server", "epp")
            }
            for release in (plan.old, plan.new)
        },
        "driver": driver.lease.holder(),
        "hold": driver.lease.on_hold(),
        "history": [asdict(each) for each in driver.helm.history(plan.route.release)],
    }


def _print_status(seen: dict[str, Any]) -> None:
    table = Table(show_header=False)
    table.add_row("new pool", f"{seen['percent']} %, next {seen['nextPercent'] or 'finish'} ({seen['next']})")
    table.add_row("live route", f"{seen['live']}, {'followed' if seen['followed'] else 'not followed'} by its gateways")
    for release, parts in seen["pods"].items():
        table.add_row(release, ", ".join(f"{name} {sum(up)}/{len(up)} ready" for name, up in parts.items()))
    table.add_row("driver", seen["driver"] or "none")
    table.add_row("hold", seen["hold"] or "no")
    for each in seen["history"][-5:]:
        table.add_row(f"revision {each['number']}", f"{each['status']}: {each['description']}")
    CONSOLE.print(table)


def _span(seconds: float) -> str:
    """A duration for people."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (left, "s")) if n) or "0s"


def main() -> None:
    """Entry point of the console script."""
    run_cli(lambda: app() or 0)


if __name__ == "__main__":
    main()
