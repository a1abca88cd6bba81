"""Load a search space, draw networks from it, and see what they cost."""

import nas
from nas.profiling.costs import costs_for_task
from nas.tasks import get_task


def main(networks: int = 5) -> list[tuple[int, int]]:
    space = nas.load_space("jsm")
    print(f"{space.size():,} networks, {len(space.decisions)} decisions")
    task = get_task("sr_x2")
    found = []
    for seed in range(networks):
        genotype = space.sample(seed)
        costs = costs_for_task(space.network(genotype, task=task), task)
        found.append((costs.parameters, costs.multiply_adds_total))
        print(
            f"{genotype.hash}  {costs.parameters:9,} parameters  {costs.multiply_adds_total / 1e9:6.1f} G multiply-adds"
        )
    print(genotype.to_text())
    changed = space.mutate(genotype, 0)
    print("a mutation of it:", changed.hash)
    return found


if __name__ == "__main__":
    main()
