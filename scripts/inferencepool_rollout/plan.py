"""What a rollout is to do: the one model from which parser, defaults, JSON schema and reference page follow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from string import Template
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from inferencepool_rollout.traffic.request import Completion

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
LONGEST_HOURS = 30 * 24
USERS = "users' "
"""Begins the names of objectives that everybody's requests are judged by."""
CHART_MAX_STEP = 50
"""The default of the route chart's guards.maxStep."""


def seconds(duration: object) -> float:
    """Return a duration like 500ms, 90s, 10m or 1.5h in seconds; raises ValueError for other text and above 30 days."""
    found = DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if not found:
        raise ValueError(f"{duration!r} is not a duration; write it like 90s, 10m or 1h")
    length = float(found[1]) * UNITS[found[2]]
    if length > LONGEST_HOURS * 3600:
        raise ValueError(f"{duration} is longer than {LONGEST_HOURS}h")
    return length


def written(length: float) -> str:
    """Return seconds as the shortest duration that `seconds` reads."""
    unit = next((unit for unit in ("h", "m") if length and length % UNITS[unit] == 0), "ms" if 0 < length < 1 else "s")
    return f"{length / UNITS[unit]:g}{unit}"


def _sequence(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _header_text(value: str) -> str:
    if not value.isprintable():
        raise ValueError(f"{value!r} holds a control character, such as a line end; no HTTP header may")
    return value


def _http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise ValueError(f"{value!r} is not a base URL; write it like http://gateway.example.com:8080")
    return value


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    PlainSerializer(written, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"}),
]
Several = BeforeValidator(_sequence)
"""Before a tuple: a list of the file becomes one."""
HIDDEN = "not recorded"
LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
Name = Annotated[str, Field(pattern=LABEL, max_length=53)]
"""Name of a release: what Helm takes."""
Namespace = Annotated[str, Field(pattern=LABEL, max_length=63)]
Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, AfterValidator(_http_url)]
Headers = Mapping[Annotated[Text, AfterValidator(_header_text)], Annotated[str, AfterValidator(_header_text)]]


