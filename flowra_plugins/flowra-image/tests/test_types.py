from __future__ import annotations

import hashlib
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from picture_strategies import DTYPES, MODES, is_canonical, masks, pictures
from PIL import Image as PillowImage

from flowra.type.detections import Detections
from flowra.type.value_type import AnyImage, Embedding, Image, Mask, Tensor
from flowra_image.reading import decode, load
from flowra_image.types import AnyImageHandler, DetectionsHandler, EmbeddingHandler, MaskHandler, TensorHandler
from flowra_image.writing import save

IMAGES, MASKS, TENSORS, EMBEDDINGS, DETECTIONS = (
    AnyImageHandler(), MaskHandler(), TensorHandler(), EmbeddingHandler(), DetectionsHandler(),
)  # fmt: skip


def refusal(handler, value, spec=None):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is what the caller looks at
        handler.coerce(value, spec if spec is not None else AnyImage())
    return str(caught.value)


@given(pictures())
def test_a_canonical_picture_is_taken_without_copying_and_locked(image):
    given_array = image.copy()
    taken = IMAGES.coerce(given_array, AnyImage())
    assert np.shares_memory(taken, given_array)
    assert not taken.flags.writeable
    assert given_array.flags.writeable


@given(pictures(dtypes=("uint8",)), st.sampled_from(["file", "text", "bytes", "pillow"]))
def test_pictures_come_as_paths_bytes_and_pil_images_too(tmp_path_factory, image, way):
    path = save(image, tmp_path_factory.mktemp("pictures") / "a.png")
    value = {"file": path, "text": str(path), "bytes": path.read_bytes(), "pillow": PillowImage.fromarray(image)}[way]
    assert np.array_equal(IMAGES.coerce(value, AnyImage()), image)


@given(pictures(), st.none() | st.sampled_from(MODES), st.none() | st.sampled_from(DTYPES))
def test_constraints_convert(image, mode, dtype):
    taken = IMAGES.coerce(image, Image(mode=mode, dtype=dtype))
    assert is_canonical(taken)
    assert dtype in (None, taken.dtype)
    assert taken.shape[2:] == {"L": (), "RGB": (3,), "RGBA": (4,), None: image.shape[2:]}[mode]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (
            np.zeros((3, 640, 480), np.uint8),
            "expected H×W, H×W×3 or H×W×4, got shape (3, 640, 480): move the channels last",
        ),
        (np.zeros((2, 5, 5, 3), np.uint8), "that is 2 pictures; pass one of them, array[0]"),
        (np.zeros((5, 5, 2), np.uint8), "grey with alpha is written as RGBA"),
        (np.zeros((5, 5, 7), np.uint8), "1, 3 or 4 channels, not 7"),
        (np.zeros(5, np.uint8), "2 or 3 axes"),
        (np.zeros((0, 5), np.uint8), "the picture is empty"),
        (np.full((2, 2), 200, np.int64), "got int64 200..200: array.astype(np.uint8)"),
        (np.full((2, 2), 60000, np.int32), "array.astype(np.uint16)"),
        (np.full((2, 2), -1, np.int32), "scale them into 0..255"),
        (np.zeros((2, 2, 3), bool), "a mask is H×W, array.any(axis=2)"),
        (np.full((2, 2), np.nan, np.float32), "got 4 NaN or infinite of 4: replace them, np.nan_to_num"),
        (np.full((2, 2), np.inf, np.float64), "NaN or infinite"),
        (np.full((2, 2), 128, np.float32), "got 128..128: divide by 255"),
        (np.full((2, 2), -3, np.float32), "got -3..-3: scale it"),
        (np.full((2, 2), "a"), "a picture holds numbers"),
        (np.zeros((2, 2), complex), "complex128"),
        (np.ma.masked_array(np.zeros((2, 2), np.uint8), True), "fill them first"),
    ],
)
def test_arrays_that_are_no_picture_are_refused_with_the_mend(array, said):
    assert said in refusal(IMAGES, array)


@pytest.mark.parametrize(
    ("value", "said"), [(None, "got NoneType"), (3, "got int"), ([[1]], "got list"), ("no.png", "no file")]
)
def test_other_things_are_no_picture(value, said):
    assert said in refusal(IMAGES, value)


