"""`TriangleMesh` and `Points`: the values of ports of the types `Mesh` and `PointCloud`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from flowra.type.value_type import Mesh, PointCloud

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Points", "TriangleMesh"]


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """A surface of triangles: metres, y up, right-handed; seen from outside a triangle's corners run anticlockwise.

    Args:
        vertices: Shape (N, 3), float32: x, y, z; read-only once it is here.
        faces: Shape (M, 3), int32: three rows of `vertices` each; read-only likewise.

    Raises:
        ValueError: A shape, number or index is off; the message says which.
    """

    #: Which value type a port annotated with this class has.
    __flowra_value_type__: ClassVar[Mesh] = Mesh()

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", _places("vertices", self.vertices))
        object.__setattr__(self, "faces", _faces(self.faces, len(self.vertices)))

    @property
    def nbytes(self) -> int:
        """How many bytes it takes in memory."""
        return int(self.vertices.nbytes + self.faces.nbytes)


@dataclass(frozen=True, eq=False)
class Points:
    """Points in space: metres, y up, right-handed.

    Args:
        places: Shape (N, 3), float32: x, y, z; read-only once it is here.
        colors: Shape (N, 3), RGB uint8, or None; read-only likewise.

    Raises:
        ValueError: A shape or number is off; the message says which.
    """

    #: Which value type a port annotated with this class has.
    __flowra_value_type__: ClassVar[PointCloud] = PointCloud()

    places: NDArray[np.float32]
    colors: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", _places("points", self.places))
        if self.colors is not None:
            object.__setattr__(self, "colors", _colors(self.colors, len(self.places)))

    @property
    def nbytes(self) -> int:
        """How many bytes it takes in memory."""
        return int(self.places.nbytes + (0 if self.colors is None else self.colors.nbytes))


def _places(name: str, given: Any) -> NDArray[np.float32]:
    array = _array(name, given)
    if array.size == 0:
        array = np.zeros((0, 3), np.float32)
    if array.ndim != 2 or array.shape[1] != 3:
        mend = ": turn it round, array.T" if array.ndim == 2 and array.shape[0] == 3 else ""
        raise ValueError(f"{name} have the shape (N, 3), got {array.shape}{mend}")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} are numbers, got {array.dtype}")
    # What float32 can't hold becomes infinite, and is refused as such.
    with np.errstate(over="ignore"):
        found = array.astype(np.float32, copy=False)
    if not np.isfinite(found).all():
        raise ValueError(f"{name} have to be finite, and within what float32 holds")
    return _locked(found)


def _faces(given: Any, count: int) -> NDArray[np.int32]:
    array = _array("faces", given)
    if array.size == 0:
        array = np.zeros((0, 3), np.int32)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"faces have the shape (M, 3), three corners each, got {array.shape}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"faces are whole numbers, got {array.dtype}")
    if array.size and (array.min() < 0 or array.max() >= count):
        raise ValueError(f"faces name rows of vertices, 0..{count - 1}, got {array.min()}..{array.max()}")
    return _locked(array.astype(np.int32, copy=False))


def _colors(given: Any, count: int) -> NDArray[np.uint8]:
    array = _array("colors", given)
    if array.shape != (count, 3) or array.dtype != np.uint8:
        raise ValueError(f"colors have the shape ({count}, 3) and dtype uint8, got {array.shape} {array.dtype}")
    return _locked(array)


def _array(name: str, given: Any) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} are an array, got {type(given).__name__}: {error}") from error


def _locked(array: NDArray[Any]) -> NDArray[Any]:
    view: NDArray[Any] = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