class _Part(BaseModel):
    """A part of a plan: keys in camelCase, unknown keys refused, numbers finite, never changed once it is read."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )


class Route(_Part):
    """The release of charts/rollout-route whose weight moves."""

    release: Name = Field(default="route", description="Name of the release, which is the name of its HTTPRoute.")
    namespace: Namespace = Field(default="default", description="Namespace of the route and of both pools.")
    chart: Text = Field(description="charts/rollout-route: a folder, relative to the plan, or oci://...")
    backend: Name = Field(default="new", description="The new pool's `name` in the chart's `backends`.")


class Pools(_Part):
    """The releases of charts/inferencepool; a release has the name of its InferencePool."""

    old: Name = Field(description="The pool that serves today, and that a rollback returns to.")
    new: Name = Field(description="The pool that replaces it.")


class Gateway(_Part):
    """Where the probe sends its requests."""

    url: Url = Field(description="Base URL of the gateway, as the driver reaches it.")
    headers: Headers = Field(
        default={}, description="Headers of every request; `Host` too, for a route with hostnames."
    )


class Lengths(_Part):
    """Numbers of tokens: all alike, or spread as a lognormal distribution."""

    mean: float = Field(ge=1, le=1_000_000, description="Mean number of tokens.")
    spread: float = Field(
        default=0.0,
        ge=0,
        le=3,
        description="Standard deviation of the logarithm; 0: all alike. Prompts of chats have about 1.",
    )
    most: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Longest length, at which longer ones are cut; needed with `spread`.",
    )


class SharedPrefix(_Part):
    """Beginnings that prompts have in common, as system prompts."""

    tokens: int = Field(ge=1, description="Tokens of a beginning; they count as part of `promptTokens`.")
    groups: int = Field(ge=1, le=1_000_000, description="How many of them there are; each prompt has one at random.")


class Turns(_Part):
    """Conversations, whose requests repeat what was said before."""

    mean: float = Field(ge=1, le=1000, description="Mean number of requests of a conversation, geometric.")
    most: int = Field(ge=1, le=1000, description="Most requests of a conversation.")
    think: Duration = Field(default=10.0, description="Mean time between two requests of a conversation, exponential.")


class Workload(_Part):
    """Requests like users' own in place of one prompt; they are the same for the same seed."""

    seed: int = Field(default=1, ge=0, le=2**31, description="Another seed makes other requests.")
    arrivals: Literal["poisson", "even", "traced"] = Field(
        default="poisson",
        description="When requests are sent, with `probe.rate` as mean: at random, evenly, or at the times of `trace`, "
        "stretched to that rate.",
    )
    prompt_tokens: Lengths | None = Field(default=None, description="Tokens of a prompt; of a turn's part of it.")
    answer_tokens: Lengths | None = Field(default=None, description="Tokens of an answer.")
    shared_prefix: SharedPrefix | None = Field(default=None, description="Beginnings that prompts have in common.")
    turns: Turns | None = Field(default=None, description="Conversations. Default: each request stands alone.")
    trace: Text | None = Field(
        default=None,
        description="File with the requests' lengths and times, relative to the plan: CSV with TIMESTAMP, "
        "ContextTokens, GeneratedTokens (Azure's traces), or JSON lines with timestamp (ms), input_length, "
        "output_length, hash_ids (Mooncake's).",
    )
    mix: Mapping[Text, Annotated[float, Field(ge=0)]] = Field(
        default={},
        description="Share of each of `probe.models` in the requests, as weights; one that is not named has 1.",
    )
    ignore_eos: bool = Field(
        default=True,
        description="Ask for answers of the full length (ignore_eos). false for servers that refuse the field.",
    )


class Probe(_Part):
    """The requests that the rollout is judged by, beside the users' own."""

    models: Annotated[tuple[Text, ...], Several, Field(min_length=1)] = Field(
        description="Models, adapters or aliases to ask for, in turn."
    )
    rate: float = Field(gt=0, le=10000, description="Requests/s in all.")
    prompt: Text = Field(default=Completion.prompt, description="The prompt of every request.")
    max_tokens: int = Field(default=Completion.max_tokens, ge=1, description="Most tokens of an answer.")
    stream: bool = Field(default=True, description="Ask for streams; TTFT, TPOT and ITL are measured on streams only.")
    chat: bool = Field(default=False, description="Use /v1/chat/completions in place of /v1/completions.")
    usage: bool = Field(
        default=True,
        description="Ask servers for the number of tokens of a stream (stream_options.include_usage), by which TPOT is "
        "measured. Without it each event counts as one token; needed for servers that refuse the field with 400.",
    )
    workload: Workload | None = Field(
        default=None, description="Requests like users' own in place of `prompt` and `maxTokens`."
    )
    workers: int = Field(default=64, ge=1, description="Most requests in flight, for each model.")
    timeout: Duration = Field(
        default=60.0,
        description="Time limit of one request. A request is judged once all that were sent before it have ended.",
    )
    to_old: Headers = Field(default={}, description="Headers that send a request to the old pool at any weight.")
    to_new: Headers = Field(
        default={}, description="The same for the new pool. With both, each pool is judged by requests of its own."
    )


class Step(_Part):
    """A weight of the new pool, and how long it is observed."""

    percent: int = Field(
        ge=0,
        le=100,
        description="Percent of all requests that go to the new pool. 0, for the first step only: it is tried by the "
        "probe alone, at rates that rise up to capacity.peak, and its capacity is measured.",
    )
    burn_in: Duration = Field(gt=0, description="Shortest observation window of this step.")
    requests: int = Field(default=0, ge=0, description="Fewest probe requests of this step.")
    longest: Duration = Field(
        default=0.0, description="Time after which an undecided step is held. Default: three times burnIn."
    )

    @model_validator(mode="before")
    @classmethod
    def _three_burn_ins(cls, data: Any) -> Any:
        burn_in = DURATION.fullmatch(str(data.get("burnIn"))) if isinstance(data, Mapping) else None
        if burn_in and "longest" not in data:
            return {**data, "longest": f"{3 * float(burn_in[1]):g}{burn_in[2]}"}
        return data


