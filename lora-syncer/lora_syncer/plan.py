"""What has to be done at the model server so that it serves what the configuration says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lora_syncer.config import Adapter, Config
from lora_syncer.model_server import Models

TRIAL = ".lora-syncer-trial"
"""Ends the name under which a source is tried before it replaces another; what is left of a trial is unloaded."""


@dataclass(frozen=True)
class Unload:
    """Unload the adapter of that id."""

    id: str


@dataclass(frozen=True)
class Load:
    """Load an adapter; `replaced` is the source under which its id is served and has to be unloaded first."""

    adapter: Adapter
    replaced: str | None = None

    @property
    def id(self) -> str:
        """The id of the adapter."""
        return self.adapter.id


@dataclass(frozen=True)
class Plan:
    """Steps in their order, and for each adapter that is left as it is and not as the file names it, the reason."""

    steps: tuple[Unload | Load, ...]
    refused: Mapping[str, str]


def plan(
    config: Config,
    models: Models,
    loaded: Mapping[str, str],
    max_adapters: int | None = None,
) -> Plan:
    """Return the steps from `models` to `config`; `loaded` maps the ids that the syncer loaded to their sources.

    An adapter that others loaded is unloaded only if ensureNotExist names it. The number of adapters never goes
    beyond `max_adapters`: a load that has to wait for an unload comes in the next plan.
    """
    wanted = {adapter.id for adapter in config.ensure_exist}
    unloads = [
        Unload(id_)
        for id_ in models.adapters
        if id_ in config.ensure_not_exist or (id_ not in wanted and (id_ in loaded or id_.endswith(TRIAL)))
    ]
    room = float("inf") if max_adapters is None else max_adapters - len(models.adapters)
    room_later = room + len(unloads)
    loads, refused = [], {}
    for adapter in config.ensure_exist:
        served = models.adapters.get(adapter.id)
        if reason := _refusal(adapter, models, loaded):
            refused[adapter.id] = reason
        elif served == adapter.source:
            continue
        elif served is not None:
            loads.append(Load(adapter, replaced=served))
        elif room_later < 1:
            refused[adapter.id] = (
                f"the model server has {len(models.adapters)} adapters and keeps {max_adapters}; unload one of them "
                "with ensureNotExist, or raise --max-cpu-loras and LORA_SYNCER_MAX_ADAPTERS with it"
            )
        else:
            if room >= 1:
                loads.append(Load(adapter))
            room, room_later = room - 1, room_later - 1
    return Plan((*unloads, *loads), refused)


def _refusal(adapter: Adapter, models: Models, loaded: Mapping[str, str]) -> str | None:
    """Why the model server is not even asked, or None."""
    if adapter.base_model is not None and adapter.base_model not in models.base:
        return f"is for the base model {adapter.base_model}, the model server serves {' or '.join(sorted(models.base))}"
    if adapter.id in models.base:
        return "has the name of the base model; give it another id"
    served = models.adapters.get(adapter.id, adapter.source)
    if served != adapter.source and adapter.id not in loaded:
        return (
            f"is served from {served} and was loaded by another, not from {adapter.source}; "
            "give it another id, or first name it in ensureNotExist"
        )
    return None
