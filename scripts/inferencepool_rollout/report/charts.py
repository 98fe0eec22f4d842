"""Charts of a rollout, each drawn on axes that it is given, so that the page and the picture have the same ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from inferencepool_rollout.evidence.decision import Finding
from inferencepool_rollout.report.data import METRICS, POOLS, Look, Report
from inferencepool_rollout.report.theme import LIGHT, mood
from inferencepool_rollout.report.words import percent
from inferencepool_rollout.scaling.schedule import Limits
from inferencepool_rollout.traffic.quantiles import Floats

Draw = Callable[[Axes], None]
BINS = 60
GROWN = 3
"""Times at which an objective has to be known before a chart shows how its evidence grew."""
HEADROOM = 1.05
LETTER, HANDLE = 5.6, 34.0  # width in points of a legend's letter, and of the line and the gaps beside its text
LINE, GAP = 13.0, 6.0  # height in points of a legend's line, and what is left free above it
PERCENTILES = (0, 50, 90, 95, 99, 99.9, 99.99)
UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
VERDICTS = {"promote": "^", "hold": "s", "roll back": "v"}


@dataclass(frozen=True)
class Chart:
    """A chart: `text` says what it shows to who cannot see it."""

    name: str
    title: str
    text: str
    draw: Draw


def overview(report: Report) -> list[Chart]:
    """Return the charts over the whole rollout, which share their axis of time."""
    metric = next(iter(_metrics(report)), None)
    charts = [
        Chart("split", "New pool's share", "Share asked for and seen, by time.", partial(_timeline, report)),
        Chart(
            "rate", "Probe requests per second", "Answers of either pool and losses, by time.", partial(_rate, report)
        ),
    ]
    if report.sizes:
        charts += [
            Chart("replicas", "Replicas", "Replicas of either pool, by time.", partial(_replicas, report)),
            Chart(
                "headroom", "What both pools can carry beyond their shares of the peak (%)",
                "The lesser headroom of both pools, by time.", partial(_headroom, report),
            ),
        ]  # fmt: skip
    if metric:
        title = f"{metric.upper()} p50 and p95 (ms)"
        charts.append(Chart(metric, title, f"{title} of either pool, by time.", partial(_over_time, report, metric)))
    return charts


def of_look(report: Report, look: Look) -> list[Chart]:
    """Return the charts of a step: how its split came to be known, and the distribution of each latency."""
    seen = percent(look.share.share)
    share = Chart(
        "split", "New pool's share while it was observed",
        f"Asked {look.percent} %, seen {seen}, between {percent(look.share.low)} and {percent(look.share.high)}.",
        partial(_split, look),
    )  # fmt: skip
    return [
        *([share] if look.split.requests else ()),
        *(
            Chart(
                metric, f"{metric.upper()} by percentile (ms)",
                f"{metric.upper()} of the old and of the new pool, by percentile.",
                partial(_distribution, report, look, metric),
            )
            for metric in look.metrics
        ),
        *(
            Chart(
                f"evidence{number}", f"Evidence: {finding.name}",
                f"{finding.name} as it came to be known, with its bounds: {finding.seen()} in the end.",
                partial(_evidence, look, finding),
            )
            for number, finding in enumerate(look.findings, 1)
            if len(_grown(look, finding)) >= GROWN
        ),
    ]  # fmt: skip


def _metrics(report: Report) -> list[str]:
    """The latencies that are known, those that the plan has objectives for first."""
    known = {metric for look in report.looks for metric in look.metrics}
    wanted = [each.metric for each in report.plan.latency]
    return [metric for metric in dict.fromkeys([*wanted, *METRICS]) if metric in known]


def _timeline(report: Report, axes: Axes) -> None:
    times = [*(time for time, _ in report.weights), report.ended]
    percents = [*(percent for _, percent in report.weights), report.weights[-1][1]]
    axes.step(_since(report, times), percents, where="post", color=LIGHT["ink"], linewidth=1.4, label="weight")
    for number, look in enumerate(report.looks):
        label = "seen, with its 99.9 % band" if number == 0 else None
        _band(axes, look, report.began, _unit(report)[1], label)
        marker = VERDICTS.get(look.action)
        if marker:
            colour = LIGHT[mood(look.action)]
            axes.plot(
                _since(report, [look.ended]),
                [look.percent],
                marker,
                color=colour,
                markersize=7,
                zorder=5,
                clip_on=False,
            )
    _percents(axes)
    _legend(axes)
    _clock(report, axes)


def _replicas(report: Report, axes: Axes) -> None:
    times = [*(time for time, *_ in report.sizes), report.ended]
    for side, pool in enumerate(POOLS):
        counts = [each[1 + side] for each in report.sizes]
        axes.step(
            _since(report, times), [*counts, counts[-1]], where="post", color=LIGHT[pool], label=report.name(pool)
        )
    axes.set_ylim(0, axes.dataLim.y1 * HEADROOM)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    _legend(axes)
    _clock(report, axes)


def _headroom(report: Report, axes: Axes) -> None:
    """From each change of a size or of the weight on."""
    assert report.plan.capacity
    limits = Limits.of(report.plan.capacity)
    times = sorted({time for time, *_ in [*report.sizes, *report.weights]} | {report.ended})
    spare = []
    for time in times:
        old, new = next((each[1:] for each in reversed(report.sizes) if each[0] <= time), report.sizes[0][1:])
        served = next((each for at, each in reversed(report.weights) if at <= time), 0.0)
        spare.append(100 * (limits.headroom(served, old, new) - 1))
    axes.step(_since(report, times), spare, where="post", color=LIGHT["ink"], label="headroom")
    axes.axhline(0, color=LIGHT["bad"], linewidth=1, linestyle=":")
    axes.yaxis.set_major_locator(MaxNLocator(4))
    _legend(axes)
    _clock(report, axes)


def _rate(report: Report, axes: Axes) -> None:
    if report.seen is None or not report.seen.requests:
        return _nothing(axes)
    edges, middles = _bins(report)
    width = edges[1] - edges[0]
    for pool in POOLS:
        counts, _ = np.histogram(report.seen.started[report.seen.good & (report.seen.pool == pool)], edges)
        axes.plot(middles, counts / width, color=LIGHT[pool], linewidth=1.4, label=report.name(pool))
    bad, _ = np.histogram(report.seen.started[~report.seen.good], edges)
    if report.seen.lost:
        label = f"{report.seen.lost} lost"
        axes.bar(middles, bad / width, width=middles[1] - middles[0], color=LIGHT["bad"], label=label, zorder=4)
    axes.set_ylim(0, axes.dataLim.y1 * HEADROOM)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    _legend(axes)
    _clock(report, axes)


def _over_time(report: Report, metric: str, axes: Axes) -> None:
    assert report.seen
    edges, middles = _bins(report)
    for pool in POOLS:
        kept = report.seen.good & (report.seen.pool == pool) & ~np.isnan(getattr(report.seen, metric))
        values = getattr(report.seen, metric)[kept] * 1e3
        bins = np.digitize(report.seen.started[kept], edges) - 1
        for mark, style in ((50, "-"), (95, ":")):
            line = [np.percentile(values[bins == i], mark) if np.any(bins == i) else math.nan for i in range(BINS)]
            axes.plot(
                middles, line, style, marker=".", markersize=2.5, color=LIGHT[pool], linewidth=1.4,
                label=f"{report.name(pool)} p{mark}",
            )  # fmt: skip
    _magnitudes(axes)
    _legend(axes)
    _clock(report, axes)


def _bins(report: Report) -> tuple[Floats, Floats]:
    """BINS bins of time: their edges (Unix, s), and their middles on the axis of time."""
    edges = np.linspace(report.began, max(report.ended, report.began + 1), BINS + 1)
    return edges, _since(report, (edges[:-1] + edges[1:]) / 2)


def _split(look: Look, axes: Axes) -> None:
    axes.axhline(look.percent, color=LIGHT["ink"], linewidth=1.2, linestyle="--", label=f"asked {look.percent} %")
    start = look.since if math.isfinite(look.since) else look.began
    _band(axes, look, start, 1, "seen, with its 99.9 % band")
    axes.set_xlabel("seconds since the gateway followed")
    _percents(axes)
    _legend(axes)


def _grown(look: Look, finding: Finding) -> list[tuple[float, Finding]]:
    """A finding as it was known at each time since the step began (s), where something was."""
    known = [
        (time - look.began, each) for time, all_of in look.evidence for each in all_of if each.name == finding.name
    ]
    return [(time, each) for time, each in known if math.isfinite(each.value)]


def _evidence(look: Look, finding: Finding, axes: Axes) -> None:
    """A finding's value and bounds by time, beside what is accepted and what must not pass."""
    grown = _grown(look, finding)
    times = [time for time, _ in grown]
    limits = [limit for limit in (finding.accept, finding.detect) if math.isfinite(limit)]
    shown = [*limits, *(each.value for _, each in grown)]
    top = HEADROOM * max([2 * max(limits, default=0), *shown, 1e-9])
    low, high = ([min(max(getattr(each, bound), 0), top) for _, each in grown] for bound in ("low", "high"))
    axes.fill_between(times, low, high, color=LIGHT["new"], alpha=0.18, linewidth=0)
    axes.plot(
        times, [each.value for _, each in grown], color=LIGHT["new"], linewidth=1.6, label="seen, with its bounds"
    )
    for value, colour, label in (
        (finding.accept, "good", "accepted up to"),
        (finding.detect, "bad", "must not pass from"),
    ):
        if math.isfinite(value):
            text = f"{label} {finding.text(value)}"
            axes.axhline(value, color=LIGHT[colour], linewidth=1.1, linestyle="--", label=text)
    axes.set_ylim(0, top)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: finding.text(value)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("seconds since the step began")
    _legend(axes)


