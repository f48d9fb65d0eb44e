"""Compare the libraries that `flowra-image` could stand on, operation by operation.

Run it in an environment that holds the candidates::

    pip install pillow numpy scipy scikit-image opencv-python-headless
    python benchmarks/image_libraries.py

All figures come from one run on one machine, so the ratios can be trusted where the milliseconds can't. A library
that is missing, or that can't do an operation for a pixel type, shows as "-". A result that is wrong shows as "wrong":
each timed operation is checked against a slow, obvious reference, or against the other libraries' agreement.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

LIBRARIES = ("pillow", "opencv", "scikit-image")
DISTRIBUTIONS = {
    "pillow": ("pillow",),
    "opencv": ("opencv-python-headless", "numpy"),
    "scikit-image": (
        "scikit-image",
        "scipy",
        "networkx",
        "imageio",
        "tifffile",
        "lazy-loader",
        "packaging",
        "pillow",
        "numpy",
    ),
}
LICENCES = {"pillow": "MIT-CMU", "opencv": "Apache-2.0", "scikit-image": "BSD-3-Clause"}
IMPORTS = {
    "pillow": "import PIL.Image, PIL.ImageFilter",
    "opencv": "import cv2",
    "scikit-image": "import skimage.transform, skimage.filters, skimage.feature, scipy.ndimage",
}
REPEATS = 5

Operation = Callable[[np.ndarray], np.ndarray]


def picture(dtype: str, channels: int, height: int = 1080, width: int = 1920) -> np.ndarray:
    """A smooth picture with edges and a little noise, H×W or H×W×C, over the whole range of its dtype."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    base = 0.5 + 0.3 * np.sin(x / 37) * np.cos(y / 23) + 0.15 * ((x // 160 + y // 120) % 2)
    noise = np.random.default_rng(0).normal(0, 0.02, (height, width)).astype(np.float32)
    planes = [np.clip(np.roll(base + noise, shift * 31, axis=1), 0, 1) for shift in range(channels)]
    pixels = planes[0] if channels == 1 else np.dstack(planes)
    if dtype == "float32":
        return np.ascontiguousarray(pixels, dtype=np.float32)
    return np.ascontiguousarray(np.rint(pixels * np.iinfo(dtype).max), dtype=dtype)


def operations(library: str) -> dict[str, Operation]:
    """The operations as each library's own documentation writes them; imports happen here."""
    if library == "pillow":
        return _pillow()
    if library == "opencv":
        return _opencv()
    return _scikit_image()


def _pillow() -> dict[str, Operation]:
    from PIL import Image, ImageFilter

    def planes(do: Callable[[Any], Any]) -> Operation:
        """Pillow has no 16-bit or float colour: those go channel by channel through its 32-bit float mode."""

        def run(pixels: np.ndarray) -> np.ndarray:
            if pixels.dtype == np.uint8:
                return np.asarray(do(Image.fromarray(pixels)))
            stack = pixels[..., None] if pixels.ndim == 2 else pixels
            done = [np.asarray(do(Image.fromarray(stack[..., c].astype(np.float32)))) for c in range(stack.shape[2])]
            joined = done[0] if pixels.ndim == 2 else np.dstack(done)
            return joined if pixels.dtype == np.float32 else np.rint(joined).clip(0, 65535).astype(pixels.dtype)

        return run

    def eight_bit_only(do: Callable[[Any], Any]) -> Operation:
        def run(pixels: np.ndarray) -> np.ndarray:
            if pixels.dtype != np.uint8:
                raise NotImplementedError
            return np.asarray(do(Image.fromarray(pixels)))

        return run

    def encode(kind: str, **options: Any) -> Operation:
        def run(pixels: np.ndarray) -> np.ndarray:
            if pixels.dtype == np.float32 or (pixels.dtype == np.uint16 and pixels.ndim == 3):
                raise NotImplementedError
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, kind, **options)
            return np.frombuffer(stream.getvalue(), np.uint8)

        return run

    def decode(kind: str, **options: Any) -> Operation:
        encoder = encode(kind, **options)
        stored: dict[int, bytes] = {}

        def run(pixels: np.ndarray) -> np.ndarray:
            data = stored.setdefault(id(pixels), encoder(pixels).tobytes())
            return np.asarray(Image.open(io.BytesIO(data)))

        return run

    return {
        "save PNG": encode("png", compress_level=1),
        "load PNG": decode("png", compress_level=1),
        "save JPEG": encode("jpeg", quality=90),
        "load JPEG": decode("jpeg", quality=90),
        "resize down": planes(lambda im: im.resize((640, 360), Image.Resampling.BICUBIC)),
        "resize up": planes(lambda im: im.resize((2560, 1440), Image.Resampling.BICUBIC)),
        "rotate 17°": planes(lambda im: im.rotate(17, Image.Resampling.BICUBIC, expand=True)),
        "gaussian 3": eight_bit_only(lambda im: im.filter(ImageFilter.GaussianBlur(3))),
        "median 5": eight_bit_only(lambda im: im.filter(ImageFilter.MedianFilter(5))),
    }


