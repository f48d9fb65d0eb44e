"""How pictures, masks, tensors, embeddings and detections are checked, described and written for people."""

from flowra_image.types.detections import DetectionsHandler
from flowra_image.types.embeddings import EmbeddingHandler
from flowra_image.types.images import AnyImageHandler
from flowra_image.types.masks import MaskHandler
from flowra_image.types.tensors import TensorHandler

__all__ = ["AnyImageHandler", "DetectionsHandler", "EmbeddingHandler", "MaskHandler", "TensorHandler"]
