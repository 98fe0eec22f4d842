#!/usr/bin/env python3
"""Tasks of lm-evaluation-harness as prompts and as a judge, for `quality` of a plan (pip install lm_eval).

    lm-eval-judge.py prompts TASK --limit 100 > prompts.jsonl
    lm-eval-judge.py serve TASK --port 8099

`serve` scores answers as the task does, with its filters and its first metric, for `quality.judge.url:
http://127.0.0.1:8099/`. A prompt's name, TASK:NUMBER, says which document of the task it is. Tasks that generate text
are taken; those that compare likelihoods need a server's log-probabilities of a given text, which no answer has.
"""

import argparse
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice

from lm_eval.api.instance import Instance
from lm_eval.tasks import TaskManager

TOKENS, STOPS = 256, 4  # tokens where a task names none, and the most stop texts of the OpenAI API


class Scored:
    """A task with its documents."""

    def __init__(self, name: str, folder: str | None) -> None:
        self.name = name
        self.task = TaskManager(include_path=folder).load(name)["tasks"][name]
        if self.task.OUTPUT_TYPE != "generate_until":
            sys.exit(f"{name} is a task of the kind {self.task.OUTPUT_TYPE}; only generate_until has answers to judge")
        self.documents = list(self.task.eval_docs)

    def prompts(self, limit: int, shots: int) -> list[dict]:
        """Return the prompts of the first `limit` documents, each behind `shots` worked examples."""
        sampling = self.task.config.generation_kwargs
        return [
            {
                "name": f"{self.name}:{number}",
                "prompt": self.task.fewshot_context(document, num_fewshot=shots),
                "maxTokens": sampling.get("max_gen_toks", TOKENS),
                "stop": [end for end in sampling.get("until", []) if end][:STOPS],
            }
            for number, document in enumerate(islice(self.documents, limit))
        ]

    def score(self, number: int, answer: dict) -> float:
        """Return the task's first metric for an answer, from 0 to 1; an answer that was lost is 0."""
        if answer["problem"]:
            return 0.0
        document = self.documents[number]
        instance = Instance("generate_until", document, ("", {}), 0, resps=[answer["text"]])
        self.task._instances = [instance]
        self.task.apply_filters()
        result = next(iter(instance.filtered_resps.values()))
        metrics = self.task.process_results(document, [result])
        return min(1.0, max(0.0, float(next(iter(metrics.values())))))


def serve(task: Scored, port: int) -> None:
    """Score answers on a port of 127.0.0.1 until it is interrupted, one at a time."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name, _, number = given["prompt"]["name"].rpartition(":")
                if name != task.name:
                    raise ValueError(f"the prompt is of {name or 'no task'}, and this judge has {task.name}")
                scores = {pool: task.score(int(number), given[pool]) for pool in ("old", "new")}
                self.reply(200, json.dumps(scores))
            except Exception as error:
                self.reply(400, f"{type(error).__name__}: {error}")

        def reply(self, status: int, text: str) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    print(f"{task.name} scores answers on http://127.0.0.1:{port}/", file=sys.stderr, flush=True)
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main() -> None:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prompts", "serve"])
    parser.add_argument("task")
    parser.add_argument("--tasks", help="folder with tasks of your own")
    parser.add_argument("--limit", type=int, default=100, help="prompts, %(default)s by default")
    parser.add_argument("--shots", type=int, default=0, help="worked examples before each prompt")
    parser.add_argument("--port", type=int, default=8099)
    given = parser.parse_args()
    task = Scored(given.task, given.tasks)
    if given.what == "serve":
        serve(task, given.port)
    for prompt in task.prompts(given.limit, given.shots):
        print(json.dumps(prompt))


if __name__ == "__main__":
    main()
