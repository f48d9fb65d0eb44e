from __future__ import annotations

import numpy as np
import pytest

from flowra_media.audio.waveform import Waveform


@pytest.fixture
def tone():
    """Return a function that gives a sine: its frequency in Hz, seconds, rate, amplitude, channels."""

    def make(frequency=440.0, seconds=1.0, rate=44100, amplitude=0.5, channels=1):
        times = np.arange(round(seconds * rate)) / rate
        wave = amplitude * np.sin(2 * np.pi * frequency * times)
        return Waveform(np.tile(wave.astype(np.float32), (channels, 1)), rate)

    return make


@pytest.fixture
def marked_frames():
    """Return a function that gives pictures which say their number, in a grey that survives coding."""

    def make(count, width=64, height=48, first=0):
        pictures = np.zeros((count, height, width, 3), np.uint8)
        pictures[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
        for number in range(count):
            pictures[number, :, : width // 2] = 40 + 5 * (first + number)
        return list(pictures)

    return make


@pytest.fixture
def marked_video(marked_frames, tone):
    """Return a function that gives a video of marked frames, with a tone."""
    from fractions import Fraction

    from flowra_media.video.editing import from_pictures

    def make(count=10, rate="25", sound=True, first=0, **size):
        audio = tone(1000, seconds=float(count / Fraction(rate)), rate=48000, channels=2) if sound else None
        return from_pictures(marked_frames(count, first=first, **size), Fraction(rate), audio)

    return make


def numbers(frames):
    """Return the numbers that marked frames say."""
    return [round((float(frame.pixels[:, : frame.pixels.shape[1] // 4].mean()) - 40) / 5) for frame in frames]


@pytest.fixture
def numbers_of():
    return numbers
