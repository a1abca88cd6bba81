"""The page in a real browser: no error on its console, no network, sorts, slides, both themes, a phone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from nas.evaluation.rows import EvaluationRow as Row
from nas.evaluation.rows import write_rows
from nas.images import write_image
from nas.report.page.html import write_report
from nas.space import Genotype
from results import published
from tests.processes import HANGS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: what the page is asked to do; the answers come back in its title
PROBE = """<script>
(() => {
  const said = {};
  const table = document.querySelector('table.sortable');
  const head = [...table.querySelectorAll('th')].find((h) => h.textContent.startsWith('Set5'));
  const values = () => [...table.tBodies[0].rows].map((r) => r.cells[head.cellIndex].dataset.value)
    .filter(Boolean).map(Number);
  head.querySelector('button').click();
  said.falls = values().every((v, i, all) => !i || all[i - 1] >= v);
  head.querySelector('button').click();
  said.rises = values().every((v, i, all) => !i || all[i - 1] <= v);
  said.sort = head.getAttribute('aria-sort');
  const name = table.querySelector('th button');
  name.click();
  const names = [...table.tBodies[0].rows].map((r) => r.cells[0].textContent.trim());
  said.names = names.join() === [...names].sort((a, b) => a.localeCompare(b)).join();
  const box = document.querySelector('.show-published');
  const paper = document.querySelector('tr.published');
  said.folded = getComputedStyle(paper).display;
  box.click();
  said.unfolded = getComputedStyle(paper).display;
  box.click();
  said.second = table.tHead.rows[0].cells[1].textContent.trim();
  said.seen = table.tHead.rows[0].cells[1].getBoundingClientRect().right <= innerWidth;
  const scroll = table.parentElement;
  scroll.scrollLeft = 200;
  said.sticky = Math.abs(table.tBodies[0].rows[0].cells[0].getBoundingClientRect().left
    - scroll.getBoundingClientRect().left) < 3;
  const inSight = (i) => i.getBoundingClientRect().right <= innerWidth;
  said.scaled = [...document.querySelectorAll('figure img')].every(inSight);
  const picture = document.querySelector('figure.wide img');
  picture.click();
  said.zoomed = picture.closest('figure').classList.contains('zoomed');
  picture.click();
  const [left, right] = [...document.querySelectorAll('.stage .tag')].map((t) => t.textContent);
  said.opens = `${left} against ${right}`;
  location.hash = '#row-0';
  dispatchEvent(new Event('hashchange'));
  const line = document.getElementById('row-0');
  said.opened = line.open && line.parentElement.closest('details').open;
  const stage = document.querySelector('.stage');
  const range = stage.querySelector('input');
  range.value = 20;
  range.dispatchEvent(new Event('input', {bubbles: true}));
  said.cut = stage.style.getPropertyValue('--cut');
  said.clip = getComputedStyle(stage.querySelector('img.left')).clipPath;
  const select = document.querySelectorAll('.viewer select')[1];
  const before = stage.querySelector('img.left').src;
  select.value = [...select.options].map((o) => o.value).find((v) => v !== select.value);
  select.dispatchEvent(new Event('change', {bubbles: true}));
  said.changed = stage.querySelector('img.left').src !== before;
  said.dark = matchMedia('(prefers-color-scheme: dark)').matches;
  said.paper = getComputedStyle(document.body).backgroundColor;
  said.shown = getComputedStyle(document.querySelector('figure .on-dark')).display;
  document.getElementById('theme').click();
  said.other = getComputedStyle(document.body).backgroundColor;
  said.overflow = document.documentElement.scrollWidth > innerWidth;
  said.broken = [...document.images].filter((i) => i.src && i.complete && !i.naturalWidth).length;
  said.loaded = performance.getEntriesByType('resource').filter((e) => !e.name.startsWith('data:')).map((e) => e.name);
  said.width = innerWidth;
  document.title = JSON.stringify(said);
})();
</script></body>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Every section: rows, published ones, a search, trials, pictures with their true images, an experiment."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    events = [{"step": s, "kind": "train", "loss": 3.0 / s} for s in range(1, 5)]
    weights = {"operation": rng.dirichlet([1] * 7, 3).tolist()}
    events += [{"step": s, "kind": "architecture", "probabilities": weights, "counts": {"rb": s}} for s in (1, 2)]
    events += [{"step": s, "kind": "trial", "psnr": 30.0 + s, "macs": 1e9, "state": "complete"} for s in (1, 2)]
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
    (folder / "config.yaml").write_text("kind: search\nspace: jsm\n", encoding="utf-8")
    Genotype.from_lists([("rb", 0)], [("esab", 0)]).save(folder / "genotype.json")
    rows = [
        Row(m, "sr_x2", "Set5", psnr=p, protocol="Y, border 2", parameters=n, multiply_adds=n * 200_000, command="nas")
        for m, p, n in (("net", 37.9, 476_000), ("small", 37.0, 90_000), ("bicubic", 33.7, 0))
    ]
    write_rows(folder / "rows.csv", rows)
    for model in ("bicubic", "net", "target", "degraded"):
        for name in ("baby", "bird"):
            size = (20, 30, 3) if model == "degraded" else (40, 60, 3)
            image = rng.integers(0, 256, size, dtype=np.uint8)
            write_image(folder / "images" / model / "sr_x2" / "Set5" / f"{name}.png", image)
    campaign = tmp_path_factory.mktemp("campaign")
    (campaign / "campaign.yaml").write_text("kind: campaign\n", encoding="utf-8")
    table = "### Arms\n\n| Variant | PSNR |\n|---|---:|\n| a <b> | **31.2** |\n"
    (campaign / "table.md").write_text(table, encoding="utf-8")
    pairs = [{"supernet": 30.0 + i, "trained": 31.0 + i} for i in range(4)]
    (campaign / "statistics.json").write_text(json.dumps({"pairs": pairs}), encoding="utf-8")
    out = write_report(folder / "report.html", run=[folder, campaign], published=published("sr_x2"))
    return out.read_text(encoding="utf-8")


