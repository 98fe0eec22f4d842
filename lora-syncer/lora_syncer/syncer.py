"""The rounds of the syncer: read the file, read the server's adapters, load and unload."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from lora_syncer.backoff import Backoff
from lora_syncer.config import Adapter, Config
from lora_syncer.config_file import ConfigFile
from lora_syncer.metrics import Metrics
from lora_syncer.model_server import Models, ModelServer, ServerDown, ServerError, Timeouts
from lora_syncer.plan import TRIAL, Load, Plan, Unload, plan
from lora_syncer.run import Run
from lora_syncer.status import Status

log = logging.getLogger(__name__)

Step = Unload | Load


@dataclass
class Syncer:
    """Makes the model server serve the adapters of a configuration file, one round after the other.

    The only truth is /v1/models, which is asked before and after every change. `clock` gives seconds.
    """

    file: ConfigFile
    metrics: Metrics
    max_adapters: int | None = None
    api_key: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    clock: Callable[[], float] = time.monotonic
    jitter: random.Random = field(default_factory=random.Random)
    status: Status = field(default_factory=Status)

    def __post_init__(self) -> None:
        self._server: ModelServer | None = None
        self._start_anew(Run())

    def round(self) -> bool:
        """Do what is due; return whether something was changed, so that the next round should follow at once."""
        old = self.file.config
        if self.file.refresh():
            self._follow_change(old)
        changed = self._look() and self._act()
        self._publish()
        return changed

    def status_now(self) -> Status:
        """Return the status of the last round, not ready if the model server has started anew since then.

        A server that is killed or hangs and starts again within a round is healthy before it has its adapters. One that
        does not answer in time keeps its pod in the pool: whether it is healthy is the model server's own probe to say.
        Safe to call from other threads.
        """
        status, server, run = self.status, self._server, self._run
        if not status.ready or server is None:
            return status
        try:
            suffices = run.suffices(server.models())
        except ServerDown:
            suffices = False
        except ServerError:
            suffices = True
        return status if suffices else replace(status, ready=False)

    def _follow_change(self, old: Config | None) -> None:
        new = self.file.config
        assert new is not None
        self._failures.clear()
        self._backoffs.clear()
        if old is None or (old.host, old.port) != (new.host, new.port):
            self._server = ModelServer(new.host, new.port, self.timeouts, self.api_key)
            self._start_anew(Run())

    def _start_anew(self, run: Run) -> None:
        self._run = run
        self._contact = Backoff(1, 5, self.jitter)
        self._failures: dict[str, str] = {}
        self._backoffs: dict[str, Backoff] = {}

    def _look(self) -> bool:
        """Ask what is served, once the model server is healthy; return whether it answered."""
        if self._server is None or not self._contact.due(self.clock()):
            return False
        try:
            if self._run.models is None:
                self._server.check_health()
            self._observe(self._server.models())
        except ServerError as error:
            self._contact_failed(error)
            return False
        self._contact.succeeded()
        return True

    def _observe(self, models: Models) -> None:
        if self._run.models is None:
            log.info("model server answers", extra={"server": str(self._server), "served": sorted(models.adapters)})
        assert self.file.config is not None
        self._run.observe(models)
        self._run.follow(self.file.config)
        left = {step.id for step in self._plan().steps}
        self._failures = {id_: cause for id_, cause in self._failures.items() if id_ in left}
        self._backoffs = {id_: backoff for id_, backoff in self._backoffs.items() if id_ in left}

    def _contact_failed(self, error: ServerError) -> None:
        if isinstance(error, ServerDown) and (self._run.models is not None or not self._run.from_start):
            log.warning("model server is down: %s", error)
            self._start_anew(Run(from_start=True))
        elif not isinstance(error, ServerDown):
            log.warning("model server does not answer: %s", error)
        self.metrics.contact_failures.inc()
        self._contact.failed(self.clock())

    def _act(self) -> bool:
        """Take the steps that are due and look whether they worked; return whether one did."""
        run = self._run
        steps = [step for step in self._plan().steps if self._due(step)]
        tried = [step for step in steps if self._run is run and self._take(step)]
        if not tried or self._run is not run or not self._look():
            return False
        left = {step.id for step in self._plan().steps}
        for step in tried:
            if step.id in left:
                self._failed(step, "was answered with success, yet /v1/models has not changed")
        return any(step.id not in left for step in tried)

    def _plan(self) -> Plan:
        assert self.file.config is not None and self._run.models is not None
        return plan(self.file.config, self._run.models, self._run.loaded, self.max_adapters)

    def _due(self, step: Step) -> bool:
        backoff = self._backoffs.get(step.id)
        return backoff is None or backoff.due(self.clock())

    def _take(self, step: Step) -> bool:
        """Take a step; return whether the model server said that it is done."""
        try:
            if isinstance(step, Unload):
                self._unload(step.id)
            elif step.replaced is None:
                self._load(step.adapter)
            else:
                self._replace(step, step.replaced)
        except ServerDown as error:
            self._contact_failed(error)
            return False
        except ServerError as error:
            self._failed(step, str(error))
            return False
        return True

    def _replace(self, step: Load, source: str) -> None:
        """Load an adapter in the place of another source, which stays until the new one was loaded under a trial name.

        For that moment the server has one adapter more; vLLM drops the one least recently used from its memory and
        reads it again when it is asked for. vLLM's own `load_inplace` is not used: versions that have it read the
        adapter from disk again with every request (vllm-project/vllm#33791), older ones refuse it.
        """
        trial = Adapter(step.id + TRIAL, step.adapter.source, step.adapter.base_model)
        self._load(trial)
        self._unload(trial.id)
        self._unload(step.id)
        try:
            self._load(step.adapter)
        except ServerDown:
            raise
        except ServerError:
            self._load(Adapter(step.id, source))
            raise

    def _load(self, adapter: Adapter) -> None:
        assert self._server is not None
        try:
            with self.metrics.timed("load"):
                self._server.load(adapter)
        except ServerError as error:
            if error.status is None:
                self._run.unanswered.add((adapter.id, adapter.source))
            raise
        self._run.loaded[adapter.id] = adapter.source
        log.info("adapter loaded", extra={"adapter": adapter.id, "source": adapter.source})

    def _unload(self, adapter_id: str) -> None:
        assert self._server is not None
        with self.metrics.timed("unload"):
            self._server.unload(adapter_id)
        log.info("adapter unloaded", extra={"adapter": adapter_id})

    def _failed(self, step: Step, cause: str) -> None:
        backoff = self._backoffs.setdefault(step.id, Backoff(1, 60, self.jitter))
        pause = backoff.failed(self.clock())
        self._failures[step.id] = cause
        what = "unload" if isinstance(step, Unload) else "load"
        log.error("%s failed, next try in %.0f s: %s", what, pause, cause, extra=_of(step))

    def _publish(self) -> None:
        """Put together what the endpoints tell, and log what is refused now and was not before."""
        config, models = self.file.config, self._run.models
        before = self.status
        self.status = Status(config_error=self.file.error)
        if config is not None:
            served = models.adapters if models else {}
            refused = self._plan().refused if models else {}
            wanted = {
                adapter.id: served.get(adapter.id) == adapter.source and adapter.id not in refused
                for adapter in config.ensure_exist
            }
            absent = {id_: id_ in served for id_ in sorted(config.ensure_not_exist)}
            wrong = [*(id_ for id_, here in wanted.items() if not here), *(id_ for id_, here in absent.items() if here)]
            self.status = Status(
                ready=self._run.ready(),
                server=str(self._server),
                config_error=self.file.error,
                adapters=wanted | absent,
                missing={id_: refused.get(id_) or self._failures.get(id_) or self._pending() for id_ in wrong},
                unmanaged=tuple(sorted(served.keys() - wanted.keys() - absent.keys() - self._run.loaded.keys())),
                reached=models is not None,
            )
            _log_refused((id_, refused[id_]) for id_ in refused if before.missing.get(id_) != refused[id_])
        self.metrics.show(self.status)

    def _pending(self) -> str:
        return "pending" if self._run.models is not None else "the model server has not answered yet"


def _of(step: Step) -> dict[str, str]:
    return {"adapter": step.id}


def _log_refused(refusals: Iterable[tuple[str, str]]) -> None:
    for id_, reason in refusals:
        log.error("adapter refused: %s", reason, extra={"adapter": id_})
