"""A real browser. Where the machine has none, the run says so and ends: nothing is skipped in silence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: For a browser in a container: no sandbox of its own, and no connections to its maker.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_FOUND = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_sessionstart() -> None:
    if _FOUND is None:
        pytest.exit("NOT RUN, because this machine has no Chromium: the tests of pages in a browser", returncode=0)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_FOUND, args=_FLAGS)
        yield browser
        browser.close()
