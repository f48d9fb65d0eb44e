"""`Waveform`: the value of a port of type `Audio`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from flowra.type.value_type import Audio

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HIGHEST_RATE", "MOST_CHANNELS", "Waveform", "check_rate", "clock"]

#: Samples a second; the fastest converters there are give 768 kHz.
HIGHEST_RATE = 1_000_000
#: More than any layout of loudspeakers has.
MOST_CHANNELS = 64
#: Beyond this (18 dB over full scale) numbers are no samples in -1..1, but integers that were not scaled.
_LOUDEST = 8.0


@dataclass(frozen=True, eq=False)
class Waveform:
    """Sound.

    Full scale is -1..1. Mixing and resampling may go over it for a while, up to 8; files of whole numbers can't hold
    what does.

    Args:
        samples: Shape (channels, samples), float32, one row a channel; read-only once it is here.
        rate: Samples a second (Hz), 1..1,000,000.

    Raises:
        ValueError: Shape, range or rate are off; the message says which, and the mend.
    """

    #: Which value type a port annotated with this class has.
    __flowra_value_type__: ClassVar[Audio] = Audio()

    samples: NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", _checked(self.samples))
        object.__setattr__(self, "rate", check_rate(self.rate))

    @property
    def channels(self) -> int:
        """How many channels it has."""
        return int(self.samples.shape[0])

    @property
    def length(self) -> int:
        """How many samples each channel has."""
        return int(self.samples.shape[1])

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.length / self.rate

    @property
    def nbytes(self) -> int:
        """How many bytes it takes in memory."""
        return int(self.samples.nbytes)

    @property
    def peak(self) -> float:
        """The largest distance of a sample from 0."""
        if not self.samples.size:
            return 0.0
        return float(max(self.samples.max(), -self.samples.min()))


def clock(seconds: float) -> str:
    """Return a time as people write it: `0:02.50`, `1:02:03.00`."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 100:02d}.{rest % 100:02d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def check_rate(rate: Any) -> int:
    """Return a rate as a whole number; raises ValueError for what is none."""
    if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or not 1 <= rate <= HIGHEST_RATE:
        raise ValueError(f"a rate is a whole number of samples a second, 1..{HIGHEST_RATE}, got {rate!r}")
    return int(rate)


def _checked(samples: Any) -> NDArray[np.float32]:
    if not isinstance(samples, np.ndarray):
        raise ValueError(f"samples are an array (channels, samples), got {type(samples).__name__}")
    array = samples[None, :] if samples.ndim == 1 else samples
    if array.ndim != 2:
        raise ValueError(f"samples are an array (channels, samples), got shape {samples.shape}")
    if not 1 <= array.shape[0] <= MOST_CHANNELS:
        mend = ": turn it round, array.T" if 1 <= array.shape[1] <= MOST_CHANNELS else ""
        raise ValueError(f"sound has 1..{MOST_CHANNELS} channels, got shape {array.shape}{mend}")
    array = _as_float(array)
    if array.size:
        low, high = float(array.min()), float(array.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("samples have to be finite, got NaN or infinite: np.nan_to_num(array)")
        if max(-low, high) > _LOUDEST:
            raise ValueError(
                f"samples are in -1..1, got {low:.6g}..{high:.6g}: divide by the full scale (32768 of int16)"
            )
    view: NDArray[np.float32] = np.ascontiguousarray(array, dtype=np.float32).view()
    view.flags.writeable = False
    return view


def _as_float(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind == "f":
        return array
    if array.dtype in (np.int16, np.int32):
        return (array / float(1 << (8 * array.dtype.itemsize - 1))).astype(np.float32)
    if array.dtype == np.uint8:
        return ((array.astype(np.float32) - 128) / 128).astype(np.float32)
    raise ValueError(f"samples are float32 in -1..1 (or uint8, int16, int32 of full scale), got {array.dtype}")
