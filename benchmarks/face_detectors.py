"""Measure the face detector of `flowra-image`: what it finds, what it takes for a face and is none, and the time.

Run it where the pack is installed; the other two give further photographs::

    pip install flowra-image matplotlib scikit-learn
    python benchmarks/face_detectors.py

The pictures are those that scikit-image ships (photographs, and LFW's 100 faces and 100 other places cut out of
photographs, 25×25), Grace Hopper's portrait of matplotlib, and scikit-learn's two photographs. They are dealt out in
two halves: on the first, the number of windows that must agree was chosen; the second says how well that does.

The comparison is the same cascade as scikit-image's documentation calls it. Other detectors were left out: OpenCV 5
ships neither cascades nor weights (`cv2.FaceDetectorYN` comes without), and packages that wrap better networks fetch
their weights when first used, need a runtime of several hundred megabytes, or are maintained by nobody.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from skimage.feature import Cascade

from flowra_image.faces import FaceDetector
from flowra_image.faces.detector import HALF_SURE
from flowra_image.geometry import resize
from flowra_image.pixels import to_mode
from flowra_image.reading import load

SIDES = (160, 320, 640, 1280)
#: Where the faces are: the centre and the side, as shares of the picture's width.
FACES = {"astronaut.png": (0.435, 0.23, 0.2), "grace_hopper.jpg": (0.53, 0.41, 0.35)}
#: There is a face, but from the side, which the cascade is not made for.
FROM_THE_SIDE = ("camera.png",)
_DATA = Path(skimage.data.__file__).parent

Detector = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass
class Half:
    """What is looked at.

    Attributes:
        photographs: By name, RGB.
        faces: Crops of faces, grey, enlarged.
        others: Crops of other things.
    """

    photographs: dict[str, np.ndarray] = field(default_factory=dict)
    faces: list[np.ndarray] = field(default_factory=list)
    others: list[np.ndarray] = field(default_factory=list)


def halves() -> tuple[Half, Half]:
    """Return the half on which to choose, and the half on which to report."""
    chosen, reported = Half(), Half()
    files = [path for path in sorted(_DATA.iterdir()) if path.suffix in (".png", ".jpg") and path.name != "logo.png"]
    plain = [path for path in files if path.name not in (*FACES, *FROM_THE_SIDE)]
    for index, path in enumerate(plain):
        (chosen, reported)[index % 2].photographs[path.name] = _rgb(path)
    chosen.photographs |= {path.name: _rgb(path) for path in _others("matplotlib", "mpl-data/sample_data/grace*.jpg")}
    rest = [_DATA / "astronaut.png", *(_DATA / name for name in FROM_THE_SIDE)]
    rest += _others("sklearn", "datasets/images/*.jpg")
    reported.photographs |= {path.name: _rgb(path) for path in rest}
    for index, part in enumerate(np.load(_DATA / "lfw_subset.npy")):
        half = (chosen, reported)[index % 2]
        (half.faces if index < 100 else half.others).append(_enlarged(part))
    return chosen, reported


def _rgb(path: Path) -> np.ndarray:
    return np.ascontiguousarray(to_mode(load(path), "RGB"))


def _others(package: str, pattern: str) -> list[Path]:
    found = importlib.util.find_spec(package)
    return sorted(Path(found.origin).parent.glob(pattern)) if found is not None and found.origin else []


def _enlarged(part: np.ndarray) -> np.ndarray:
    """Return a crop of 25×25 with 100×100, in a frame that repeats its edges."""
    large = cv2.resize((part * 255).astype(np.uint8), (100, 100), interpolation=cv2.INTER_CUBIC)
    return cv2.copyMakeBorder(large, 50, 50, 50, 50, cv2.BORDER_REPLICATE)


def flowra() -> Detector:
    """Return flowra-image's detector: boxes, and how many windows agree on each."""
    detector = FaceDetector()

    def detect(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = detector.find(picture, min_score=0.1)
        return found.boxes, np.rint(HALF_SURE * found.scores / (1 - found.scores))

    return detect


def documented() -> Detector:
    """Return the cascade as scikit-image's gallery calls it; a box counts as one on which any number agrees."""
    cascade = Cascade(str(_DATA / "lbpcascade_frontalface_opencv.xml"))

    def detect(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, high = max(24, max(picture.shape[:2]) // 20), min(picture.shape[:2])
        found = cascade.detect_multi_scale(picture, 1.2, 1, (low, low), (high, high))
        boxes = [(box["c"], box["r"], box["c"] + box["width"], box["r"] + box["height"]) for box in found]
        return np.array(boxes, dtype=float).reshape(-1, 4), np.full(len(boxes), np.inf)

    return detect


@dataclass
class Tally:
    """How many windows agree on each face (0 where it was missed), and on each thing that is none."""

    faces: list[float] = field(default_factory=list)
    false: list[tuple[float, str]] = field(default_factory=list)
    pictures: int = 0

    def rates(self, needed: float) -> str:
        """Return what counts as found, and wrongly found, where so many windows must agree."""
        found = sum(count >= needed for count in self.faces)
        wrong = sum(count >= needed for count, _ in self.false)
        return f"{found:3} of {len(self.faces):3} faces, {wrong:2} false in {self.pictures} pictures"


def tally_photographs(photographs: dict[str, np.ndarray], detect: Detector) -> Tally:
    """Return what is found in whole photographs, each in all sizes."""
    result = Tally()
    for name, picture in photographs.items():
        for side in SIDES:
            seen = resize(picture, side, side)
            result.pictures += 1
            best = 0.0
            for box, count in zip(*detect(seen), strict=True):
                if name in FACES and _is_at(box / seen.shape[1], FACES[name]):
                    best = max(best, count)
                else:
                    result.false.append((count, f"{name} {side}"))
            if name in FACES or name in FROM_THE_SIDE:
                result.faces.append(best)
    result.false.sort(reverse=True)
    return result


def _is_at(box: np.ndarray, face: tuple[float, float, float]) -> bool:
    x, y, side = face
    centre, width = (box[:2] + box[2:]) / 2, box[2] - box[0]
    return bool(np.hypot(*(centre - (x, y))) < side / 4 and side / 1.6 < width < side * 1.6)


def tally_crops(half: Half, detect: Detector) -> Tally:
    """Return what is found in the crops."""
    result = Tally(pictures=len(half.others))
    result.faces = [max(detect(crop)[1], default=0.0) for crop in half.faces]
    result.false = [(count, "crop") for crop in half.others for count in detect(crop)[1]]
    return result


def by_threshold(title: str, half: Half, detect: Detector, needed: Iterable[float]) -> None:
    """Print what is found, and wrongly found, as more and more windows must agree."""
    print(title)
    photographs, crops = tally_photographs(half.photographs, detect), tally_crops(half, detect)
    for least in needed:
        label = f"{least:4.0f} windows" if np.isfinite(least) else "            "
        print(f"  {label}  photographs: {photographs.rates(least)};  crops: {crops.rates(least)}")
    if photographs.false:
        print("   nearest to being false:", *(f"{name} ({count:.0f})" for count, name in photographs.false[:4]))


def times(candidates: dict[str, Detector]) -> None:
    """Print milliseconds for the astronaut in several sizes."""
    astronaut = _rgb(_DATA / "astronaut.png")
    print("milliseconds for the astronaut")
    for side in (*SIDES, 5120):
        picture = resize(astronaut, side, side)
        took = {}
        for name, detect in candidates.items():
            if side > SIDES[-1] and name != "flowra-image":
                continue
            runs = []
            for _ in range(7):
                start = time.perf_counter()
                detect(picture)
                runs.append(time.perf_counter() - start)
            took[name] = min(runs) * 1000
        print(f"  {side:4} px: " + "   ".join(f"{name} {ms:7.1f}" for name, ms in took.items()))


if __name__ == "__main__":
    chosen, reported = halves()
    ours, theirs = flowra(), documented()
    steps = sorted({10, 15, 20, 25, 30, 35, 40, HALF_SURE})
    by_threshold("the half on which the number was chosen", chosen, ours, steps)
    by_threshold(f"the other half; {HALF_SURE} windows are a score of 0.5", reported, ours, steps)
    by_threshold("the other half, scikit-image's documented call", reported, theirs, [np.inf])
    times({"flowra-image": ours, "documented call": theirs})
