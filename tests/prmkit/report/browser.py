"""Pages in a real browser: what a script sees in one that is open in a frame."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium here to open the page in")
FRAME = """
<iframe width="WIDTH" height="900" srcdoc="PAGE"></iframe>
<script>
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const probe = async (page, view) => { SCRIPT };
onload = async () => {
  const frame = document.querySelector("iframe");
  const seen = await probe(frame.contentDocument, frame.contentWindow).catch((error) => ({ error: String(error) }));
  document.title = JSON.stringify(seen);
};
</script>
"""
OVERFLOW = """
const root = page.documentElement;
const wide = [...page.body.querySelectorAll("*")].filter((each) => each.getClientRects().length &&
  each.getBoundingClientRect().right > root.clientWidth + 1 && !each.closest(".scroll"));
const scroll = root.scrollWidth > root.clientWidth;
const overflow = { wide: wide.map((each) => each.tagName + "." + each.className), scroll };
"""
"""What does not fit into the window."""
FITS = {"wide": [], "scroll": False}


def seen(page: str, script: str, folder: Path, *, width: int = 1280, dark: bool = False) -> dict[str, Any]:
    """Open a page in a frame of this width and run a script on its document (`page`) and window (`view`).

    Time is virtual: it passes at once where the page waits, and not at all while it works.
    """
    assert BROWSER is not None
    file = folder / "probe.html"
    framed = FRAME.replace("WIDTH", str(width)).replace("SCRIPT", script).replace("PAGE", html.escape(page))
    file.write_text(framed, encoding="utf-8")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    done = subprocess.run(
        [BROWSER, *flags, scheme, "--virtual-time-budget=20000", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search(r"<title>(\{.*?)</title>", done.stdout)
    assert title, "the script did not end: " + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(html.unescape(title[1]))
    assert "error" not in found, found
    return found
