"""One trial of an NNI experiment: ``python -m nas.engines.nni.trial RUN FOLDER``, started by NNI's local service.

FOLDER is where the search was started, from which the paths in its settings count.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from nas.config.runs import SearchSettings
from nas.engines.evaluator import Evaluator
from nas.engines.nni.engine import TRIALS
from nas.engines.search import nested_search
from nas.files import locked
from nas.objectives.constraints import Vector
from nas.space import Genotype
from nas.strategies.optuna_sampler import trial_seed, vector_of
from nas.train.run import Run


def main(folder: str, origin: str) -> None:
    """Evaluate NNI's next proposal, write its result to the run folder and report its value."""
    import nni

    os.chdir(origin)
    run = Run.open(folder)
    evaluator = Evaluator(run.expect(SearchSettings))
    genotype, slot = claim(run.folder / TRIALS, evaluator, vector_of(evaluator.space, nni.get_next_parameter()))
    evaluator.estimator.prepare(run.folder, nested_search)
    evaluated = evaluator.evaluate(genotype, slot)
    result = {
        "genotype": genotype.to_json(),
        "slot": slot,
        "values": evaluated.values,
        "state": "failed" if evaluated.failure else "complete",
        "seconds": round(evaluated.seconds, 3),
        "steps": int(evaluated.scores.get("steps", 0)),
        "skip_share": evaluated.skip_share,
        "ended": time.time(),
    }
    run.write_text(f"{TRIALS}/{slot:06d}.json", json.dumps(result, indent=2) + "\n")
    if not evaluated.failure:  # the tuner is not told of one that diverged
        nni.report_final_result(evaluated.values[evaluator.objectives[0]])


def claim(folder: Path, evaluator: Evaluator, proposal: Vector) -> tuple[Genotype, int]:
    """(the genotype to evaluate, its slot): the proposal, or the nearest one that is new and within the limits."""
    with locked(folder / "claims"):
        taken: dict[int, Vector] = {}
        for path in folder.glob("[!.]*.claim"):
            taken[int(path.stem)] = tuple(json.loads(path.read_text()))
        for path in folder.glob("[!.]*.json"):
            genotype = Genotype.from_json(json.loads(path.read_text(encoding="utf-8"))["genotype"])
            taken[int(path.stem)] = evaluator.space.encode(genotype)
        slot = next(i for i in range(len(taken) + 1) if i not in taken)
        seen = set(taken.values())
        vector = proposal
        if vector in seen or not evaluator.constraints.allows(vector):
            below = random.Random(trial_seed(evaluator.settings.seed, slot)).randrange
            vector = evaluator.constraints.another(vector, seen, below)
        (folder / f"{slot:06d}.claim").write_text(json.dumps(list(vector)))
    return evaluator.space.decode(vector), slot


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
