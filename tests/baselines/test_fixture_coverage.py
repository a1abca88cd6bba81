"""Every entry of every fixture manifest is exercised by a test, or says why none can.

The manifests of the shared reference data list files, cases and facts. Here each of them names its test, and the
tests named must exist; a new entry without a line here fails.
"""

from __future__ import annotations

import ast
import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.data.patches import flip_and_transpose
from nas.evaluation.scoring import score_output
from nas.tasks import with_protocol
from nas.tasks.degradations import gaussian_noise
from nas.train.recipes import recipe
from nas.train.schedules import learning_rate

TESTS = Path(__file__).parents[1]
HERE = "baselines/test_fixture_coverage.py"
ABOUT = "describes the manifest itself"
JDNET, DSRIR = "baselines/test_jdnet_golden.py", "baselines/test_dsrir_golden.py"
DLSN, JSNET = "baselines/test_dlsn_golden.py", "search_spaces/test_jsnet_golden.py"
MODERN, FAMILIES = "search_spaces/modern/test_blocks_golden.py", "baselines/test_residual_baselines.py"
MSPAN, JSNET_DOOR = "baselines/test_mspan_counts.py", "baselines/test_jsnet_baseline.py"

#: entry (the last word may be a wildcard) -> "file::test", or "-: why there is none"
COVERED: dict[str, dict[str, str]] = {
    "jsnet": {
        "cases/x2_checkpoint": f"{JSNET_DOOR}::test_official_checkpoint_loads_without_being_told_anything",
        "cases/x2_io": f"{JSNET}::test_released_x2_network_gives_reference_output_and_features",
        "cases/op_*": f"{JSNET}::test_block_gives_reference_output_and_gradient",
        "cases/att_*": f"{JSNET}::test_block_gives_reference_output_and_gradient",
        "cases/mix*": f"{JSNET}::test_mixed_edge_gives_reference_output",
        "cases/cssa_C64": f"{JSNET}::test_part_gives_reference_output_and_gradient",
        "cases/upm_*": f"{JSNET}::test_part_gives_reference_output_and_gradient",
        "cases/pffm_*": f"{JSNET}::test_progressive_fusion_gives_reference_output_and_gradients",
        "cases/supernet_c16_l2_x2": f"{JSNET}::test_supernet_gives_reference_loss_gradients_and_genotype",
        "cases/derived_mixed_x3": f"{JSNET}::test_derived_network_gives_reference_output_loss_and_gradients",
        "format": f"-: {ABOUT}",
        "torch": f"-: {ABOUT}",
        "tolerance_rule": f"-: {ABOUT}",
        "reference_commit": f"-: {ABOUT}",
    },
    "mspan": {
        "defaults": f"{MSPAN}::test_defaults_are_the_published_ones",
        "sr": f"{MSPAN}::test_super_resolution_has_the_published_size_and_work",
        "submodules": f"{MSPAN}::test_submodules_have_the_calibrated_sizes",
        "attention_variants_x2": f"{MSPAN}::test_attention_ablation_has_the_published_size_and_work",
        "restoration": f"{MSPAN}::test_restoration_network_has_the_calibrated_sizes_and_work",
        "small_configs": f"{MSPAN}::test_small_configuration_has_the_stated_size",
        "small_restoration_config": f"{MSPAN}::test_small_restoration_configuration_has_the_stated_size",
        "shapes": f"{MSPAN}::test_every_input_size_is_enlarged_by_the_scale",
        "internal_shapes_lr_*": f"{MSPAN}::test_inner_maps_have_the_stated_shapes",
        "behaviour": f"{MSPAN}::test_averaging_network_gives_the_closed_form_values",
        "training": f"{MSPAN}::test_published_recipe_is_the_published_training",
        "madds_convention": "cli/test_profile.py::test_full_models_have_their_stated_size_and_work",
        "published_mspan": f"{HERE}::test_published_scores_of_mspan_stand_in_the_tables",
        "reference_models": "-: sizes of other papers' networks, which are no part of this project",
        "model": f"-: {ABOUT}",
        "status": f"-: {ABOUT}",
    },
    "dlsn": {
        "cases/gla_*": f"{DLSN}::test_attention_gives_reference_order_output_and_gradients",
        "cases/dlsn_x2": f"{DLSN}::test_network_gives_reference_output_features_and_gradient",
        "cases/dlsn_x2_chunk128": f"{DLSN}::test_network_gives_reference_output_features_and_gradient",
        "cases/dlsn_x2_chop": f"{DLSN}::test_tiling_and_self_ensemble_give_reference_output",
        "cases/dlsn_x2_ensemble": f"{DLSN}::test_tiling_and_self_ensemble_give_reference_output",
        "parameter_counts": f"{DLSN}::test_parameter_counts_are_the_published_ones",
        "scale_shapes": f"{DLSN}::test_tensor_names_and_shapes_are_the_published_ones",
        "chop_geometry": f"{DLSN}::test_tiles_are_the_reference_tiles_and_cover_the_image",
        "lr_schedule": f"{HERE}::test_recipes_of_dlsn_have_the_learning_rates_of_the_reference",
        "format": f"-: {ABOUT}",
        "model": f"-: {ABOUT}",
        "torch": f"-: {ABOUT}",
        "notes": f"-: {ABOUT}",
    },
    "jdnet": {
        "entries/primitives": f"{JDNET}::test_primitives_give_reference_values_and_gradients",
        "entries/sam_*": f"{JDNET}::test_module_gives_reference_output_and_gradient",
        "entries/sa_bottleneck_*": f"{JDNET}::test_module_gives_reference_output_and_gradient",
        "entries/sc*": f"{JDNET}::test_module_gives_reference_output_and_gradient",
        "entries/residual_block": f"{JDNET}::test_module_gives_reference_output_and_gradient",
        "entries/joint_unit*": f"{JDNET}::test_module_gives_reference_output_and_gradient",
        "entries/position_grid": f"{JDNET}::test_position_grid_is_the_reference",
        "entries/network_narrow": f"{JDNET}::test_narrow_network_gives_reference_output_taps_and_gradient",
        "entries/network_full": f"{JDNET}::test_full_network_gives_reference_output",
        "entries/train_steps": f"{JDNET}::test_training_trace_is_the_reference",
        "entries/metrics/ssim_*": f"{JDNET}::test_losses_and_similarity_are_the_reference",
        "entries/metrics/m*": f"{JDNET}::test_losses_and_similarity_are_the_reference",
        "entries/metrics/psnr_joint_clipped": f"{HERE}::test_the_protocol_of_jdnet_gives_the_reference_scores",
        "entries/data_pair/tensors": "data/test_layouts.py::test_side_by_side_fixture_of_the_reference",
        "entries/data_pair/schedules": f"{HERE}::test_recipes_of_jdnet_have_the_schedule_of_the_reference",
        "entries/data_pair/crop*": "-: the draws of the release's own generator, seeded once and copied into every "
        "loader process, so that workers repeat each other; patches here are a function of seed and step",
        "weight_recipe": f"{JDNET}::test_full_network_gives_reference_output",
        "format": f"-: {ABOUT}",
        "set": f"-: {ABOUT}",
        "conventions": f"-: {ABOUT}",
    },
    "modern": {
        "cases/*net*": f"{FAMILIES}::test_whole_network_gives_reference_output_features_and_gradient",
        "cases/lkfmixer_b_x2": f"{FAMILIES}::test_whole_network_gives_reference_output_features_and_gradient",
        "cases/fmb": f"{MODERN}::test_a_cell_of_two_normed_slots_is_the_whole_block_of_smfanet",
        "cases/*": f"{MODERN}::test_block_gives_reference_output_for_every_image_and_size",
        "format": f"-: {ABOUT}",
        "torch": f"-: {ABOUT}",
        "tolerance_rule": f"-: {ABOUT}",
    },
    "dsrir": {
        "blocks/block_*": f"{DSRIR}::test_unit_gives_reference_output",
        "networks/net_*": f"{DSRIR}::test_network_gives_reference_images_and_features",
        "losses": f"{DSRIR}::test_losses_give_reference_values",
        "train": f"{DSRIR}::test_three_updates_follow_the_reference",
        "pipeline/augmentation": f"{HERE}::test_augmentation_makes_every_case_of_dsrir",
        "pipeline/reflect_padding": "-: the release mirrors training images smaller than the patch; here they are "
        "refused with a sentence that names the file, because mirrored borders would be learnt",
        "pipeline/crop8": "baselines/test_dsrir.py::test_crop8_keeps_the_published_part",
        "pipeline/metrics": "evaluation/test_metrics.py::test_the_metrics_of_dsrir_are_reproduced",
        "pipeline/file": f"{HERE}::test_noise_is_stored_as_by_dsrir",
        "parameter_counts": f"{DSRIR}::test_parameter_counts_are_the_reference_ones",
        "schedules/epoch_chg": "baselines/test_dsrir.py::test_stage_boundaries_are_the_reference_ones",
        "schedules/note": f"-: {ABOUT}",
        "schedules/lr_*": "baselines/test_dsrir.py::test_learning_rate_of_an_epoch_is_the_reference_one",
        "seeded_extractor": f"{DSRIR}::test_seeded_extractors_give_reference_weights_and_contrast",
        "description": f"-: {ABOUT}",
        "format": f"-: {ABOUT}",
    },
}


