"""A real experiment of NNI's local service with three trials, and what is left of it afterwards: nothing."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
from pathlib import Path

import pytest

from nas.engines.evaluator import Evaluator
from nas.engines.nni.engine import results
from nas.engines.nni.trial import claim
from nas.engines.search import search
from nas.engines.setup import space_of
from nas.errors import UsageError
from nas.registry import STRATEGIES
from nas.space import Genotype
from nas.train.events import read_events
from tests.engines.study_examples import study_settings, value_of
from tests.processes import wait_until

pytestmark = pytest.mark.usefixtures("plugin_estimator")
installed = pytest.mark.skipif(
    importlib.util.find_spec("nni") is None,
    reason="NNI is not installed; on Python 3.11 to 3.13: pip install 'jsnas[nni]'",
)


@installed
def test_three_trials_are_run_and_collected_and_the_server_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import psutil

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = study_settings(tmp_path, strategy="nni", search__trials=3)
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    result = search(settings, out=tmp_path / "run")

    text = capfd.readouterr()
    warned = re.search(r"listens on port (\d+) of all interfaces without credentials", text.err)
    assert warned is not None
    wait_until(lambda: {p.pid for p in psutil.Process().children(recursive=True)} <= before)
    with socket.socket() as probe:  # the port is free again
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("", int(warned[1])))

    found = results(result.run)
    hashes = [r["genotype"]["hash"] for r in found]
    assert len(found) == len(set(hashes)) == 3 and {r["state"] for r in found} == {"complete"}
    space = space_of(settings)
    for row in found:
        space.validate(Genotype.from_json(row["genotype"]))
        assert row["values"] == {"psnr": value_of(row["genotype"]["hash"])}
    assert result.genotype.hash == max(hashes, key=value_of)
    assert result.scores == {"psnr": value_of(result.genotype)}
    events = [e for e in read_events(result.run) if e["kind"] == "trial"]
    assert [(e["step"], e["genotype"]) for e in events] == list(enumerate(hashes, 1))
    assert json.loads((result.run / "genotype.json").read_text())["provenance"]["strategy"] == "nni"
    again = search(resume=result.run)  # it is finished: nothing is started
    assert again.genotype == result.genotype and "listens" not in capfd.readouterr().err


def test_a_proposal_that_is_known_or_beyond_the_limits_is_replaced_by_one_that_is_not(tmp_path: Path) -> None:
    free = Evaluator(study_settings(tmp_path))
    cheap = sorted(free.costs_of(free.space.sample(i))["params"] for i in range(40))[20]
    place = Evaluator(study_settings(tmp_path, strategy="nni", limits__params=cheap))
    dearest = tuple(
        max(range(len(d.choices)), key=lambda i, d=d: place.costs.per_choice("params")[d.cell][0][d.choices[i]])  # type: ignore[misc]
        for d in place.space.decisions
    )
    made = [claim(tmp_path, place, dearest) for _ in range(5)]
    assert [index for _, index in made] == [0, 1, 2, 3, 4]
    assert len({g.hash for g, _ in made}) == 5
    assert all(place.costs_of(g)["params"] <= cheap for g, _ in made)


def test_it_is_external_and_lists_without_importing_nni() -> None:
    strategy = STRATEGIES.get("nni")
    assert strategy.external and not strategy.differentiable


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"search__objectives": ["psnr", "params"]}, "one objective.*--strategy evolution"),
        ({"search__pruning": True}, "does not prune"),
        ({"search__trials": 10**6}, "729 genotypes, fewer than"),
        ({"study__workers": 2}, "leave out --storage and --workers"),
    ],
)
def test_settings_that_nni_cannot_serve_are_refused_before_it_starts(
    flags: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        search(study_settings(tmp_path, strategy="nni", **flags), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
