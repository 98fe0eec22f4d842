"""Every alert of a pool goes off, as Prometheus itself reckons, when its pool is ill, and not when another one is."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.charts import VALUES, only, render
from kit.prometheus_tools import program

NAMESPACE, POOL, OTHER = "llm", "pool-new", "pool-old"
Series = Mapping[str, str]

ERRORS, REQUESTS = "inference_objective_request_error_total{}", "inference_objective_request_total{}"
FIRST_TOKEN = 'vllm:time_to_first_token_seconds_bucket{le="%s"}'
READY, ATTEMPTS = "inference_pool_ready_pods{}", 'inference_extension_scheduler_attempts_total{status="failure"}'
QUEUE, CACHE = "inference_pool_average_queue_size{}", "inference_pool_average_kv_cache_utilization{}"
ADAPTER, CONFIG = 'lora_syncer_adapter_status{adapter_name="food-review-1"}', "lora_syncer_config_valid{}"


def first_tokens(in_time: int) -> Series:
    """Of 100 first tokens a minute, those within the 5 s that are allowed; the rest within 10 s."""
    return {FIRST_TOKEN % "5": f"0+{in_time}x20", FIRST_TOKEN % "10": "0+100x20", FIRST_TOKEN % "+Inf": "0+100x20"}


# By alert: series of an ill pool and of a well one, one value a minute (promtool's notation: start+step x times).
CASES: dict[str, tuple[Series, Series]] = {
    "PoolHasNoReadyPod": ({READY: "0x20"}, {READY: "1x20"}),
    "PoolPickerIsGone": ({}, {READY: "0x20"}),
    "PoolPicksFail": ({ATTEMPTS: "0+1x20"}, {ATTEMPTS: "7x20"}),
    "PoolErrors": ({ERRORS: "0+2x20", REQUESTS: "0+100x20"}, {ERRORS: "0+1x20", REQUESTS: "0+200x20"}),
    "PoolFirstTokenIsLate": (first_tokens(in_time=90), first_tokens(in_time=96)),
    "PoolQueueIsLong": ({QUEUE: "21x20"}, {QUEUE: "20x20"}),
    "PoolKVCacheIsFull": ({CACHE: "0.96x20"}, {CACHE: "0.95x20"}),
    "PoolAdapterIsMissing": ({ADAPTER: "0x20"}, {ADAPTER: "1x20"}),
    "PoolAdaptersConfigIsRefused": ({CONFIG: "0x20"}, {CONFIG: "1x20"}),
}
LABELS = {"PoolAdapterIsMissing": {"adapter_name": "food-review-1"}}


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    """The spec of the release's PrometheusRule, which is what a file of rules is."""
    manifests = render(
        "inferencepool",
        POOL,
        {"lora": {"mode": "syncer"}},
        files=[VALUES / "pool/observability.yaml"],
        namespace=NAMESPACE,
    )
    spec: dict[str, Any] = only(manifests, "PrometheusRule")["spec"]
    return spec


def input_series(pool: str, series: Series) -> list[dict[str, str]]:
    """Series as they are scraped of a pool."""
    own = f'namespace="{NAMESPACE}",inferencepool="{pool}"'
    return [
        {"series": name.replace("{", f"{{{own}{'' if name.endswith('{}') else ','}"), "values": values}
        for name, values in series.items()
    ]


def complaint(folder: Path, rules: dict[str, Any], alert: str, series: list[dict[str, str]], *, fires: bool) -> str:
    """What promtool finds wrong with an alert ten minutes into the series; nothing if it is as told."""
    (rule,) = (rule for rule in rules["groups"][0]["rules"] if rule["alert"] == alert)
    fired = {"exp_labels": {**rule["labels"], **LABELS.get(alert, {})}, "exp_annotations": rule["annotations"]}
    asked = {"eval_time": "10m", "alertname": alert, "exp_alerts": [fired] if fires else []}
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [asked]}
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    (folder / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
    words = [program("promtool"), "test", "rules", str(folder / "test.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_every_alert_has_its_case(rules: dict[str, Any]) -> None:
    assert {rule["alert"] for rule in rules["groups"][0]["rules"]} == set(CASES)


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_goes_off_when_its_pool_is_ill(tmp_path: Path, rules: dict[str, Any], alert: str) -> None:
    ill, well = CASES[alert]
    series = [*input_series(POOL, ill), *input_series(OTHER, well)]
    assert complaint(tmp_path, rules, alert, series, fires=True) == ""


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_is_silent_when_only_the_other_pool_is_ill(tmp_path: Path, rules: dict[str, Any], alert: str) -> None:
    ill, well = CASES[alert]
    series = [*input_series(POOL, well), *input_series(OTHER, ill)]
    assert complaint(tmp_path, rules, alert, series, fires=False) == ""
