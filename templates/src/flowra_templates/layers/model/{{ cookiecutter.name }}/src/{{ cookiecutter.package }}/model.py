"""The model: an example to put your own in the place of. It classifies by the mean colour."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Model"]


@dataclass(frozen=True)
class Model:
    """A linear classifier.

    Attributes:
        labels: The name of each class.
        weights: For each class, what red, green and blue count; colours are 0..1.
        bias: What is added for each class.
    """

    labels: tuple[str, ...]
    weights: tuple[tuple[float, float, float], ...]
    bias: tuple[float, ...]

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the weights from a JSON file.

        Raises:
            ValueError: The file holds no such weights.
        """
        data = json.loads(path.read_text(encoding="utf-8"))
        try:
            model = cls(tuple(data["labels"]), tuple(map(tuple, data["weights"])), tuple(data["bias"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} holds no weights of this model: {error}") from error
        if not len(model.labels) == len(model.weights) == len(model.bias) > 0:
            raise ValueError(f"{path}: labels, weights and bias are not of one length")
        return model

    def classify(self, image: Any) -> tuple[str, float]:
        """Return the likeliest class of a picture and how likely it is.

        Args:
            image: H×W×3, uint8.
        """
        import numpy as np

        colour = image.reshape(-1, 3).mean(axis=0) / 255
        logits = np.asarray(self.weights) @ colour + np.asarray(self.bias)
        likely = np.exp(logits - logits.max())
        best = int(likely.argmax())
        return self.labels[best], float(likely[best] / likely.sum())
