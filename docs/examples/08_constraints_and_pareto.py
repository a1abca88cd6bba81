"""Many objectives without training: the Pareto front of a zero-cost score and of multiply-adds, within a limit."""

from pathlib import Path

import nas


def main(trials: int = 40, out: str | Path = "runs/example-08") -> int:
    found = nas.search(
        space="jsm",
        task="sr_x2",
        strategy="evolution",
        overrides={"network.cells": 1},
        search__trials=trials,
        search__population=min(10, trials),
        search__estimator="zero_cost",
        search__proxy="naswot",
        search__objectives=["psnr", "macs"],  # with this estimator a score stands in the place of the PSNR
        limits__params=120_000,
        data__batch=2,
        threads=1,
        out=out,
    )
    trials_frame = found.trials_frame()
    print(trials_frame.sort_values("macs").head(5).to_string(index=False))
    assert (trials_frame["params"] <= 120_000).all()
    return len(trials_frame)


if __name__ == "__main__":
    main()
