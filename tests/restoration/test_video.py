"""A clip keeps its frames, their order, times and rate, its sound and its colours."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.errors import Interrupted, NasError
from nas.restoration.files import restore_files
from nas.restoration.options import RestorationOptions
from nas.restoration.restorer import Restorer
from nas.restoration.video import restore_video
from nas.signals import listening
from tests.restoration.networks import Enlarger

av = pytest.importorskip("av", reason="videos need PyAV: pip install 'jsnas[video]'")

RATE, SECONDS = 25, 10


class Doubler(Enlarger):
    """Each pixel four times, so that what frames hold can be compared."""

    def forward(self, image: Any) -> Any:
        self.calls.append(tuple(image.shape))
        return image.repeat_interleave(2, -1).repeat_interleave(2, -2)


def clip(
    path: Path,
    frames: int = RATE * SECONDS,
    size: tuple[int, int] = (24, 32),
    sound: bool = True,
    times: Callable[[int], int] = lambda index: index,
) -> Path:
    """A clip whose brightness says which frame it is."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options={"crf": "4"})
        video.height, video.width = size
        video.pix_fmt = "yuv420p"
        audio = out.add_stream("aac", rate=8000) if sound else None
        for index in range(frames):
            image = np.full((*size, 3), (200, 40, 40), np.uint8)
            image[:, : size[1] // 2] = index % 200 + 20
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = times(index), Fraction(1, RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None:
            for start in range(0, 8000 * frames // RATE, 1024):
                wave = np.sin(np.arange(start, start + 1024) * 0.1).astype(np.float32)[None] * 0.3
                frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


def seen(path: Path) -> tuple[list[float], list[np.ndarray], Fraction]:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        frames = [(float(f.pts * f.time_base), f.to_ndarray(format="rgb24")) for f in container.decode(video)]
        return [time for time, _ in frames], [image for _, image in frames], video.average_rate


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.dts is not None]


@pytest.mark.parametrize("batch", [1, 7])
def test_a_clip_of_ten_seconds_keeps_frames_rate_sound_and_colours(batch: int, tmp_path: Path) -> None:
    source, network = clip(tmp_path / "clip.mp4"), Doubler()
    done = restore_files(network, [source], tmp_path / "out", RestorationOptions(plain=True, batch=batch))
    assert done.written == [tmp_path / "out/clip.mp4"] and not done.failures
    before, after = seen(source), seen(done.written[0])
    assert len(before[0]) == len(after[0]) == RATE * SECONDS and after[2] == before[2] == RATE
    np.testing.assert_allclose(after[0], before[0], atol=1e-4)
    assert sound(done.written[0]) == sound(source)
    for old, new in zip(before[1][::20], after[1][::20], strict=True):
        assert new.shape == (48, 64, 3)
        difference = new[::2, ::2].astype(int) - old.astype(int)
        assert np.abs(difference[:, :12]).mean() < 2.5 and np.abs(difference[:, 20:].mean(axis=(0, 1))).max() < 2.5
    assert max(shape[0] for shape in network.calls) == batch


def test_uneven_times_of_frames_are_kept(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mkv", frames=12, sound=False, times=lambda index: index * index)
    assert restore_video(Restorer(Doubler(), RestorationOptions(plain=True)), source, tmp_path / "out.mkv") == 12
    np.testing.assert_allclose(seen(tmp_path / "out.mkv")[0], seen(source)[0], atol=2e-3)


def test_an_odd_size_is_written_too(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mkv", frames=3, sound=False)
    network = Enlarger(scale=3)
    network.descriptor = Enlarger(scale=3).descriptor
    with av.open(str(tmp_path / "odd.mkv"), "w") as out:
        video = out.add_stream("libx264", rate=RATE)
        video.height, video.width, video.pix_fmt = 21, 31, "yuv444p"
        frame = av.VideoFrame.from_ndarray(np.full((21, 31, 3), 90, np.uint8), format="rgb24")
        out.mux(video.encode(frame))
        out.mux(video.encode(None))
    for file, size in ((source, (72, 96)), (tmp_path / "odd.mkv", (63, 93))):
        restore_video(Restorer(network, RestorationOptions(plain=True)), file, tmp_path / "out.mkv")
        assert seen(tmp_path / "out.mkv")[1][0].shape[:2] == size


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b"no video at all"), "cannot be restored"),
        (lambda path: path.write_bytes(b""), "cannot be restored"),
        (lambda path: clip(path, frames=0), "no frames|cannot be restored|no video stream"),
    ],
)
def test_a_file_without_frames_is_named_and_nothing_is_written(
    make: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    source = tmp_path / "clip.mp4"
    make(source)
    with pytest.raises(NasError, match=words):
        restore_video(Restorer(Doubler(), RestorationOptions(plain=True)), source, tmp_path / "out/clip.mp4")
    assert not list(tmp_path.glob("out/*"))


def test_an_interrupted_video_leaves_nothing(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", frames=10, sound=False)
    with pytest.raises(Interrupted), listening(lambda: "stopped", at_once=False) as listener:

        def stop(words: str) -> None:
            listener.received = 2

        restore_video(Restorer(Doubler(), RestorationOptions(plain=True)), source, tmp_path / "out/clip.mp4", stop)
    assert not list(tmp_path.glob("out/*"))
