"""The manual builds without a warning, and everything in it leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import nas
from tests.docs.markdown import ROOT, text_of

pytest.importorskip("sphinx", reason="the manual is built with the extra 'docs'")


class Page(HTMLParser):
    """What a built page links to, and the places in it that links may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.places.add(value)
            elif (tag, name) in {("a", "href"), ("img", "src")} and value:
                self.targets.append(value)


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("manual")
    words = ["-m", "sphinx", "-W", "-q", "-b", "html", "-d", str(out / "doctrees"), "docs", str(out / "html")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return out / "html"


@pytest.fixture(scope="module")
def pages(manual: Path) -> dict[Path, Page]:
    return {p: Page(p.read_text(encoding="utf-8")) for p in sorted(manual.rglob("*.html"))}


def test_every_link_and_image_of_the_built_manual_leads_somewhere(pages: dict[Path, Page]) -> None:
    """Links to the network are looked at for their form only."""
    lost = []
    for page, content in pages.items():
        for target in content.targets:
            parts = urlsplit(target)
            if parts.scheme:
                assert parts.scheme in ("http", "https", "mailto") and (parts.netloc or parts.path), target
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchors = pages[file].places if file in pages else set()
            if not file.exists() or (parts.fragment and file in pages and unquote(parts.fragment) not in anchors):
                lost.append(f"{page.name}: {target}")
    assert not lost


def test_the_generated_pages_hold_every_command_setting_and_column(manual: Path) -> None:
    from nas.cli.commands import COMMANDS
    from nas.evaluation.rows import EvaluationRow

    commands = (manual / "reference/commands.html").read_text(encoding="utf-8")
    assert all(f"nas {entry.name}" in commands for entry in COMMANDS)
    settings = (manual / "reference/settings.html").read_text(encoding="utf-8")
    assert all(key in settings for key in ("train.optimizer.lr", "search.warmup", "limits.macs", "search.trials"))
    rows = (manual / "reference/rows.html").read_text(encoding="utf-8")
    assert all(f">{name}<" in rows for name in EvaluationRow.__dataclass_fields__)


def test_every_public_name_is_in_the_reference_of_the_python_interface() -> None:
    described = set(re.findall(r"^\.\. auto\w+:: nas\.(\w+)", text_of("docs/reference/api.md"), re.M))
    assert described == set(nas.__all__) - {"__version__"}
