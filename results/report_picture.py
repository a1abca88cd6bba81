"""A picture of the report page: ``python -m results.report_picture RUN ROWS --out results/figures/report.png``.

The page is written by ``nas report`` from the sources given and photographed by a headless Chromium in its light and
its dark form. Without Chromium nothing is written, a sentence says so, and the exit code is 0.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: pixels of each half
WIDTH, HEIGHT = 900, 1240
#: a headless window keeps this many pixels of its height for itself
WINDOW_FRAME = 100
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def photograph(browser: str, page: Path, dark: bool, folder: Path) -> Image.Image:
    """The upper part of ``page`` as an RGB image of WIDTH x HEIGHT pixels."""
    shot = folder / f"shot-{dark}.png"
    command = [browser, *QUIET, f"--user-data-dir={folder / 'profile'}", "--hide-scrollbars"]
    scheme = f"--blink-settings=preferredColorScheme={int(not dark)}"
    command += [f"--window-size={WIDTH},{HEIGHT + WINDOW_FRAME}", scheme]
    subprocess.run([*command, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True, timeout=300)
    with Image.open(shot) as image:
        return image.convert("RGB").crop((0, 0, WIDTH, HEIGHT))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m results.report_picture", description=__doc__)
    parser.add_argument("sources", nargs="+", help="run folders and CSV files, as 'nas report' takes them")
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    options = parser.parse_args(arguments)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.stderr.write(f"no Chromium on this machine, so {options.out} was not made; install chromium\n")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = folder / "report.html"
        subprocess.run([sys.executable, "-m", "nas", "report", *options.sources, "--out", str(page)], check=True)
        both = Image.new("RGB", (2 * WIDTH, HEIGHT))
        for at, dark in enumerate((False, True)):
            both.paste(photograph(browser, page, dark, folder), (at * WIDTH, 0))
    both.quantize(256, method=Image.Quantize.MAXCOVERAGE).save(options.out, optimize=True)
    sys.stdout.write(f"wrote {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