class Share(_Part):
    """A share of the new pool's requests that may not be large."""

    accept: float = Field(gt=0, lt=1, description="Largest share that is fine.")
    detect: float = Field(gt=0, lt=1, description="Smallest share that must not pass.")
    burst: float = Field(
        default=20,
        ge=1,
        description="Mean number of failures of one cause. Failures are judged by their clusters; as long as few have "
        "been seen, they are expected to be of this size. 1 where failures are independent.",
    )


class ErrorRate(Share):
    """Share of the new pool's requests without a good answer."""

    name: ClassVar[str] = "error rate"


class Goodput(Share):
    """Share of the new pool's requests that are lost, or beyond one of the limits."""

    ttft: Duration | None = Field(default=None, gt=0, description="Longest time to first token.")
    tpot: Duration | None = Field(default=None, gt=0, description="Longest time per output token.")
    e2e: Duration | None = Field(default=None, gt=0, alias="e2e", description="Longest response time.")

    @property
    def limits(self) -> Mapping[str, float]:
        """The limits (s) by latency."""
        return {metric: limit for metric in ("ttft", "tpot", "e2e") if (limit := getattr(self, metric)) is not None}

    @property
    def name(self) -> str:
        """The objective's name in reports."""
        return f"beyond {' or '.join(f'{metric.upper()} {written(limit)}' for metric, limit in self.limits.items())}"


class Latency(_Part):
    """A percentile of the new pool's latency, as ratio to the old pool's."""

    metric: Literal["ttft", "tpot", "itl", "e2e"] = Field(
        description="Time to first token (ttft), time per output token (tpot), the longest inter-token latency of an "
        "answer (itl: its worst stall), or the whole response time (e2e)."
    )
    percentile: float = Field(ge=1, le=99.9, description="Which percentile.")
    accept: float = Field(gt=0, le=100, description="Largest ratio that is fine.")
    detect: float = Field(gt=0, le=100, description="Smallest ratio that must not pass.")

    @property
    def name(self) -> str:
        """The objective's name in reports."""
        return f"{self.metric.upper()} p{self.percentile:g} new/old"


class Drop(_Part):
    """How much worse the new pool's answers may be, as a share of all prompts."""

    accept: float = Field(ge=0, lt=1, description="Largest share that is fine.")
    detect: float = Field(gt=0, le=1, description="Smallest share that must not pass.")


class LengthRatio(_Part):
    """Tokens of the new pool's answers to those of the old pool's, in either direction."""

    accept: float = Field(ge=1, le=10, description="Largest ratio that is fine; 1.1 also allows 1/1.1.")
    detect: float = Field(gt=1, le=10, description="Smallest ratio that must not pass.")


