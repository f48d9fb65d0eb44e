"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: nodes are loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import NodeEntry, ValueTypeEntry, hookimpl

#: Module of `flowra_image.nodes`, which is the group as well, to its nodes and what they do.
_NODES = {
    "input_output": {
        "Load": "Read a picture from a file or an address",
        "Decode": "Turn the bytes of a picture file into a picture",
        "Save": "Write a picture to a file, whole or not at all",
        "Show": "Show a picture to whoever watches the run, and pass it on",
    },
    "geometry": {
        "Resize": "Make a picture larger or smaller; mode and dtype stay",
        "Crop": "Cut a rectangle out of a picture; mode and dtype stay",
        "Rotate": "Turn a picture around its centre; mode and dtype stay. Multiples of 90 degrees lose nothing",
        "Flip": "Mirror a picture; mode and dtype stay",
    },
    "color": {
        "Convert": "Change a picture's mode and depth",
        "Blend": "Lay one picture over another of the same size",
    },
    "filters": {
        "Blur": "Soften a picture; size, mode and dtype stay",
        "Sharpen": "Strengthen the edges of a picture by an unsharp mask; size, mode, dtype and alpha stay",
        "Edges": "Find the outlines in a picture",
    },
    "masks": {
        "Threshold": "Make a picture black and white: white where it is brighter than a threshold",
        "ApplyMask": "Keep the part of a picture that a mask covers: cut it out, or lay a colour over the rest",
        "CombineMasks": "Make one mask of two of the same size",
        "GrowMask": "Make the regions of a mask larger or smaller by so many pixels all around",
        "InvertMask": "Swap the inside and the outside of a mask",
    },
    "analysis": {
        "Histogram": "Count how many pixels have which brightness, channel by channel, and draw it",
        "Compare": "Measure how far two pictures of the same size differ",
    },
    "detection": {
        "DetectFaces": "Find the faces in a picture: upright ones, seen from the front",
        "DrawBoxes": "Draw detections on a picture: a box and a label each, one colour a class; masks and keypoints",
    },
}


@hookimpl
def flowra_nodes() -> Iterable[NodeEntry]:
    """Name the node classes, in the order in which people meet them."""
    for module, nodes in _NODES.items():
        for name, summary in nodes.items():
            yield NodeEntry(f"flowra_image.nodes.{module}:{name}", group=module.replace("_", " and "), summary=summary)


@hookimpl
def flowra_value_types() -> Iterable[ValueTypeEntry]:
    """Name what handles pictures, masks, tensors, embeddings and detections."""
    for name in ("AnyImage", "Mask", "Tensor", "Embedding", "Detections"):
        yield ValueTypeEntry(name, handler=f"flowra_image.types:{name}Handler")
