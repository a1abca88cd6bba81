"""Every published table against the reference specification: all of its figures, none missing, none invented."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from results import published

SETS = {"BSD100": "B100"}
Figures = dict[tuple[str, str, str], tuple[float | None, float | None]]  # (model, task, set) -> PSNR, SSIM
Cell = tuple[str, str, str, float, float | None]


def section(text: str, heading: str) -> str:
    """The text below the first heading that holds ``heading``, up to the next heading."""
    found = re.search(rf"^#+[^\n]*{re.escape(heading)}[^\n]*\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    assert found, f"the specification has no heading {heading!r}"
    return found.group(1)


def tables(text: str) -> list[list[list[str]]]:
    """Pipe tables as lists of lines of cells; the line of dashes is dropped."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("|"):
            if not inside:
                found.append([])
            inside = True
            cells = [c.strip().strip("*").strip() for c in line.strip().strip("|").split("|")]
            if not set("".join(cells)) <= set("-: "):
                found[-1].append(cells)
        else:
            inside = False
    return found


def numbers(cell: str) -> tuple[float | None, float | None]:
    """PSNR and SSIM of 38.05/0.9608 or 38.05 / **0.9608**; what is absent is None."""
    values = [float(v) for v in re.findall(r"\d+\.\d+", cell)]
    return (values[0] if values else None), (values[1] if len(values) > 1 else None)


def amount(cell: str) -> int | None:
    """476K, 6,797G, 0.56M, 4.1e6 as a count; "N/A" and "" are None."""
    found = re.match(r"([\d.,]+(?:e\d+)?)([KMG]?)$", cell)
    if not found:
        return None
    return round(float(found.group(1).replace(",", "")) * {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}[found.group(2)])


def model_name(cell: str) -> str:
    return re.sub(r"\s*\(.*\)$", "", cell.replace("*", "")).strip()


def wide(table: list[list[str]], task: str, first: int) -> Iterator[Cell]:
    """A line a model, a column a set from ``first`` on."""
    for line in table[1:]:
        for head, cell in zip(table[0][first:], line[first:], strict=True):
            psnr, ssim = numbers(cell)
            if psnr is not None:
                yield model_name(line[0]), task, SETS.get(head, head), psnr, ssim


def jsnet(text: str) -> Iterator[Cell]:
    part = text[text.index("## 15. Published results") :]
    for scale, table in zip((2, 3, 4), tables(section(part, "Super-resolution"))[:3], strict=True):
        yield from wide(table, f"sr_x{scale}", 4)
    (noise,) = tables(section(part, "Grey-scale Gaussian"))
    for line in noise[1:]:
        for head, cell in zip(noise[0][2:], line[2:], strict=True):
            for sigma, value in zip(re.findall(r"\d+", head.split(" ", 1)[1]), cell.split(" / "), strict=False):
                psnr, _ = numbers(value)
                if psnr is not None:
                    yield model_name(line[0]), f"denoise_gray_{sigma}", head.split()[0], psnr, None
    (jpeg,) = tables(section(part, "JPEG deblocking"))
    for line in jpeg[1:]:
        for head, cell in zip(jpeg[0][2:], line[2:], strict=True):
            psnr, ssim = numbers(cell)
            if psnr is not None:
                yield model_name(head), f"jpeg_q{line[1]}", line[0], psnr, ssim


def mspan(text: str) -> Iterator[Cell]:
    part = text[text.index("## 9. Published results") :]
    for scale in (2, 3, 4):
        yield from wide(tables(section(part, f"SR ×{scale}"))[0], f"sr_x{scale}", 3)
    for model, task, name, psnr, ssim in wide(tables(section(part, "Attention ablation"))[0], "sr_x2", 3):
        label = "baseline" if model == "Baseline" else f"with {model.removeprefix('+').strip()}"
        yield f"MSPAN ablation: {label}", task, name, psnr, ssim
    (noise,) = tables(section(part, "Gaussian denoising"))
    for line in noise[2:]:
        for head, cell in zip(noise[0][1:], line[1:], strict=True):
            psnr, ssim = numbers(cell)
            assert psnr is not None
            yield head, f"denoise_gray_{line[0].split()[1]}", "BSD200", psnr, ssim
    (real,) = tables(section(part, "Real-world denoising"))
    for head, cell in zip(real[0][1:], real[2][1:], strict=True):
        psnr, ssim = numbers(cell)
        if psnr is not None:
            yield head, "denoise_real", "PolyU", psnr, ssim
    (rain,) = tables(section(part, "Rain-streak"))
    for head, psnr_cell, ssim_cell in zip(rain[0][1:], rain[1][1:], rain[2][1:], strict=True):
        yield head, "derain", "DID-MDN", float(psnr_cell.strip("*")), float(ssim_cell.strip("*"))


