"""Videos, frame by frame through PyAV: order, times and rate of the frames stay, sound is copied as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from nas.errors import NasError, UsageError
from nas.files import replacing
from nas.restoration.restorer import Array, Restorer
from nas.signals import stop_if_asked

#: the encoder and its settings: H.264 in a quality at which no loss is seen
_ENCODER, _SETTINGS = "libx264", {"crf": "16", "preset": "medium"}
#: matrices between RGB and YUV as H.264 numbers them (ITU-T H.273) -> as the converter calls them
_MATRICES = {1: "ITU709", 5: "ITU601", 6: "ITU601"}
_UNTOLD, _HD, _SD = 2, 1, 6
#: lines from which players take an untold matrix for that of high definition
_HD_LINES = 720


def check_pyav() -> None:
    """Raise UsageError unless PyAV is installed."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise UsageError("videos need PyAV, which is not installed; pip install 'jsnas[video]'") from error


def restore_video(
    restorer: Restorer, source: Path, target: Path, advance: Callable[[str], None] = lambda words: None
) -> int:
    """Restore a video. The result is H.264 with 8 bits; it appears whole or not at all.

    Args:
        restorer: Restores the frames, ``options.batch`` at a time.
        source: The video; its first video stream is taken, and all its audio streams are copied.
        target: The result, .mp4, .mov or .mkv; its folder is made where it is missing.
        advance: Told in words after each batch how far it is.

    Returns:
        The number of frames.

    Raises:
        UsageError: PyAV is not installed.
        NasError: The file is no video, is damaged, holds no frames or frames of several sizes, or the result cannot be
            written.
    """
    check_pyav()
    import av

    try:
        with av.open(str(source)) as container:
            if not container.streams.video:
                raise NasError(f"{str(source)!r} contains no video stream; give a video")
            events = _events(container)
            waiting, first = _first_frame(events)
            if first is None:
                raise NasError(f"video {str(source)!r} contains no frames; give another file")
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as partial, av.open(str(partial), "w") as out:
                work = _Transfer(restorer, container, out, first, source, advance)
                for event in (*waiting, first):
                    work.take(event)
                for event in events:
                    work.take(event)
                work.end()
    except av.error.FFmpegError as error:
        raise NasError(f"video {str(source)!r} cannot be restored ({error}); check the file") from error
    return work.frames


def _events(container: Any) -> Iterator[Any]:
    """Frames of the video and packets of sound, as they lie in the file."""
    video = container.streams.video[0]
    video.thread_type = "AUTO"
    for packet in container.demux(video, *container.streams.audio):
        if packet.stream is video:
            yield from packet.decode()
        elif packet.dts is not None:  # the last packet of a stream is empty
            yield packet


def _first_frame(events: Iterator[Any]) -> tuple[list[Any], Any]:
    """The sound before the first frame, and that frame; None where there is none."""
    waiting: list[Any] = []
    for event in events:
        if _is_frame(event):
            return waiting, event
        waiting.append(event)
    return waiting, None


def _is_frame(event: Any) -> bool:
    return hasattr(event, "to_ndarray")


class _Transfer:
    """Carries one video into another file; ``frames`` counts those that were taken."""

    def __init__(
        self,
        restorer: Restorer,
        container: Any,
        out: Any,
        first: Any,
        source: Path,
        advance: Callable[[str], None],
    ) -> None:
        self._restorer, self._out, self._source, self._advance = restorer, out, source, advance
        video = container.streams.video[0]
        self._total, self._start = video.frames, time.monotonic()
        self._size = (first.height, first.width)
        self._rate = video.average_rate or video.guessed_rate or Fraction(25)
        matrix = first.colorspace if first.colorspace in _MATRICES else _HD if first.height >= _HD_LINES else _SD
        self._matrix = _MATRICES[matrix]
        turns, scale = _quarter_turns(first), restorer.descriptor.scale
        height, width = (side * scale for side in (self._size if turns % 2 == 0 else self._size[::-1]))
        self._video = out.add_stream(_ENCODER, rate=self._rate, options=dict(_SETTINGS))
        self._video.width, self._video.height = width, height
        self._video.pix_fmt = "yuv420p" if height % 2 == width % 2 == 0 else "yuv444p"
        self._video.codec_context.time_base = video.time_base or 1 / self._rate
        self._video.codec_context.colorspace = matrix  # always told, since players guess it by the size
        self._sound = {stream.index: out.add_stream_from_template(stream) for stream in container.streams.audio}
        self._pending: list[Any] = []
        self.frames = 0

    def take(self, event: Any) -> None:
        """One frame or packet of sound."""
        if not _is_frame(event):
            event.stream = self._sound[event.stream.index]
            self._out.mux(event)
            return
        if (event.height, event.width) != self._size:
            raise NasError(
                f"video {str(self._source)!r} changes its size at frame {self.frames}; cut it there into several files"
            )
        self._pending.append(event)
        self.frames += 1
        if len(self._pending) >= self._restorer.options.batch:
            self._flush()

    def end(self) -> None:
        """Write what is left."""
        self._flush()
        self._out.mux(self._video.encode(None))

    def _flush(self) -> None:
        import av

        stop_if_asked()
        frames, self._pending = self._pending, []
        if not frames:
            return
        images = [_upright(frame, self._matrix) for frame in frames]
        for offset, (frame, restored) in enumerate(zip(frames, self._restorer.images(images), strict=True)):
            made = av.VideoFrame.from_ndarray(restored, format="rgb24")
            made = made.reformat(
                format=self._video.pix_fmt, dst_colorspace=self._matrix, interpolation=_interpolation()
            )
            if frame.pts is None:
                made.pts, made.time_base = self.frames - len(frames) + offset, 1 / self._rate
            else:
                made.pts, made.time_base = frame.pts, frame.time_base
            self._out.mux(self._video.encode(made))
        pace = self.frames / max(time.monotonic() - self._start, 1e-9)
        total = f" of {self._total}" if self._total else ""
        self._advance(f"{self._source.name}: {self.frames}{total} frames, {pace:.2f} frames/s")


def _interpolation() -> Any:
    """Bicubic, rounded rightly: the converter's quick ways darken every frame by a level."""
    from av.video.reformatter import Interpolation as Way

    return Way.BICUBIC | Way.ACCURATE_RND | Way.FULL_CHR_H_INT | Way.FULL_CHR_H_INP


def _upright(frame: Any, matrix: str) -> Array:
    """(H, W, 3) uint8, turned as it is to be seen."""
    image = frame.to_ndarray(format="rgb24", src_colorspace=matrix, interpolation=_interpolation())
    return np.ascontiguousarray(np.rot90(image, _quarter_turns(frame)))


def _quarter_turns(frame: Any) -> int:
    """By which a player turns the frames counterclockwise, 0 to 3."""
    return int(round(frame.rotation / 90) % 4)
