"""What a report shows without being told: the retraining of a search, and pictures restored with its weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.models.weights import save_weights
from nas.report.page.followed import restored_pictures, with_retrainings
from nas.report.page.html import write_report
from nas.report.page.material import collect_material
from nas.report.run_folder import read_run
from nas.space import Genotype, load_space

FOUND = Genotype.from_lists([("rb", 0)], [("cea", 0)])
OTHER = Genotype.from_lists([("lrb", 0)], [("cea", 0)])


def run(folder: Path, kind: str, genotype: Genotype) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"kind: {kind}\nspace: jsm\ntask: sr_x2\n", encoding="utf-8")
    losses = [{"step": s, "kind": "train", "loss": 3.0 / s} for s in range(1, 5)]
    losses += [{"step": s, "kind": "validation", "psnr": 30.0 + s} for s in (2, 4)]
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in losses), encoding="utf-8")
    genotype.save(folder / "genotype.json")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    run(tmp_path / "search", "search", FOUND)
    run(tmp_path / "trained", "retrain", FOUND)
    run(tmp_path / "of_another", "retrain", OTHER)
    run(tmp_path / "second_search", "search", FOUND)
    return tmp_path


def test_a_search_brings_the_trainings_of_its_genotype_once(runs: Path) -> None:
    search, trained = read_run(runs / "search"), read_run(runs / "trained")
    assert [r.name for r in with_retrainings([search])] == ["search", "trained"]
    assert [r.name for r in with_retrainings([search, trained])] == ["search", "trained"]
    assert [r.name for r in with_retrainings([read_run(runs / "of_another")])] == ["of_another"]


def test_the_page_of_a_search_holds_the_curve_of_its_training_and_its_cell_once(runs: Path) -> None:
    page = write_report(runs / "report.html", run=runs / "search").read_text(encoding="utf-8")
    assert "Search and training: trained" in page and "of_another" not in page
    assert page.count("Derived cell: ") == 2, "once in the navigation and once as a heading"


def test_sample_photographs_are_restored_with_the_weights_of_a_training(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    space = load_space("jsm").with_network({"width": 8, "cells": 1})
    genotype = space.sample(np.random.default_rng(0))
    network, parts = space.network(genotype, "sr_x2"), {"genotype": genotype, "space": space.document}
    save_weights(runs / "trained" / "weights.safetensors", network, kind="derived", task="sr_x2", **parts)
    monkeypatch.setattr("nas.report.page.followed.MOST_PICTURES", 1)
    problems: list[str] = []
    pictures = restored_pictures([read_run(runs / "search"), read_run(runs / "trained")], problems)
    assert problems == [] and len(pictures) == 1
    for picture in pictures:
        assert list(picture.versions) == ["degraded", "bicubic", "trained", "target"]
        assert np.asarray(picture.versions["trained"]).shape == np.asarray(picture.versions["target"]).shape
    assert collect_material([runs / "search"], [], None, None, []).pictures == [], "only where it is asked for"


def test_weights_that_cannot_be_used_are_named_and_the_page_is_made(runs: Path) -> None:
    (runs / "trained" / "weights.safetensors").write_bytes(b"broken")
    page = write_report(runs / "report.html", run=runs / "search", restore=True).read_text(encoding="utf-8")
    assert "pictures could not be shown" in page and "Search and training: trained" in page
