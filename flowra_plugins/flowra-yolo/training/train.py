"""Train the detector of shapes, and export it: `python train.py shapes.onnx`.

Needs flowra-yolo, PyTorch and onnx. The pictures are drawn by `flowra_yolo.shapes`; nothing is downloaded. About 20
minutes on one CPU core give the figures that the README tells.

Cells are assigned as in FCOS: a cell belongs to the smallest object whose box holds it, whose centre is near and whose
size suits the cell's stride. The loss of the boxes is the generalised overlap (H. Rezatofighi et al., 2019); that of
the scores is binary cross-entropy against the overlap itself, with easy background weighted down (H. Zhang et al.,
"VarifocalNet", 2021).
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from network import Detector, cells
from torch import Tensor, nn
from torch.nn import functional

from flowra_yolo.shapes import SHAPES, draw_shapes

SIZE = 256
#: For each stride, the sizes of the objects that its cells look for, in pixels.
RANGES = {8: (0.0, 48.0), 16: (32.0, 96.0), 32: (72.0, math.inf)}


def assign(boxes: Tensor, centres: Tensor, strides: Tensor) -> tuple[Tensor, Tensor]:
    """Return which cells belong to an object, (N,), and to which, (N,)."""
    if len(boxes) == 0:
        nothing = torch.zeros(len(strides))
        return nothing.bool(), nothing.long()
    low, high = boxes[:, :2, None], boxes[:, 2:, None]
    middle, sides = (low + high) / 2, (high - low).amax(1)
    inside = ((centres > low) & (centres < high)).all(1)
    near = ((centres - middle).abs() < 1.5 * strides).all(1)
    smallest = torch.tensor([RANGES[int(stride)][0] for stride in strides])
    largest = torch.tensor([RANGES[int(stride)][1] for stride in strides])
    fits = inside & near & (sides >= smallest) & (sides < largest)
    areas = (high - low).prod(1).expand_as(fits).masked_fill(~fits, math.inf)
    area, owner = areas.min(0)
    return area.isfinite(), owner


def overlaps(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return the overlap of boxes with their partners, (N,), and the generalised one, (N,)."""
    shared = (torch.minimum(first[:, 2:], second[:, 2:]) - torch.maximum(first[:, :2], second[:, :2])).clamp(0).prod(1)
    areas = (first[:, 2:] - first[:, :2]).clamp(0).prod(1) + (second[:, 2:] - second[:, :2]).clamp(0).prod(1)
    joint = areas - shared
    overlap = shared / (joint + 1e-6)
    hull = (torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2])).prod(1)
    return overlap, overlap - (hull - joint) / (hull + 1e-6)


