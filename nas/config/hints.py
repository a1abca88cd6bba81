"""Where people who come from other tools find what they ask for: the ways out beside an unknown setting."""

from __future__ import annotations

import re

_BATCH = "batches whose gradients are averaged into one step are train.accumulate"
_STOP = "a training ends early by train.patience, a number of validations without a better one"
_BEST = (
    "the weights of the best validation are kept beside the last by train.keep_best, judged by train.monitor, and "
    "train.ema averages weights"
)
_PRECISION = "half precision is train.bf16=true or train.fp16=true"
_EPOCHS = "a training is measured in steps: train.steps; epochs are the unit of a schedule (train.schedule.unit=epoch)"
_LOSS = (
    "losses are train.loss, a name or names with weights, also of a plug-in ('nas list losses'), and what a baseline "
    "brings (train.criterion)"
)
_TEACHER = "a network to learn from is train.teacher, a weights file or run folder"
_RATE = "the learning rate is train.optimizer.lr (--lr)"
_SIZE = "patches a step are data.batch (--batch)"
#: last part of a setting, small letters and no underscores -> the way out
_WAYS = {
    **dict.fromkeys(("accumulation", "accumulationsteps", "gradaccum", "gradientaccumulation"), _BATCH),
    **dict.fromkeys(("accumulategradbatches", "accumiter", "gradaccumsteps", "gradientaccumulationsteps"), _BATCH),
    **dict.fromkeys(("earlystop", "earlystopping", "earlystoppingpatience"), _STOP),
    **dict.fromkeys(("savebest", "best", "savebestonly", "savetopk"), _BEST),
    **dict.fromkeys(("amp", "half", "precision", "mixedprecision", "useamp", "float16"), _PRECISION),
    **dict.fromkeys(("epochs", "epoch", "maxepochs", "numepochs", "totalepochs"), _EPOCHS),
    **dict.fromkeys(("losses", "pixelopt", "perceptual", "perceptualloss", "ganloss", "lossfn", "ssimloss"), _LOSS),
    **dict.fromkeys(("distill", "distillation", "kd", "teacherweights", "teachermodel"), _TEACHER),
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