def _band(axes: Axes, look: Look, origin: float, unit: float, label: str | None) -> None:
    """The share as it came to be known, with the confidence sequence's interval at each moment."""
    shares = list(look.shares())
    at = [(each.time - origin) / unit for each in shares]
    low, high = [100 * each.low for each in shares], [100 * each.high for each in shares]
    axes.fill_between(at, low, high, color=LIGHT["new"], alpha=0.22, linewidth=0)
    axes.plot(at, [100 * each.share for each in shares], color=LIGHT["new"], linewidth=1.6, label=label)


def _distribution(report: Report, look: Look, metric: str, axes: Axes) -> None:
    """Latency by percentile, the percentiles stretched towards the tail: 0, 90, 99, 99.9 are as far from each other."""
    longest = 1.0
    for pool in POOLS:
        curve = look.curve(metric, pool, report.level)
        if curve is None:
            continue
        at = _stretched(curve.q)
        longest = max(longest, float(at[-1]))
        axes.fill_between(at, curve.low * 1e3, curve.high * 1e3, color=LIGHT[pool], alpha=0.18, linewidth=0)
        label = f"{report.name(pool)}, {curve.requests} answers"
        axes.plot(at, curve.value * 1e3, color=LIGHT[pool], linewidth=1.6, label=label)
    for each in report.plan.latency:
        if each.metric == metric:
            at = _stretched(np.array([each.percentile / 100]))
            axes.axvline(float(at[0]), color=LIGHT["dim"], linewidth=0.8, linestyle=":")
    places = _stretched(np.array(PERCENTILES) / 100)
    shown = int(np.count_nonzero(places <= longest))
    axes.xaxis.set_major_locator(FixedLocator(places[:shown].tolist()))
    axes.xaxis.set_major_formatter(FixedFormatter([f"p{mark:g}" for mark in PERCENTILES[:shown]]))
    _magnitudes(axes)
    _legend(axes)


