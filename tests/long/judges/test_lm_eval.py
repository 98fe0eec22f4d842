"""The judge of the values on the real lm-evaluation-harness: it makes prompts of a task and scores as the task does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inferencepool_lab.builds.pythons import python_with
from inferencepool_rollout.evidence.decision import Action
from inferencepool_rollout.failure import Failure
from kit.charts import ROOT
from kit.judged_pools import Body, Pools, judged
from kit.wait import wait_until

VERSION = "0.4.13"
JUDGE = ROOT / "values/judges/lm-eval-judge.py"
DOCUMENTS, PORT = 60, 18_099
TASK = """\
task: sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
output_type: generate_until
test_split: test
doc_to_text: "Q: {{{{question}}}}\\nA:"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["Q:"], max_gen_toks: 16}}
filter_list:
  - name: number
    filter: [{{function: regex, regex_pattern: "(\\\\d+)"}}, {{function: take_first}}]
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""
JUDGED = "{judged: {accept: 0.05, detect: 0.3}}"


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python with the harness, in the cache."""
    return python_with("lm-eval", VERSION)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task of our own, whose documents are on the disk."""
    folder = tmp_path_factory.mktemp("tasks")
    file = folder / "sums.jsonl"
    rows = [{"question": f"What is {n} + {n + 1}?", "answer": str(2 * n + 1)} for n in range(DOCUMENTS)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "sums.yaml").write_text(TASK.format(file=file))
    return folder


@pytest.fixture(scope="module")
def prompts(python: Path, tasks: Path) -> list[Body]:
    command = [*map(str, (python, JUDGE)), "prompts", "sums", "--tasks", str(tasks), "--limit", str(DOCUMENTS)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in said.splitlines()]


@contextmanager
def serving(python: Path, tasks: Path) -> Iterator[str]:
    """The judge under way, by its URL."""
    command = [*map(str, (python, JUDGE)), "serve", "sums", "--tasks", str(tasks), "--port", str(PORT)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as judge:
        try:
            assert judge.stderr
            wait_until(lambda: "scores answers" in next(iter(judge.stderr or []), ""), "the judge serves", 120, 0.0)
            yield f"http://127.0.0.1:{PORT}/"
        finally:
            judge.kill()


def right(side: str, asked: Body) -> str:
    """The sum in words, as a model says it."""
    numbers = [int(word.strip("?")) for word in str(asked["prompt"]).split() if word.strip("?").isdigit()]
    return f" That makes {sum(numbers)}."


def test_prompts_of_a_task_have_its_text_its_stops_and_its_length(prompts: list[Body]) -> None:
    assert len(prompts) == DOCUMENTS
    first = {"name": "sums:0", "prompt": "Q: What is 0 + 1?\nA:", "maxTokens": 16, "stop": ["Q:"]}
    assert prompts[0] == first


def test_answers_are_scored_as_the_task_scores_them(
    python: Path, tasks: Path, prompts: list[Body], tmp_path: Path
) -> None:
    def wrong_now(side: str, asked: Body) -> str:
        return right(side, asked) if side == "old" else " That makes 7000."

    with serving(python, tasks) as url:
        judge = f", judge: {{url: '{url}', timeout: 60s}}"
        alike = judged(tmp_path, Pools(right), JUDGED, judge, prompts=prompts)
        worse = judged(tmp_path, Pools(wrong_now), JUDGED, judge, prompts=prompts)
    assert alike.decision.action is Action.PROMOTE
    assert alike.decision.findings[0].value == 0
    assert worse.decision.action is Action.ROLL_BACK
    assert worse.decision.findings[0].value == 1


def test_a_prompt_of_another_task_holds_with_its_name(python: Path, tasks: Path, tmp_path: Path) -> None:
    other = [{"name": f"gsm8k:{n}", "prompt": f"{n} + 1"} for n in range(DOCUMENTS)]
    with serving(python, tasks) as url, pytest.raises(Failure, match="the prompt is of gsm8k"):
        judged(tmp_path, Pools(right), JUDGED, f", judge: {{url: '{url}'}}", prompts=other)
