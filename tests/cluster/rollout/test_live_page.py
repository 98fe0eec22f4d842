"""`rollout serve` in a real browser, beside a driver on a real cluster: what it shows, a hold, and a way back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from kit.browser import opened
from kit.rollout import SECONDS, Rollout, rollout

SLOW = 60_000.0
"""For how long (ms) the page may take to show something."""


@pytest.fixture(scope="module")
def pools(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    with rollout(cluster, tmp_path_factory.mktemp("live"), "pool-old", "pool-new", burn_in=90) as made:
        made.to_old("pool-new")
        yield made


@contextmanager
def page_of(pools: Rollout) -> Iterator[str]:
    """`rollout serve` of the rollout to pool-new; yields the address with the token that it prints."""
    command = pools.command("serve", "--listen=127.0.0.1:0")
    with subprocess.Popen(command, env=pools.environment, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout
            yield serving.stdout.readline().strip()
        finally:
            serving.terminate()


def test_a_rollout_is_watched_held_and_rolled_back_in_the_browser(pools: Rollout) -> None:
    with pools.running() as driver, page_of(pools) as url, opened(url, 1280, "light") as (tab, shown):
        pools.moved()
        expect(tab.locator("#headline")).to_contain_text("10 % is observed since", timeout=SLOW)
        expect(tab.locator("#part-now")).to_contain_text(f"10 % {pools.namespace.name}/pool-new", timeout=SLOW)
        expect(tab.locator("#step1 td[data-name=objective]").first).to_have_text("error rate", timeout=SLOW)
        tab.get_by_role("button", name="Hold").click()
        tab.get_by_label("Why").fill("lunch")
        tab.locator("#yes").click()
        said, _ = driver.communicate(timeout=SECONDS)
        assert driver.returncode == ExitCode.HELD, said
        expect(tab.locator("#headline")).to_have_text("On hold: lunch", timeout=SLOW)
        assert pools.percent("pool-new") == 10
        tab.get_by_role("button", name="Roll back").first.click()
        expect(tab.get_by_role("dialog")).to_contain_text("Take the 10 % back?")
        tab.locator("#yes").click()
        expect(tab.locator("#done")).to_contain_text("done", timeout=SLOW)
        expect(tab).to_have_title("Rollout: 0 %", timeout=SLOW)
        assert pools.percent("pool-new") == 0
        expect(tab.locator("#events")).to_contain_text("the old pool has all requests", timeout=SLOW)
        assert shown.complaints == []
