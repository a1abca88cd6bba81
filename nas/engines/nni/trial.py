"""One trial of an NNI experiment: ``python -m nas.engines.nni.trial RUN FOLDER``, started by NNI's local service.

FOLDER is the folder in which the search was started: paths in its settings are relative to it.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from nas.config.runs import SearchSettings
from nas.documents import read_json
from nas.engines.evaluator import Evaluator
from nas.engines.nni.engine import TRIALS
from nas.engines.search import nested_search
from nas.files import locked, write_text
from nas.objectives.constraints import Vector
from nas.space import Genotype
from nas.strategies.optuna_sampler import trial_seed, vector_of
from nas.train.run import Run


def main(folder: str, origin: str) -> None:
    """Evaluate NNI's next proposal, write the result to the run folder and report the value to NNI.

    Args:
        folder: The run folder.
        origin: The folder in which the search was started.
    """
    import nni

    os.chdir(origin)
    run = Run.open(folder)
    evaluator = Evaluator(run.expect(SearchSettings), run=run)
    genotype, index = claim(run.folder / TRIALS, evaluator, vector_of(evaluator.space, nni.get_next_parameter()))
    evaluator.estimator.prepare(run.folder, nested_search)
    evaluated = evaluator.evaluate(genotype, index)
    result = {
        "genotype": genotype.to_json(),
        "slot": index,
        "values": evaluated.values,
        "state": "failed" if evaluated.failure else "complete",
        "seconds": round(evaluated.seconds, 3),
        "steps": int(evaluated.scores.get("steps", 0)),
        "skip_share": evaluated.skip_share,
        "ended": time.time(),
    }
    run.write_text(f"{TRIALS}/{index:06d}.json", json.dumps(result, indent=2) + "\n")
    if not evaluated.failure:  # nothing is reported of a training that diverged
        nni.report_final_result(evaluated.values[evaluator.objectives[0]])


def claim(folder: Path, evaluator: Evaluator, proposal: Vector) -> tuple[Genotype, int]:
    """Claim a trial for a proposal.

    Args:
        folder: Where the results and claims of trials are.
        evaluator: Of the search.
        proposal: What the tuner of NNI proposes.

    Returns:
        The genotype to evaluate (the proposal, or a near one if it is not new or not within the limits), and the index
        of the trial.

    Raises:
        ExhaustedError: No genotype is left.
    """
    with locked(folder / "claims"):
        taken: dict[int, Vector] = {}
        for path in folder.glob("[!.]*.claim"):
            taken[int(path.stem)] = tuple(read_json(path))
        for path in folder.glob("[!.]*.json"):
            genotype = Genotype.from_json(read_json(path)["genotype"])
            taken[int(path.stem)] = evaluator.space.encode(genotype)
        index = next(i for i in range(len(taken) + 1) if i not in taken)
        seen = set(taken.values())
        vector = evaluator.space.canonical(proposal)
        if vector in seen or not evaluator.constraints.allows(vector):
            below = random.Random(trial_seed(evaluator.settings.seed, index)).randrange
            vector = evaluator.constraints.another(vector, seen, below)
        write_text(folder / f"{index:06d}.claim", json.dumps(list(vector)))
    return evaluator.space.decode(vector), index


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