def _stretched(q: Floats) -> Floats:
    """Where a quantile stands on the axis: equal distances for 0, 0.9, 0.99, 0.999."""
    stretched: Floats = -np.log10(1 - q)
    return stretched


def _unit(report: Report) -> tuple[str, float]:
    """The unit of the axis of time, and its seconds."""
    took = report.ended - report.began
    return next((name, seconds) for name, seconds in UNITS if took > 3 * seconds or seconds == 1)


def _since(report: Report, times: Sequence[float] | Floats) -> Floats:
    """Unix times on the axis of time."""
    since: Floats = (np.array(times, np.float64) - report.began) / _unit(report)[1]
    return since


def _clock(report: Report, axes: Axes) -> None:
    name, seconds = _unit(report)
    axes.set_xlim(0, max((report.ended - report.began) / seconds, 1))
    axes.set_xlabel(f"{name} since the beginning")


def _percents(axes: Axes) -> None:
    axes.set_ylim(-2, 102)
    axes.yaxis.set_major_locator(FixedLocator([0, 25, 50, 75, 100]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))


def _magnitudes(axes: Axes) -> None:
    """Milliseconds, on a logarithmic axis where they differ by more than a factor of 20."""
    low, high = axes.dataLim.y0, axes.dataLim.y1
    if low > 0 and high / low > 20:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
        axes.set_ylim(low / 1.1, high * (high / low) ** (HEADROOM - 1))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0, high * HEADROOM if high > 0 else 1)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _legend(axes: Axes) -> None:
    """A legend above the plot, under the title, in as many columns as there is room for."""
    handles, full = axes.get_legend_handles_labels()
    points = 72 * axes.get_window_extent().width / axes.figure.dpi
    labels = [_shortened(label, int((points - HANDLE) / LETTER)) for label in full]
    columns = max(1, min(len(labels), int(points / (LETTER * max(map(len, labels), default=0) + HANDLE))))
    axes.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, borderpad=0.2, frameon=False,
        fontsize="small", ncols=columns, handlelength=1.6,
    )  # fmt: skip
    axes.set_title(axes.get_title("left"), pad=LINE * math.ceil(len(labels) / columns) + GAP)


def _shortened(label: str, room: int) -> str:
    """A label of `room` letters at most, the middle left out: names differ in the end, and so do percentiles."""
    if len(label) <= room:
        return label
    half = (room - 1) // 2
    return f"{label[:half]}…{label[-half:]}"


def _nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "no requests", ha="center", va="center", transform=axes.transAxes, color=LIGHT["dim"])
