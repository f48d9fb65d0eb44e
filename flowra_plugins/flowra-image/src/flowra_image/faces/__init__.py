"""Finding faces seen from the front, with the trained cascade that scikit-image ships."""

from flowra_image.faces.detector import FaceDetector, Faces

__all__ = ["FaceDetector", "Faces"]
