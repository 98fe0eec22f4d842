"""What the syncer knows about the model server from one start of it to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from lora_syncer.config import Config
from lora_syncer.model_server import Models


@dataclass
class Run:
    """One run of the model server, known from its answers alone; the next run begins with nothing.

    `from_start` says that the model server was seen down before. Then every adapter that it serves and that was not
    loaded from here was loaded by another. Where the model server was there before the syncer, an earlier syncer may
    have loaded some: those that it serves exactly as the configuration names them are taken over, all others are
    left alone.
    """

    from_start: bool = False
    models: Models | None = None
    #: Adapters that the syncer loaded: it was answered so, and they have been served from that source ever since.
    loaded: dict[str, str] = field(default_factory=dict)
    #: Loads that were asked for and not answered: an adapter that is served from there later counts as loaded.
    unanswered: set[tuple[str, str]] = field(default_factory=set)
    _taken_over: bool = False
    _joined: bool = False
    _served: set[tuple[str, str]] = field(default_factory=set)

    def observe(self, models: Models) -> None:
        """Note an answer of /v1/models."""
        self.models = models
        known = self.loaded.items() | self.unanswered
        self.loaded = {id_: source for id_, source in models.adapters.items() if (id_, source) in known}
        self.unanswered -= self.loaded.items()

    def follow(self, config: Config) -> None:
        """Note what the configuration in force says of the adapters that are served."""
        assert self.models is not None
        wanted = {(adapter.id, adapter.source) for adapter in config.ensure_exist}
        served = wanted & set(self.models.adapters.items())
        if not self._taken_over:
            self._taken_over = True
            if not self.from_start:
                self.loaded |= dict(served)
        self._joined = self._joined or served == wanted
        self._served = self._served & wanted | served

    def ready(self) -> bool:
        """Whether the pod may be in its pool.

        It joins when every adapter that the configuration names is served. Once in, it stays as long as no adapter
        is missing that it has served already and that is still named: an adapter that can't be loaded must not take
        every pod of the pool, whose ConfigMap changes for all at once, out of it.
        """
        return self._joined and self.models is not None and self.suffices(self.models)

    def suffices(self, models: Models) -> bool:
        """Whether an answer of /v1/models has every adapter that a pod in its pool may not miss."""
        return self._served <= set(models.adapters.items())
