"""The score of trained genotypes by a supernet, to see whether it ranks them as training does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nas.config.runs import SearchSettings
from nas.documents import read_json
from nas.engines.setup import SHARES, space_of, use_threads
from nas.errors import UsageError
from nas.estimators.supernets import supernet_of
from nas.files import write_json
from nas.space import Genotype
from nas.tasks import get_task
from nas.train.run import Run
from nas.train.training_data import open_training_data

SCORES_FILE = "supernet_scores.json"


def supernet_scores(run: Path, settings: SearchSettings, genotypes: Mapping[str, Genotype]) -> dict[str, float]:
    """Validate genotypes with the weights of a supernet, every edge reduced to the genotype's block.

    Scores are kept in the run folder, so nothing is measured twice.

    Args:
        run: Folder of a finished search with a supernet.
        settings: Settings of that search.
        genotypes: Genotypes by hash; those of another space are left out.

    Returns:
        Validation PSNR in dB by hash.
    """
    file = run / SCORES_FILE
    known: dict[str, float] = read_json(file) if file.is_file() else {}
    missing = {}
    space = space_of(settings)
    for key, genotype in genotypes.items():
        try:
            space.validate(genotype)
        except UsageError:
            continue
        if key not in known:
            missing[key] = genotype
    if missing:
        use_threads(settings)
        supernet = supernet_of(Run.open(run)).to(settings.device).eval()
        data = open_training_data(settings, get_task(settings.task), SHARES)
        for key, genotype in missing.items():
            with supernet.only(genotype):
                known[key] = data.validate(supernet)["psnr"]
            write_json(file, known)
    return {key: known[key] for key in genotypes if key in known}
