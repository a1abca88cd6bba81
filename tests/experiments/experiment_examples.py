"""Experiments without training: runs whose figures are functions of genotype and seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.engines.setup import space_of
from nas.experiments import results as results_module
from nas.experiments import runs as runs_module
from nas.experiments import variants as variants_module
from nas.experiments.budget import Cost, is_differentiable
from nas.models.weights import save_weights
from nas.space import Genotype
from nas.tasks import get_task
from nas.train.run import Run
from nas.train.trainable import build_trainable

TINY = """
format: nas.space/1
name: tiny
skeleton: jsnet
cells:
  operation:
    role: operation
    nodes: 2
    inputs: all
    candidates: [none, skip_connect, srb, sep_conv_3x3]
    merge: sum
    relaxation: {partial_channels: 4, edge_weights: true}
network: {width: 16, cells: 1}
"""


def image_folder(folder: Path, count: int = 8) -> Path:
    """Small smooth pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        small = rng.integers(0, 255, (10, 10, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), cv2.resize(small, (48, 48), interpolation=cv2.INTER_CUBIC))
    return folder


def tiny_settings(folder: Path, *assignments: str, **flags: Any) -> SearchSettings:
    """A search of a space of 27 genotypes on eight pictures, everything as small as it goes."""
    (folder / "tiny.yaml").write_text(TINY)
    images = image_folder(folder / "images")
    defaults = {
        "space": str(folder / "tiny.yaml"),
        "data__path": [str(images)],
        "data__batch": 1,
        "data__patch": 32,
        "data__validation": 2,
        "threads": 1,
        "train__steps": 4,
        "retrain__steps": 2,
    }
    changes = ["retrain.random_genotypes=1", "search.trial_steps=2", *assignments]
    return build(SearchSettings, None, changes, **{**defaults, **flags})


def psnr_of(genotype: Genotype, seed: int) -> float:
    """The made-up quality of a training."""
    return 30 + int(genotype.hash[:6], 16) % 1000 / 1000 + 0.01 * seed


class Stage:
    """Stands in for searches, trainings and supernets; ``calls`` are (kind, folder name), ``fail`` ends one."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fail: Callable[[str], bool] = lambda name: False

    def search(self, settings: Any = None, *, out: Any = None, resume: Any = None) -> None:
        run, settings = self._open("search", settings, out, resume, SearchSettings)
        space = space_of(settings)
        genotype = space.sample(settings.seed + 1000 * len(settings.strategy))
        genotype.save(run.folder / "genotype.json")
        run.write_text("space.json", json.dumps(space.document))
        gap = 0.5 + 0.1 * settings.seed
        scores = {"psnr": 30.0, "derived_psnr": 30.0 - gap, "gap": gap}
        if not is_differentiable(settings):
            scores = {"psnr": 30.0}
        self._end(run, {"genotype": genotype.hash, "weights": "", "scores": scores})

    def retrain(self, settings: Any = None, *, out: Any = None, resume: Any = None) -> None:
        run, settings = self._open("retrain", settings, out, resume, RetrainSettings)
        found = build_trainable(settings, get_task(settings.task))
        assert found.genotype is not None and found.space is not None
        path = run.folder / "weights.safetensors"
        digest = save_weights(
            path, found.model, kind="derived", task=settings.task, genotype=found.genotype, space=found.space.document
        )
        psnr = psnr_of(found.genotype, settings.seed)
        every, steps = settings.train.validate_every, settings.train.steps
        seen = range(every, steps + 1, every)
        events = [{"step": s, "kind": "validation", "psnr": psnr - (1 - s / steps)} for s in seen]
        (run.folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
        self._end(run, {"weights": digest, "scores": {"psnr": psnr}})

    def scores(self, run: Path, settings: Any, genotypes: dict[str, Genotype]) -> dict[str, float]:
        return {key: psnr_of(g, 0) - 10 for key, g in genotypes.items()}

    def measure_cost(self, settings: SearchSettings, repeats: int = 3) -> Cost:
        if is_differentiable(settings):
            heavy = 2.0 if getattr(settings.search, "order", None) == "second" else 1.0
            return Cost("step", heavy, 3e9 * heavy, 0.5, 1e9, 0.25)
        return Cost("trial", 0.5 * settings.search.trial_steps + 0.5, 1e9, validation_seconds=0.5)

    def _open(self, kind: str, settings: Any, out: Any, resume: Any, expected: Any) -> tuple[Run, Any]:
        self.calls.append((kind, Path(out or resume).name))
        if resume is not None:
            run = Run.open(resume)
            return run, run.expect(expected)
        made = Run.create(out, kind, settings)
        made.lock.release()
        return made, settings

    def _end(self, run: Run, summary: dict[str, Any]) -> None:
        state = run.states / "step-000000001.sha256"
        state.parent.mkdir(exist_ok=True)
        state.write_text("")
        if self.fail(run.folder.name):
            raise KeyboardInterrupt
        run.write_summary(summary)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Every run of an experiment is made up, and every cost."""
    made = Stage()
    monkeypatch.setattr(runs_module, "search", made.search)
    monkeypatch.setattr(runs_module, "retrain", made.retrain)
    monkeypatch.setattr(results_module, "supernet_scores", made.scores)
    monkeypatch.setattr(variants_module, "measure_cost", made.measure_cost)
    return made
