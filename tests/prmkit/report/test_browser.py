"""The page in a real browser."""

import html
import json
import re
import shutil
import subprocess

import pytest

from prmkit.report.write import render

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROBE = """
<iframe width="WIDTH" height="900" srcdoc="PAGE"></iframe>
<script>
onload = () => {
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
  const wide = [...page.body.querySelectorAll("*")].filter((each) =>
    each.getBoundingClientRect().right > root.clientWidth + 1 && !each.closest(".scroll"));
  for (const each of page.querySelectorAll("details")) each.open = true;
  const opened = root.scrollWidth;
  page.querySelector("[data-show=wrong]").click();
  const shown = [...page.querySelectorAll(".example")].filter((each) => !each.hidden);
  document.title = JSON.stringify({
    width: root.clientWidth, scroll: opened, wide: wide.map((each) => each.tagName + "." + each.className),
    kinds: [...new Set(shown.map((each) => each.dataset.kind))], shown: shown.length,
    told: page.getElementById("shown").textContent, ink: getComputedStyle(page.body).color,
    cells: new Set([...page.querySelectorAll(".cell")].map((each) => getComputedStyle(each).backgroundColor)).size,
  });
};
</script>
"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no chromium here to open the report in")
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_its_window_and_the_filter_filters(report, tmp_path, width, dark) -> None:
    page = tmp_path / "probe.html"
    framed = PROBE.replace("WIDTH", str(width)).replace("PAGE", html.escape(render(report), quote=True))
    page.write_text(framed, encoding="utf-8")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    done = subprocess.run(
        [BROWSER, *flags, scheme, "--virtual-time-budget=3000", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stdout[:2000] + done.stderr[-2000:]
    seen = json.loads(html.unescape(title[1]))
    assert seen["scroll"] <= seen["width"] and seen["wide"] == []
    assert seen["kinds"] == ["wrong"] and seen["shown"] == 12 and seen["told"] == "12 solutions shown"
    assert seen["cells"] > 10, "the colour scale does not work"
    assert seen["ink"] == ("rgb(231, 234, 238)" if dark else "rgb(22, 25, 29)")
