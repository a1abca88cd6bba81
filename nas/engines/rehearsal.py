"""What a search or a training will take of memory, measured: first steps and a validation in a process of their own.

A formula would have to know what autograd keeps, what optimisers and gradient buffers take, how often the order of the
architecture gradient passes through the network, what workspace convolutions want and how the allocator rounds, of
every strategy, relaxation and network. So the real thing is done, and the process looks at itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from nas.config.reading import parse, to_yaml
from nas.config.runs import RetrainSettings, SearchSettings, Settings
from nas.documents import read_yaml
from nas.engines.gradient import make_learner
from nas.engines.setup import SHARES, settled, space_of, use_threads
from nas.evaluation.tiles import largest
from nas.machine import child_environment
from nas.profiling.process_memory import own_peak_mib, own_resident_mib
from nas.registry import STRATEGIES, load_plugins
from nas.tasks import get_task
from nas.train.events import Events
from nas.train.loop import Learner
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.retrain import rehearsed
from nas.train.run import SETTINGS_BY_KIND
from nas.train.state import save_state, seed_everything
from nas.train.teacher import taught, teacher_of
from nas.train.training_data import TrainingData, open_training_data

#: steps of one size: the second has the optimiser's state beside everything else, the third what was not yet freed
STEPS = 3
#: pixels of the target patches of a batch up to which the batch itself is tried, since that takes but seconds
MOST_PIXELS = 8 * 64**2
#: batches at which the need of a larger one is found: what a patch adds is the same for each
SMALLER = (2, 4)


@dataclass(frozen=True)
class Need:
    """Memory that a run needs, in MiB, above what the process takes before it builds anything.

    Attributes:
        imports: What Python and its libraries take before.
        step: At most, up to the end of a step.
        whole: At most, with validation and a saved state.
        measured_batch: The largest batch that was measured; for a larger one the need was extrapolated.
        seconds: Of one step, the fastest of those that were done; 0 where that is not known.
    """

    imports: float
    step: float
    whole: float
    measured_batch: int
    seconds: float = 0.0


def rehearse(settings: Settings) -> Need | None:
    """Measure what a search or a training will need, in a process of its own.

    Args:
        settings: The whole configuration.

    Returns:
        The need: of the process on a CPU, of the device on CUDA. None where it cannot be measured here.
    """
    kind = next(kind for kind, model in SETTINGS_BY_KIND.items() if isinstance(settings, model))
    with TemporaryDirectory(prefix="nas-") as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(f"kind: {kind}\n" + to_yaml(settings), encoding="utf-8")
        command = [sys.executable, "-m", "nas.engines.rehearsal", str(file)]
        done = subprocess.run(
            command, env=child_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    try:
        return Need(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        return None


def measure(settings: Settings, folder: Path) -> Need:
    """Do the first steps, save a state and validate, in this process, which has done nothing else.

    Args:
        settings: The whole configuration.
        folder: Where state and log are written.
    """
    imports = _resident(settings)
    load_plugins(settings.plugins)
    batch, patch = _largest_batch(settings)
    direct = batch <= max(SMALLER) or batch * patch**2 <= MOST_PIXELS
    peaks: dict[int, float] = {}
    pace: dict[int, float] = {}
    learner: Learner | None = None
    for size in (batch,) if direct else SMALLER:
        learner = None  # frees the one before
        learner, pace[size] = _steps(settings, size, patch)
        peaks[size] = _peak(settings) - imports
    (first, least), (last, most) = min(peaks.items()), max(peaks.items())
    step = most if direct else most + (batch - last) * (most - least) / (last - first)
    seconds = (
        pace[last] if direct else pace[last] + max(pace[last] - pace[first], 0.0) * (batch - last) / (last - first)
    )
    assert learner is not None
    with closing(Events(folder)) as events:
        events.write(STEPS, "train", loss=0.0)
        save_state(folder, STEPS, {"learner": learner.state_dict()})
        learner.validate(STEPS)
    return Need(imports, step, max(step, _peak(settings) - imports), last, seconds)


def _largest_batch(settings: Settings) -> tuple[int, int]:
    data = settings.data
    sizes = [(s.batch, s.patch) for s in data.stages] or [(data.batch, data.patch)]
    return max(sizes, key=lambda size: size[0] * size[1] ** 2)


def _steps(settings: Settings, batch: int, patch: int) -> tuple[Learner, float]:
    """A learner that has done the first steps with a batch of the given size, those of the architecture included.

    The second value is the seconds of the fastest step, which is not the first.
    """
    data = settings.data.model_copy(update={"batch": batch, "patch": patch, "stages": [], "workers": 0})
    train = settings.train.model_copy(update={"steps": STEPS, "compile": False})
    learner = _learner(settings.model_copy(update={"data": data, "train": train}))
    learner.begin(0)
    seconds = []
    for step in range(STEPS):
        started = time.monotonic()
        learner.step(step)
        if settings.device.startswith("cuda"):
            torch.cuda.synchronize(settings.device)
        seconds.append(time.monotonic() - started)
    return learner, min(seconds[1:])


def _learner(settings: Settings) -> Learner:
    seed_everything(settings.seed)
    if isinstance(settings, RetrainSettings):
        return rehearsed(settings, _with_largest_image)
    assert isinstance(settings, SearchSettings)
    task, space = get_task(settings.task), space_of(settings)
    use_threads(settings)
    data = _with_largest_image(open_training_data(settings, task, SHARES))
    strategy = STRATEGIES.get(settings.strategy)
    if strategy.differentiable:
        settings, _ = settled(settings)
        learner = make_learner(space, task, settings, data)
        learner.warmup_steps = 0
        return learner
    model = space.network(space.sample(settings.seed), task)
    criterion = task_criterion(settings.train.loss, model.descriptor.value_range)
    criterion = taught(criterion, teacher_of(settings, task), model.descriptor.value_range)
    return NetworkLearner(model, criterion, data.batches("weights"), settings.train, settings.device, data.validate)


def _with_largest_image(data: TrainingData) -> TrainingData:
    """The same data with one image to validate on, the largest."""
    return TrainingData(
        data.settings, data.task, {**data.parts, "validation": largest(data.parts["validation"], data.task)}
    )


def _resident(settings: Settings) -> float:
    return 0.0 if settings.device.startswith("cuda") else own_resident_mib()


def _peak(settings: Settings) -> float:
    if settings.device.startswith("cuda"):
        return torch.cuda.max_memory_reserved(settings.device) / 2**20
    return own_peak_mib()


def main(file: str) -> None:
    """Measure what the configuration in ``file`` needs, and print it as one line of JSON."""
    tree = read_yaml(file)
    settings = parse(SETTINGS_BY_KIND[tree.pop("kind")], tree)
    sys.stdout.write(json.dumps(asdict(measure(settings, Path(file).parent))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
