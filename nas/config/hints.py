"""Where people who come from other tools find what they ask for: the ways out beside an unknown setting."""

from __future__ import annotations

import re

_BATCH = "gradients are not accumulated; a larger batch is data.batch, or several processes under torchrun"
_STOP = "nothing stops a training early; it ends at train.steps or after --time, and goes on with --resume"
_BEST = (
    "the weights of the last step are kept, not the best of the validations; train.ema averages them, and the "
    "validations are in events.jsonl"
)
_PRECISION = "half precision is train.bf16=true"
_EPOCHS = "a training is measured in steps: train.steps; epochs are the unit of a schedule (train.schedule.unit=epoch)"
_LOSS = "losses are train.loss=l1, l2 or charbonnier, and what a baseline brings (train.criterion)"
_RATE = "the learning rate is train.optimizer.lr (--lr)"
_SIZE = "patches a step are data.batch (--batch)"
#: last part of a setting, small letters and no underscores -> the way out
_WAYS = {
    **dict.fromkeys(("accumulate", "accumulation", "accumulationsteps", "gradaccum", "gradientaccumulation"), _BATCH),
    **dict.fromkeys(("accumulategradbatches", "accumiter", "gradaccumsteps", "gradientaccumulationsteps"), _BATCH),
    **dict.fromkeys(("patience", "earlystop", "earlystopping", "earlystoppingpatience"), _STOP),
    **dict.fromkeys(("keepbest", "savebest", "best", "savebestonly", "monitor", "savetopk"), _BEST),
    **dict.fromkeys(("fp16", "amp", "half", "precision", "mixedprecision", "useamp", "float16"), _PRECISION),
    **dict.fromkeys(("epochs", "epoch", "maxepochs", "numepochs", "totalepochs"), _EPOCHS),
    **dict.fromkeys(("losses", "pixelopt", "perceptual", "perceptualloss", "ganloss", "lossfn", "ssimloss"), _LOSS),
    **dict.fromkeys(("lr", "learningrate"), _RATE),
    **dict.fromkeys(("batchsize", "batch", "bs"), _SIZE),
    **dict.fromkeys(("iterations", "iters", "totaliter", "maxsteps", "maxiter"), "the length is train.steps (--steps)"),
    **dict.fromkeys(("gpus", "gpu", "gpuids", "ngpu"), "the device is --device; several GPUs work under torchrun"),
    **dict.fromkeys(
        ("crop", "cropsize", "gtsize", "patchsize", "hrsize"), "the side of the target patch is data.patch"
    ),
}


def way_out(setting: str) -> str:
    """What to use in place of a setting that does not exist.

    Args:
        setting: Its dotted name, or the last part of it.

    Returns:
        A clause to follow a semicolon, empty where there is nothing to say.
    """
    return _WAYS.get(re.sub(r"[^a-z0-9]", "", setting.rpartition(".")[2].lower()), "")
