"""Sound and meshes are compared with a tolerance, and what differs is said."""

from __future__ import annotations

import numpy as np
import pytest

from flowra.testing import assert_audio_close, assert_mesh_close

SOUND = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 1000)).astype(np.float32)
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])


def test_sounds_that_are_nearly_equal_pass():
    assert_audio_close((SOUND, 8000), (SOUND.copy(), 8000))
    assert_audio_close((SOUND, 8000), (SOUND + np.float32(0.01), 8000), tolerance=0.0101)
    assert_audio_close((SOUND[:, :990], 8000), (SOUND, 8000), samples_off=10)
    off = SOUND.copy()
    off[0, :10] += 0.1
    assert_audio_close((off, 8000), (SOUND, 8000), most=0.005)


def test_it_is_said_where_sounds_differ():
    off = SOUND.copy()
    off[1, 400:420] += 0.25
    with pytest.raises(AssertionError) as caught:
        assert_audio_close((off, 8000), (SOUND, 8000), tolerance=0.01)
    said = str(caught.value)
    assert "20 of 2,000 samples are off by more than 0.01" in said
    assert "in channel 1" in said
    assert "0.0500..0.0524 s" in said


@pytest.mark.parametrize(
    ("other", "said"),
    [((SOUND, 8001), "8001 Hz"), ((SOUND[:1], 8000), "1 channels"), ((SOUND[:, 1:], 8000), "999 samples")],
)
def test_sounds_of_other_kinds_are_different(other, said):
    with pytest.raises(AssertionError, match=said):
        assert_audio_close(other, (SOUND, 8000), tolerance=2)


def test_the_same_surface_passes_however_it_is_listed():
    order = np.array([2, 0, 3, 1])
    places = np.empty(4, int)
    places[order] = np.arange(4)
    turned = np.array([[face[1], face[2], face[0]] for face in places[FACES]])[::-1]
    assert_mesh_close((CORNERS[order], turned), (CORNERS, FACES))
    shaken = CORNERS + np.random.default_rng(1).uniform(-0.01, 0.01, (4, 3))
    assert_mesh_close((shaken[order], turned), (CORNERS, FACES), tolerance=0.011)
    assert_mesh_close((CORNERS, FACES[:0]), (CORNERS[:0], FACES[:0]))


def test_it_is_said_how_meshes_differ():
    moved = CORNERS.copy()
    moved[3] = [0, 0, 1.5]
    with pytest.raises(AssertionError, match=r"3 of 4 triangles have a corner(.|\n)*0\.5 m"):
        assert_mesh_close((moved, FACES), (CORNERS, FACES), tolerance=0.1)
    with pytest.raises(AssertionError, match="3 triangles, expected 4"):
        assert_mesh_close((CORNERS, FACES[1:]), (CORNERS, FACES))
    with pytest.raises(AssertionError):
        assert_mesh_close((CORNERS, FACES[:, ::-1]), (CORNERS, FACES))