def manifest(shared: Path, model: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((shared / "fixtures" / model / "manifest.json").read_text(encoding="utf-8"))
    return document


def entries(document: dict[str, Any]) -> list[str]:
    """Paths of the entries: lists and groups of files are opened, the rest is one entry a key."""
    found: list[str] = []
    for key, value in document.items():
        if key in ("cases", "entries", "blocks", "networks"):
            parts = value.items() if isinstance(value, dict) else ((_name(part), part) for part in value)
            for name, part in parts:
                if name == "metrics":
                    found += [f"{key}/{name}/{score}" for score in part["values"][0] if score != "index"]
                elif name == "data_pair":
                    facts = [k for k in part if k.startswith("crop") or k in ("schedules", "tensors")]
                    found += [f"{key}/{name}/{fact}" for fact in facts]
                else:
                    found.append(f"{key}/{name}")
        elif key in ("pipeline", "schedules"):
            found += [f"{key}/{name}" for name in value]
        else:
            found.append(key)
    return found


def _name(part: dict[str, Any]) -> str:
    return str(part.get("case") or part["file"].removesuffix(".safetensors"))


@cache
def named_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))


@pytest.mark.shared
@pytest.mark.parametrize("model", COVERED)
def test_every_entry_of_the_manifest_has_a_test(model: str, shared: Path) -> None:
    from fnmatch import fnmatchcase

    table, used = COVERED[model], set()
    for entry in entries(manifest(shared, model)):
        matching = [pattern for pattern in table if fnmatchcase(entry, pattern)]
        assert len(matching) >= 1, f"{model}: nothing is said of {entry}"
        used.update(matching)
    assert used == set(table), f"{model}: no such entry any more: {sorted(set(table) - used)}"


