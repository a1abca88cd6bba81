"""The journey of the README as processes: search, kill, resume, derive, retrain, evaluate, compare, report."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from safetensors.numpy import load_file

from nas.evaluation.rows import EvaluationRow, read_rows
from nas.space import Genotype
from tests.processes import HANGS, nas_command

SMALL = ("--cells", "1", "--batch", "1", "--patch", "32", "--threads", "1", "--set", "data.validation=1")


def nas(*words: str, cwd: Path, dying: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, or with ``dying`` until it kills itself while it writes its second state."""
    done = subprocess.run(
        nas_command(*words, dying=dying),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=HANGS,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == (-signal.SIGKILL if dying else 0), done.stderr
    return done


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small crops of real photographs: enough for five parts, cheap to validate on."""
    folder = tmp_path_factory.mktemp("photos")
    image = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    for i in range(6):
        cv2.imwrite(str(folder / f"crop{i}.png"), image[60 * i : 60 * i + 48, 100:164])
    return folder


@pytest.fixture(scope="module")
def searched(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search in the folder ``run``."""
    folder = tmp_path_factory.mktemp("journey")
    done = nas(
        "search",
        "--space",
        "jsm",
        "--task",
        "sr_x2",
        "--data",
        str(photos),
        "--steps",
        "12",
        *SMALL,
        "--out",
        "run",
        "--set",
        "train.checkpoint_every=2",
        "--set",
        "train.log_every=1",
        cwd=folder,
    )
    assert done.stdout.splitlines()[-1] == "wrote run/genotype.json"
    return folder


def test_a_search_killed_in_the_middle_resumes_to_the_same_genotype_and_weights(searched: Path, photos: Path) -> None:
    words = (
        "search",
        "--space",
        "jsm",
        "--task",
        "sr_x2",
        "--data",
        str(photos),
        "--steps",
        "12",
        *SMALL,
        "--out",
        "killed",
        "--set",
        "train.checkpoint_every=2",
        "--set",
        "train.log_every=1",
    )
    nas(*words, cwd=searched, dying=True)
    assert [p.stem for p in (searched / "killed" / "state").glob("step-*.sha256")] == ["step-000000002"]
    nas("search", "--resume", "killed", cwd=searched)
    ends = [json.loads((searched / name / "summary.json").read_text()) for name in ("run", "killed")]
    assert ends[0]["genotype"] == ends[1]["genotype"] and ends[0]["weights"] == ends[1]["weights"]
    assert (searched / "run" / "weights.safetensors").read_bytes() == (
        searched / "killed" / "weights.safetensors"
    ).read_bytes()


def assert_compared(folder: Path, rows: list[EvaluationRow]) -> None:
    """The tables hold the rows' own figures, and the figures are pictures with something in them."""
    table = list(csv.DictReader((folder / "table.csv").open()))
    assert {line["model"]: float(line["psnr Tiny"]) for line in table if line["source"] == "measured"} == {
        r.model: r.psnr for r in rows
    }
    text = (folder / "table.md").read_text()
    for row in rows:
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {row.model} |")]
        assert f"| {row.psnr:.2f} / {row.ssim:.4f} |" in re.sub(r"</?u>|\*\*", "", line)  # best and second are marked
    pictures = [cv2.imread(str(path)) for path in folder.glob("*.png")]
    assert (folder / "dots_sr_x2.png").is_file() and all(p is not None and p.std() > 1 for p in pictures)


def test_the_journey_ends_with_a_table_and_a_report(searched: Path, photos: Path) -> None:
    nas("derive", "run", "--out", "genotype.json", cwd=searched)
    done = nas(
        "retrain",
        "genotype.json",
        "--task",
        "sr_x2",
        "--data",
        str(photos),
        "--steps",
        "3",
        *SMALL,
        "--out",
        "trained",
        cwd=searched,
    )
    assert done.stdout.splitlines()[-1] == "wrote trained/weights.safetensors"
    benchmark = searched / "sets" / "Tiny" / "HR"
    benchmark.mkdir(parents=True)
    for path in sorted(photos.iterdir())[:2]:
        (benchmark / path.name).write_bytes(path.read_bytes())
    nas(
        "evaluate",
        "trained/weights.safetensors",
        "bicubic",
        "--sets",
        "Tiny",
        "--task",
        "sr_x2",
        "--data",
        "sets",
        "--out",
        "rows.csv",
        "--save-images",
        "images",
        cwd=searched,
    )
    rows = read_rows(searched / "rows.csv")
    assert len(rows) == 2 and all(
        r.set == "Tiny" and r.images == 2 and r.psnr and r.command.startswith("nas evaluate") for r in rows
    )
    derived = next(r for r in rows if r.model != "bicubic")
    assert derived.genotype and derived.parameters and derived.multiply_adds and "Y, border 2" in derived.protocol
    again = nas(
        "evaluate",
        "trained/weights.safetensors",
        "bicubic",
        "--sets",
        "Tiny",
        "--task",
        "sr_x2",
        "--data",
        "sets",
        "--out",
        "rows.csv",
        cwd=searched,
    )
    assert len(read_rows(searched / "rows.csv")) == 2, again.stdout  # finished rows are not measured again
    nas("compare", "rows.csv", "--set-name", "Tiny", "--out", "comparison", cwd=searched)
    assert_compared(searched / "comparison", rows)
    nas("report", "run", "rows.csv", "--images", "images", "--out", "report.html", cwd=searched)
    page = (searched / "report.html").read_text()
    assert f"{derived.psnr:.2f}" in page and "http-equiv" in page and 'src="http' not in page
    nas("show", "genotype.json", "--out", "cell.png", cwd=searched)
    assert cv2.imread(str(searched / "cell.png")) is not None


def test_a_training_killed_in_the_middle_resumes_to_the_same_weights(photos: Path, tmp_path: Path) -> None:
    words = [
        "retrain",
        "jsnet_released",
        "--task",
        "sr_x2",
        "--data",
        str(photos),
        "--steps",
        "8",
        *SMALL,
        "--set",
        "train.checkpoint_every=2",
        "--set",
        "train.ema=0.9",
    ]
    nas(*words, "--out", "whole", cwd=tmp_path)
    nas(*words, "--out", "killed", cwd=tmp_path, dying=True)
    assert [p.stem for p in (tmp_path / "killed" / "state").glob("step-*.sha256")] == ["step-000000002"]
    nas("retrain", "--resume", "killed", cwd=tmp_path)
    whole, killed = (json.loads((tmp_path / n / "summary.json").read_text()) for n in ("whole", "killed"))
    assert whole["weights"] == killed["weights"] and whole["scores"] == killed["scores"]


def test_a_dry_run_prints_costs_and_the_whole_configuration_and_writes_nothing(photos: Path, tmp_path: Path) -> None:
    done = nas("search", "--task", "sr_x2", "--data", str(photos), *SMALL, "--dry-run", cwd=tmp_path)
    for part in ("parameters", "multiply-adds", "memory", "1280x720", "image_residual: true", "strategy: pc_darts"):
        assert part in done.stdout
    assert "142,131" in done.stdout  # supernet of one cell with the image skip, without what these leave unused
    assert list(tmp_path.iterdir()) == []


def test_a_users_own_space_and_block_need_no_change_here(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "my_blocks.py").write_text(
        "from torch import nn\n"
        "from nas.space import block\n\n\n"
        '@block("operation", name="my_conv")\n'
        "class MyConv(nn.Module):\n"
        "    def __init__(self, channels: int) -> None:\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(channels, channels, 3, padding=1)\n\n"
        "    def forward(self, x):\n"
        "        return x + self.conv(x)\n"
    )
    (tmp_path / "my.yaml").write_text(
        "format: nas.space/1\nname: mine\nskeleton: jsnet\ncells:\n  operation:\n    role: operation\n    nodes: 2\n"
        "    inputs: all\n    candidates: [my_conv]\n    merge: sum\n"
        "    relaxation: {partial_channels: 4, edge_weights: true}\nnetwork: {width: 16, cells: 1}\n"
    )
    own = ("--plugin", "my_blocks.py")
    nas(
        "search",
        "--space",
        "my.yaml",
        *own,
        "--task",
        "sr_x2",
        "--data",
        str(photos),
        "--steps",
        "2",
        *SMALL,
        "--out",
        "run",
        cwd=tmp_path,
    )
    nas(
        "retrain",
        "run",
        *own,
        "--task",
        "sr_x2",
        "--data",
        str(photos),
        "--steps",
        "1",
        "--batch",
        "1",
        "--patch",
        "32",
        "--set",
        "data.validation=1",
        "--out",
        "t",
        cwd=tmp_path,
    )
    (tmp_path / "sets" / "Tiny").mkdir(parents=True)
    (tmp_path / "sets" / "Tiny" / "a.png").write_bytes((photos / "crop0.png").read_bytes())
    nas(
        "evaluate", "t/weights.safetensors", *own, "--sets", "Tiny", "--data", "sets", "--out", "rows.csv", cwd=tmp_path
    )
    (row,) = read_rows(tmp_path / "rows.csv")
    genotype = Genotype.load(tmp_path / "run" / "genotype.json")
    assert {choice.block for choice in genotype.cells["operation"]} == {"my_conv"} and row.genotype == genotype.hash
    tensors = load_file(tmp_path / "t" / "weights.safetensors")
    assert [t.shape for key, t in tensors.items() if key.endswith(".conv.weight")] == [(16, 16, 3, 3)] * 3
    assert row.parameters == sum(t.size for t in tensors.values())
    assert row.psnr is not None and 5 < row.psnr < 60
