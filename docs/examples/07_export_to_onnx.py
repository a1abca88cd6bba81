"""Export trained weights to ONNX and run the file without torch."""

from pathlib import Path

import numpy as np

import nas
from nas.models.export import export


def main(steps: int = 100, out: str | Path = "runs/example-07") -> tuple[int, ...]:
    trained = nas.retrain(
        model="mspan",
        task="sr_x2",
        network={"width": 16, "distilled": 8, "n_blocks": 2},
        train__steps=steps,
        data__batch=2,
        threads=1,
        out=out,
    )
    file = Path(out) / "mspan.onnx"
    export(trained.weights, file)

    import onnxruntime

    session = onnxruntime.InferenceSession(str(file))
    image = np.random.default_rng(0).random((1, 3, 40, 56), dtype=np.float32)  # RGB on 0..1, any size
    (restored,) = session.run(None, {session.get_inputs()[0].name: image})
    print(image.shape, "->", restored.shape)
    return restored.shape


if __name__ == "__main__":
    main()