def browse(page: str, folder: Path, width: int, dark: bool) -> tuple[dict[str, object], str]:
    """What the probe said, and what the browser wrote on its console."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine, so the page's script is not run")
    file = folder / "report.html"
    file.write_text(page.replace("</body>", PROBE), encoding="utf-8")
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    place = [f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", "--enable-logging=stderr"]
    theme = ["--blink-settings=preferredColorScheme=0"] if dark else ["--blink-settings=preferredColorScheme=1"]
    command = [CHROMIUM, *quiet, *place, *theme, "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)
    if done.returncode != 0:
        pytest.skip(f"Chromium does not start on this machine (exit code {done.returncode})")
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.S)
    assert title is not None
    console = "\n".join(x for x in done.stderr.splitlines() if "CONSOLE" in x)
    assert title.group(1).startswith("{"), f"the page's script did not come to its end: {console}"
    return json.loads(title.group(1)), console


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (768, True), (390, False)])
def test_the_page_works_in_a_browser(page: str, tmp_path: Path, width: int, dark: bool) -> None:
    said, console = browse(page, tmp_path, width, dark)
    assert console == "", "nothing stands on the console"
    assert said["falls"] and said["rises"] and said["sort"] == "ascending" and said["names"]
    assert (said["folded"], said["unfolded"]) == ("none", "table-row"), "published rows are folded away at first"
    assert "Set5" in str(said["second"]) and said["seen"], "PSNR is the second column and in sight"
    assert said["sticky"] and said["scaled"] and said["zoomed"] and said["opened"]
    assert said["opens"] == "degraded against net", "the slider opens what was given against the best"
    assert said["cut"] == "20%" and "80%" in str(said["clip"]) and said["changed"]
    light, black = "rgb(255, 255, 255)", "rgb(23, 27, 32)"
    assert said["dark"] is dark
    assert (said["paper"], said["other"]) == ((black, light) if dark else (light, black))
    assert said["shown"] == ("block" if dark else "none")
    assert said["overflow"] is False and said["broken"] == 0 and said["loaded"] == []


def test_a_script_error_would_be_seen(page: str, tmp_path: Path) -> None:
    broken = page.replace("<script>", "<script>console.error('deliberate');", 1)
    assert "deliberate" in browse(broken, tmp_path, 1280, False)[1]


def test_the_page_holds_details_and_the_experiment(page: str) -> None:
    named = "results cost pictures details experiment cell search provenance configuration"
    assert "Best measured on Set5: net, 37.90 dB" in page and "Best published: " in page
    for anchor in named.split():
        assert f'<section id="{anchor}"' in page, anchor
    assert "a &lt;b&gt;" in page and "<strong>31.2</strong>" in page
