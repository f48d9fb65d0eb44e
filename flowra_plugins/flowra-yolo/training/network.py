"""A small detector without anchor boxes: a backbone of five stages, a feature pyramid, one head for three strides.

The heads are those of FCOS (Z. Tian et al., 2019): each cell tells its distances to the four sides of the object that
it belongs to, and a score for each class. What the model gives is laid out as YOLOv8 exports are, (1, 4 + classes,
cells): centre x, centre y, width, height in pixels of the input, then the classes' probabilities.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)


def block(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return a convolution with normalisation and activation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions beside the input itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(block(channels, channels // 2, 1), block(channels // 2, channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return the features, of the same shape."""
        return features + self.inner(features)


def separable(channels: int) -> nn.Sequential:
    """Return a convolution over places and one over channels: a ninth of the work of both at once."""
    return nn.Sequential(block(channels, channels, groups=channels), block(channels, channels, 1))


def cells(size: int) -> tuple[Tensor, Tensor]:
    """Return the centres of all cells, of shape (2, N), and their strides, of shape (N,), in pixels."""
    centres, strides = [], []
    for stride in STRIDES:
        places = (torch.arange(size // stride) + 0.5) * stride
        down, across = torch.meshgrid(places, places, indexing="ij")
        centres.append(torch.stack([across, down]).flatten(1))
        strides.append(torch.full((centres[-1].shape[1],), float(stride)))
    return torch.cat(centres, 1), torch.cat(strides)


class Detector(nn.Module):
    """The network.

    Args:
        classes: How many classes there are.
        size: The side of the input, in pixels; a multiple of 32.
        widths: Channels of the backbone's stages.
        head: Channels of the pyramid and the heads.
    """

    centres: Tensor

    def __init__(self, classes: int, size: int, widths: tuple[int, ...] = (16, 32, 48, 64, 96), head: int = 48) -> None:
        super().__init__()
        first, second = widths[:2]
        self.stem = nn.Sequential(block(3, first, stride=2), block(first, second, stride=2), Residual(second))
        self.stages = nn.ModuleList(
            nn.Sequential(block(before, after, stride=2), Residual(after)) for before, after in pairwise(widths[1:])
        )
        self.lateral = nn.ModuleList(block(width, head, 1) for width in widths[2:])
        self.heads = nn.ModuleList(nn.Sequential(separable(head), separable(head)) for _ in STRIDES)
        self.distances = nn.Conv2d(head, 4, 1)
        self.scores = nn.Conv2d(head, classes, 1)
        # Nearly every cell is background: scores begin at 2 %, or the first steps would be spent on that.
        nn.init.constant_(self.scores.bias, -4.0)
        self.scales = nn.Parameter(torch.ones(len(STRIDES)))
        self.register_buffer("centres", cells(size)[0], persistent=False)

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return distances to left, top, right, bottom in pixels, (B, 4, N), and logits of the classes, (B, C, N)."""
        features = self.stem(images)
        levels = []
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        pyramid: list[Tensor] = []
        for level, lateral in zip(reversed(levels), reversed(self.lateral), strict=True):
            joined = lateral(level)
            if pyramid:
                joined = joined + functional.interpolate(pyramid[0], scale_factor=2.0, mode="nearest")
            pyramid.insert(0, joined)
        distances, scores = [], []
        for level, head, scale, stride in zip(pyramid, self.heads, self.scales, STRIDES, strict=True):
            found = head(level)
            distances.append((functional.softplus(self.distances(found) * scale) * stride).flatten(2))
            scores.append(self.scores(found).flatten(2))
        return torch.cat(distances, 2), torch.cat(scores, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return detections in the layout of YOLOv8 exports, for images of shape (B, 3, size, size) in 0..1."""
        distances, scores = self.raw(images)
        low, high = self.centres - distances[:, :2], self.centres + distances[:, 2:]
        return torch.cat([(low + high) / 2, high - low, scores.sigmoid()], 1)
