"""YOLO: detection, segmentation, poses."""

__version__ = "0.1.0"
