"""A real browser for the page's tests: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

AXE = "axe-core@4.14.1"
CACHE = Path.home() / ".cache" / "framehop"
# In the page: what a tile's canvas shows. The lowest row of the box is free of labels; only boxes have colours there.
SAMPLE = """(tile) => {
    const canvas = tile.querySelector("canvas");
    const zoom = canvas.width / 640;
    const row = (y) => canvas.getContext("2d").getImageData(0, Math.round(y * zoom), canvas.width, 1).data;
    const [bits, box] = [row(276), row(150)];
    let seq = 0;
    for (let bit = 0; bit < 12; bit += 1) if (bits[4 * Math.round((36 + bit * 40) * zoom)] > 127) seq |= 1 << bit;
    const grey = (x) => Math.max(...box.slice(4 * x, 4 * x + 3)) - Math.min(...box.slice(4 * x, 4 * x + 3)) < 50;
    let edge = 0;
    while (edge < canvas.width && grey(edge)) edge += 1;
    return { event: tile.dataset.event, seq, edge: edge / zoom };
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser without a window. Skips the test, with the reason, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, a package of the extra tools")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, **options: Any) -> Iterator[Page]:
    """Open a page of a browser that has nothing stored. At the end it must have thrown no error and broken no policy."""
    context: BrowserContext = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    faults: list[str] = []
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    try:
        yield page
        assert faults == []
    finally:
        context.close()


def axe() -> str:
    """Return the source of axe-core, which the npm registry gives once. Skips the test where it is not to be had."""
    kept = CACHE / f"{AXE.replace('@', '-')}.js"
    if not kept.exists():
        if shutil.which("npm") is None:
            pytest.skip("needs axe-core, and npm to get it")
        with tempfile.TemporaryDirectory() as folder:
            got = subprocess.run(
                ["npm", "pack", AXE, "--silent"], check=False, cwd=folder, capture_output=True, text=True, timeout=120
            )
            packed = list(Path(folder).glob("*.tgz"))
            if not packed:
                pytest.skip(f"needs axe-core, which npm could not get: {got.stderr[-300:]}")
            with tarfile.open(packed[0]) as archive:
                member = archive.extractfile("package/axe.min.js")
                assert member is not None
                CACHE.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(member.read())
    return kept.read_text()


def violations(page: Page, *rules: str) -> list[str]:
    """Return what axe-core finds wrong on the page as it is, a line each: by these rules, or by WCAG 2.2 AA and good habits."""
    page.evaluate(axe())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("(only) => axe.run({ runOnly: only, resultTypes: ['violations'] })", list(rules) or tags)
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
