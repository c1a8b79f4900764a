"""A headless browser for tests: Debian's Chromium, without any request to the outside."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright

from app.assets import ASSETS
from app.packages import FetchFailed, Member, NpmPackage, Wanted, from_npm

HLS_JS = NpmPackage(
    "hls.js",
    "1.7.4",
    "sha512-3GlxGdPvT2YHvQYOt+yOzT/DEior/qJVNIylHA77kgeoBTdQQqi70GwefNEUmHQeNGyjC8U62+bruqW/Tpm+tg==",
)
HLS_JS_SHA256 = "cfc70cc9e9fc63d071919e087670abc760c8fd1bc889b88588026e4d22193bbe"
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


@asynccontextmanager
async def browser_page() -> AsyncIterator[Page]:
    """A fresh page; skips the test where there is no Chromium."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=QUIET)
        try:
            yield await browser.new_page()
        finally:
            await browser.close()


def hls_js() -> str:
    """The text of hls.js; skips the test where npm packages can't be had."""
    wanted = Wanted(ASSETS / "tests" / "hls.min.js", (HLS_JS_SHA256,), 2_000_000)
    wanted.target.parent.mkdir(parents=True, exist_ok=True)
    try:
        from_npm(HLS_JS, [Member("package/dist/hls.min.js", wanted)])
    except FetchFailed as error:
        pytest.skip(f"no hls.js: {error}")
    return wanted.target.read_text()
