"""Values as bytes for the store, and back."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from picture_strategies import DTYPES, MODES, pictures

from flowra.storage.codec import npy
from flowra.type.detections import Detections
from flowra.type.value.media import DetectionsType
from flowra.type.value_type import AnyImage, Embedding, Image, Mask, Tensor
from flowra_image.types import AnyImageHandler, DetectionsHandler, EmbeddingHandler, MaskHandler, TensorHandler

IMAGES, MASKS, TENSORS, EMBEDDINGS, DETECTIONS = (
    AnyImageHandler(), MaskHandler(), TensorHandler(), EmbeddingHandler(), DetectionsHandler(),
)  # fmt: skip
_CHANNELS = {"L": (), "RGB": (3,), "RGBA": (4,)}


def stored(handler, value):
    codec, parts = handler.encode(value)
    return codec, b"".join(parts)


def back(handler, value, spec):
    codec, data = stored(handler, value)
    return handler.decode(codec, memoryview(data), spec)


def is_same(first, second):
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


def picture(mode, dtype, height=5, width=7):
    rng = np.random.default_rng(1)
    shape = (height, width, *_CHANNELS[mode])
    if dtype == "float32":
        return rng.random(shape, dtype=np.float32)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def detections(count=2):
    rng = np.random.default_rng(2)
    corners = rng.random((count, 2), dtype=np.float32) * 100
    return Detections(
        boxes=np.concatenate([corners, corners + rng.random((count, 2), dtype=np.float32)], axis=1),
        scores=rng.random(count, dtype=np.float32),
        class_ids=np.arange(count) % 2,
        class_names=("face", "图 é ☕"),
        image_size=(200, 100),
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_picture_comes_back_bit_for_bit_and_locked(mode, dtype):
    image = picture(mode, dtype)
    taken = back(IMAGES, image, AnyImage())
    assert is_same(taken, image)
    assert not taken.flags.writeable
    assert is_same(back(IMAGES, image, Image(mode=mode, dtype=dtype)), image)


@given(pictures())
def test_every_picture_comes_back_bit_for_bit(image):
    assert is_same(back(IMAGES, image, AnyImage()), image)


@given(npst.arrays(np.bool_, npst.array_shapes(min_dims=2, max_dims=2)))
def test_every_mask_comes_back_bit_for_bit(mask):
    taken = back(MASKS, mask, Mask())
    assert is_same(taken, mask)
    assert not taken.flags.writeable


@given(
    npst.arrays(
        st.one_of(npst.integer_dtypes(), npst.unsigned_integer_dtypes(), npst.floating_dtypes(), st.just("bool"),
                  npst.complex_number_dtypes()),
        npst.array_shapes(min_dims=0, max_dims=4, min_side=0),
    )
)  # fmt: skip
def test_every_tensor_comes_back_bit_for_bit_in_the_machines_byte_order(array):
    taken = back(TENSORS, array, Tensor())
    assert is_same(taken, array.astype(array.dtype.newbyteorder("=")))
    assert taken.dtype.isnative
    assert not taken.flags.writeable


@given(npst.arrays("float32", st.integers(1, 50), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_every_embedding_comes_back_bit_for_bit(vector):
    assert is_same(back(EMBEDDINGS, vector, Embedding(dim=len(vector))), vector)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, -0.0, np.float32(1e-45)])
def test_special_numbers_in_tensors_come_back(special):
    assert is_same(back(TENSORS, np.array([special], np.float32), Tensor()), np.array([special], np.float32))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 4), ()])
def test_tensors_without_elements_or_axes_come_back(shape):
    taken = back(TENSORS, np.zeros(shape, np.int16), Tensor())
    assert (taken.shape, taken.dtype) == (shape, np.int16)


@pytest.mark.parametrize(
    "view",
    [
        lambda image: image[::2, ::3],
        lambda image: image[::-1, ::-1],
        lambda image: image.swapaxes(0, 1),
        np.asfortranarray,
        lambda image: image[1:4, 2:5],
    ],
    ids=["every second", "backwards", "turned", "column by column", "a part"],
)
@pytest.mark.parametrize("mode", MODES)
def test_views_are_stored_as_what_they_show(view, mode):
    image = view(picture(mode, "uint16", 12, 15))
    assert is_same(back(IMAGES, image, AnyImage()), np.ascontiguousarray(image))
    assert is_same(back(TENSORS, image, Tensor()), np.ascontiguousarray(image))
    assert stored(TENSORS, image) == stored(TENSORS, np.ascontiguousarray(image))


@pytest.mark.parametrize(("handler", "spec"), [(IMAGES, AnyImage()), (TENSORS, Tensor())], ids=["picture", "tensor"])
def test_the_byte_order_makes_no_difference(handler, spec):
    image = picture("RGB", "uint16")
    assert stored(handler, image.astype(">u2")) == stored(handler, image)
    foreign = b"".join(npy.encode(image.astype(">u2")).parts)
    assert is_same(handler.decode("npy", memoryview(foreign), spec), image)


@pytest.mark.parametrize(
    ("handler", "value", "spec"),
    [
        (IMAGES, picture("RGB", "uint8"), AnyImage()),
        (MASKS, np.eye(9, dtype=bool), Mask()),
        (TENSORS, picture("L", "float32"), Tensor()),
        (EMBEDDINGS, np.ones(4, np.float32), Embedding()),
    ],
    ids=["picture", "mask", "tensor", "embedding"],
)
def test_nothing_is_copied_either_way(handler, value, spec):
    codec, parts = handler.encode(value)
    assert np.shares_memory(np.frombuffer(parts[-1], np.uint8), value)
    data = b"".join(parts)
    assert np.shares_memory(handler.decode(codec, memoryview(data), spec), np.frombuffer(data, np.uint8))


@given(st.integers(0, 5))
def test_detections_come_back_bit_for_bit(count):
    value = detections(count)
    taken = back(DETECTIONS, value, DetectionsType())
    for name in ("boxes", "scores", "class_ids"):
        assert is_same(getattr(taken, name), getattr(value, name))
        assert not getattr(taken, name).flags.writeable
    assert (taken.class_names, taken.image_size) == (value.class_names, value.image_size)


def test_detections_are_stored_under_their_own_name_so_that_untyped_ports_know_them():
    assert stored(DETECTIONS, detections())[0] == "detections"


HANDLED = {
    "picture": (IMAGES, picture("RGB", "uint8"), AnyImage()),
    "deep picture": (IMAGES, picture("L", "float32"), AnyImage()),
    "mask": (MASKS, np.eye(9, dtype=bool), Mask()),
    "tensor": (TENSORS, picture("L", "float32"), Tensor()),
    "embedding": (EMBEDDINGS, np.ones(4, np.float32), Embedding()),
    "detections": (DETECTIONS, detections(), DetectionsType()),
}


@pytest.mark.parametrize("name", HANDLED)
def test_bytes_that_are_cut_off_or_are_none_of_that_kind_are_refused(name):
    handler, value, spec = HANDLED[name]
    codec, data = stored(handler, value)
    cuts = {*range(0, len(data), max(1, len(data) // 60)), len(data) - 1}
    for damaged in [*(data[:cut] for cut in cuts), data + b"\0", b"\0" * len(data), os.urandom(200)]:
        with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
            handler.decode(codec, memoryview(damaged), spec)


@pytest.mark.parametrize("name", HANDLED)
def test_damaged_bytes_are_refused_or_are_another_value_but_raise_nothing_else(name):
    handler, value, spec = HANDLED[name]
    codec, data = stored(handler, value)
    for position in range(min(len(data), 300)):
        damaged = bytearray(data)
        damaged[position] ^= 0x41
        try:
            handler.decode(codec, memoryview(bytes(damaged)), spec)
        except ValueError:
            continue


@pytest.mark.parametrize("name", HANDLED)
def test_another_codec_is_refused(name):
    handler, value, spec = HANDLED[name]
    with pytest.raises(ValueError, match="stored as"):
        handler.decode("other", memoryview(stored(handler, value)[1]), spec)


@pytest.mark.parametrize(
    ("handler", "array", "spec"),
    [
        (IMAGES, np.zeros((3, 4), bool), AnyImage()),
        (IMAGES, np.zeros((3, 4, 1), np.uint8), AnyImage()),
        (IMAGES, np.zeros((3, 4)), AnyImage()),
        (IMAGES, np.full((3, 4), np.nan, np.float32), AnyImage()),
        (IMAGES, np.zeros((0, 4), np.uint8), AnyImage()),
        (IMAGES, np.zeros((3, 4), np.uint8), Image(mode="RGB")),
        (MASKS, np.zeros((3, 4), np.uint8), Mask()),
        (MASKS, np.zeros((3, 4, 1), bool), Mask()),
        (TENSORS, np.array(["a"]), Tensor()),
        (TENSORS, np.zeros(3), Tensor(dtype="float32")),
        (EMBEDDINGS, np.zeros(3), Embedding()),
        (EMBEDDINGS, np.zeros(3, np.float32), Embedding(dim=4)),
    ],
)
def test_arrays_that_are_not_as_they_are_stored_are_refused(handler, array, spec):
    with pytest.raises(ValueError):  # noqa: PT011
        handler.decode("npy", memoryview(b"".join(npy.encode(array).parts)), spec)


def test_bool_in_other_bytes_than_0_and_1_is_refused():
    data = bytearray(stored(MASKS, np.eye(3, dtype=bool))[1])
    data[-1] = 2
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        MASKS.decode("npy", memoryview(bytes(data)), Mask())


def test_python_objects_are_neither_written_nor_read():
    with pytest.raises(TypeError, match="pickle"):
        TENSORS.encode(np.array([object()]))


def test_the_bytes_are_the_same_in_another_process():
    code = textwrap.dedent(
        """
        import hashlib
        from test_storing import HANDLED, stored
        for handler, value, _ in HANDLED.values():
            codec, data = stored(handler, value)
            print(codec, hashlib.sha256(data).hexdigest())
        """
    )
    here = []
    for handler, value, _ in HANDLED.values():
        codec, data = stored(handler, value)
        here.append(f"{codec} {hashlib.sha256(data).hexdigest()}")
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": paths}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.splitlines() == here


@pytest.mark.parametrize(
    ("handler", "value"),
    [
        (IMAGES, picture("RGB", "uint8", 1672, 1672)),
        (IMAGES, picture("RGB", "float32", 1000, 1000)),
        (MASKS, picture("L", "uint8", 2900, 2900) > 100),
        (TENSORS, np.zeros((8, 1024, 1024), np.float32)),
    ],
    ids=["picture", "deep picture", "mask", "tensor"],
)
def test_a_summary_of_much_costs_nearly_nothing_and_says_that_it_is_about(handler, value):
    took = []
    for _ in range(9):
        start = time.perf_counter()
        said = handler.summarize(value)
        took.append(time.perf_counter() - start)
    assert "≈" in said
    # 0.05 to 0.1 ms on an idle machine, against 5 and more for looking at everything.
    assert min(took) < 0.001


def test_a_sample_looks_at_all_channels_and_columns():
    for width in (999, 1000, 1024, 1200):
        image = np.zeros((1000, width, 3), np.uint8)
        image[..., 1] = 200
        assert IMAGES.summarize(image).endswith("≈ 0..200")
        image = np.zeros((1000, width), np.uint8)
        image[:, width // 2 :] = 9
        assert IMAGES.summarize(image).endswith("≈ 0..9")


def test_the_summary_of_a_large_tensor_says_about_how_much_is_not_finite():
    array = np.zeros((1000, 1000), np.float32)
    array[:100] = np.nan
    said = TENSORS.summarize(array)
    assert said.startswith("1000×1000 float32, ≈ 0..0, ")
    assert int(said.split(", ")[2].split()[0]) == pytest.approx(100_000, rel=0.05)


def test_the_summary_of_little_is_exact():
    image = np.full((100, 100), 7, np.uint8)
    image[50, 50] = 9
    assert IMAGES.summarize(image) == "100×100 L uint8, 7..9"
