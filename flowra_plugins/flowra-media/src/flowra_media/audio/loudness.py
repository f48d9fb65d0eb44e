"""How loud a sound is to people: integrated loudness in LUFS after ITU-R BS.1770-5."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowra_media.audio.waveform import Waveform

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["integrated_loudness"]

#: The absolute threshold of the gate in LUFS, and the relative one in LU (annex 1, equations 6 and 7).
_ABSOLUTE, _RELATIVE = -70.0, -10.0
#: A block of the gate in seconds, and how far one begins after the other.
_BLOCK, _STEP = 0.4, 0.1
#: Surround channels count more; in layouts of 5.1 the fourth is the low-frequency one, which counts nothing.
_WEIGHTS = {5: (1, 1, 1, 1.41, 1.41), 6: (1, 1, 1, 0, 1.41, 1.41)}


def integrated_loudness(audio: Waveform) -> float | None:
    """Return the loudness over the whole sound.

    The recommendation gives its filters for 48 kHz. For other rates they are made anew from the analogue filters
    behind those numbers (centre frequencies, gain and quality as given by Mansbridge, Finn and Reiss, *Implementation
    and Evaluation of Autonomous Multi-track Fader Control*, 2012), by the bilinear transform.

    Args:
        audio: Any sound; 5 channels are taken for L R C Ls Rs, 6 for L R C LFE Ls Rs, others count alike.

    Returns:
        LUFS; None for what is shorter than 0.4 s, or silent throughout (below -70 LUFS).
    """
    blocks = _block_powers(audio)
    if not blocks.size:
        return None
    weights = np.asarray(_WEIGHTS.get(audio.channels, (1,) * audio.channels), float)
    powers = weights @ blocks
    loud = powers[_lufs(powers) > _ABSOLUTE]
    if not loud.size:
        return None
    gated = loud[_lufs(loud) > _lufs(loud.mean()) + _RELATIVE]
    return float(_lufs(gated.mean()))


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = -0.691 + 10 * np.log10(power)
    return found


def _block_powers(audio: Waveform) -> NDArray[np.float64]:
    """Return the mean square of each block of each channel, after the K-weighting filters: (channels, blocks)."""
    from scipy.signal import sosfilt

    step = round(_STEP * audio.rate)
    steps = audio.length // step if step else 0
    per_block = round(_BLOCK / _STEP)
    if steps < per_block:
        return np.zeros((audio.channels, 0))
    sections = _k_weighting(audio.rate)
    squares = np.empty((audio.channels, steps))
    # Channel by channel and minute by minute: as float64 the whole would take twice the memory of the sound.
    piece = 600 * step
    for number, channel in enumerate(audio.samples):
        state = np.zeros((2, 2))
        for start in range(0, steps * step, piece):
            weighted, state = sosfilt(
                sections, channel[start : min(start + piece, steps * step)].astype(float), zi=state
            )
            means = (weighted.reshape(-1, step) ** 2).mean(axis=1)
            squares[number, start // step : start // step + len(means)] = means
    windows = np.lib.stride_tricks.sliding_window_view(squares, per_block, axis=1)
    means_of_blocks: NDArray[np.float64] = windows.mean(axis=2)
    return means_of_blocks


def _k_weighting(rate: int) -> NDArray[np.float64]:
    """Return the two filters as second-order sections: the head's high shelf, and the high-pass."""
    frequency, quality, gain = 1681.974450955533, 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    k = np.tan(np.pi * min(frequency / rate, 0.49))
    middle = gain**0.4996667741545416
    low = 1 + k / quality + k * k
    shelf = [
        (gain + middle * k / quality + k * k) / low,
        2 * (k * k - gain) / low,
        (gain - middle * k / quality + k * k) / low,
        1,
        2 * (k * k - 1) / low,
        (1 - k / quality + k * k) / low,
    ]
    frequency, quality = 38.13547087602444, 0.5003270373238773
    k = np.tan(np.pi * min(frequency / rate, 0.49))
    low = 1 + k / quality + k * k
    high_pass = [1, -2, 1, 1, 2 * (k * k - 1) / low, (1 - k / quality + k * k) / low]
    return np.array([shelf, high_pass])
