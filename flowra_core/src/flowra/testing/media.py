"""Compares sound and meshes in tests, and says how far and where they differ."""

from __future__ import annotations

from typing import Any

__all__ = ["assert_audio_close", "assert_mesh_close"]


def assert_audio_close(
    actual: Any, expected: Any, *, tolerance: float = 0, most: float = 0, samples_off: int = 0
) -> None:
    """Assert that two sounds have the same rate, channels and length, and nearly the same samples.

    Args:
        actual: Sound as ports of type `Audio` take it: samples and rate, a path.
        expected: Likewise; the path of a reference recording, as a rule.
        tolerance: How far a sample may be off; full scale is 1.
        most: The fraction of samples, 0..1, that may be off by more.
        samples_off: By how many samples the lengths may differ, as coders and resamplers make them; what is common
            from the beginning is compared.

    Raises:
        AssertionError: They differ.
        PluginError: No pack that handles sound is installed.
    """
    # A failing test is to end in the test, not here.
    __tracebackhide__ = True
    import numpy as np

    from flowra.type.handler import handler_for
    from flowra.type.value.media import Audio

    handler = handler_for(Audio.handled_as)
    first, second = (handler.coerce(value, Audio()) for value in (actual, expected))
    if (first.rate, len(first.samples)) != (second.rate, len(second.samples)):
        forms = [f"{each.rate} Hz with {len(each.samples)} channels" for each in (first, second)]
        raise AssertionError(f"the sounds are of different kinds: {forms[0]}, expected {forms[1]}")
    lengths = [each.samples.shape[1] for each in (first, second)]
    if abs(lengths[0] - lengths[1]) > samples_off:
        raise AssertionError(
            f"the sounds have different lengths: {lengths[0]:,} samples, expected {lengths[1]:,}"
            + (f" (at most {samples_off:,} off)" if samples_off else "")
        )
    common = min(lengths)
    off = np.abs(first.samples[:, :common].astype(np.float64) - second.samples[:, :common])
    wrong = off > tolerance * (1 + 1e-6)
    count = int(np.count_nonzero(wrong))
    if count <= most * wrong.size:
        return
    channel, place = np.unravel_index(int(off.argmax()), off.shape)
    places = np.flatnonzero(wrong.any(axis=0))
    raise AssertionError(
        f"{count:,} of {wrong.size:,} samples are off by more than {tolerance:g}"
        + (f" (at most {int(most * wrong.size):,} may be)" if most else "")
        + f"\n  farthest off: {off.max():.6g} at {place / first.rate:.4f} s in channel {channel}: "
        f"{first.samples[channel, place]:.6g}, expected {second.samples[channel, place]:.6g}"
        f"\n  they lie in:  {places[0] / first.rate:.4f}..{places[-1] / first.rate:.4f} s"
    )


def assert_mesh_close(actual: Any, expected: Any, *, tolerance: float = 0) -> None:
    """Assert that two meshes are the same surface: the same triangles, in any order, with nearly the same corners.

    Which corner of a triangle comes first, in which order vertices and triangles are listed, and vertices that no
    triangle has, make no difference; which side is the outer one does.

    Args:
        actual: A mesh as ports of type `Mesh` take it: vertices and faces, a path.
        expected: Likewise.
        tolerance: How far a corner may be away, in metres along each axis. Corners that lie nearer to each other
            than twice that can be mistaken for one another.

    Raises:
        AssertionError: They differ.
        PluginError: No pack that handles meshes is installed.
    """
    __tracebackhide__ = True
    import numpy as np

    from flowra.type.handler import handler_for
    from flowra.type.value.media import Mesh

    handler = handler_for(Mesh.handled_as)
    first, second = (handler.coerce(value, Mesh()) for value in (actual, expected))
    if len(first.faces) != len(second.faces):
        raise AssertionError(f"the meshes differ: {len(first.faces):,} triangles, expected {len(second.faces):,}")
    if not len(first.faces):
        return
    corners = [_sorted(mesh.vertices[mesh.faces].astype(np.float64), tolerance) for mesh in (first, second)]
    off = np.abs(corners[0] - corners[1]).max(axis=(1, 2))
    wrong = off > tolerance * (1 + 1e-6)
    if wrong.any():
        worst = int(off.argmax())
        raise AssertionError(
            f"{np.count_nonzero(wrong):,} of {len(off):,} triangles have a corner "
            f"that is off by more than {tolerance:g} m"
            f"\n  farthest off: {off[worst]:.6g} m"
            f"\n  came:     {_words(corners[0][worst])}\n  expected: {_words(corners[1][worst])}"
        )


def _sorted(triangles: Any, tolerance: float) -> Any:
    """Return triangles (M, 3, 3) in an order of their own, each beginning with the least of its corners."""
    import numpy as np

    # Rounded to a grid, so that what is nearly equal is sorted alike; half a cell off, since plain numbers lie on it.
    cell = max(tolerance * 4, 1e-9)
    rough = np.floor(triangles / cell + 0.37)
    keys = [tuple(map(tuple, triangle)) for triangle in rough.tolist()]
    starts = np.array([_least(key) for key in keys])
    turned = (np.arange(3)[None, :] + starts[:, None]) % 3
    rows = np.arange(len(triangles))[:, None]
    triangles, rough = triangles[rows, turned], rough[rows, turned].reshape(-1, 9)
    return triangles[np.lexsort(rough.T[::-1])]


def _least(key: tuple[Any, ...]) -> int:
    """Return the corner with which a triangle, turned to begin with it, comes first."""
    return min(range(3), key=lambda place: key[place:] + key[:place])


def _words(triangle: Any) -> str:
    return ", ".join("(" + " ".join(f"{number:.6g}" for number in corner) + ")" for corner in triangle)