def test_what_is_nearly_canonical_is_made_so():
    assert IMAGES.coerce(np.zeros((4, 5, 1), np.uint8), AnyImage()).shape == (4, 5)
    assert IMAGES.coerce(np.full((2, 2), 0.5), AnyImage()).dtype == np.float32
    assert IMAGES.coerce(np.full((2, 2), 1.000001, np.float32), AnyImage()).max() == 1
    big_endian = np.full((2, 2), 258, ">u2")
    assert IMAGES.coerce(big_endian, AnyImage()).tolist() == [[258, 258], [258, 258]]
    assert IMAGES.coerce(big_endian, AnyImage()).dtype.isnative
    assert IMAGES.coerce(np.eye(2, dtype=bool), AnyImage()).tolist() == [[255, 0], [0, 255]]
    assert IMAGES.coerce(np.zeros((4, 6, 3), np.uint8)[::2, ::-1], AnyImage()).flags.c_contiguous


def test_a_pil_image_comes_upright_and_with_its_palette():
    image = PillowImage.new("RGB", (4, 2), "red")
    image.getexif()[0x0112] = 6
    assert IMAGES.coerce(image, AnyImage()).shape == (4, 2, 3)
    assert IMAGES.coerce(image.convert("P"), AnyImage()).shape[2] == 3


def test_sizes_are_checked():
    said = refusal(IMAGES, np.zeros((32, 48), np.uint8), Image(min_width=64))
    assert "width of at least 64 px, got 48×32 L uint8" in said
    assert "height of 40..50 px" in refusal(IMAGES, np.zeros((32, 48), np.uint8), Image(min_height=40, max_height=50))


def test_pictures_are_identified_summarized_exported_and_shrunk(photo, tmp_path):
    coffee = IMAGES.coerce(photo("coffee"), AnyImage())
    named = IMAGES.to_json(coffee)
    assert named == {"dtype": "uint8", "shape": [400, 600, 3], "sha256": hashlib.sha256(coffee.tobytes()).hexdigest()}
    assert IMAGES.summarize(coffee) == "600×400 RGB uint8, ≈ 0..255"
    path = IMAGES.export(coffee, tmp_path / "v1.2")
    assert path.name == "v1.2.png"
    assert np.array_equal(load(path), coffee)
    small = decode(IMAGES.thumbnail(coffee, 64))
    assert small.shape == (43, 64, 3)


@given(pictures(), st.integers(1, 30))
def test_every_picture_has_a_thumbnail_and_an_export(tmp_path_factory, image, size):
    small = decode(IMAGES.thumbnail(image, size))
    assert max(small.shape[:2]) <= max(size, 1)
    assert IMAGES.export(image, tmp_path_factory.mktemp("e") / "a").exists()
    assert IMAGES.summarize(image)


@given(masks(5, 7), st.sampled_from(["mask", "L", "RGB", "RGBA", "uint16", "float32", "ones", "png"]))
def test_masks_come_as_bool_arrays_and_as_black_and_white_pictures(mask, form):
    white = np.where(mask, 255, 0).astype(np.uint8)
    stream = io.BytesIO()
    PillowImage.fromarray(white).save(stream, "png")
    value = {
        "mask": mask,
        "L": white,
        "RGB": np.dstack([white] * 3),
        "RGBA": np.dstack([white] * 3 + [np.full_like(white, 255)]),
        "uint16": white.astype(np.uint16) * 257,
        "float32": mask.astype(np.float32),
        "ones": mask.astype(np.uint8),
        "png": stream.getvalue(),
    }[form]
    taken = MASKS.coerce(value, Mask())
    assert taken.dtype == bool
    assert np.array_equal(taken, mask)
    assert not taken.flags.writeable


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.zeros((2, 3, 3), bool), "take one of them, array[0]"),
        (np.zeros(3, bool), "two axes"),
        (np.zeros((0, 3), bool), "at least one pixel"),
        (np.array([[0, 100, 255]], np.uint8), "values between 0 and 255: put image/Threshold"),
        (np.array([[[255, 0, 0]]], np.uint8), "coloured picture"),
        (np.array([[[255, 255, 255, 9]]], np.uint8), "transparent pixels"),
        (None, "expected a picture"),
    ],
)
def test_what_is_no_mask_is_refused_with_the_mend(value, said):
    assert said in refusal(MASKS, value, Mask())


def test_masks_are_summarized_and_exported(tmp_path):
    mask = MASKS.coerce(np.eye(4, dtype=bool), Mask())
    assert MASKS.summarize(mask) == "4×4 mask, 25.0% True"
    assert load(MASKS.export(mask, tmp_path / "mask")).max() == 255
    assert decode(MASKS.thumbnail(mask, 2)).shape == (2, 2)
    assert MASKS.to_json(mask)["dtype"] == "bool"


