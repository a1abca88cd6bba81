"""Every supported pair of model and task trains from the command line, resumes exactly and is evaluated.

The table "model x task" of docs/reference/models-and-tasks.md is made from the same pairs, so it cannot go stale:
``python tests/train/test_model_task.py`` prints it.
"""

from __future__ import annotations

import json
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data import PatchSource
from nas.images import write_image
from nas.registry import BASELINES, TASKS
from nas.tasks import get_task

#: sizes at which a network of each kind takes a few milliseconds a step
TINY: dict[str, tuple[str, ...]] = {
    "jsnet": ("network.layers=1", "network.C=8"),
    "mspan": ("network.width=8", "network.distilled=4", "network.n_blocks=1"),
    "dlsn": ("network.n_resgroups=1", "network.n_resblocks=1", "network.n_feats=16", "network.chunk_size=16"),
    "jdnet": ("network.unit_num=1",),
    "dsrir": (
        *(f"network.{k}=8" for k in ("sn1_feats", "sn2_feats", "sn3_feats")),
        "network.feats_step1=4",
        "train.criterion.extractor_width=0.0625",
    ),
    **dict.fromkeys(("smfanet", "smfanet_plus", "safmn"), ("network.dim=8", "network.n_blocks=1")),
    **dict.fromkeys(
        ("lkfmixer_t", "lkfmixer_b", "lkmn_t", "rlfn", "rlfn_s", "span"), ("network.channels=8", "network.n_blocks=1")
    ),
}
STEPS, PERIOD, STOPPED = 9, 3, 5


def supported(model: str) -> list[str]:
    """Names of the registered tasks that a baseline says it serves."""
    patterns = BASELINES.get(model).tasks
    return [task for task in TASKS.names() if any(fnmatchcase(task, p) for p in patterns)]


TRAINABLE = [name for name in BASELINES.names() if BASELINES.get(name).trainable]
PAIRS = [(model, task) for model in TRAINABLE for task in supported(model)]


@pytest.fixture(scope="module")
def photo() -> np.ndarray[Any, Any]:
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[64:192, 150:278])


def problem(folder: Path, photo: np.ndarray[Any, Any], task: str) -> Path:
    """A data folder that holds one patch; what wants real pairs gets one."""
    chosen = get_task(task)
    clean = photo[: patch_of(task), : patch_of(task)]
    data = folder / "data"
    folders = {
        "derain": ("rain", "norain"),
        "dehaze": ("hazy", "clear"),
        "denoise_real": ("noisy", "clean"),
        "deblur": ("blur", "sharp"),
    }
    if task in folders:
        bad, good = folders[task]
        write_image(data / bad / "a.png", np.asarray(chosen.degrade(clean, np.random.default_rng(0))))
        write_image(data / good / "a.png", clean)
    else:
        write_image(data / "a.png", clean)
    write_image(folder / "sets" / "Tiny" / "HR" / "b.png", photo[64:104, 64:96])
    return data


def patch_of(task: str) -> int:
    """16 pixels before enlargement, 24 at equal size."""
    scale = get_task(task).scale
    return 16 * scale if scale > 1 else 24


def losses(run: Path) -> list[float]:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [event["loss"] for event in events if event["kind"] == "train"]


def command(*words: str, code: int = 0) -> None:
    from nas.cli.app import main

    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert (end.value.code or 0) == code


@pytest.mark.parametrize(("model", "task"), PAIRS, ids=[f"{m}-{t}" for m, t in PAIRS])
def test_pair_trains_resumes_and_is_evaluated(
    model: str,
    task: str,
    tmp_path: Path,
    photo: np.ndarray[Any, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = PatchSource.batch  # three batches for ever: their losses compare, whatever noise was drawn
    monkeypatch.setattr(PatchSource, "batch", lambda source, step: batch(source, step % PERIOD))
    data, whole, cut = problem(tmp_path, photo, task), tmp_path / "whole", tmp_path / "cut"
    common = (
        "data.augment=false",
        "data.validation=0",
        "train.log_every=1",
        f"train.checkpoint_every={STOPPED}",
        "train.schedule.name=constant",
        "train.schedule.warmup=0",
    )
    assignments = [word for text in (*common, *TINY[model]) for word in ("--set", text)]
    command(
        "retrain",
        model,
        "--task",
        task,
        "--preset",
        "small",
        "--data",
        str(data),
        "--steps",
        str(STEPS),
        "--batch",
        "1",
        "--patch",
        str(patch_of(task)),
        "--lr",
        "2e-3",
        *assignments,
        "--out",
        str(whole),
    )
    found = losses(whole)
    assert len(found) == STEPS and np.mean(found[-PERIOD:]) < np.mean(found[:PERIOD])

    shutil.copytree(whole, cut)  # as if it had been killed after step 5
    for late in (*(cut / "state").glob(f"*{STEPS}.*"), cut / "summary.json", cut / "weights.safetensors"):
        late.unlink()
    command("retrain", "--resume", str(cut))
    assert losses(cut) == found
    assert (cut / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()

    capsys.readouterr()
    command(
        "evaluate",
        f"mine={cut / 'weights.safetensors'}",
        "--task",
        task,
        "--sets",
        "Tiny",
        "--data",
        str(tmp_path / "sets"),
        "--out",
        str(tmp_path / "rows.csv"),
    )
    printed = capsys.readouterr().out
    assert "mine" in printed and "Tiny" in printed
    from nas.evaluation.rows import read_rows

    rows = read_rows(tmp_path / "rows.csv")
    assert len(rows) == 1 or task == "all_in_one"  # there each degradation has a row of its own, and their mean
    for row in rows:
        assert (row.model, row.task) == ("mine", task) and np.isfinite(row.psnr)
        assert (
            row.images == 1
            if row.set.startswith("Tiny")
            else (row.set, row.images)
            == (
                f"mean of {len(rows) - 1}",
                len(rows) - 1,
            )
        )


def table() -> str:
    """The table of the manual: models that serve a family of tasks, by the ids of the tests above."""
    served = {model: supported(model) for model in BASELINES.names()}
    lines = ["| task | " + " | ".join(served) + " |", "|---|" + "---|" * len(served)]
    for task in TASKS.names():
        marks = [
            ("T" if (model, task) in PAIRS else "reference") if task in tasks else "" for model, tasks in served.items()
        ]
        lines.append(f"| `{task}` | " + " | ".join(marks) + " |")
    return "\n".join(lines)


def test_the_manual_shows_the_pairs_that_are_tested() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "reference" / "models-and-tasks.md").read_text(encoding="utf-8")
    _, _, rest = manual.partition("<!-- model x task -->\n")
    shown, _, _ = rest.partition("\n<!-- end -->")
    assert shown == table(), "print the table anew: python tests/train/test_model_task.py"
    assert "tests/train/test_model_task.py::test_pair_trains_resumes_and_is_evaluated[MODEL-TASK]" in manual


def test_every_trainable_model_is_served_small() -> None:
    assert set(TINY) == set(TRAINABLE)


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")
