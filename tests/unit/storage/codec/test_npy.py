import contextlib
import io
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from flowra.storage.codec import npy
from flowra.storage.refs import digest_of

dtypes = (
    npst.boolean_dtypes()
    | npst.integer_dtypes(endianness="?")
    | npst.floating_dtypes(endianness="?")
    | npst.complex_number_dtypes()
    | npst.datetime64_dtypes()
    | npst.unicode_string_dtypes(max_len=5)
    | npst.byte_string_dtypes(max_len=5)
    | st.just(np.dtype([("é", "<f4"), ("n", ">i2", (2,))]))
)
arrays = npst.arrays(dtypes, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))


@given(arrays)
def test_every_array_comes_back_read_only(array):
    back = npy.decode(npy.encode(array).to_bytes())
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()
    assert not back.flags.writeable


@given(arrays)
def test_numpy_itself_reads_what_is_written(array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # numpy's word on headers of version 3
        back = np.load(io.BytesIO(npy.encode(array).to_bytes()), allow_pickle=False)
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_what_numpy_writes_is_read_too():
    for order in ("C", "F"):
        array = np.asarray(np.arange(24, dtype=">i4").reshape(2, 3, 4), order=order)
        file = io.BytesIO()
        np.save(file, array)
        assert np.array_equal(npy.decode(file.getvalue()), array)


def test_the_layout_in_memory_makes_no_difference():
    array = np.arange(12.0).reshape(3, 4)
    encoded = npy.encode(array)
    for same in (np.asfortranarray(array), np.repeat(array, 2, axis=1)[:, ::2]):
        assert npy.encode(same).to_bytes() == encoded.to_bytes()


def test_the_bytes_are_part_of_the_format_and_stay():
    encoded = npy.encode(np.arange(3, dtype="<u2"))
    assert digest_of(encoded.codec, *encoded.parts).hex().startswith("7bad327c1f66e6ed")


def test_a_large_array_is_not_copied():
    array = np.zeros((1000, 1000), np.uint8)
    data = npy.encode(array).parts[1]
    array[0, 0] = 7
    assert data[0] == 7


def test_the_data_is_aligned():
    encoded = npy.encode(np.zeros(10))
    assert len(encoded.parts[0]) % 64 == 0


@pytest.mark.parametrize("value", [np.array([object()]), np.zeros(2, [("a", "O")]), [1, 2], np.float64(1)])
def test_python_objects_are_refused(value):
    with pytest.raises(TypeError):
        npy.encode(value)


def test_python_objects_are_never_read():
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ValueError, match="never read"):
        npy.decode(file.getvalue())


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda rest: b"\x93NUMPY\1\0\x40\0" + rest))
def test_whatever_the_bytes_are_nothing_but_value_errors_come_of_them(data):
    with contextlib.suppress(ValueError):
        npy.decode(data)


@given(st.data())
def test_damaged_arrays_are_refused_or_read_but_never_run(data):
    whole = bytearray(npy.encode(np.arange(6, dtype="f4").reshape(2, 3)).to_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    for damaged in (whole, whole[:cut]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header that is odd Python is a SyntaxWarning first
            with contextlib.suppress(ValueError):
                npy.decode(damaged)