@given(
    npst.arrays(
        st.sampled_from(["float32", "float64", "int32", "uint8", "bool", "complex64"]), npst.array_shapes(min_dims=0)
    )
)
def test_every_array_of_numbers_is_a_tensor_without_copying(array):
    taken = TENSORS.coerce(array, Tensor())
    assert taken.shape == array.shape
    assert array.size == 0 or np.shares_memory(taken, array)
    assert not taken.flags.writeable
    assert TENSORS.summarize(taken)
    assert TENSORS.to_json(taken)["shape"] == list(array.shape)


def test_tensors_come_as_lists_and_npy_files_too(tmp_path):
    assert TENSORS.coerce([[1, 2], [3, 4]], Tensor(dtype="float32")).dtype == np.float32
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    assert TENSORS.coerce(str(tmp_path / "a.npy"), Tensor(shape=(None, 3))).shape == (2, 3)
    path = TENSORS.export(TENSORS.coerce([1.5], Tensor()), tmp_path / "b")
    assert np.load(path).tolist() == [1.5]


@pytest.mark.parametrize(
    ("value", "spec", "said"),
    [
        ([[1], [1, 2]], Tensor(), "rows of one length"),
        (["a"], Tensor(), "expected numbers"),
        (np.array([object()]), Tensor(), "expected numbers"),
        ({}, Tensor(), "got dict"),
        (np.zeros((2, 3)), Tensor(shape=(None, 4)), "shape ?×4, got 2×3"),
        (np.zeros(3), Tensor(shape=(1, 3)), "shape 1×3, got 3"),
        (np.zeros(3), Tensor(dtype="int64"), "expected a tensor of int64, got float64"),
        (np.array([300]), Tensor(dtype="uint8"), "expected a tensor of uint8, got int64"),
        (np.array([300], np.int16), Tensor(dtype="int8"), "does not fit"),
        ("no.npy", Tensor(), "no such file"),
    ],
)
def test_what_is_no_such_tensor_is_refused(value, spec, said):
    assert said in refusal(TENSORS, value, spec)


def test_files_that_are_no_arrays_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    assert "no .npy file" in refusal(TENSORS, str(tmp_path / "objects.npy"), Tensor())
    np.savez(tmp_path / "several.npz", a=np.zeros(1))
    assert "several arrays" in refusal(TENSORS, str(tmp_path / "several.npz"), Tensor())
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY")
    assert "no .npy file" in refusal(TENSORS, str(tmp_path / "cut.npy"), Tensor())


def test_embeddings_are_float32_vectors(tmp_path):
    taken = EMBEDDINGS.coerce([3, 4], Embedding(dim=2))
    assert taken.dtype == np.float32
    assert EMBEDDINGS.summarize(taken) == "2 numbers, length 5"
    assert np.load(EMBEDDINGS.export(taken, tmp_path / "e")).tolist() == [3, 4]
    assert "expected 3 numbers, got 2" in refusal(EMBEDDINGS, [3, 4], Embedding(dim=3))
    assert "array.ravel()" in refusal(EMBEDDINGS, np.zeros((1, 5)), Embedding())
    assert "one axis" in refusal(EMBEDDINGS, np.zeros((2, 5)), Embedding())
    assert "got 1 NaN" in refusal(EMBEDDINGS, [1e300, 1.0], Embedding())
    assert "real numbers" in refusal(EMBEDDINGS, [1j], Embedding())


def test_detections_come_as_themselves_and_as_plain_data(tmp_path):
    found = Detections(
        boxes=np.array([[0, 0, 5, 5], [1, 1, 9, 9]]),
        scores=np.array([0.5, 0.75]),
        class_ids=np.array([0, 1]),
        class_names=("face", "cup"),
        image_size=(10, 10),
    )
    assert DETECTIONS.coerce(found, None) is found
    assert DETECTIONS.coerce(json.loads(json.dumps(DETECTIONS.to_json(found))), None) == found
    assert DETECTIONS.summarize(found) == "2 detections in 10×10: cup 0.75, face 0.50"
    path = DETECTIONS.export(found, tmp_path / "found")
    assert Detections.from_json(json.loads(path.read_text())) == found
    assert DETECTIONS.thumbnail(found, 10) is None
    assert "got list" in refusal(DETECTIONS, [], None)
    assert "missing" in refusal(DETECTIONS, {"boxes": []}, None)
    wrong = {**found.to_json(), "image_size": 3}
    assert "image_size is (width, height)" in refusal(DETECTIONS, wrong, None)
