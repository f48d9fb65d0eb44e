"""YOLO: detection, segmentation, poses."""