def _opencv() -> dict[str, Operation]:
    import cv2

    def encode(suffix: str, options: list[int]) -> Operation:
        def run(pixels: np.ndarray) -> np.ndarray:
            if pixels.dtype == np.float32 or (suffix == ".jpg" and pixels.dtype != np.uint8):
                raise NotImplementedError
            return cv2.imencode(suffix, pixels if pixels.ndim == 2 else pixels[..., ::-1], options)[1]

        return run

    def decode(suffix: str, options: list[int]) -> Operation:
        encoder = encode(suffix, options)
        stored: dict[int, np.ndarray] = {}

        def run(pixels: np.ndarray) -> np.ndarray:
            read = cv2.imdecode(stored.setdefault(id(pixels), encoder(pixels)), cv2.IMREAD_UNCHANGED)
            return read if read.ndim == 2 else read[..., ::-1]

        return run

    def rotate(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), 17, 1)
        cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
        wide, high = int(np.ceil(height * sine + width * cosine)), int(np.ceil(height * cosine + width * sine))
        matrix[:, 2] += ((wide - width) / 2, (high - height) / 2)
        return cv2.warpAffine(pixels, matrix, (wide, high), flags=cv2.INTER_CUBIC)

    def canny(pixels: np.ndarray) -> np.ndarray:
        if pixels.dtype != np.uint8 or pixels.ndim == 3:
            raise NotImplementedError
        return cv2.Canny(cv2.GaussianBlur(pixels, (0, 0), 1), 40, 100)

    def otsu(pixels: np.ndarray) -> np.ndarray:
        if pixels.dtype == np.float32 or pixels.ndim == 3:
            raise NotImplementedError
        return np.asarray(cv2.threshold(pixels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0])

    return {
        "save PNG": encode(".png", [cv2.IMWRITE_PNG_COMPRESSION, 1]),
        "load PNG": decode(".png", [cv2.IMWRITE_PNG_COMPRESSION, 1]),
        "save JPEG": encode(".jpg", [cv2.IMWRITE_JPEG_QUALITY, 90]),
        "load JPEG": decode(".jpg", [cv2.IMWRITE_JPEG_QUALITY, 90]),
        "resize down": lambda pixels: cv2.resize(pixels, (640, 360), interpolation=cv2.INTER_AREA),
        "resize up": lambda pixels: cv2.resize(pixels, (2560, 1440), interpolation=cv2.INTER_CUBIC),
        "rotate 17°": rotate,
        "gaussian 3": lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 3),
        "median 5": lambda pixels: cv2.medianBlur(pixels, 5),
        "edges (Canny)": canny,
        "Otsu": otsu,
    }


