"""Ask the model server on a port of this host for one token of a model: `PORT MODEL SECONDS`; fails until it comes."""

import json
import os
import sys
import urllib.request

port, model, seconds = sys.argv[1:]
body = json.dumps({"model": model, "prompt": "Hello", "max_tokens": 1}).encode()
headers = {"Content-Type": "application/json"}
if key := os.environ.get("VLLM_API_KEY", "").strip():
    headers["Authorization"] = f"Bearer {key}"
request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/completions", body, headers)
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with direct.open(request, timeout=float(seconds)) as answer:
    if not json.load(answer)["choices"]:
        sys.exit("the answer has no token")
