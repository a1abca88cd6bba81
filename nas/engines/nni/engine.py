"""NNI as the engine of a discrete search: its tuner proposes, its local service starts a process for each trial.

NNI 3.0 is an extra (``pip install 'jsnas[nni]'``), imported only when this strategy runs. **Its web server listens on
all interfaces of the machine without credentials** as long as the search lasts: whoever reaches the port can read and
stop the experiment. It is started by ``--strategy nni`` only, and shut down at the end of the search.

NNI's tuners may propose a genotype twice, and know no limits. A trial therefore takes the proposal if it is new and
within the limits, and otherwise a near genotype that is, by mutation; the value of that one is reported back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from nas.config.runs import SearchSettings
from nas.config.sections import Section
from nas.documents import read_json
from nas.engines.evaluator import Evaluator
from nas.engines.result import SearchResult, begin, finish
from nas.errors import NasError, UsageError
from nas.estimators.base import NestedSearch
from nas.files import resolved
from nas.machine import starting_processes
from nas.objectives.pareto import ParetoArchive
from nas.progress import Progress, progress
from nas.signals import listening, stop_if_asked
from nas.space import Genotype, Space
from nas.strategies.base import Strategy
from nas.train.events import Events
from nas.train.run import Run

WARNING = (
    "NNI's web server listens on port {port} of all interfaces without credentials until the search ends; "
    "use it only where nobody else reaches this machine"
)
#: seconds between two checks of the experiment
POLL = 0.5
#: folders inside the run folder: results of trials, and the files of NNI
TRIALS, WORK = "trials", "nni"


class NniSettings(Section):
    """Settings of the strategy under ``search``.

    Attributes:
        tuner: Which of NNI's tuners proposes genotypes.
        population: Genotypes in a generation of the tuner Evolution.
    """

    tuner: Literal["TPE", "Random", "Evolution"] = Field("TPE", description="tuner of NNI that proposes genotypes")
    population: int = Field(16, gt=1, description="genotypes in a generation of the tuner Evolution")


class Nni(Strategy):
    """An experiment of NNI with one trial at a time and one objective.

    A resumed search keeps its finished trials and gives the rest of the budget to a new experiment, whose tuner knows
    nothing of them; hence it does not equal an uninterrupted one.
    """

    Settings: ClassVar[type[Section]] = NniSettings
    differentiable: ClassVar[bool] = False
    external: ClassVar[bool] = True

    @staticmethod
    def carry_out(
        settings: SearchSettings, *, search: NestedSearch, out: str | Path | None, run: Run | None
    ) -> SearchResult:
        """Carry out a whole search (an ``Engine``).

        Args:
            settings: The whole configuration.
            search: Carries out another search inside this one.
            out: The run folder to make; None for ``runs/`` and a default name.
            run: The folder of an interrupted search, which continues there; else None.

        Returns:
            The finished search.

        Raises:
            UsageError: NNI cannot serve these settings, or is not installed.
            NasError: NNI's experiment failed, or no trial came to a result.
        """
        started = time.monotonic()
        evaluator = Evaluator(settings, run=run)
        _check(evaluator)
        run = run or begin(settings, evaluator.space, evaluator.data, out)
        with run.held():
            evaluator.estimator.prepare(run.folder, search)
            (run.folder / TRIALS).mkdir(exist_ok=True)
            for claim in (run.folder / TRIALS).glob("[!.]*.claim"):
                claim.unlink()  # of trials that have no result
            title = f"search {evaluator.space.name} {evaluator.task.name} nni"
            done = len(results(run.folder))
            where = f"interrupted; continue with 'nas search --resume {run.folder}'"
            with progress(title, settings.search.trials, done=done) as bar, listening(lambda: where, False):
                for note in run.notes:
                    bar.note(note)
                if done < settings.search.trials:
                    _experiment(evaluator, run, bar, done)
            best = _record(evaluator, run)
            found = results(run.folder)
            scores = next(r["values"] for r in found if r["genotype"]["hash"] == best.hash)
            states = {s: sum(r["state"] == s for r in found) for s in ("complete", "failed")}
            return finish(run, settings, best, scores, started, trials=states)


def results(folder: Path) -> list[dict[str, Any]]:
    """The results of a run's finished trials, in the order in which they ended."""
    found = [read_json(p) for p in (folder / TRIALS).glob("[!.]*.json")]
    return sorted(found, key=lambda r: (r["ended"], r["genotype"]["hash"]))