class Pictures:
    """Pictures with their targets, kept in memory: 200 kB each.

    Args:
        count: How many.
        first_seed: The seed of the first; the others follow.
    """

    def __init__(self, count: int, first_seed: int) -> None:
        centres, strides = cells(SIZE)
        images, owned, boxes, classes = [], [], [], []
        for seed in range(first_seed, first_seed + count):
            image, truth = draw_shapes(seed, SIZE, SIZE)
            all_boxes, all_classes = torch.tensor(truth.boxes), torch.tensor(truth.class_ids)
            mine, owner = assign(all_boxes, centres, strides)
            images.append(image)
            owned.append(mine)
            boxes.append(all_boxes[owner] if len(all_boxes) else torch.zeros(len(mine), 4))
            classes.append(all_classes[owner] if len(all_classes) else torch.zeros(len(mine), dtype=torch.long))
        self.images = np.stack(images)
        self.owned, self.boxes, self.classes = torch.stack(owned), torch.stack(boxes), torch.stack(classes)

    def batch(self, places: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return images (B, 3, SIZE, SIZE) in 0..1, and for each cell whether it is owned, its box and its class."""
        images = torch.from_numpy(self.images[places.numpy()]).permute(0, 3, 1, 2).float() / 255
        return images, self.owned[places], self.boxes[places], self.classes[places]


def loss_of(network: Detector, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """Return how wrong the network is."""
    images, owned, boxes, classes = batch
    distances, scores = network.raw(images)
    mine = owned.flatten()
    sides = distances.permute(0, 2, 1).reshape(-1, 4)[mine]
    centres = network.centres.T.expand(len(images), -1, -1).reshape(-1, 2)[mine]
    predicted = torch.cat([centres - sides[:, :2], centres + sides[:, 2:]], 1)
    overlap, generalised = overlaps(predicted, boxes.reshape(-1, 4)[mine])
    logits = scores.permute(0, 2, 1).reshape(-1, len(SHAPES))
    wanted = torch.zeros_like(logits)
    wanted[mine.nonzero()[:, 0], classes.flatten()[mine]] = overlap.detach().clamp(0.1, 1)
    weight = torch.where(wanted > 0, wanted, 0.75 * logits.sigmoid().detach() ** 2)
    score_loss = (functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * weight).sum()
    return score_loss / mine.sum().clamp(1) + 2 * (1 - generalised).mean()


def train(minutes: float, count: int, batch_size: int = 16) -> Detector:
    """Train for some minutes on `count` pictures; return the running mean of the weights."""
    torch.manual_seed(0)
    started = time.monotonic()
    pictures = Pictures(count, first_seed=1_000_000)
    print(f"{count} pictures drawn in {time.monotonic() - started:.0f} s", flush=True)
    network = Detector(len(SHAPES), SIZE)
    mean = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-4)
    started, step, losses = time.monotonic(), 0, []
    while (gone := (time.monotonic() - started) / (60 * minutes)) < 1:
        for places in torch.randperm(count).split(batch_size):
            gone = min(1.0, (time.monotonic() - started) / (60 * minutes))
            # Warmed up over 100 steps, then along a half wave down to a fiftieth.
            rate = 2e-3 * min(1, (step + 1) / 100) * (0.02 + 0.98 * (1 + math.cos(math.pi * gone)) / 2)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = loss_of(network, pictures.batch(places))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
            step += 1
            follow(mean, network, min(0.998, step / (step + 20)))
            losses.append(loss.item())
            if step % 100 == 0:
                print(f"step {step}, {gone:.0%} of the time: loss {np.mean(losses[-100:]):.3f}", flush=True)
            if gone >= 1:
                break
    return mean


@torch.no_grad()
def follow(mean: nn.Module, network: nn.Module, share: float) -> None:
    """Move the running mean of the weights towards the network's; counters are taken as they are."""
    now = network.state_dict()
    for name, value in mean.state_dict().items():
        if value.dtype.is_floating_point:
            value.mul_(share).add_(now[name], alpha=1 - share)
        else:
            value.copy_(now[name])


def export(network: Detector, path: Path) -> None:
    """Write the network as ONNX, with the metadata that YOLO exports carry."""
    torch.onnx.export(
        network.eval(),
        (torch.zeros(1, 3, SIZE, SIZE),),
        str(path),
        input_names=["images"],
        output_names=["output0"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    names = dict(enumerate(SHAPES))
    facts = {"names": str(names), "imgsz": str([SIZE, SIZE]), "stride": "32", "task": "detect"}
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, path)


def main() -> None:
    """Train, export, and measure on pictures that were not trained on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, help="the .onnx file to write")
    parser.add_argument("--minutes", type=float, default=20, help="how long to train")
    parser.add_argument("--pictures", type=int, default=12_000, help="how many pictures to train on")
    arguments = parser.parse_args()
    export(train(arguments.minutes, arguments.pictures), arguments.target)

    from flowra_yolo.detector import Detector as Finder
    from flowra_yolo.metrics import evaluate
    from flowra_yolo.network import Network
    from flowra_yolo.reading import Limits

    finder = Finder(Network(arguments.target))
    held_out = [draw_shapes(seed, SIZE, SIZE) for seed in range(400)]
    found = [finder.find(image, Limits(confidence=0.01)) for image, _ in held_out]
    scores = evaluate(found, [truth for _, truth in held_out])
    print(f"held out, 400 pictures: mAP50 {scores.map50:.3f}, mAP50-95 {scores.map50_95:.3f}")


if __name__ == "__main__":
    main()
