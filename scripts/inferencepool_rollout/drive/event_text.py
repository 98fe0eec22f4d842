"""Events of a run log as sentences, for the report, the notifications and the hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXTS = {
    "start": "{by} begins at {percent} %",
    "step": "observes {percent} %",
    "move": "asked for {percent} %: {command}",
    "scale": "scales {pool}: {command}",
    "rung": "{rate:.3g} requests/s to the new pool: {held} ({requests} requests)",
    "capacity": "{found}",
    "followed": "the gateway follows at {percent} %, {seconds:.1f} s after the command ended",
    "verdict": "{percent} %: {action}. {why}",
    "quality": "answers at {percent} %: {action}. {why}",
    "waiting": "{why}",
    "approved": "{by} approved {percent} % at {at}",
    "hook": "{hook} hook of {percent} %: {answer}. {why}",
    "left out": "the log that is kept in the cluster lacks {requests} more requests of this step",
    "asked": "wrote {percent} % for the GitOps tool: {command}",
    "roll back": "takes the weight back: {command}. {why}",
    "rolled back": "the old pool has all requests, proven {seconds:.1f} s after the start of the way back: {why}",
    "end": "{outcome}. {why}",
}


def text_of(event: Mapping[str, Any]) -> str:
    """Return what an event of the run log says, as one sentence without its time."""
    if event["event"] == "preflight":
        bad = "; ".join(f"{check['name']}: {check['why']}" for check in event["checks"] if check["remedy"])
        return f"preflight of {event['percent']} %: {bad or 'all right'} ({len(event['checks'])} checks)"
    words = {"why": "", **event, "command": " ".join(event.get("command", ())), "held": event.get("why") or "held"}
    if event["event"] == "capacity":
        words["found"] = "{pool}: {perReplica:.3g} requests/s a model server".format(**event["capacity"])
    if words.get("percent") is None:
        words["percent"] = "an unknown"
    return TEXTS.get(event["event"], "{event}").format(**words).removesuffix(". ")