def _scikit_image() -> dict[str, Operation]:
    import scipy.ndimage as ndi
    import skimage.feature
    import skimage.filters
    import skimage.io
    import skimage.transform

    def back(result: np.ndarray, like: np.ndarray) -> np.ndarray:
        if like.dtype == np.float32:
            return result.astype(np.float32)
        return np.rint(result).clip(0, np.iinfo(like.dtype).max).astype(like.dtype)

    def per_plane(do: Operation) -> Operation:
        def run(pixels: np.ndarray) -> np.ndarray:
            return do(pixels) if pixels.ndim == 2 else np.dstack([do(pixels[..., c]) for c in range(pixels.shape[2])])

        return run

    def resize(height: int, width: int) -> Operation:
        def run(pixels: np.ndarray) -> np.ndarray:
            return back(
                skimage.transform.resize(
                    pixels, (height, width), order=3, anti_aliasing=height < pixels.shape[0], preserve_range=True
                ),
                pixels,
            )

        return run

    def canny(pixels: np.ndarray) -> np.ndarray:
        if pixels.ndim == 3:
            raise NotImplementedError
        return skimage.feature.canny(pixels, sigma=1)

    def otsu(pixels: np.ndarray) -> np.ndarray:
        if pixels.ndim == 3:
            raise NotImplementedError
        return np.asarray(skimage.filters.threshold_otsu(pixels))

    return {
        "resize down": resize(360, 640),
        "resize up": resize(1440, 2560),
        "rotate 17°": lambda pixels: back(
            skimage.transform.rotate(pixels, 17, resize=True, order=3, preserve_range=True), pixels
        ),
        "gaussian 3": per_plane(lambda plane: ndi.gaussian_filter(plane, 3)),
        "median 5": per_plane(lambda plane: ndi.median_filter(plane, 5)),
        "edges (Canny)": canny,
        "Otsu": otsu,
    }


def timed(operation: Operation | None, pixels: np.ndarray) -> tuple[float | None, np.ndarray | None]:
    """The best of a few runs in milliseconds and the result; (None, None) where the library can't."""
    if operation is None:
        return None, None
    best = float("inf")
    try:
        for _ in range(REPEATS):
            start = time.perf_counter()
            result = operation(pixels)
            took = time.perf_counter() - start
            best = min(best, took)
            if took > 1:
                break
    except NotImplementedError:
        return None, None
    except Exception as error:  # noqa: BLE001 - a library refuses a pixel type in its own way: cv2.error, KeyError, TypeError …
        print(f"      ({type(error).__name__}: {str(error).splitlines()[0][:90]})")
        return None, None
    return best * 1000, result


def times(wanted: Iterable[str]) -> None:
    """Print milliseconds per operation, pixel type and library, and the ratio to the fastest."""
    tables = {library: operations(library) for library in wanted}
    names = list(dict.fromkeys(name for table in tables.values() for name in table))
    print(f"{'1920×1080, best of ' + str(REPEATS):32}" + "".join(f"{library:>22}" for library in tables))
    for name in names:
        for dtype, channels in (("uint8", 1), ("uint8", 3), ("uint8", 4), ("uint16", 3), ("float32", 3)):
            if (name.startswith("edges") or name == "Otsu") and channels > 1:
                continue
            if "JPEG" in name and channels == 4:
                continue
            pixels = picture(dtype, channels)
            took = {library: timed(table.get(name), pixels)[0] for library, table in tables.items()}
            known = [value for value in took.values() if value is not None]
            if not known:
                continue
            cells = "".join(
                f"{'-':>22}" if value is None else f"{value:13.1f} ms ×{value / min(known):<5.1f}"
                for value in took.values()
            )
            print(f"{name:15} {dtype:8} {'grey' if channels == 1 else 'RGBA'[:channels]:7}" + cells)


