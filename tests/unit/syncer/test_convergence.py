"""Whatever is configured and whatever befalls vLLM: the syncer converges, and unloads nothing that is not its own.

A state machine drives the syncer against a real HTTP server. It changes the configuration (good, bad), loads and
unloads by hand, restarts the server and the syncer, and lets faults befall any request; only time is made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kit.vllm_server import BASE, BY_HAND, BY_SYNCER, Asked, Fault, VllmServer
from lora_syncer.plan import TRIAL
from lora_syncer.syncer import Syncer
from unit.syncer.conftest import Clock, make_syncer
from unit.syncer.volume import Volume, configuration

KEEPS = 3
TIMEOUT, LATE = 0.1, 0.12
PATHS = ["/health", "/v1/models", "/v1/load_lora_adapter", "/v1/unload_lora_adapter"]
IDS = ["one", "two", "three", "four"]
HERS = ["one", "hers"]
BAD = ["", "vLLMLoRAConfig: {", "vLLMLoRAConfig: {prot: 8000}", "vLLMLoRAConfig: {port: no}"]


@dataclass(frozen=True)
class Wanted:
    """What a configuration says of one id."""

    source: str
    base: str


SOURCES = st.sampled_from(["a/v1", "a/v2", "missing/v3"])
EXIST = st.dictionaries(
    st.sampled_from(IDS),
    st.builds(Wanted, SOURCES, st.sampled_from([BASE, BASE, BASE, "mistral"])),
    max_size=KEEPS,
)
ABSENT = st.sets(st.sampled_from([*IDS, "hers"]), max_size=2)


class SyncerMachine(RuleBasedStateMachine):
    """The syncer, its volume and the model server; `violations` is what the server should never have been asked."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.volume = Volume(Path(self.folder.name))
        self.clock = Clock()
        self.vllm = VllmServer()
        self.vllm.on_asked = self.check
        self.vllm.late = LATE
        self.vllm.start()
        self.published: tuple[Mapping[str, Wanted], frozenset[str]] | None = None
        self.in_force: tuple[Mapping[str, Wanted], frozenset[str]] = ({}, frozenset())
        self.violations: list[str] = []
        self.syncer: Syncer
        self.orphans: set[str] = set()

    def check(self, asked: Asked) -> None:
        """Note what the syncer may never ask; runs in the server while the adapters are as before."""
        served = self.vllm.adapters.get(asked.name)
        if asked.by != BY_SYNCER:
            return
        if asked.what == "unload" and served and served.by != BY_SYNCER and asked.name not in self.in_force[1]:
            self.violations.append(f"unload of {asked.name}, which {served.by} loaded")
        if asked.what == "load" and asked.base != BASE:
            self.violations.append(f"load of {asked.name} for {asked.base}")
        if asked.what == "load" and not served and len(self.vllm.adapters) >= KEEPS + asked.name.endswith(TRIAL):
            self.violations.append(f"load of {asked.name} beyond {KEEPS} adapters")

    @initialize()
    def start_the_syncer(self) -> None:
        self.syncer = make_syncer(self.volume, self.clock, KEEPS, timeout=TIMEOUT)

    @rule(exist=EXIST, absent=ABSENT)
    def configure(self, exist: Mapping[str, Wanted], absent: set[str]) -> None:
        models = [{"id": id_, "source": want.source, "base-model": want.base} for id_, want in exist.items()]
        self.volume.write(configuration(self.vllm.port, models, tuple(absent)))
        self.published = (exist, frozenset(absent)) if not absent & exist.keys() else None

    @rule(text=st.sampled_from(BAD))
    def configure_badly(self, text: str) -> None:
        self.volume.write(text)
        self.published = None

    @rule(seconds=st.sampled_from([0.1, 1, 5, 61]), count=st.integers(1, 3))
    def go_on(self, seconds: float, count: int) -> None:
        for _ in range(count):
            self.clock.now += seconds
            self.in_force = self.published or self.in_force
            self.syncer.round()

    @rule(path=st.sampled_from(PATHS), fault=st.sampled_from(Fault), times=st.integers(1, 2))
    def let_a_fault_befall(self, path: str, fault: Fault, times: int) -> None:
        self.vllm.faults[path] = [fault] * times

    @rule(name=st.sampled_from(HERS))
    @precondition(lambda self: self.vllm.up)
    def load_by_hand(self, name: str) -> None:
        self.vllm.by_hand("load", lora_name=name, lora_path=f"by-hand/{name}")

    @rule(name=st.sampled_from([*IDS, "hers"]))
    @precondition(lambda self: self.vllm.up)
    def unload_by_hand(self, name: str) -> None:
        self.vllm.by_hand("unload", lora_name=name)

    @rule()
    def restart_vllm(self) -> None:
        self.vllm.restart()

    @rule()
    def stop_vllm(self) -> None:
        self.vllm.stop()

    @rule()
    def restart_the_syncer(self) -> None:
        """Whatever is under way or served in another form than the new syncer finds configured is none of its own."""
        self.vllm.settle()
        self.orphans = set(self.vllm.adapters)
        self.syncer = make_syncer(self.volume, self.clock, KEEPS, timeout=TIMEOUT)

    @invariant()
    def nothing_is_asked_that_never_may_be(self) -> None:
        assert self.violations == []

    @rule()
    def converge(self) -> None:
        """Without further faults, and with a good configuration, all is as it is configured before long."""
        if not self.vllm.up:
            self.vllm.start()
        self.vllm.faults.clear()
        if self.published is None:
            self.configure({"one": Wanted("a/v1", BASE)}, {"two"})
        self.vllm.settle()
        for _ in range(12):
            self.go_on(61, 1)
        exist, absent = self.in_force
        for id_ in absent:
            assert id_ not in self.vllm.adapters
        for id_, want in exist.items():
            self.is_as_wanted(id_, want)
        for id_, served in self.vllm.adapters.items():
            assert id_ in exist or id_ in self.orphans or served.by == BY_HAND, f"{id_} was not unloaded"
        self.tells_what_is_served()

    def is_as_wanted(self, id_: str, want: Wanted) -> None:
        served, why = self.vllm.adapters.get(id_), self.syncer.status.missing.get(id_, "")
        if want.base != BASE:
            assert "mistral" in why
            assert BASE in why
        elif served and served.source == want.source:
            assert why == ""
        elif served and served.by == BY_HAND:
            assert "was loaded by another" in why
        elif id_ in self.orphans and "was loaded by another" in why:
            assert served  # it was not served as configured when its new syncer began
        elif want.source.startswith("missing"):
            assert "No adapter found" in why or "--max-cpu-loras" in why or "did not answer" in why
        else:
            assert len(self.vllm.adapters) >= KEEPS, f"{id_} is missing: {why}"
            assert "--max-cpu-loras" in why

    def tells_what_is_served(self) -> None:
        exist, absent = self.in_force
        sources = self.vllm.sources
        told = {id_: sources.get(id_) == want.source and want.base == BASE for id_, want in exist.items()}
        status = self.syncer.status
        assert status.adapters == told | dict.fromkeys(absent, False)
        assert status.reached
        assert status.config_error is None
        assert status.ready or not all(told.values())
        assert set(status.missing) == {id_ for id_, here in told.items() if not here}
        registry = self.syncer.metrics.registry
        for id_, here in told.items():
            assert registry.get_sample_value("lora_syncer_adapter_status", {"adapter_name": id_}) == here

    def teardown(self) -> None:
        try:
            if hasattr(self, "syncer"):
                self.converge()
                self.nothing_is_asked_that_never_may_be()
        finally:
            self.vllm.stop()
            self.folder.cleanup()


SyncerMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSyncerConverges = SyncerMachine.TestCase
