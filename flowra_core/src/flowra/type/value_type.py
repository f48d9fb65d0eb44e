"""The value types: what flows over an edge.

Each is a class that stands for its unconstrained form (`AnyImage`) and is called for a constrained one
(`Image(mode="RGB")`, `ListOf(Float)`). Plain Python annotations mean the obvious one: `float` is `Float`,
`list[str]` is `ListOf(String)`, `Path` is `File`, `Literal["a", "b"]` is a `Choice`.
"""

from flowra.type.detections import Detections
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf, UnionOf
from flowra.type.value.media import (
    AnyImage,
    Audio,
    Embedding,
    Image,
    Mask,
    MediaType,
    Mesh,
    PointCloud,
    Tensor,
    Video,
)
from flowra.type.value.model import Model
from flowra.type.value.python import PythonObject
from flowra.type.value.scalar import (
    JSON,
    Anything,
    Boolean,
    Bytes,
    Choice,
    File,
    Float,
    Folder,
    Integer,
    String,
)

__all__ = [
    "JSON",
    "AnyImage",
    "Anything",
    "Audio",
    "Boolean",
    "Bytes",
    "Choice",
    "Detections",
    "Embedding",
    "File",
    "Float",
    "Folder",
    "Image",
    "Integer",
    "ListOf",
    "Mask",
    "MediaType",
    "Mesh",
    "Model",
    "OptionalOf",
    "PointCloud",
    "PythonObject",
    "String",
    "Tensor",
    "UnionOf",
    "ValueType",
    "Video",
]