@pytest.mark.parametrize("model", COVERED)
def test_the_tests_named_exist(model: str) -> None:
    for entry, where in COVERED[model].items():
        file, _, name = where.partition("::")
        assert where.startswith("-: ") or name in named_in(file), f"{model} {entry}: {where}"


@pytest.mark.shared
def test_every_file_of_the_fixtures_is_listed(shared: Path) -> None:
    for model in COVERED:
        text = json.dumps(manifest(shared, model))
        for file in (shared / "fixtures" / model).glob("*.safetensors"):
            assert file.name in text, f"{model}: {file.name} is in no manifest"


@pytest.mark.shared
def test_augmentation_makes_every_case_of_dsrir(shared: Path) -> None:
    """Its nine cases are the eight symmetries, one of them twice; three flips make each of these exactly once."""
    t = load_file(shared / "fixtures" / "dsrir" / "pipeline.safetensors")
    made = []
    for case in manifest(shared, "dsrir")["pipeline"]["augmentation"]:
        rows, columns = (slice(case[k], case[k] + case["patch"]) for k in ("row", "col"))
        equal = []
        for flips in product((False, True), repeat=3):
            pair = [
                flip_and_transpose(t[f"pair.{side}_u8"][rows, columns], np.array(flips))
                for side in ("degraded", "target")
            ]
            wanted = [t[f"aug{case['aug']}.{side}"].transpose(1, 2, 0) * 255 for side in ("degraded", "target")]
            if all(np.allclose(a, b, atol=1e-3) for a, b in zip(pair, wanted, strict=True)):
                equal.append(flips)
        assert len(equal) == 1, case
        made += equal
    assert len(made) == 9 and len(set(made)) == 8


