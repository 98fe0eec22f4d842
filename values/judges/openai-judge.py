#!/usr/bin/env python3
"""A judge model behind an OpenAI-compatible API, for `quality.judge.command` of a plan.

It reads {"prompt", "old", "new"} and writes {"old": score, "new": score}, each from 0 to 1. Each answer is scored by
itself, so that no answer gains by standing first. Needs Python alone, and in the environment JUDGE_URL (as
https://api.example.com/v1), JUDGE_MODEL and, where the API wants one, JUDGE_API_KEY.
"""

import json
import os
import re
import sys
import urllib.request

INSTRUCTION = """\
You grade an answer to a request. Grade whether it is correct, complete and follows the request. Reply with one integer
from 0 (useless) to 10 (perfect) and nothing else."""
SECONDS = 50


def score(prompt: dict, answer: dict) -> float:
    """Return the grade that the judge model gives an answer, from 0 to 1; an answer that was lost is 0."""
    if answer["problem"]:
        return 0.0
    said = "\n".join(filter(None, [answer["text"], json.dumps(answer["toolCalls"]) if answer["toolCalls"] else ""]))
    request = prompt.get("prompt") or json.dumps(prompt["messages"], ensure_ascii=False)
    question = f"Request:\n{request}\n\nAnswer:\n{said}"
    body = {
        "model": os.environ["JUDGE_MODEL"],
        "messages": [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": 8,
    }
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ.get('JUDGE_API_KEY', '')}"}
    url = f"{os.environ['JUDGE_URL'].rstrip('/')}/chat/completions"
    with urllib.request.urlopen(
        urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=SECONDS
    ) as reply:
        text = json.load(reply)["choices"][0]["message"]["content"]
    grade = re.search(r"\b(10|[0-9])\b", text or "")
    if not grade:
        sys.exit(f"the judge model gave no grade from 0 to 10: {text!r}")
    return int(grade[1]) / 10


def main() -> None:
    """Score both answers of standard input."""
    try:
        given = json.load(sys.stdin)
        print(json.dumps({pool: score(given["prompt"], given[pool]) for pool in ("old", "new")}))
    except (OSError, KeyError, ValueError) as error:
        sys.exit(f"the judge model could not be asked: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
