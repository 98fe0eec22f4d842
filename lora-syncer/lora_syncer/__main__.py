"""The program: rounds without end, and the endpoints beside them."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from types import FrameType

from lora_syncer.config_file import ConfigFile
from lora_syncer.endpoints import Endpoints
from lora_syncer.logs import JsonFormatter
from lora_syncer.metrics import Metrics
from lora_syncer.settings import Settings, SettingsError
from lora_syncer.syncer import Syncer

ROUND_SECONDS = 1


def main() -> None:
    """Run until SIGTERM or SIGINT, which end the program at once; the adapters stay loaded."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        settings = Settings.of(os.environ)
    except SettingsError as error:
        sys.exit(f"lora_syncer: {error}")
    _log_json()
    metrics = Metrics()
    file = ConfigFile(settings.config, settings.max_adapters)
    syncer = Syncer(file, metrics, settings.max_adapters, settings.api_key)
    try:
        endpoints = Endpoints(settings.port, syncer.status_now, metrics.registry)
    except OSError as error:
        sys.exit(f"lora_syncer: port {settings.port} can't be used: {error.strerror}")
    threading.Thread(target=endpoints.serve_forever, daemon=True).start()
    logging.getLogger(__name__).info("started", extra={"port": endpoints.server_port, "config": str(settings.config)})
    while True:
        if not syncer.round():
            time.sleep(ROUND_SECONDS)


def _log_json() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _stop(signal_number: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
