"""The three verbs of the page run as the commands that they are, one at a time."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from inferencepool_rollout.live.actions import Actions
from kit.wait import wait_until


class Slow(Actions):
    """Verbs that take as long as the test wants."""

    seconds = 0.5

    def command(self, verb: str, reason: str = "") -> list[str]:
        return [sys.executable, "-c", f"import time; time.sleep({self.seconds}); print('{verb} is done')"]


def ended(actions: Actions) -> bool:
    return bool(actions.last and actions.last.ended)


def test_each_verb_is_the_command_that_a_person_would_type() -> None:
    actions = Actions(Path("plan.yaml"), "production", Path("log"))
    words = {verb: actions.command(verb, "lunch")[3:] for verb in Actions.VERBS}
    on = ["--file=plan.yaml", "--context=production"]
    assert words == {
        "hold": ["hold", *on, "--reason=lunch"],
        "promote": ["promote", *on, "--log=log"],
        "rollback": ["rollback", *on, "--log=log"],
    }


def test_a_reason_is_never_taken_for_an_option() -> None:
    assert Actions(Path("plan.yaml")).command("hold", "--now")[-1] == "--reason=--now"


def test_what_a_command_says_is_kept() -> None:
    actions = Slow(Path("plan.yaml"))
    assert actions.begin("hold")
    wait_until(lambda: ended(actions), "it has ended")
    assert actions.last
    assert (actions.last.good, actions.last.said) == (True, "hold is done")


@pytest.mark.parametrize("verb", ["hold", "promote"])
def test_one_verb_runs_at_a_time(verb: str) -> None:
    actions = Slow(Path("plan.yaml"))
    assert actions.begin("promote")
    assert actions.begin(verb) is None
    wait_until(lambda: ended(actions), "it has ended")
    assert actions.begin(verb)
    wait_until(lambda: ended(actions), "it has ended")


def test_a_rollback_waits_for_no_other_verb() -> None:
    actions = Slow(Path("plan.yaml"))
    actions.begin("promote")
    assert actions.begin("rollback")
    assert actions.begin("rollback") is None, "one rollback is enough"
    wait_until(lambda: ended(actions), "it has ended")
    time.sleep(0.2)
    assert actions.last
    assert actions.last.verb == "rollback"


def test_a_refusal_is_shown_in_its_own_words(tmp_path: Path) -> None:
    actions = Actions(tmp_path / "plan.yaml")
    actions.begin("rollback")
    wait_until(lambda: ended(actions), "it has ended")
    assert actions.last
    assert not actions.last.good
    assert "plan.yaml" in actions.last.said
    assert "Traceback" not in actions.last.said
