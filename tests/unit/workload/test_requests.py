"""A workload's requests have the arrivals, lengths, prefixes and conversations that its plan says.

Statistical tests: level 1e-6 with a fixed seed, so a right workload fails them never; each beside one that shows that
the same test refuses what is 10 % off (power above 1 - 1e-6 at these sizes).
"""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare, expon, kstest, lognorm

from inferencepool_rollout.plan.probe import Workload as Spec
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.workload.requests import Workload
from inferencepool_rollout.workload.trace import read_trace
from kit import completion_servers as servers
from kit.completion_servers import serving

ALPHA, REQUESTS, RATE = 1e-6, 20_000, 50.0
LENGTHS = {"promptTokens": {"mean": 40}, "answerTokens": {"mean": 8}}
LIKE = Completion("m")
AZURE = Path(__file__).parents[4] / "shared/calibration/azure-conversations-2023.csv"


def workload(**keys: Any) -> Workload:
    return Workload(Spec.model_validate({**LENGTHS, **keys}))


def taken(made: Workload, count: int = REQUESTS, rate: float | None = RATE) -> list[tuple[float, Completion]]:
    return list(itertools.islice(made.requests(LIKE, rate), count))


def test_poisson_arrivals_have_independent_exponential_gaps_of_the_rate() -> None:
    gaps = np.diff([at for at, _ in taken(workload())], prepend=0.0)
    assert kstest(gaps, expon(scale=1 / RATE).cdf).pvalue > ALPHA
    assert kstest(gaps, expon(scale=1.1 / RATE).cdf).pvalue < ALPHA, "the test can fail"
    lag = float(np.corrcoef(gaps[:-1], gaps[1:])[0, 1])
    assert abs(lag) < 5 / np.sqrt(len(gaps)), "5 standard deviations of independent gaps"


def test_even_arrivals_are_even() -> None:
    assert np.diff([at for at, _ in taken(workload(arrivals="even"), 100)]) == pytest.approx(np.full(99, 1 / RATE))


def test_lengths_are_lognormal_with_the_mean_and_spread_up_to_the_most() -> None:
    made = workload(promptTokens={"mean": 300, "spread": 1.0, "most": 1_000_000})
    words = np.array([len(each.prompt.split()) for _, each in taken(made)])
    drawn = words + np.random.default_rng(1).uniform(-0.5, 0.5, len(words))  # since tokens are whole numbers
    assert kstest(drawn, lognorm(1.0, scale=300 * np.exp(-0.5)).cdf).pvalue > ALPHA
    assert kstest(drawn, lognorm(1.0, scale=330 * np.exp(-0.5)).cdf).pvalue < ALPHA, "the test can fail"
    assert np.mean(words) == pytest.approx(300, rel=0.05), "5 standard errors"


def test_lengths_are_cut_at_the_most_and_never_empty() -> None:
    made = workload(
        promptTokens={"mean": 20, "spread": 2.0, "most": 64}, answerTokens={"mean": 2, "spread": 2, "most": 9}
    )
    asked = [each for _, each in taken(made, 5000)]
    assert {min(len(each.prompt.split()) for each in asked), min(each.max_tokens for each in asked)} == {1}
    assert (max(len(each.prompt.split()) for each in asked), max(each.max_tokens for each in asked)) == (64, 9)


def test_without_a_spread_all_have_the_same_length_and_no_two_share_a_prefix() -> None:
    asked = [each for _, each in taken(workload(), 5000)]
    assert {(len(each.prompt.split()), each.max_tokens) for each in asked} == {(40, 8)}
    assert len({" ".join(each.prompt.split()[:4]) for each in asked}) == 5000


def test_prompts_share_prefixes_by_groups_that_are_met_alike() -> None:
    made = workload(sharedPrefix={"tokens": 16, "groups": 5})
    groups = Counter(" ".join(each.prompt.split()[:16]) for _, each in taken(made, 5000))
    assert len(groups) == 5
    assert chisquare(list(groups.values())).pvalue > ALPHA
    assert {len(each.prompt.split()) for _, each in taken(made, 50)} == {40}


def test_a_conversation_repeats_what_was_said_and_its_turns_are_think_apart() -> None:
    made = workload(turns={"mean": 4, "most": 12, "think": "5s"})
    began: dict[str, list[float]] = defaultdict(list)
    said: dict[str, Sequence[tuple[str, str]]] = {}
    for at, each in taken(made):
        first = each.history[0][0] if each.history else each.prompt
        if each.history:
            assert each.history[:-1] == said[first]
        said[first] = each.history
        began[first].append(at)
    gaps = np.concatenate([np.diff(times) for times in began.values()])
    ended = [len(times) for times in began.values() if times[-1] < REQUESTS / RATE - 60]
    assert np.mean(ended) == pytest.approx(3.873, rel=0.1), "the mean of min(geometric with mean 4, 12)"
    assert max(map(len, began.values())) <= 12
    assert 5 < np.mean(gaps) < 5.2, "a turn that is ready waits for the next arrival"