def _check(evaluator: Evaluator) -> None:
    search = evaluator.settings.search
    if len(evaluator.objectives) > 1:
        raise UsageError(
            "strategy 'nni' optimises one objective, psnr; use --strategy evolution for "
            f"--objectives {','.join(search.objectives)}"
        )
    if search.pruning:
        raise UsageError("strategy 'nni' does not prune trials; leave out search.pruning, or use --strategy evolution")
    if search.trials > evaluator.space.size():
        raise UsageError(
            f"space {evaluator.space.name!r} has {evaluator.space.size()} genotypes, fewer than the "
            f"{search.trials} trials asked for; lower --trials"
        )
    try:
        import nni.experiment  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"strategy 'nni' needs NNI 3.0 ({error}); install it on Python 3.11 to 3.13 with: pip install 'jsnas[nni]'"
        ) from None


def search_space(space: Space) -> dict[str, Any]:
    """The decisions of a space as NNI takes them; an ordered setting is the index of its value."""
    return {
        d.name: {"_type": "randint", "_value": [0, len(d.choices)]}
        if d.kind == "ordered"
        else {"_type": "choice", "_value": list(d.choices)}
        for d in space.decisions
    }


def _experiment(evaluator: Evaluator, run: Run, bar: Progress, done: int) -> None:
    import psutil
    from nni.experiment import Experiment

    search = evaluator.settings.search
    code = resolved(run.folder / WORK / "code")  # NNI copies this folder, so it is empty
    code.mkdir(parents=True, exist_ok=True)
    experiment = Experiment("local")
    config: Any = experiment.config
    config.experiment_name = run.folder.name
    config.experiment_working_directory = str(resolved(run.folder / WORK))
    config.search_space = search_space(evaluator.space)
    config.trial_command = shlex.join(
        [sys.executable, "-m", "nas.engines.nni.trial", str(resolved(run.folder)), str(Path.cwd())]
    )
    config.trial_code_directory = str(code)
    config.max_trial_number = search.trials - done
    config.trial_concurrency = 1
    config.tuner.name = search.own(NniSettings).tuner
    config.tuner.class_args = _tuner_arguments(evaluator, done)
    if evaluator.settings.train.time is not None:
        config.max_experiment_duration = f"{max(1, round(evaluator.settings.train.time))}s"
    me = psutil.Process()
    before = {p.pid for p in me.children(recursive=True)}
    with _quiet(), starting_processes():
        try:
            port = free_port()
            bar.note(WARNING.format(port=port))
            experiment.start(port)
            _wait(experiment, run, bar, done)
        finally:
            started = [p for p in me.children(recursive=True) if p.pid not in before]
            with contextlib.suppress(Exception):  # processes that remain are ended below
                experiment.stop()
            _end(started)
            _forget(experiment.id)


def _wait(experiment: Any, run: Run, bar: Progress, done: int) -> None:
    while True:
        stop_if_asked()
        status = experiment.get_status()
        now = len(results(run.folder))
        bar.advance(now - done)
        done = now
        if status in ("DONE", "STOPPED"):
            return
        if status == "ERROR":
            raise NasError(f"NNI's experiment failed; see {run.folder / WORK / experiment.id / 'log'}")
        time.sleep(POLL)


def _tuner_arguments(evaluator: Evaluator, done: int) -> dict[str, Any]:
    own, seed = evaluator.settings.search.own(NniSettings), evaluator.settings.seed * 1009 + done
    if own.tuner == "Random":
        return {"seed": seed}
    if own.tuner == "Evolution":  # it has no seed
        return {"optimize_mode": "maximize", "population_size": own.population}
    return {"optimize_mode": "maximize", "seed": seed}


def _record(evaluator: Evaluator, run: Run) -> Genotype:
    """Write the events of the results, and return the best genotype."""
    name = evaluator.objectives[0]
    archive = ParetoArchive(evaluator.objectives)
    with contextlib.closing(Events(run.folder)) as events:
        found = results(run.folder)
        for step, result in enumerate(found, 1):
            genotype = Genotype.from_json(result["genotype"])
            if result["state"] == "complete":
                archive.insert(genotype, result["values"])
            kept = {k: result[k] for k in ("state", "seconds", "steps", "skip_share")}
            events.write(step, "trial", genotype=genotype.hash, **result["values"], **kept)
        best = archive.best(evaluator.tie_break)
        if best is None:
            raise NasError(f"no trial of NNI came to a result; see the logs in {run.folder / WORK}")
        events.write(len(found), "validation", **{name: best.values[name]})
    return best.genotype


def free_port() -> int:
    """A TCP port on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _end(processes: list[Any]) -> None:
    """End the processes that NNI has left behind, usually none."""
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=10)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _forget(identity: str) -> None:
    # NNI lists its experiments in the home folder; ours is kept in its run folder
    with contextlib.suppress(Exception):
        from nni.tools.nnictl.config_utils import Experiments

        Experiments().remove_experiment(identity)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep NNI's progress messages off the standard output; only errors are logged."""
    logger = logging.getLogger("nni")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    finally:
        logger.setLevel(level)


STRATEGY = Nni
