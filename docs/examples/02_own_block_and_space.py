"""A block of your own in a space of your own, searched by gradients on the sample photographs."""

from pathlib import Path

from torch import Tensor, nn

import nas
from nas.space import block

SPACE = """
format: nas.space/1
name: mine
skeleton: jsnet
cells:
  operation:
    role: operation
    nodes: 2
    inputs: all
    candidates: [skip_connect, example_conv, lrb]
    merge: sum
    relaxation: {partial_channels: 4, edge_weights: true}
network: {width: 16, cells: 2}
"""


@block("operation", name="example_conv")
class ExampleConv(nn.Module):
    """Keeps channels and size, as every block does; one line registers it under a name."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pointwise(self.depthwise(x).relu())


def main(steps: int = 200, patch: int = 48, out: str | Path = "runs/example-02") -> nas.Genotype:
    document = Path(out).with_suffix(".yaml")
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text(SPACE, encoding="utf-8")
    found = nas.search(
        space=str(document), task="sr_x2", train__steps=steps, data__patch=patch, data__batch=4, threads=1, out=out
    )
    print(found.genotype.to_text())
    return found.genotype


if __name__ == "__main__":
    main()