class AnswerObjectives(_Part):
    """What the new pool's answers have to keep, beside the old pool's answers to the same prompts."""

    pass_rate: Drop | None = Field(
        default=None, description="Share of prompts whose expectation the old pool's answer meets, less the new pool's."
    )
    agreement: Drop | None = Field(
        default=None,
        description="Share of prompts that the new pool answers otherwise than the old one, less the share that the "
        "old pool answers otherwise when it is asked again.",
    )
    length_ratio: LengthRatio | None = Field(default=None, description="How much longer or shorter answers may be.")
    judged: Drop | None = Field(default=None, description="The judge's score of the old answers, less the new ones'.")
    adapter_effect: Drop | None = Field(
        default=None,
        description="Share of prompts whose answer an adapter changes in the old pool, less the same in the new one.",
    )

    @property
    def given(self) -> Mapping[str, Drop | LengthRatio]:
        """The objectives that the plan names, by their keys."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class Objectives(_Part):
    """What the new pool has to keep.

    A pool at or below `accept` is rolled back with probability `decision.alpha` at most; a pool at or above `detect`
    passes a step with probability 1 - `decision.power` at most. A rate in between may pass or be rolled back.
    """

    error_rate: ErrorRate = Field(description="Objective for answers that are lost.")
    latency: Annotated[tuple[Latency, ...], Several] = Field(default=(), description="Objectives for latency.")
    quality: AnswerObjectives | None = Field(default=None, description="Objectives for what the answers say.")
    goodput: Goodput | None = Field(
        default=None,
        description="Limits of latency in absolute numbers. A p95 of at most 500 ms, for example, is "
        "`{ttft: 500ms, accept: 0.05, detect: 0.1}`. Judged by the probe's requests, also at 100 %.",
    )


class Decision(_Part):
    """The error probabilities of the verdict."""

    alpha: float = Field(
        default=0.01,
        gt=0,
        le=0.2,
        description="Probability that a rollout whose pool keeps every objective is rolled back, over all steps.",
    )
    power: float = Field(
        default=0.95,
        ge=0.5,
        lt=1,
        description="Probability that a step does not pass a pool that is as bad as one `detect`.",
    )
    earliest: Duration = Field(
        default=100.0,
        description="Latency is not judged before this time, nor before three times as long where pools drift apart on "
        "their own: a shorter window cannot show how long the memory of latencies is. Only a pool that is several "
        "times too slow is rolled back before.",
    )


class Unit(StrEnum):
    """What the values of an objective are."""

    SHARE = "share"  # of all requests, 0 to 1
    RATIO = "ratio"  # of the new pool's value to the old one's
    SECONDS = "seconds"
    REQUESTS = "requests"


class Query(_Part):
    """A value of Prometheus that is fine up to `accept`."""

    name: Text = Field(description="The objective's name in reports.")
    query: Text = Field(
        description="PromQL with one series as result. $old, $new and $namespace are replaced by the names, $window by "
        "the length of the observation window; $$ is a $."
    )
    unit: Unit = Field(strict=False, description="What the value is.")
    accept: float = Field(description="The step passes at or below this value.")
    lasting: Duration = Field(default=60.0, description="A value that stays above `accept` for this long rolls back.")


class Prometheus(_Part):
    """Objectives about the users' own requests, checked by queries of Prometheus."""

    url: Url = Field(description="Base address of Prometheus, without /api.")
    headers: Headers = Field(default={}, description="Headers of every query, for example Authorization.")
    queries: Annotated[tuple[Query, ...], Several, Field(min_length=1)] = Field(description="The queries.")


class Queue(_Part):
    """Requests that wait at a model server before they are begun."""

    accept: float = Field(ge=0, description="Most requests waiting at each model server of the new pool, in the mean.")
    lasting: Duration = Field(default=60.0, description="A longer queue for this long rolls back.")


class Users(_Part):
    """Judge everybody's requests, as endpoint pickers and model servers count them, by the plan's objectives."""

    queue: Queue | None = Field(default=None, description="Objective for requests that wait.")


class Judge(_Part):
    """A program or an endpoint that scores both answers to a prompt, each from 0 (bad) to 1 (good)."""

    command: Annotated[tuple[Text, ...], Several] = Field(
        default=(), description="Program and its arguments; it reads one JSON object and writes one."
    )
    url: Url | None = Field(default=None, description="Or where the same JSON is posted.")
    headers: Headers = Field(default={}, description="Headers of each post.")
    timeout: Duration = Field(default=60.0, description="Time limit of one score. A judge that fails holds the step.")
    concurrency: int = Field(default=4, ge=1, le=256, description="Most scores asked for at once.")


