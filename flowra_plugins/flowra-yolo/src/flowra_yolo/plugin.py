"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: nodes are loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import NodeEntry, hookimpl

#: Module of `flowra_yolo.nodes`, which is the group as well, to its nodes and what they do.
_NODES = {
    "detection": {
        "Detect": "Find things in a picture with a YOLO model in ONNX: boxes, and masks or keypoints",
    },
    "picking": {
        "Filter": "Keep the detections that are sure enough, large enough and of the right class",
        "Masks": "Make masks of detections: of each object one, and one of all",
    },
    "measuring": {
        "Shapes": "Draw a picture of circles, squares and triangles, and tell what it shows",
        "Evaluate": "Measure how good detections are: average precision as COCO defines it",
    },
}


@hookimpl
def flowra_nodes() -> Iterable[NodeEntry]:
    """Name the node classes, in the order in which people meet them."""
    for module, nodes in _NODES.items():
        for name, summary in nodes.items():
            yield NodeEntry(f"flowra_yolo.nodes.{module}:{name}", group=module, summary=summary)
