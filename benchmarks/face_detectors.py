"""Compare the face detectors that work offline from permissively licensed packages: accuracy and time.

Run it in an environment that holds the candidates::

    pip install flowra-image scikit-image
    python benchmarks/face_detectors.py

- YuNet, as `flowra-image` runs it (weights of libfacedetection, BSD-3-Clause).
- The LBP cascade that comes with scikit-image (trained by OpenCV's authors, BSD-3-Clause). It gives no scores.

OpenCV 5 ships neither cascades nor a trained face detector any more (`cv2.FaceDetectorYN` comes without weights).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import skimage
from skimage.feature import Cascade

from flowra_image.faces import FaceDetector
from flowra_image.geometry import resize
from flowra_image.pixels import to_mode
from flowra_image.reading import load

#: Photographs that scikit-image ships, with the number of faces in each, counted by eye.
FACES = {"astronaut.png": 1, "camera.png": 1}
SIDES = (160, 320, 640, 1280)
_DATA = Path(skimage.__file__).parent / "data"

Detector = Callable[[np.ndarray], int]


def detectors() -> dict[str, Detector]:
    """Return functions from an RGB picture to the number of faces found, each as its documentation suggests."""
    network = FaceDetector()
    cascade = Cascade(str(_DATA / "lbpcascade_frontalface_opencv.xml"))

    def yunet(picture: np.ndarray) -> int:
        return len(network.find(picture, min_score=0.7, longest_side=max(picture.shape[:2])).boxes)

    def lbp(picture: np.ndarray) -> int:
        low, high = max(24, min(picture.shape[:2]) // 10), min(picture.shape[:2])
        return len(
            cascade.detect_multi_scale(
                img=picture, scale_factor=1.2, step_ratio=1, min_size=(low, low), max_size=(high, high)
            )
        )

    return {"YuNet": yunet, "LBP cascade": lbp}


def photographs() -> dict[str, np.ndarray]:
    """Return every picture that lies in scikit-image's data folder, as RGB uint8."""
    found = {}
    for path in sorted(_DATA.iterdir()):
        if path.suffix in (".png", ".jpg") and path.name != "logo.png":
            found[path.name] = np.ascontiguousarray(to_mode(load(path), "RGB"))
    return found


def whole_pictures(candidates: dict[str, Detector]) -> None:
    """Print what each detector finds and misses in whole pictures of several sizes, and how long it takes."""
    pictures = photographs()
    print(f"{len(pictures)} pictures, {sum(FACES.values())} faces, each picture at {len(SIDES)} sizes")
    for name, detect in candidates.items():
        hits = false = 0
        wrong: dict[str, int] = {}
        for file, picture in pictures.items():
            for side in SIDES:
                count = detect(resize(picture, side, side))
                expected = FACES.get(file, 0)
                hits += min(count, expected)
                extra = max(0, count - expected)
                false += extra
                if extra:
                    wrong[file] = wrong.get(file, 0) + extra
        asked = sum(FACES.values()) * len(SIDES)
        print(f"  {name:12} found {hits} of {asked} faces, {false} that are none {wrong or ''}")


def crops(candidates: dict[str, Detector]) -> None:
    """Print the rates on 100 faces and 100 other places cut tightly out of photographs, 25×25 pixels, enlarged."""
    parts = np.load(_DATA / "lfw_subset.npy")
    for side in (50, 100):
        for name, detect in candidates.items():
            seen = []
            for part in parts:
                large = cv2.resize((part * 255).astype(np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)
                edge = side // 2
                framed = cv2.copyMakeBorder(large, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
                seen.append(detect(np.dstack([framed] * 3)) > 0)
            print(
                f"  {name:12} faces of {side} px from 25×25 crops: {np.mean(seen[:100]):4.0%} found,"
                f" {np.mean(seen[100:]):4.0%} false"
            )


def times(candidates: dict[str, Detector]) -> None:
    """Print milliseconds for the astronaut at several sizes, and the ratio to the faster."""
    astronaut = photographs()["astronaut.png"]
    for side in SIDES:
        picture = resize(astronaut, side, side)
        took = {}
        for name, detect in candidates.items():
            runs = []
            for _ in range(15):
                start = time.perf_counter()
                detect(picture)
                runs.append(time.perf_counter() - start)
            took[name] = min(runs) * 1000
        cells = "   ".join(f"{name} {ms:7.1f} ms ×{ms / min(took.values()):.1f}" for name, ms in took.items())
        print(f"  {side:4} px: {cells}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    chosen = detectors()
    whole_pictures(chosen)
    crops(chosen)
    times(chosen)
