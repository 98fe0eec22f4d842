"""Slack, Microsoft Teams, e-mail, webhooks and some hundred other services, by Apprise.

https://github.com/caronc/apprise/wiki has the URL of each service. The URLs hold passwords, so they come from the
environment and are never shown.
"""

from __future__ import annotations

import io
import logging
import os

from apprise import Apprise, NotifyFormat, NotifyType

from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.notify.message import Message

URLS = "ROLLOUT_NOTIFY_URLS"
"""The environment variable with Apprise's URLs, separated by white space."""


class Services:
    """The services that the environment names."""

    def __init__(self, apprise: Apprise) -> None:
        self._apprise = apprise

    @classmethod
    def of_environment(cls) -> Services | None:
        """Return the services of ROLLOUT_NOTIFY_URLS, None without any; raises Failure for a URL of no service."""
        urls = os.environ.get(URLS, "").split()
        apprise = Apprise()
        for number, url in enumerate(urls, 1):
            if not apprise.add(url):
                scheme = url.partition(":")[0] if "://" in url else "no scheme"
                raise Failure(
                    f"URL {number} of {URLS} ({scheme}) is none of Apprise's; see https://github.com/caronc/apprise/wiki",
                    ExitCode.USAGE,
                )
        return cls(apprise) if urls else None

    def send(self, message: Message) -> str:
        """Tell every service; return why one was not told, empty if all were."""
        log = io.StringIO()
        handler = logging.StreamHandler(log)
        logger = logging.getLogger("apprise")
        logger.addHandler(handler)
        logger.propagate = False
        try:
            told = self._apprise.notify(
                title=message.title, body=message.body, notify_type=NotifyType(message.severity),
                body_format=NotifyFormat.TEXT,
            )  # fmt: skip
        finally:
            logger.removeHandler(handler)
        lines = log.getvalue().strip().splitlines()
        return "" if told else (lines[-1] if lines else "a service refused it")
