"""A headless browser for tests: Debian's Chromium, without any request to the outside."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from app.assets import ASSETS
from app.packages import FetchFailed, Member, NpmPackage, Wanted, from_npm

HLS_JS = NpmPackage(
    "hls.js",
    "1.7.4",
    "sha512-3GlxGdPvT2YHvQYOt+yOzT/DEior/qJVNIylHA77kgeoBTdQQqi70GwefNEUmHQeNGyjC8U62+bruqW/Tpm+tg==",
)
HLS_JS_SHA256 = "cfc70cc9e9fc63d071919e087670abc760c8fd1bc889b88588026e4d22193bbe"
WHIP_WHEP = NpmPackage(
    "whip-whep",
    "1.2.0",
    "sha512-CP+Tht3O/N6QLebW5LxsNKgzFN5KX6WinLr1SLs74feagYu+Gqy+0dw48p5RQuE+FlrM4xyOlOdW2UOQwljImA==",
)
WHEP_JS_SHA256 = "7ebd73216be33f6aaaf97a7f532f209d51e189ad5b20ff3079fb8c94d54f1f03"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]

PATIENCE_SECONDS = 60.0
STATES = """() => [...document.querySelectorAll('video')].map((each) => ({
  time: each.currentTime, paused: each.paused, ready: each.readyState, seeking: each.seeking,
  ended: each.ended, error: each.error?.message,
  buffered: [...Array(each.buffered.length).keys()].map((at) =>
    [each.buffered.start(at), each.buffered.end(at)]),
}))"""


@asynccontextmanager
async def browser_page() -> AsyncIterator[Page]:
    """A fresh page; skips the test where there is no Chromium."""
    async with running_browser() as browser:
        yield await browser.new_page()


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Each page of it is fresh; skips the test where there is no Chromium."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=QUIET)
        try:
            yield browser
        finally:
            await browser.close()


async def evaluated(page: Page, script: str, words: object = None) -> Any:
    """What a script of the page answers; fails with the players' states where one is stuck."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await page.evaluate(script, words)
    except TimeoutError:
        pytest.fail(f"{script} {words} does not end: {await page.evaluate(STATES)}")


def hls_js() -> str:
    """The text of hls.js; skips the test where npm packages can't be had."""
    return _script(HLS_JS, "dist/hls.min.js", HLS_JS_SHA256)


def whep_js() -> str:
    """The module of a WHEP player, by an author of the draft; skips the test like `hls_js`."""
    return _script(WHIP_WHEP, "whep.js", WHEP_JS_SHA256)


def _script(package: NpmPackage, path: str, sha256: str) -> str:
    target = ASSETS / "tests" / path.rpartition("/")[2]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        from_npm(package, [Member(f"package/{path}", Wanted(target, (sha256,), 2_000_000))])
    except FetchFailed as error:
        pytest.skip(f"no {package.name}: {error}")
    return target.read_text()
