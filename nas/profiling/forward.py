"""What every timed or measured forward pass is set up with: input, memory layout, number type, threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from nas.models.calling import allowed_size, descriptor_of
from nas.profiling.cuda import Cuda

#: number types of inference by the name that users type; the reduced ones run under autocast
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def example_input(model: nn.Module, height: int, width: int, channels_last: bool) -> Tensor:
    """A random image as inference would hand it to the model; the same at every call.

    Args:
        model: A network with a descriptor, which states channels, value range and the sizes it takes.
        height: In pixels; rounded up to an allowed size.
        width: Likewise.
        channels_last: In the memory order (H, W, C).

    Returns:
        A tensor (1, C, H, W) on the CPU, float32 in the value range of the model.
    """
    descriptor = descriptor_of(model)
    height, width = (allowed_size(s, descriptor.size_multiple, descriptor.min_size) for s in (height, width))
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, descriptor.channels, height, width, generator=generator) * descriptor.value_range
    return x.contiguous(memory_format=torch.channels_last) if channels_last else x


def autocast_to(device: torch.device, dtype: str, cuda: Cuda | None = None) -> AbstractContextManager[object]:
    """The context in which a network runs in ``dtype``, a name of ``DTYPES``; ``cuda`` stands for a CUDA device."""
    if dtype == "float32":
        return nullcontext()
    return cuda.autocast(DTYPES[dtype]) if cuda is not None else torch.autocast(device.type, dtype=DTYPES[dtype])


@contextmanager
def cpu_threads(number: int) -> Iterator[None]:
    """Let torch compute with so many threads on the CPU, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def state_bytes(model: nn.Module) -> int:
    """Bytes of the memory that holds parameters and buffers; memory that tensors share counts once."""
    storages = (t.untyped_storage() for t in _tensors(model))
    return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


@contextmanager
def memory_layout(model: nn.Module, channels_last: bool) -> Iterator[None]:
    """Put the weights of convolutions (all four-axis parameters and buffers) in channels-last order, and back.

    Afterwards the order is restored by converting back, since originals kept beside the copies would count towards the
    peak memory. Only tensors that share memory keep their originals, so that they stay tied.
    """
    if not channels_last:
        yield
        return
    # no name may hold on to a storage here: this frame lives as long as the measurement
    sharers = Counter(t.untyped_storage().data_ptr() for t in _tensors(model))
    strides: list[tuple[Tensor, tuple[int, ...]]] = []
    originals: list[tuple[Tensor, Tensor]] = []
    for tensor in _tensors(model):
        if tensor.dim() != 4:
            continue
        if sharers[tensor.untyped_storage().data_ptr()] == 1 and tensor.untyped_storage().nbytes() == tensor.nbytes:
            strides.append((tensor, tensor.stride()))
        else:  # tied to another tensor, or a view of something larger
            originals.append((tensor, tensor.data))
    try:
        for tensor, _ in (*strides, *originals):
            tensor.data = tensor.data.to(memory_format=torch.channels_last)
        yield
    finally:
        for tensor, stride in strides:
            data = tensor.data
            if data.stride() != stride:
                tensor.data = torch.empty_strided(data.shape, stride, dtype=data.dtype, device=data.device).copy_(data)
        for tensor, data in originals:
            tensor.data = data
