"""A shared study inside one process: its trial budget, refusals, resuming, and what the storage holds."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import optuna
import pytest
from optuna.trial import TrialState

from nas.config.reading import to_yaml
from nas.config.runs import SearchSettings
from nas.engines.evaluator import Evaluator
from nas.engines.search import search
from nas.engines.shared.definition import PREFIX
from nas.engines.shared.joining import worker
from nas.engines.shared.proposals import trial_budget_of
from nas.engines.shared.storage import open_storage
from nas.engines.shared.storage_base import RETRIES, SharedStorage, is_lost
from nas.engines.shared.storage_files import _mend
from nas.engines.shared.study import study_of
from nas.engines.shared.trial_budget import INDEX, TrialBudget
from nas.engines.shared.workers import work
from nas.errors import NasError, UsageError
from nas.estimators.base import Estimator
from nas.registry import ESTIMATORS, STRATEGIES
from nas.strategies.optuna_sampler import genotype_of
from nas.train.events import read_events
from tests.engines.study_examples import study_settings, value_of
from tests.registries import replaced


class ByHash(Estimator):
    """An estimator that costs nothing; ``misdeeds``: by trial, what it raises or returns there, once each."""

    trains = True
    misdeeds: ClassVar[dict[int, list[Any]]] = {}

    def prepare(self, folder: Path | None, search: object) -> None:
        """Nothing is shared."""

    def __call__(self, genotype: Any, trial: int, report: Any = None) -> dict[str, float]:
        if self.misdeeds.get(trial):
            deed = self.misdeeds[trial].pop(0)
            if isinstance(deed, BaseException):
                raise deed
            return {"psnr": deed, "steps": 0}
        if report is not None and report(10, value_of(genotype) / 2):
            return {"psnr": value_of(genotype) / 2, "steps": 10}
        return {"psnr": value_of(genotype), "steps": 30}


@pytest.fixture
def estimator() -> Iterator[type[ByHash]]:
    ByHash.misdeeds = {}
    with replaced(ESTIMATORS, "train", ByHash):
        yield ByHash


@pytest.fixture(params=["journal", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "j") if request.param == "journal" else f"sqlite:///{tmp_path / 's.db'}"


def settings_of(folder: Path, url: str | None, *assignments: str, **flags: Any) -> SearchSettings:
    settings = study_settings(folder, *assignments, study__storage=url, study__name="mine", **flags)
    search = settings.search.model_copy(update={"estimator": "train"})
    return settings.model_copy(update={"plugins": [], "search": search})


@contextlib.contextmanager
def opened(settings: SearchSettings) -> Iterator[tuple[TrialBudget, Evaluator, SharedStorage]]:
    assert settings.study.storage is not None
    evaluator = Evaluator(settings)
    with contextlib.closing(open_storage(settings.study.storage)) as shared:
        study = study_of(shared, "mine", evaluator)
        yield trial_budget_of(shared, study, evaluator), evaluator, shared


def rows_of(settings: SearchSettings) -> list[Any]:
    with opened(settings) as (budget, _, _):
        return list(budget.study.get_trials())


def test_alone_it_searches_exactly_as_the_strategy_does_without_a_storage(
    tmp_path: Path, url: str, estimator: type[ByHash]
) -> None:
    settings = settings_of(tmp_path, url)
    found = [e["genotype"] for e in read_events(search(settings, out=tmp_path / "run").run) if e["kind"] == "trial"]
    evaluator = Evaluator(settings)
    strategy = STRATEGIES.get("evolution")(settings.search, evaluator.space, settings.seed)
    asked = []
    for _ in range(settings.search.trials):
        genotype = strategy.ask()
        strategy.tell(genotype, {"psnr": value_of(genotype)})
        asked.append(genotype.hash)
    assert found == asked


def test_an_interrupted_search_returns_its_trial_and_resumes_the_same_study(
    tmp_path: Path, url: str, estimator: type[ByHash]
) -> None:
    settings = settings_of(tmp_path, url)
    estimator.misdeeds = {5: [KeyboardInterrupt()]}
    with pytest.raises(KeyboardInterrupt):
        search(settings, out=tmp_path / "run")
    assert not (tmp_path / "run" / "summary.json").exists()
    result = search(resume=tmp_path / "run")
    rows = rows_of(settings)
    complete = [t for t in rows if t.state == TrialState.COMPLETE]
    assert sorted(t.user_attrs[INDEX] for t in complete) == list(range(8))
    assert [t.user_attrs[INDEX] for t in rows if is_lost(t)] == [5]
    assert result.scores["psnr"] == max(value_of(t.user_attrs["genotype"]) for t in complete)
    assert [e["step"] for e in read_events(result.run) if e["kind"] == "trial"] == list(range(1, 9))


def test_a_trial_whose_workers_always_die_is_given_up_after_its_repetitions(
    tmp_path: Path, estimator: type[ByHash]
) -> None:
    settings = settings_of(tmp_path, str(tmp_path / "j"), search__trials=4)
    estimator.misdeeds = {2: [RuntimeError("out of memory")] * 99}
    with opened(settings) as (budget, evaluator, _):
        deaths = 0
        while not budget.done():
            try:
                work(budget, evaluator)
            except RuntimeError:
                deaths += 1
        assert deaths == 1 + RETRIES
        spent = budget.spent()
        assert list(spent) == [0, 1, 2, 3] and spent[2].state == TrialState.FAIL


def test_a_training_that_diverges_spends_its_trial_once_and_the_event_says_why(
    tmp_path: Path, estimator: type[ByHash]
) -> None:
    settings = settings_of(tmp_path, str(tmp_path / "j"), search__trials=4)
    estimator.misdeeds = {1: [float("nan")]}
    result = search(settings, out=tmp_path / "run")
    events = [e for e in read_events(result.run) if e["kind"] == "trial"]
    assert [e["state"] for e in events] == ["complete", "failed", "complete", "complete"]
    assert "diverged" in events[1]["reason"]
    assert json.loads((result.run / "summary.json").read_text())["trials"]["failed"] == 1


def test_a_result_that_comes_after_the_trial_was_given_to_another_worker_does_not_count(
    tmp_path: Path, url: str, estimator: type[ByHash]
) -> None:
    settings = settings_of(tmp_path, url, search__trials=2)
    with opened(settings) as (budget, _, shared):
        claim = budget.claim()
        assert claim is not None
        shared.optuna_storage.set_trial_state_values(claim.trial_id, state=TrialState.FAIL)  # as a sweep does
        again = budget.claim()
        assert again is not None and (again.index, again.genotype) == (claim.index, claim.genotype)
        assert not budget.finish(claim, [1.0], TrialState.COMPLETE, {})
        assert budget.finish(again, [2.0], TrialState.COMPLETE, {})
        assert [t.values for t in budget.spent().values()] == [[2.0]]


def test_the_time_limit_counts_the_work_of_all_workers_together(tmp_path: Path, estimator: type[ByHash]) -> None:
    settings = settings_of(tmp_path, str(tmp_path / "j"), train__time=30.0)
    with opened(settings) as (budget, _, _):
        for _ in range(3):
            claim = budget.claim()
            assert claim is not None
            budget.finish(claim, [1.0], TrialState.COMPLETE, {"seconds": 11.0})
        assert budget.claim() is None and budget.done() and len(budget.spent()) == 3


def test_trials_are_pruned_also_with_several_objectives(tmp_path: Path, estimator: type[ByHash]) -> None:
    settings = settings_of(
        tmp_path,
        str(tmp_path / "j"),
        "search.pruning=true",
        "search.trial_steps=30",
        search__objectives=["psnr", "params"],
    )
    result = search(settings, out=tmp_path / "run")
    trials = json.loads((result.run / "summary.json").read_text())["trials"]
    assert trials["pruned"] > 0 and trials["complete"] + trials["pruned"] == 8
    archive = (result.run / "pareto.csv").read_text().splitlines()
    assert archive[0].startswith("genotype,psnr,params") and len(archive) > 1
    assert (result.run / "pareto" / f"{archive[1].split(',')[0]}.json").is_file()


def test_limits_hold_for_every_trial(tmp_path: Path, estimator: type[ByHash]) -> None:
    free = Evaluator(settings_of(tmp_path, str(tmp_path / "j")))
    sizes = sorted(free.costs_of(free.space.sample(i))["params"] for i in range(40))
    settings = settings_of(tmp_path, str(tmp_path / "j"), limits__params=sizes[20])
    search(settings, out=tmp_path / "run")
    with opened(settings) as (budget, evaluator, _):
        for trial in budget.spent().values():
            genotype = genotype_of(evaluator.space, trial.params)
            assert evaluator.costs_of(genotype)["params"] <= sizes[20]


REFUSED = {
    "another strategy": ({"strategy": "pc_darts"}, r"'pc_darts' cannot be shared.*evolution"),
    "more trials than genotypes": ({"search__trials": 10**6}, r"729 genotypes, fewer than.*--trials"),
    "an unknown storage": ({"study__storage": "mysql://u:secret@h/d"}, r"mysql://u:\*\*\*@h/d.*postgresql://"),
    "workers on sqlite": ({"study__storage": "sqlite:///s.db", "study__workers": 2}, r"one process.*journal"),
    "sqlite in memory": ({"study__storage": "sqlite://"}, r"names no file.*sqlite:///study.db"),
    "no server": ({"study__storage": "postgresql://u:secret@127.0.0.1:9/d"}, r"cannot be opened.*service"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_search_that_cannot_be_shared_is_refused_without_showing_the_password(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, estimator: type[ByHash]
) -> None:
    monkeypatch.chdir(tmp_path)
    flags, message = REFUSED[case]
    settings = study_settings(tmp_path, **{"study__storage": "j", **flags}).model_copy(update={"plugins": []})
    with pytest.raises(NasError, match=message) as refusal:
        search(settings, out=tmp_path / "run")
    assert "secret" not in str(refusal.value)


def test_sqlite_serves_one_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    with contextlib.closing(open_storage(url)), pytest.raises(UsageError, match="SQLite serves one process"):
        open_storage(url)
    open_storage(url).close()


def test_a_worker_joins_by_name_alone_and_an_unknown_name_is_refused(tmp_path: Path, estimator: type[ByHash]) -> None:
    settings = settings_of(tmp_path, str(tmp_path / "j"))
    with opened(settings) as (budget, _, _):
        pass
    (tmp_path / "small.yaml").unlink()  # the study holds the space
    with pytest.raises(UsageError, match=r"no study 'mien'.*did you mean 'mine'"):
        worker(str(tmp_path / "j"), "mien")
    assert worker(str(tmp_path / "j"), "mine", dry_run=True) == 0
    assert worker(str(tmp_path / "j"), "mine") == 8
    with contextlib.closing(open_storage(str(tmp_path / "j"))) as shared:
        study = optuna.load_study(study_name="mine", storage=shared.optuna_storage)
        assert sum(t.state == TrialState.COMPLETE for t in study.get_trials()) == 8
    assert budget.budget == 8


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sources", "0" * 16, "run the same code"),
        ("space_hash", "0" * 16, "is read as"),
        ("images", "0" * 16, "--data"),
        ("files", {"plugin 1": "0" * 16}, "plugin 1 of study 'mine' differs"),
        ("format", "other/1", "choose another --study"),
    ],
)
def test_a_worker_that_differs_is_refused(
    key: str, value: Any, message: str, tmp_path: Path, estimator: type[ByHash]
) -> None:
    settings = settings_of(tmp_path, str(tmp_path / "j"))
    with opened(settings) as (budget, _, _):
        budget.study.set_user_attr(PREFIX + key, value)
    with pytest.raises(UsageError, match=message):
        worker(str(tmp_path / "j"), "mine")


def test_another_search_is_refused_and_the_same_one_joins(tmp_path: Path, estimator: type[ByHash]) -> None:
    settings = settings_of(tmp_path, str(tmp_path / "j"))
    first = search(settings, out=tmp_path / "one")
    with pytest.raises(UsageError, match=r"search\.trials is 8, here it is 9"):
        search(settings_of(tmp_path, str(tmp_path / "j"), search__trials=9), out=tmp_path / "two")
    joined = search(settings, out=tmp_path / "three")  # finds it finished
    assert joined.genotype == first.genotype and joined.scores == first.scores


def test_a_half_written_last_line_of_the_journal_is_cut_off(tmp_path: Path, estimator: type[ByHash]) -> None:
    settings = settings_of(tmp_path, str(tmp_path / "j"))
    search(settings, out=tmp_path / "run")
    with (tmp_path / "j").open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    assert len(rows_of(settings)) == 8
    assert (tmp_path / "j").read_bytes().endswith(b"}\n")


@pytest.mark.parametrize(
    "address", ["postgresql://nas:sec:r@t@host/nas", "postgresql://host/nas?user=a&password=sec:r@t"]
)
def test_a_password_is_in_no_file_and_no_line_of_a_search(
    address: str,
    tmp_path: Path,
    estimator: type[ByHash],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def opened_journal(url: str, heartbeat: int) -> SharedStorage:
        assert url == address  # the search itself has the whole address
        shared = open_storage(str(tmp_path / "j"), heartbeat)
        shared.url = url
        return shared

    monkeypatch.setattr("nas.engines.shared.study.open_storage", opened_journal)
    settings = settings_of(tmp_path, address)
    estimator.misdeeds = {5: [KeyboardInterrupt()]}
    with pytest.raises(KeyboardInterrupt):
        search(settings, out=tmp_path / "run")
    with pytest.raises(UsageError, match="NAS_STORAGE") as refused:
        search(resume=tmp_path / "run")
    monkeypatch.setenv("NAS_STORAGE", address)
    search(resume=tmp_path / "run", study__heartbeat=20)
    told = capfd.readouterr()
    texts = [told.out, told.err, str(refused.value), to_yaml(settings), (tmp_path / "j").read_text()]
    texts += [p.read_text(errors="replace") for p in (tmp_path / "run").rglob("*") if p.is_file()]
    assert "***" in (tmp_path / "run/config.yaml").read_text()
    assert not [text for text in texts if "r@t" in text]


def test_metrics_and_parameters_of_the_study_have_readable_names(tmp_path: Path, estimator: type[ByHash]) -> None:
    settings = settings_of(tmp_path, str(tmp_path / "j"), search__objectives=["psnr", "params"])
    with opened(settings) as (budget, evaluator, _):
        work(budget, evaluator)
        trial = budget.study.get_trials()[0]
        assert budget.study.metric_names == ["psnr", "params"]
        assert [d.name for d in budget.study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert all(re.fullmatch(r"operation\.\d->\d", name) for name in trial.params)
    assert set(trial.params.values()) <= {"skip_connect", "srb", "sep_conv_3x3"}


@pytest.mark.parametrize("last", [b"", b"{", b"x" * 65_535, b"x" * 65_536, b"x" * 65_537, b"y" * 200_000])
@pytest.mark.parametrize("whole", [0, 1, 3000])
def test_a_journal_keeps_its_whole_lines_however_long_the_half_one_is(tmp_path: Path, whole: int, last: bytes) -> None:
    lines = b'{"op_code": 1}\n' * whole
    (tmp_path / "journal").write_bytes(lines + last)
    _mend(tmp_path / "journal")
    assert (tmp_path / "journal").read_bytes() == lines


def test_a_pipe_is_refused_as_a_journal_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is no regular file"):
        open_storage(str(tmp_path / "pipe"), 60)
