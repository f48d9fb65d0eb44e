"""Finding faces: YuNet, a small trained network that comes with the pack and runs on numpy and OpenCV."""

from flowra_image.faces.detector import FaceDetector, Faces

__all__ = ["FaceDetector", "Faces"]