def test_conversations_change_no_arrival() -> None:
    spoken = taken(workload(turns={"mean": 4, "most": 12}), 500)
    assert [at for at, _ in spoken] == [at for at, _ in taken(workload(), 500)]


@pytest.mark.parametrize("keys", [{}, {"turns": {"mean": 3, "most": 9}}, {"sharedPrefix": {"tokens": 9, "groups": 3}}])
def test_a_seed_makes_the_same_requests_again_and_another_makes_others(keys: dict[str, Any]) -> None:
    assert taken(workload(**keys), 500) == taken(workload(**keys), 500)
    assert taken(workload(**keys), 50) != taken(workload(seed=2, **keys), 50)


def test_another_step_sends_prompts_that_no_cache_has_but_with_the_same_shared_prefixes() -> None:
    spec = Spec.model_validate({**LENGTHS, "sharedPrefix": {"tokens": 16, "groups": 5}})
    first, second = (
        [each.prompt.split() for _, each in taken(Workload(spec, number=number), 200)] for number in (1, 10)
    )
    assert {tuple(words[:16]) for words in first} == {tuple(words[:16]) for words in second}
    assert not {tuple(words) for words in first} & {tuple(words) for words in second}


def test_a_trace_is_replayed_with_its_lengths_at_its_times_stretched_to_the_rate(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    rows = ("2023-11-16 18:15:46.6805900,374,44", "2023-11-16 18:15:47.6805900,5,0", "2023-11-16 18:15:50.6805900,9,2")
    file.write_text("\n".join(("TIMESTAMP,ContextTokens,GeneratedTokens", *rows)))
    spec = Spec.model_validate({"trace": str(file), "arrivals": "traced"})
    made = taken(Workload(spec, read_trace(file)), 6, rate=1.0)
    assert [at for at, _ in made] == pytest.approx([0, 0.5, 2, 3, 3.5, 5]), "mean gap 2 s in the trace, 1 s here"
    lengths = [(len(each.prompt.split()), each.max_tokens) for _, each in made]
    assert lengths == [(374, 44), (5, 1), (9, 2)] * 2


def test_prompts_of_a_mooncake_trace_share_the_blocks_that_their_hash_ids_share(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    rows = [
        {"timestamp": 0, "input_length": 1100, "output_length": 5, "hash_ids": [1, 2, 3]},
        {"timestamp": 500, "input_length": 1030, "output_length": 5, "hash_ids": [1, 2, 4]},
        {"timestamp": 1000, "input_length": 600, "output_length": 5, "hash_ids": [5, 6]},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    made = Workload(Spec.model_validate({"trace": str(file)}), read_trace(file))
    one, two, three = (each.prompt.split() for _, each in taken(made, 3))
    assert [len(one), len(two), len(three)] == [1100, 1030, 600]
    assert one[:1024] == two[:1024]
    assert one[1024:1030] != two[1024:1030]
    assert one[:4] != three[:4]


@pytest.mark.skipif(not AZURE.is_file(), reason="the trace of ../shared is not there")
def test_a_trace_of_azure_keeps_its_lengths_and_bursts() -> None:
    trace = read_trace(AZURE)
    assert len(trace.seconds) == 19_366
    spec = Spec.model_validate({"trace": str(AZURE), "arrivals": "traced"})
    times = np.array([at for at, _ in taken(Workload(spec, trace), 5000)])
    assert np.diff(times) == pytest.approx(np.diff(trace.seconds[:5000]) / (RATE * trace.gap), abs=1e-9)


def test_a_load_sends_the_workload_when_it_is_due_and_waits_for_nothing_else() -> None:
    made = workload()
    with serving(servers.whole) as server:
        answers = send(server.url, LIKE, Plan(workers=50, rate=100, count=150, varied=made))
    expected = [at for at, _ in taken(made, 150, rate=100)]
    assert np.diff(np.sort(answers.started)) == pytest.approx(np.diff(expected), abs=1e-5)
    assert answers.lost == 0


@pytest.mark.parametrize("chat", [True, False])
def test_a_turn_s_body_has_the_conversation(chat: bool) -> None:
    asked = json.loads(Completion("m", prompt=" more", chat=chat, history=((" one", " two"),)).body())
    if chat:
        roles = [(each["role"], each["content"]) for each in asked["messages"]]
        assert roles == [("user", " one"), ("assistant", " two"), ("user", " more")]
    else:
        assert asked["prompt"] == " one two more"
