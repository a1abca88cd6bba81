"""Train a small baseline, measure it beside bicubic, and look at the rows in pandas."""

from pathlib import Path

import pandas as pd

import nas


def main(steps: int = 300, out: str | Path = "runs/example-04") -> pd.DataFrame:
    trained = nas.retrain(
        model="mspan",
        task="sr_x2",
        network={"width": 16, "distilled": 8, "n_blocks": 2},
        train__steps=steps,
        train__optimizer__lr=1e-3,
        data__batch=4,
        threads=1,
        out=out,
    )
    models = ["bicubic", ("small MSPAN", trained.weights)]
    rows = nas.evaluate(models, "sr_x2", ["sample"], out=Path(out) / "rows.csv")
    table = nas.frame(rows)
    print(table[["model", "set", "psnr", "ssim", "parameters"]].to_string(index=False))

    published = nas.frame(nas.load_published("sr_x2", "Set5"))
    best = published.sort_values("psnr", ascending=False).head(5)
    print(best[["model", "psnr", "parameters", "source"]].to_string(index=False))
    return table


if __name__ == "__main__":
    main()