@pytest.mark.shared
@pytest.mark.parametrize("sigma", [0, 15, 25, 50, 55])
def test_noise_is_stored_as_by_dsrir(sigma: int, shared: Path) -> None:
    t = load_file(shared / "fixtures" / "dsrir" / "pipeline.safetensors")

    class Stored:
        def standard_normal(self, size: Any, dtype: Any = np.float64) -> Any:
            return t[f"noise.sigma{sigma}.draws"].astype(dtype)

    found = gaussian_noise(t["pair.target_u8"], Stored(), float(sigma), truncate=True)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, t[f"noise.sigma{sigma}.out_u8"])


@pytest.mark.shared
@pytest.mark.parametrize("index", [0, 1])
def test_the_protocol_of_jdnet_gives_the_reference_scores(index: int, shared: Path) -> None:
    t = load_file(shared / "fixtures" / "jdnet" / "metrics.safetensors")
    entry = next(e for e in manifest(shared, "jdnet")["entries"] if e["file"].startswith("metrics"))
    target = t[f"gt{index}"][0].transpose(1, 2, 0) * 255.0
    output = torch.from_numpy(t[f"pred{index}"]) * 255.0
    scores, _ = score_output(output, target, with_protocol("derain", "jdnet_rgb_float"))
    expected = entry["values"][index]
    assert scores.psnr == pytest.approx(expected["psnr_joint_clipped"], abs=1e-4)
    assert scores.ssim == pytest.approx(expected["ssim_unclipped"], abs=1e-5)


@pytest.mark.shared
def test_recipes_of_jdnet_have_the_schedule_of_the_reference(shared: Path) -> None:
    pair = next(e for e in manifest(shared, "jdnet")["entries"] if e["file"].startswith("data_pair"))
    for preset, facts in zip(("published", "published_light"), pair["schedules"], strict=False):
        settings = build(RetrainSettings, recipe("jdnet", preset, "derain"))
        assert settings.train.schedule.milestones == [facts["milestone1"], facts["milestone2"]]
        assert (settings.train.steps, settings.data.batch) == (facts["total_steps"], facts["batch"])


@pytest.mark.shared
def test_recipes_of_dlsn_have_the_learning_rates_of_the_reference(shared: Path) -> None:
    for preset, facts in zip(("published", "finetune"), manifest(shared, "dlsn")["lr_schedule"], strict=True):
        train, length = build(RetrainSettings, recipe("dlsn", preset)).train, facts["batches_per_epoch"]
        assert train.steps == facts["epochs"] * length
        for epoch, expected in facts["lr_in_epoch"].items():
            for step in ((int(epoch) - 1) * length, int(epoch) * length - 1):
                assert learning_rate(train.schedule, train.optimizer.lr, step, train.steps) == pytest.approx(expected)


@pytest.mark.shared
def test_published_scores_of_mspan_stand_in_the_tables(shared: Path) -> None:
    from nas.evaluation.rows import read_rows

    facts, names = manifest(shared, "mspan")["published_mspan"], {"BSD100": "B100"}
    tables = Path(__file__).parents[2] / "results" / "published"
    for scale in (2, 3, 4):
        rows = {r.set: (r.psnr, r.ssim) for r in read_rows(tables / f"mspan_sr_x{scale}.csv") if r.model == "MSPAN"}
        assert {k: tuple(v) for k, v in rows.items() if k in rows} == {
            names.get(k, k): tuple(v) for k, v in facts[f"x{scale}"].items()
        }
