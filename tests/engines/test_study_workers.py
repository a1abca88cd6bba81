"""Worker processes on a shared storage, of which one is killed: no trial is lost or evaluated twice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import uuid
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from nas.engines.search import search
from nas.engines.setup import space_of
from nas.engines.shared.storage import open_storage
from nas.engines.shared.storage_base import is_lost
from nas.space import Genotype
from nas.strategies.optuna_sampler import genotype_of
from nas.train.events import read_events
from tests.engines.study_examples import study_settings, value_of


def storage_url(kind: str, folder: Path) -> str:
    if kind == "journal":
        return str(folder / "shared.journal")
    url = os.environ.get("NAS_TEST_POSTGRES", "")
    if not url:
        pytest.skip("no PostgreSQL to test on; '.ci/run' starts one, or set NAS_TEST_POSTGRES to the URL of a database")
    return url


def kill_the_hanging_worker(folder: Path, killed: list[int], over: threading.Event) -> None:
    while not (folder / "hanging").exists():
        if over.wait(0.05):
            return
    killed.append(int((folder / "hanging").read_text()))
    os.kill(killed[0], signal.SIGKILL)


@pytest.mark.usefixtures("plugin_estimator")
@pytest.mark.parametrize(("kind", "workers", "trials"), [("postgresql", 4, 200), ("journal", 2, 40)])
def test_when_a_worker_is_killed_no_trial_is_lost_or_evaluated_twice_and_the_best_is_that_of_the_rows(
    kind: str, workers: int, trials: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    victim = trials // 3
    name = f"test-{uuid.uuid4().hex}"
    settings = study_settings(
        tmp_path,
        "study.heartbeat=2",
        hangs=victim,
        seconds=0.02,
        search__trials=trials,
        study__storage=storage_url(kind, tmp_path),
        study__name=name,
        study__workers=workers,
    )
    killed: list[int] = []
    over = threading.Event()
    killer = threading.Thread(target=kill_the_hanging_worker, args=(tmp_path, killed, over))
    killer.start()
    try:
        result = search(settings, out=tmp_path / "run")
    finally:
        over.set()
        killer.join()
    assert len(killed) == 1

    assert settings.study.storage is not None
    with contextlib.closing(open_storage(settings.study.storage)) as shared:
        rows = optuna.load_study(study_name=name, storage=shared.optuna_storage).get_trials()
    complete = [t for t in rows if t.state == TrialState.COMPLETE]
    lost = [t for t in rows if is_lost(t)]
    # exactly the budget: every trial once and no other rows than lost ones
    assert sorted(t.user_attrs["slot"] for t in complete) == list(range(trials))
    assert len(complete) + len(lost) == len(rows)
    # the row of the killed worker is there, and another worker repeated the trial with the same genotype
    cut = [t for t in lost if t.user_attrs["slot"] == victim and f":{killed[0]}:" in t.user_attrs["worker"]]
    again = [t for t in complete if t.user_attrs["slot"] == victim]
    assert len(cut) == 1 and cut[0].user_attrs["genotype"] == again[0].user_attrs["genotype"]
    assert f":{killed[0]}:" not in again[0].user_attrs["worker"]
    # no genotype twice, and parameters, genotype and value of every row belong together
    space = space_of(settings)
    assert set(Counter(t.user_attrs["genotype"] for t in complete).values()) == {1}
    for trial in complete:
        genotype = genotype_of(space, trial.params)
        assert trial.user_attrs["genotype"] == genotype.hash and trial.values == [value_of(genotype)]
    # the best of the run folder is the best of the rows
    best = max(complete, key=lambda t: value_of(t.user_attrs["genotype"]))
    assert result.genotype.hash == best.user_attrs["genotype"] == Genotype.load(result.run / "genotype.json").hash
    assert result.scores == {"psnr": value_of(result.genotype)}
    events = [e for e in read_events(result.run) if e["kind"] == "trial"]
    assert [e["step"] for e in events] == list(range(1, trials + 1))
    assert {e["genotype"]: e["psnr"] for e in events} == {t.user_attrs["genotype"]: t.values[0] for t in complete}
    summary = json.loads((result.run / "summary.json").read_text())
    assert summary["trials"] == {"complete": trials, "pruned": 0, "failed": 0}
    assert len(list((tmp_path / "arrived").iterdir())) >= workers  # all took part
    assert not list((tmp_path / "shared.journal.locks").glob("worker-*"))
