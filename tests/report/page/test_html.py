"""The HTML report: one file, no network, everything escaped, tolerant of a half-written run, bounded in size."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow as Row
from nas.evaluation.rows import write_rows
from nas.images import write_image
from nas.report.page.html import LIMIT, write_report
from nas.report.page.pictures import Picture, encode, find_pictures
from nas.space import Genotype
from tests.processes import HANGS

EVIL = "<script>alert(1)</script>\"'&"
ROWS = [
    Row(
        "net",
        "sr_x2",
        "Set5",
        images=5,
        psnr=37.93,
        ssim=0.9603,
        protocol="Y, border 2",
        parameters=476_000,
        multiply_adds=10**11,
        cost_output="1280x720",
        command="nas evaluate net.safetensors --task sr_x2",
        torch="2.13",
    ),
    Row(
        "bicubic",
        "sr_x2",
        "Set5",
        images=5,
        psnr=33.66,
        ssim=0.9299,
        protocol="Y, border 2",
        command="nas evaluate bicubic",
    ),
]
PAPERS = [Row("rival", "sr_x2", "Set5", psnr=38.0, parameters=10**6, multiply_adds=2 * 10**11, source="published: P")]
GENOTYPE = Genotype.from_lists([("rb", 0)], [("esab", 0)])


class Page(HTMLParser):
    """Tags, attributes, text, and whether every opened tag is closed."""

    VOID = frozenset({"meta", "img", "input", "br", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, k, v or "") for k, v in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    events = [{"step": s, "kind": "train", "loss": 3.0 / s} for s in range(1, 5)]
    events.append({"step": 4, "kind": "warning", "message": EVIL})
    events.append({"step": 4, "kind": "architecture", "probabilities": {"operation": [[0.1] * 7]}, "counts": {EVIL: 1}})
    lines = [json.dumps(e) for e in events]
    (folder / "events.jsonl").write_text("\n".join([*lines, '{"step": 5, "ki']), encoding="utf-8")
    (folder / "config.yaml").write_text(f"kind: search\nspace: jsm\nnote: {EVIL}\n", encoding="utf-8")
    GENOTYPE.save(folder / "genotype.json")
    write_rows(folder / "rows.csv", ROWS)
    rng = np.random.default_rng(0)
    for model in ("bicubic", "net"):
        write_image(
            folder / "images" / model / "sr_x2" / "Set5" / "baby.png", rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        )
    return folder


@pytest.fixture(scope="module")
def full(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = write_report(tmp_path_factory.mktemp("out") / "deep" / "report.html", run=run_folder, published=PAPERS)
    assert out.stat().st_size < LIMIT
    return out.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_has_every_part(full: str) -> None:
    page = Page(full)
    sections = [v for t, k, v in page.attributes if t == "section" and k == "id"]
    assert sections == ["results", "cost", "pictures", "cell", "search", "provenance", "configuration"]


def test_the_page_needs_no_network(full: str) -> None:
    page = Page(full)
    assert not {"link", "iframe", "object", "base", "form"} & set(page.tags)
    for tag, key, value in page.attributes:
        if key in ("src", "href", "srcset", "action", "poster", "data"):
            assert value.startswith(("data:", "#")), f"<{tag} {key}={value[:60]!r}>"
    style, script = (re.search(rf"<{t}>(.*?)</{t}>", full, re.S).group(1) for t in ("style", "script"))  # type: ignore[union-attr]
    assert "url(" not in style and "@import" not in style
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|https?:", script)
    policy = next(v for t, k, v in page.attributes if t == "meta" and k == "content" and "default-src" in v)
    assert "default-src 'none'" in policy and "http" not in policy


def test_embedded_drawings_load_nothing_either(full: str) -> None:
    drawings = [base64.b64decode(m) for m in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', full)]
    assert drawings
    for svg in drawings:
        references = re.findall(rb'(?:href|src)="([^"]*)"', svg)
        assert all(r.startswith((b"#", b"data:")) for r in references)


def test_every_number_leads_to_its_protocol_and_command(full: str) -> None:
    page = Page(full)
    anchors = {v for t, k, v in page.attributes if t == "details" and k == "id"}
    links = [v for t, k, v in page.attributes if t == "a" and k == "href" and v.startswith("#row-")]
    assert len(links) == 3 and {x[1:] for x in links} == anchors
    for row in ROWS:
        assert row.command in page.text and row.protocol in page.text


def test_published_lines_are_marked(full: str) -> None:
    page = Page(full)
    assert "rival †" in page.text and "Published, not measured here: P" in page.text
    for tag in ("tr", "details"):  # in the table of results, and under how each number was made
        assert sum(k == "class" and v == "published" for t, k, v in page.attributes if t == tag) == 1


def test_it_is_made_for_phones_and_for_both_themes(full: str) -> None:
    assert 'name="viewport" content="width=device-width' in full
    assert "prefers-color-scheme:dark" in full and 'id="theme"' in full
    light, dark = (full.count(f'class="on-{t}"') for t in ("light", "dark"))
    assert light == dark > 3


def test_nothing_from_outside_becomes_markup(tmp_path: Path) -> None:
    rows = [Row(EVIL, EVIL, EVIL, psnr=30.0 + i, protocol=EVIL, command=EVIL, weights=f"{EVIL}{i}") for i in range(2)]
    rows.append(Row(EVIL, EVIL, EVIL, psnr=30.0, source=f"published: {EVIL}"))
    picture = np.zeros((8, 8), dtype=np.uint8)
    out = write_report(tmp_path / "r.html", rows=rows, images={EVIL: {EVIL: picture, "b": picture}}, title=EVIL)
    text = out.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    page = Page(text)
    assert page.tags.count("script") == 1 and EVIL in page.text


def test_a_run_s_own_texts_are_escaped(full: str) -> None:
    assert "<script>alert" not in full and EVIL in Page(full).text


@pytest.mark.parametrize("missing", ["config.yaml", "events.jsonl", "genotype.json", "rows.csv", "images"])
def test_a_run_without_one_of_its_parts_is_reported(run_folder: Path, tmp_path: Path, missing: str) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy, ignore=shutil.ignore_patterns(missing))
    assert "Not shown" not in Page(write_report(tmp_path / "r.html", run=copy).read_text(encoding="utf-8")).text


@pytest.mark.parametrize("damaged", ["genotype.json", "rows.csv"])
def test_a_damaged_part_is_named_and_costs_nothing_else(run_folder: Path, tmp_path: Path, damaged: str) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    (copy / damaged).write_text("{,", encoding="utf-8")
    text = Page(write_report(tmp_path / "r.html", run=copy).read_text(encoding="utf-8")).text
    assert f"{damaged} could not be shown" in text and "Configuration" in text


def test_rows_alone_or_a_genotype_alone_make_a_report(tmp_path: Path) -> None:
    assert "37.93" in write_report(tmp_path / "a.html", rows=ROWS).read_text(encoding="utf-8")
    assert "Derived cell" in write_report(tmp_path / "b.html", genotype=GENOTYPE).read_text(encoding="utf-8")


def test_nothing_to_report_is_said(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="nothing to report"):
        write_report(tmp_path / "r.html")
    with pytest.raises(NasError, match="no run folder"):
        write_report(tmp_path / "r.html", run=tmp_path / "absent")
    assert not (tmp_path / "r.html").exists()


def test_many_large_pictures_stay_under_the_limit(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 1000, 3), dtype=np.uint8)  # noise does not compress
    scenes = [Picture(f"scene {i}", {"bicubic": noise, "net": noise}) for i in range(6)]
    out = write_report(tmp_path / "r.html", rows=ROWS, images=scenes)
    assert 1_000_000 < out.stat().st_size < LIMIT


def test_a_picture_is_exact_while_it_fits_and_smaller_when_not() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    exact = encode(noise, 100_000)
    assert exact is not None and exact[0].startswith("data:image/png") and exact[1:] == (80, 64)
    tight = encode(noise, 4_000)
    assert tight is not None and len(tight[0]) <= 4_000
    assert encode(noise, 10) is None
    assert encode(Path("absent.png"), 1_000) is None


def test_pictures_are_found_as_evaluation_saves_them(run_folder: Path) -> None:
    (scene,) = find_pictures(run_folder / "images")
    assert scene.name == "sr_x2 / Set5 / baby" and list(scene.versions) == ["bicubic", "net"]


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_runs_the_page(full: str, tmp_path: Path, width: int) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine, so the page's script is not run")
    file = tmp_path / "report.html"
    # what the probe writes into the title can only come from the page's script having run; the policy allows inline
    probe = """<script>
    const head = document.querySelectorAll('table.sortable th')[1]; head.querySelector('button').click();
    const first = document.querySelector('table.sortable tbody tr td').textContent;
    head.querySelector('button').click();
    const last = document.querySelector('table.sortable tbody tr td').textContent;
    document.getElementById('theme').click();
    const wide = document.documentElement.scrollWidth > innerWidth;
    const seen = document.querySelector('.stage img.left').src.startsWith('data:');
    document.title = [first, last, document.documentElement.dataset.theme, wide, seen].join(' ; ');
    </script></body>"""
    file.write_text(full.replace("</body>", probe), encoding="utf-8")
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    place = [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900"]
    command = [CHROMIUM, *quiet, *place, "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)
    if done.returncode != 0:
        pytest.skip(f"Chromium does not start on this machine (exit code {done.returncode})")
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None and title.group(1) == "rival † ; bicubic ; dark ; false ; true"
