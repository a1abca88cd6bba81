"""A search, the genotype that it found, and that network trained from scratch."""

from pathlib import Path

import nas


def main(steps: int = 400, patch: int = 48, out: str | Path = "runs/example-03") -> float:
    common = {"task": "sr_x2", "data__patch": patch, "data__batch": 4, "threads": 1, "seed": 1}
    found = nas.search(
        space="jsm",
        overrides={"network.cells": 1},
        train__steps=max(2, steps // 2),
        search__optimizer__lr=6e-3,  # a short search needs larger steps of the architecture
        out=Path(out) / "search",
        **common,
    )
    genotype = nas.derive(found.run)  # works while a search runs, too
    genotype.save(Path(out) / "genotype.json")
    trained = nas.retrain(
        model=str(Path(out) / "genotype.json"),
        network={"image_residual": True},  # a short training should start from the enlarged input
        train__steps=steps,
        train__optimizer__lr=1e-3,
        out=Path(out) / "trained",
        **common,
    )
    print(f"validation: {trained.scores['psnr']:.2f} dB; weights in {trained.weights}")
    return trained.scores["psnr"]


if __name__ == "__main__":
    main()