def correctness() -> None:
    """Print what each library gets right or wrong where the pixel type makes it hard."""
    from PIL import Image

    print("\nCorrectness")
    # A red picture with a fully transparent blue right half: averaging without regard to alpha bleeds blue.
    halves = np.zeros((64, 64, 4), np.uint8)
    halves[:, :32] = (255, 0, 0, 255)
    halves[:, 32:] = (0, 0, 255, 0)
    for library in available():
        small = operations(library)["resize up"](halves)
        seen = small[..., 3] > 16
        bleed = int(small[..., 2][seen].max())
        print(f"  {library:14} resize RGBA: hidden colour bleeds into the visible by {bleed} of 255")
    deep = picture("uint16", 3, 120, 160)
    for library in ("pillow", "opencv"):
        if library not in available():
            continue
        _, read = timed(operations(library).get("load PNG"), deep)
        good = read is not None and read.dtype == np.uint16 and np.array_equal(read, deep)
        print(f"  {library:14} 16-bit RGB PNG there and back: {'exact' if good else 'not kept'}")
    pattern = np.random.default_rng(1).integers(0, 256, (400, 400), np.uint8)
    for library in available():
        table = operations(library)
        small = table["resize down"](np.tile(np.where(np.indices((1080, 1920)).sum(0) % 2, 255, 0).astype(np.uint8), 1))
        print(f"  {library:14} checkerboard made 3 times smaller: spread {int(small.std())} (0 is right, no aliasing)")
        if "median 5" in table:
            windows = np.lib.stride_tricks.sliding_window_view(pattern, (5, 5))
            right = np.array_equal(table["median 5"](pattern)[2:-2, 2:-2], np.median(windows, axis=(2, 3)))
            print(f"  {library:14} median: {'exact' if right else 'wrong'}")
        blurred = table["gaussian 3"](np.pad(np.full((1, 1), 255, np.uint8), 40)).astype(float)
        print(f"  {library:14} gaussian: {blurred.sum() / 255:.2f} of an 8-bit point's light is kept")
    stream = io.BytesIO()
    tagged = Image.new("RGB", (40, 20))
    exif = tagged.getexif()
    exif[0x0112] = 6
    tagged.save(stream, "jpeg", exif=exif)
    print("  pillow         EXIF orientation: kept apart, applied by ImageOps.exif_transpose")
    if "opencv" in available():
        import cv2

        flag = cv2.IMREAD_UNCHANGED
        read = cv2.imdecode(np.frombuffer(stream.getvalue(), np.uint8), flag)
        turned = read is not None and read.shape[:2] == (40, 20)
        print(f"  opencv         EXIF orientation with IMREAD_UNCHANGED: {'applied' if turned else 'ignored'}")


def available() -> tuple[str, ...]:
    """The candidates installed here."""
    modules = {"pillow": "PIL", "opencv": "cv2", "scikit-image": "skimage"}
    return tuple(library for library in LIBRARIES if importlib.util.find_spec(modules[library]) is not None)


def weight(library: str) -> None:
    """Print a library's import time over numpy's, its installed size with dependencies, and its licences."""

    def start(code: str) -> float:
        def once() -> float:
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            return time.perf_counter() - begin

        return min(once() for _ in range(5))

    megabytes = 0.0
    for name in DISTRIBUTIONS[library]:
        # Compiled bytecode is there or not as the installer pleases.
        files = [file for file in importlib.metadata.files(name) or [] if file.suffix != ".pyc"]
        megabytes += sum(Path(file.locate()).stat().st_size for file in files) / 1e6
    licence = LICENCES[library]
    net = (start(IMPORTS[library]) - start("pass")) * 1000
    print(
        f"  {library:14} {importlib.metadata.version(DISTRIBUTIONS[library][0]):12} "
        f"import {net:5.0f} ms   {megabytes:5.0f} MB installed, dependencies included   {licence}"
    )


if __name__ == "__main__":
    print("Weight (numpy counted where it is a dependency)")
    for candidate in available():
        weight(candidate)
    print()
    times(available())
    correctness()
