"""What a model server's pod says of itself: its model, the model's revision, and its accelerators."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from inferencepool_rollout.kube.client import Manifest

PATHS = ("--model", "--model-path", "--model-repository")
SERVED = "--served-model-name"
REVISION = "--revision"


def model(spec: Manifest) -> str:
    """The model of a pod's first container by its arguments, for example `llama of meta-llama/Llama-3.1-8B`.

    That is the name that it is served as and, where that is another one, what is loaded; empty where neither is said.
    """
    path = next(_values(spec, *PATHS), "") or _served_by_vllm(spec)
    served = next(_values(spec, SERVED), "")
    return f"{served} of {path}" if served and path and served != path else served or path


def revision(spec: Manifest) -> str:
    """The model's revision by the arguments of a pod's first container; empty where none is said."""
    return next(_values(spec, REVISION), "")


def accelerator(spec: Manifest) -> str:
    """The devices that a pod's first container is given, and the values of the node labels that it selects."""
    limits = (_container(spec).get("resources") or {}).get("limits") or {}
    devices = [f"{count} {name}" for name, count in sorted(limits.items()) if "/" in name]
    kinds = [str(value) for _, value in sorted((spec.get("nodeSelector") or {}).items())] if devices else []
    return ", ".join([*devices, *kinds])


def _container(spec: Manifest) -> Manifest:
    containers: list[Manifest] = spec.get("containers") or [{}]
    return containers[0]


def _words(spec: Manifest) -> list[str]:
    container = _container(spec)
    return [str(word) for word in [*(container.get("command") or []), *(container.get("args") or [])]]


def _values(spec: Manifest, *flags: str) -> Iterator[str]:
    """Yield what the flags are given, as `--flag value` or as `--flag=value`."""
    for word, following in pairwise([*_words(spec), ""]):
        flag, equals, value = word.partition("=")
        if flag in flags:
            yield value if equals else following


def _served_by_vllm(spec: Manifest) -> str:
    """The model of `vllm serve MODEL`."""
    words = _words(spec)
    after = words[words.index("serve") + 1 :] if "serve" in words else []
    return after[0] if after and not after[0].startswith("-") else ""
