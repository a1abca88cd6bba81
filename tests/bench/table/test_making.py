"""A table is begun once, worked on in parts, and comes out the same however it was interrupted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from nas.bench.table import making
from nas.bench.table.checking import check_table
from nas.bench.table.images import TableData
from nas.bench.table.making import begin_table, resume_table, space_of_table, table_status
from nas.bench.table.plan import plan_trainings
from nas.bench.table.store import RunStore
from nas.errors import UsageError
from nas.estimators.table_recipe import RUNS, TableRecipe, read_recipe
from nas.objectives.costs import GenotypeCosts
from nas.space import load_space
from nas.tasks import get_task
from tests.bench.table.tiny import copied, tiny_images, tiny_recipe, tiny_table


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tiny_table(tmp_path_factory.mktemp("table"))


@pytest.fixture
def table(begun: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    return copied(begun, tmp_path)


def timeless(folder: Path) -> list[dict[str, str]]:
    rows = RunStore(folder, read_recipe(folder)).rows()
    return [{k: v for k, v in row.items() if not k.startswith("cpu_seconds")} for row in rows]


def test_a_table_made_in_parts_equals_one_made_at_once(
    begun: tuple[Path, Path], table: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, images = table
    assert resume_table(folder, images, trainings=2, niceness=0) == 2
    assert table_status(folder).done == {0: 2, 1: 0}
    assert resume_table(folder, images, niceness=0) == 3
    other, _ = copied(begun, tmp_path / "other")
    resume_table(other, images, niceness=0)
    assert timeless(folder) == timeless(other)
    assert table_status(folder).complete
    assert len({row["weights"] for row in timeless(folder)}) == 5  # the seeds change the network
    assert all(finding.ok for finding in check_table(folder, data=images, repeat=2))


def test_a_training_that_is_interrupted_leaves_nothing_and_is_done_again(
    table: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, images = table

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(making, "train_once", killed)
        with pytest.raises(KeyboardInterrupt, match="bench table resume"):
            resume_table(folder, images, niceness=0)
    assert not (folder / RUNS).exists()
    assert resume_table(folder, images, trainings=1, niceness=0) == 1


def test_a_training_that_another_process_holds_is_left_to_it(table: tuple[Path, Path]) -> None:
    folder, images = table
    recipe = read_recipe(folder)
    first, *others = plan_trainings(space_of_table(recipe), recipe)
    with RunStore(folder, recipe).claim(first) as mine:
        assert mine
        assert table_status(folder).running == 1
        assert resume_table(folder, images, niceness=0) == len(others)
    assert table_status(folder).running == 0
    assert first.key not in RunStore(folder, recipe).done()


def test_a_finished_training_is_neither_claimed_nor_entered_twice(table: tuple[Path, Path]) -> None:
    folder, images = table
    resume_table(folder, images, trainings=1, niceness=0)
    recipe = read_recipe(folder)
    store = RunStore(folder, recipe)
    first = plan_trainings(space_of_table(recipe), recipe)[0]
    with store.claim(first) as mine:
        assert not mine
    (row,) = store.rows()
    store.append(first, dict.fromkeys(row), {})
    assert store.rows() == [row]


def test_other_images_than_those_of_the_table_are_refused(table: tuple[Path, Path], tmp_path: Path) -> None:
    folder, _ = table
    with pytest.raises(UsageError, match="not those of the table"):
        resume_table(folder, tiny_images(tmp_path / "others", seed=1), niceness=0)


def test_a_table_is_not_begun_over_another(table: tuple[Path, Path], tmp_path: Path) -> None:
    folder, images = table
    with pytest.raises(UsageError, match="already contains a table"):
        begin_table(folder, tiny_recipe(tmp_path), images)


def test_a_changed_space_is_refused(tmp_path: Path) -> None:
    folder, images = tiny_table(tmp_path)
    space = tmp_path / "tiny.yaml"
    space.write_text(space.read_text(encoding="utf-8").replace("width: 16", "width: 32"), encoding="utf-8")
    with pytest.raises(UsageError, match="has changed since"):
        resume_table(folder, images, niceness=0)


def test_images_held_out_train_nothing(tmp_path: Path) -> None:
    data = TableData(tiny_recipe(tmp_path), tiny_images(tmp_path))
    held = {image.name for image in data.validation}
    assert held and held.isdisjoint(pair.name for pair in data.pairs)
    assert len(data.pairs) + len(held) == 4


def test_the_patches_of_a_seed_are_the_same_in_every_process(tmp_path: Path) -> None:
    images = tiny_images(tmp_path)
    recipe = tiny_recipe(tmp_path)
    first, again = (TableData(recipe, images).source(1).batch(3) for _ in range(2))
    other = TableData(recipe, images).source(0).batch(3)
    assert all(bool((a == b).all()) for a, b in zip(first, again, strict=True))
    assert not bool((first[1] == other[1]).all())


def test_the_plan_takes_all_genotypes_once_and_repeats_a_stratified_part() -> None:
    space, recipe = load_space("bench"), TableRecipe()
    plan = plan_trainings(space, recipe)
    first = [t for t in plan if t.seed == 0]
    assert plan[: len(first)] == first and len({t.genotype.hash for t in first}) == space.size() == 375
    assert len(plan) == len({t.key for t in plan}) == 375 + 2 * 150
    costs = GenotypeCosts(space, get_task(recipe.task))
    ranked = sorted((costs.of(t.genotype)["macs"], costs.of(t.genotype)["params"], t.genotype.hash) for t in first)
    repeated = {t.genotype.hash for t in plan if t.seed == 1}
    assert repeated == {t.genotype.hash for t in plan if t.seed == 2} == {t.genotype.hash for t in first[:150]}
    assert {ranked[0][-1], ranked[-1][-1]} <= {t.genotype.hash for t in first[:15]}
    # every part of 15 has one of each group of 25; genotypes of equal costs at a border may change places
    groups = Counter(i // 25 for i, row in enumerate(ranked) if row[-1] in repeated)
    assert all(8 <= groups[i] <= 12 for i in range(15))


def test_costs_of_the_space_span_five_times() -> None:
    space = load_space("bench")
    costs = GenotypeCosts(space, get_task("sr_x2"))
    for metric in ("params", "macs"):
        cheapest = costs.base(metric) + sum(min(row.values()) for row in costs.rows(metric))
        dearest = costs.base(metric) + sum(max(row.values()) for row in costs.rows(metric))
        assert dearest > 5 * cheapest
        assert cheapest == costs.of(space.decode([0] * len(space.decisions)))[metric]  # skip connections alone


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"marks": [0.5, 0.25, 1.0]}, "marks"),
        ({"marks": [0.5]}, "marks"),
        ({"marks": [0.0001, 0.0002, 1.0]}, "marks"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"images": {"validation": "elsewhere"}}, "images.validation"),
        ({"no_such": 1}, "no_such"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    import yaml

    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(change), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_recipe(file)


def test_a_recipe_file_says_only_what_differs_and_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("train: {steps: 40}\n", encoding="utf-8")
    recipe, usual = read_recipe(file), TableRecipe()
    assert recipe.train.steps == 40 and recipe.train.optimizer == usual.train.optimizer
    recipe.save(tmp_path)
    assert read_recipe(tmp_path) == recipe


def test_no_training_is_begun_when_the_time_is_up(table: tuple[Path, Path]) -> None:
    folder, images = table
    assert resume_table(folder, images, seconds=1e-9, niceness=0) == 0