class BaseModels(_Part):
    """The names by which each pool serves its base model."""

    old: Text = Field(description="In the old pool.")
    new: Text = Field(description="In the new pool.")


class Quality(_Part):
    """Prompts that both pools answer before any weight moves, and again at each step."""

    prompts: Text = Field(description="File of prompts, one JSON object a line, relative to the plan.")
    concurrency: int = Field(default=8, ge=1, le=256, description="Most prompts asked at once.")
    logprobs: bool = Field(
        default=True,
        description="Ask for log-probabilities, which show where answers part token by token. false for servers that "
        "refuse them.",
    )
    base: BaseModels | None = Field(
        default=None,
        description="Base models' names. Prompts for other models are asked with them too, which shows what an adapter "
        "changes.",
    )
    judge: Judge | None = Field(default=None, description="A judge from outside.")
    texts: bool = Field(
        default=True, description="Write the texts of differing answers into the run log. false writes none."
    )


class PerReplica(_Part):
    """Requests/s that one replica serves within its objectives."""

    old: float = Field(gt=0, description="Of the old pool.")
    new: float = Field(gt=0, description="Of the new pool.")


class Capacity(_Part):
    """What the pools have to carry; preflight refuses a step that they cannot carry."""

    peak: float = Field(gt=0, description="Most requests/s that the route has to serve, the probe's included.")
    per_replica: PerReplica = Field(description="What one replica of each pool serves.")


class Plan(_Part):
    """The plan of a rollout."""

    route: Route = Field(description="The release of charts/rollout-route whose weight moves.")
    pools: Pools = Field(description="The two releases of charts/inferencepool.")
    gateway: Gateway = Field(description="Where the probe sends its requests.")
    probe: Probe = Field(description="The requests that the rollout is judged by, beside the users' own.")
    steps: Annotated[tuple[Step, ...], Several, Field(min_length=1)] = Field(
        description="The new pool's weights, in rising order."
    )
    objectives: Objectives = Field(description="What the new pool has to keep.")
    decision: Decision = Field(default=Decision(), description="The error probabilities of the verdict.")
    prometheus: Prometheus | None = Field(default=None, description="Objectives about the users' own requests.")
    users: Users | None = Field(
        default=None,
        description="Judge everybody's requests too, by the metrics of both pools; `{}` is enough. No Prometheus is "
        "needed.",
    )
    quality: Quality | None = Field(default=None, description="Prompts for `objectives.quality`.")
    capacity: Capacity | None = Field(default=None, description="What the pools have to carry.")
    max_step: int = Field(
        default=CHART_MAX_STEP,
        ge=1,
        le=100,
        description="Percent points that one step may move; the route chart's guards.maxStep.",
    )
    soak: Duration = Field(default=0.0, description="Time at 100 % before `rollout finish` deletes the old release.")

    def recorded(self) -> dict[str, Any]:
        """Return the plan as a run log keeps it: headers but Host without their values, which may be secrets."""
        dumped = self.model_dump(mode="json", by_alias=True)
        for part in (dumped["gateway"], dumped["prometheus"] or {}):
            part["headers"] = {
                name: value if name.lower() == "host" else HIDDEN for name, value in part.get("headers", {}).items()
            }
        return dumped

    @property
    def old(self) -> str:
        """The old pool's name."""
        return self.pools.old

    @property
    def new(self) -> str:
        """The new pool's name."""
        return self.pools.new

    @property
    def error_rate(self) -> ErrorRate:
        """The objective for lost answers."""
        return self.objectives.error_rate

    @property
    def latency(self) -> tuple[Latency, ...]:
        """The objectives for latency."""
        return self.objectives.latency

    @property
    def goodput(self) -> Goodput | None:
        """The objective for limits of latency."""
        return self.objectives.goodput

    @property
    def alpha(self) -> float:
        """Probability that a rollout whose pool keeps every objective is rolled back."""
        return self.decision.alpha

    @property
    def power(self) -> float:
        """Probability that a step does not pass a pool that is as bad as one `detect`."""
        return self.decision.power

    @property
    def level(self) -> float:
        """Alpha of one objective at one step: the plan's alpha in equal shares (Bonferroni)."""
        of_traffic = len(self.latency) + bool(self.goodput)
        return level_of(self.alpha, len(self.steps), of_traffic, len(self.answers)) / self.kinds_of_requests

    @property
    def answers(self) -> Mapping[str, Drop | LengthRatio]:
        """The objectives for what the answers say, by their keys."""
        return self.objectives.quality.given if self.objectives.quality else {}

    @property
    def miss(self) -> float:
        """Probability that one objective passes a pool that is as bad as its `detect`."""
        return (1 - self.power) / self.kinds_of_requests

    @property
    def kinds_of_requests(self) -> int:
        """How many kinds of requests each objective is judged by: the probe's, and everybody's."""
        return 2 if self.users else 1


