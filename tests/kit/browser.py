"""A real browser without a window: Chromium, by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page, sync_playwright

from inferencepool_lab.builds.debian import installed

NAMES = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
HEIGHT = 900
LOAD_SECONDS = 60.0


@dataclass
class Shown:
    """A page as it was shown: the expression's `value`, what was complained of, and every URL asked for."""

    value: Any = None
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def show(page: Path, expression: str, width: int, scheme: Literal["light", "dark"], picture: Path) -> Shown:
    """Show a file at a width (CSS px), write a PNG of the whole page, and return what came of it.

    `expression` is evaluated once the page is loaded.
    """
    with opened(page.resolve().as_uri(), width, scheme) as (tab, shown):
        shown.value = tab.evaluate(expression)
        tab.screenshot(path=picture, full_page=True)
    return shown


@contextmanager
def opened(url: str, width: int, scheme: Literal["light", "dark"]) -> Iterator[tuple[Page, Shown]]:
    """Open a URL at a width (CSS px); yields the tab and what comes of it, which goes on while the block runs."""
    shown = Shown()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=["--no-sandbox"])
        try:
            tab = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme=scheme)
            tab.on("request", lambda request: shown.requests.append(request.url))
            tab.on("console", lambda message: shown.complaints.append(message.text))
            tab.on("pageerror", lambda error: shown.complaints.append(str(error)))
            tab.goto(url, timeout=1000 * LOAD_SECONDS)
            yield tab, shown
        finally:
            browser.close()


def _program() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or installed(NAMES[0], NAMES[0], "fonts-dejavu-core")
