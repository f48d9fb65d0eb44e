from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

_PHOTOS = Path(__file__).parent / "photos"


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    return Path(__file__).parents[3] / "examples" / "photos" / "astronaut.jpg"


@pytest.fixture(scope="session")
def photo():
    """Return a function that gives a photograph by name as a canonical array."""
    from PIL import Image

    def load(name: str) -> np.ndarray:
        array = np.asarray(Image.open(_PHOTOS / f"{name}.jpg"))
        array.flags.writeable = False
        return array

    return load


@pytest.fixture(scope="session")
def astronaut(astronaut_path) -> np.ndarray:
    from PIL import Image

    array = np.asarray(Image.open(astronaut_path))
    array.flags.writeable = False
    return array