def level_of(alpha: float, steps: int, latencies: int, answers: int = 0) -> float:
    """Return the alpha of one objective at one step, of which each has the error rate and `latencies` others.

    Those of the answers are judged once more, before the first step.
    """
    return alpha / (steps * (1 + latencies) + (steps + 1) * answers)


def names(old: str, new: str, namespace: str, window: str) -> Mapping[str, str]:
    """Return what the $names in a query stand for."""
    return {"old": old, "new": new, "namespace": namespace, "window": window}


def contradictions(plan: Plan, folder: Path) -> list[tuple[tuple[str | int, ...], str]]:
    """Return what single values cannot show: keys that have to fit each other, each with its path and what is wrong.

    `folder` is the plan's own, which a chart's folder is relative to.
    """
    found: list[tuple[tuple[str | int, ...], str]] = []
    before = -1
    for index, step in enumerate(plan.steps):
        at, moved = ("steps", index), step.percent - max(before, 0)
        if step.percent <= before:
            found.append(((*at, "percent"), f"{step.percent} does not go up from the {before} before it"))
        elif moved > plan.max_step:
            why = f"moves {moved} points at once, and maxStep is {plan.max_step}; put a step in between"
            found.append(((*at, "percent"), why))
        if step.longest < step.burn_in:
            found.append(((*at, "longest"), f"{written(step.longest)} is shorter than burnIn"))
        before = step.percent
    bounds: list[tuple[tuple[str | int, ...], Share | Latency | Drop | LengthRatio]] = [
        (("objectives", "errorRate"), plan.error_rate)
    ]
    if plan.goodput:
        of_goodput = ("objectives", "goodput")
        bounds.append((of_goodput, plan.goodput))
        if not plan.goodput.limits:
            found.append((of_goodput, "needs a limit: ttft, tpot or e2e"))
        for metric in plan.goodput.limits.keys() & {"ttft", "tpot"} if not plan.probe.stream else ():
            found.append(((*of_goodput, metric), f"{metric} is measured on streams only; set probe.stream: true"))
    bounds += [(("objectives", "latency", index), each) for index, each in enumerate(plan.latency)]
    bounds += [(("objectives", "quality", to_camel(name)), each) for name, each in plan.answers.items()]
    for path, each in bounds:
        if each.accept >= each.detect:
            why = (
                f"detect ({each.detect:g}) must be greater than accept ({each.accept:g}); "
                "a value in between may pass or be rolled back"
            )
            found.append(((*path, "detect"), why))
        if isinstance(each, Latency) and each.metric != "e2e" and not plan.probe.stream:
            found.append(((*path, "metric"), f"{each.metric} is measured on streams only; set probe.stream: true"))
    if plan.steps[0].percent == 0:
        found += _of_step_0(plan)
    found += _of_queries(plan)
    found += _of_answers(plan)
    if len(set(plan.probe.models)) < len(plan.probe.models):
        found.append((("probe", "models"), "a model is named twice"))
    if plan.old == plan.new:
        found.append((("pools", "new"), f"old and new are both {plan.old}; a rollout is between two pools"))
    if bool(plan.probe.to_old) != bool(plan.probe.to_new):
        given = "toOld" if plan.probe.to_old else "toNew"
        found.append((("probe", given), "toOld and toNew go together: both pools are judged by requests sent alike"))
    if not plan.route.chart.startswith("oci://") and not (folder / plan.route.chart / "Chart.yaml").is_file():
        found.append((("route", "chart"), f"there is no chart in {folder / plan.route.chart}"))
    return found


