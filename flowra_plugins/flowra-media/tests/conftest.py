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