def dsrir(text: str) -> Iterator[Cell]:
    (every,) = tables(section(text, "All-in-one (Table 4)"))
    names = {"BSD68 15": "CBSD68 sigma 15", "BSD68 25": "CBSD68 sigma 25", "BSD68 50": "CBSD68 sigma 50"}
    for model, task, name, psnr, ssim in wide([line[:-1] for line in every], "all_in_one", 1):
        yield model, task, names.get(name, name), psnr, ssim
    (noise,) = tables(section(text, "Denoising (Table 5)"))
    for model, _, head, psnr, ssim in wide(noise, "", 1):
        set_name, sigma = head.split()
        yield model, f"denoise_color_{sigma}", {"BSD68": "CBSD68"}.get(set_name, set_name), psnr, ssim
    weather = (("Deraining, Rain100L", "derain", "Rain100L"), ("Dehazing, SOTS", "dehaze", "SOTS"))
    for heading, task, set_name in weather:
        (pairs,) = tables(section(text, heading))
        for line in pairs[1:]:
            for start in (0, 3):
                yield model_name(line[start]), task, set_name, float(line[start + 1]), float(line[start + 2])


PAPERS: dict[str, Callable[[str], Iterator[Cell]]] = {"jsnet": jsnet, "mspan": mspan, "dsrir": dsrir}
SOURCES = {"jsnet": "JSNet paper", "mspan": "MSPAN paper", "dsrir": "DSRIR paper"}


def specification(shared: Path, name: str) -> str:
    file = shared / "specs" / f"{name}.md"
    if not file.is_file():
        pytest.skip(f"no specification {file.name} in the shared reference data")
    return file.read_text(encoding="utf-8")


@pytest.mark.shared
@pytest.mark.parametrize("paper", PAPERS)
def test_every_figure_of_the_paper_is_there_and_no_other(paper: str, shared: Path) -> None:
    wanted: Figures = {(m, t, s): (p, q) for m, t, s, p, q in PAPERS[paper](specification(shared, paper))}
    held: Figures = {
        (r.model, r.task, r.set): (r.psnr, r.ssim)
        for r in published()
        if SOURCES[paper] in r.source and r.psnr is not None and "read from the plot" not in r.source
    }
    assert len(wanted) > 100
    assert held == wanted


@pytest.mark.shared
@pytest.mark.parametrize("paper", ["jsnet", "mspan"])
def test_costs_of_the_super_resolution_tables(paper: str, shared: Path) -> None:
    text = specification(shared, paper)
    start, first = (("## 15. Published", 2), ("## 9. Published", 1))[paper == "mspan"]
    part = text[text.index(start) :]
    found = tables(section(part, "Super-resolution")) if paper == "jsnet" else []
    found = found or [tables(section(part, f"SR ×{s}"))[0] for s in (2, 3, 4)]
    checked = 0
    for scale, table in zip((2, 3, 4), found, strict=False):
        for line in table[1:]:
            rows = [r for r in published(f"sr_x{scale}") if r.model == model_name(line[0])]
            rows = [r for r in rows if SOURCES[paper] in r.source and r.psnr is not None]
            assert {r.parameters for r in rows} == {amount(line[first])}, line
            assert {r.multiply_adds for r in rows} == {amount(line[first + 1])}, line
            checked += 1
    assert checked > 30


@pytest.mark.shared
def test_running_times(shared: Path) -> None:
    (table,) = tables(section(specification(shared, "mspan"), "Running time"))
    wanted = {
        (line[0], SETS.get(head, head)): (float(cell), amount(line[1]))
        for line in table[1:]
        for head, cell in zip(table[0][2:], line[2:], strict=True)
        if cell != "-"
    }
    timed = [r for r in published("sr_x4") if r.latency_median_ms is not None]
    held = {(r.model, r.set): (r.latency_median_ms, r.parameters) for r in timed}
    assert held == wanted


#: lightweight anchors: parameters in thousands, multiply-adds in G, PSNR on Set5, Set14, B100, Urban100
ANCHORS = {
    "SMFANet": (186, 41, (38.04, 33.65, 32.19, 32.22)),
    "SMFANet+": (480, 108, (38.18, 33.82, 32.28, 32.64)),
    "SPIN": (497, 114, (38.20, 33.90, 32.31, 32.79)),
    "SAFMN": (228, 52, (38.00, 33.54, 32.16, 31.84)),
    "DLSR": (323, 67, (38.04, 33.64)),
    "RLFN": (527, 115, (38.07, 33.72, 32.22, 32.33)),
    "ShuffleMixer": (394, 91, (38.01, 33.63, 32.17, 31.89)),
}


@pytest.mark.parametrize("model", ANCHORS)
def test_lightweight_anchors(model: str) -> None:
    parameters, multiply_adds, psnr = ANCHORS[model]
    rows = [r for r in published("sr_x2") if r.model == model]
    assert {r.set: r.psnr for r in rows} == dict(zip(("Set5", "Set14", "B100", "Urban100"), psnr, strict=False))
    assert {(r.parameters, r.multiply_adds) for r in rows} == {(parameters * 1000, multiply_adds * 10**9)}