def _of_answers(plan: Plan) -> list[tuple[tuple[str | int, ...], str]]:
    at = ("objectives", "quality")
    quality = plan.quality
    if quality is None:
        return [(at, "needs quality.prompts, the prompts that both pools answer")] if plan.objectives.quality else []
    if not plan.answers:
        return [(("quality",), "has no objective; add objectives.quality, as passRate or agreement")]
    found: list[tuple[tuple[str | int, ...], str]] = []
    if not plan.probe.to_new:
        found.append((("quality",), "needs probe.toOld and probe.toNew, by which each pool is asked"))
    judge = quality.judge
    if judge and bool(judge.command) == bool(judge.url):
        found.append((("quality", "judge"), "give either command or url"))
    if ("judged" in plan.answers) != bool(judge):
        found.append(((*at, "judged"), "goes together with quality.judge, which gives the scores"))
    if "adapter_effect" in plan.answers and not quality.base:
        found.append(((*at, "adapterEffect"), "needs quality.base, the base models' names"))
    return found


def _of_step_0(plan: Plan) -> list[tuple[tuple[str | int, ...], str]]:
    needed = {
        "probe.toOld and probe.toNew, since the new pool has no weight yet": plan.probe.to_new,
        "capacity.peak, up to which the rate rises": plan.capacity,
        "objectives.goodput, by which the rate that the new pool holds is found": plan.goodput,
        "a step above 0 after it": plan.steps[1:],
    }
    found: list[tuple[tuple[str | int, ...], str]] = [
        (("steps", 0, "percent"), f"0 needs {what}") for what, there in needed.items() if not there
    ]
    if plan.goodput and plan.steps[0].burn_in < (least := shortest_ladder(plan.goodput)):
        short = written(plan.steps[0].burn_in)
        why = f"{short} is too short for a queue to show at each of eight rates; give {written(least)}"
        found.append((("steps", 0, "burnIn"), why))
    return found


def shortest_ladder(goodput: Goodput) -> float:
    """Return the shortest time (s) for the eight rates of step 0: ten times the longest limit for each.

    At a rate that is too high the queue only begins to build: at 1.2 times what a pool holds, it takes five times the
    limit of TTFT until a request is beyond it.
    """
    return 8 * 10 * max(goodput.limits.values(), default=0.0)


def _of_queries(plan: Plan) -> list[tuple[tuple[str | int, ...], str]]:
    found: list[tuple[tuple[str | int, ...], str]] = []
    taken = {plan.error_rate.name, *(each.name for each in plan.latency)}
    taken |= {plan.goodput.name} if plan.goodput else set()
    if plan.users:
        taken |= {f"{USERS}{name}" for name in (*taken, "queue")}
    known = names("old", "new", "default", "1s")
    for index, query in enumerate(plan.prometheus.queries if plan.prometheus else ()):
        at = ("prometheus", "queries", index)
        try:
            Template(query.query).substitute(known)
        except (KeyError, ValueError):
            why = f"after $ write one of {', '.join(known)}, or another $ for the character $ itself"
            found.append(((*at, "query"), why))
        if query.name in taken:
            found.append(((*at, "name"), f"another objective is named {query.name!r}; give each its own name"))
        taken.add(query.name)
    return found
