"""A headless Chromium, which also takes the screenshots of the documentation."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.helpers.airflow_home import ROOT

CHROMIUM: Final = shutil.which("chromium")
PICTURES: Final = ROOT / "docs/images"
# Chromium connects to no other host, and can run as root in a container.
_QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SAME: Final = 0.001
# Dates, times, ids and ports are replaced by fixed ones, so that a screenshot changes only if the page changes.
_STILL: Final = r"""() => {
    const ids = [];
    const still = text => text
        .replace(/\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?/g, "2026-01-02$112:00:00")
        .replace(/\b00:\d\d:\d\d\.\d{3}/g, "00:00:00.500")
        .replace(/\d\d:\d\d UTC/g, "12:00 UTC")
        .replace(/[A-Z][a-z]{2} \d\d, \d{4} \d\d:\d\d/g, "Jan 02, 2026 12:00")
        .replace(/(asset_triggered__\S+)_\w{8}$/g, "$1_a1b2c3d4")
        .replace(/(["(=\s]|^)\/[\w./-]+\/(?=[\w-]+\.\w+)/g, "$1/opt/airflow/")
        .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, id => {
            if (!ids.includes(id)) ids.push(id);
            return `00000000-0000-4000-8000-${String(ids.indexOf(id) + 1).padStart(12, "0")}`;
        })
        .replace(/\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{1,11}\b/g, "00000000-0000-4000-8000-0000000")
        .replace(/\b[0-9a-f]{64}\b/g, "8b421de9".repeat(8))
        .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:18126");
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = still(texts.currentNode.nodeValue);
        if (text !== texts.currentNode.nodeValue) texts.currentNode.nodeValue = text;
    }
}"""


@contextmanager
def page() -> Iterator[Page]:
    """Open a page in a browser. A small window and a high resolution keep the text of its screenshots readable."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
        opened = browser.new_page(viewport={"width": 1280, "height": 680}, device_scale_factor=2, color_scheme="light")
        opened.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        try:
            yield opened
        finally:
            browser.close()


def picture(shown: Page | Locator, name: str) -> None:
    """Take a screenshot, and save it in the documentation if it differs from the saved one."""
    whole = shown if isinstance(shown, Page) else shown.page
    whole.mouse.move(0, 0)
    whole.wait_for_timeout(800)  # until animations end
    whole.evaluate(_STILL)
    taken = _trim(Image.open(io.BytesIO(shown.screenshot(animations="disabled"))).convert("RGB"))
    path = PICTURES / f"{name}.png"
    if not path.exists() or _differ(taken, path) > _SAME:
        PICTURES.mkdir(exist_ok=True)
        taken.quantize(256).save(path, optimize=True)


def _trim(picture: Image.Image) -> Image.Image:
    """Cut off what is blank at the bottom."""
    blank = Image.new("RGB", picture.size, picture.getpixel((picture.width - 1, picture.height - 1)))
    box = ImageChops.difference(picture, blank).getbbox() or (0, 0, *picture.size)
    return picture.crop((0, 0, picture.width, min(picture.height, box[3] + 40)))


def _differ(taken: Image.Image, path: Path) -> float:
    """Return the share of pixels that differ visibly."""
    kept = Image.open(path).convert("RGB")
    if kept.size != taken.size:
        return 1.0
    differences = ImageChops.difference(taken, kept).convert("L").point(lambda value: 255 if value > 48 else 0)
    return differences.histogram()[255] / (taken.width * taken.height)
