"""Times the network of pytorch/examples ``fast_neural_style``, beside ``onestroke benchmark``.

Needs PyTorch, which onestroke does not install:

    python tools/benchmark_pytorch.py --size 256 --size 512 --threads 1 --threads 2
    python tools/benchmark_pytorch.py --train 4 --size 128 --size 256 --threads 1 --threads 2
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT = ("relu3_3", "relu4_2")  # as in the recipes of onestroke

VGG19 = {1: (64, 2), 2: (128, 2), 3: (256, 4), 4: (512, 4), 5: (512, 1)}
"""Channels and number of convolutions of each block, up to relu5_1."""


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Returns a convolution with reflection padding."""
    return [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(inputs, outputs, kernel, stride)]


def normalised(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Returns a convolution and its instance normalisation."""
    return [
        *convolution(inputs, outputs, kernel, stride),
        nn.InstanceNorm2d(outputs, affine=True),
    ]


class ResidualBlock(nn.Module):
    """Two convolutions of 128 channels, added to their input."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*normalised(128, 128, 3), nn.ReLU(), *normalised(128, 128, 3))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Returns features of the same shape, (batch, 128, height, width)."""
        return features + self.layers(features)


def build_network() -> nn.Module:
    """Returns the network of ``transformer_net.py`` in pytorch/examples, with random weights."""
    return nn.Sequential(
        *normalised(3, 32, 9), nn.ReLU(),
        *normalised(32, 64, 3, 2), nn.ReLU(),
        *normalised(64, 128, 3, 2), nn.ReLU(),
        *(ResidualBlock() for _ in range(5)),
        nn.Upsample(scale_factor=2), *normalised(128, 64, 3), nn.ReLU(),
        nn.Upsample(scale_factor=2), *normalised(64, 32, 3), nn.ReLU(),
        *convolution(32, 3, 9),
    ).eval()  # fmt: skip


class LossNetwork(nn.Module):
    """VGG19 up to relu5_1, frozen, with random weights: the time does not depend on them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        inputs = 3
        for block, (channels, count) in VGG19.items():
            for layer in range(1, count + 1):
                pool = [nn.MaxPool2d(2)] if block > 1 and layer == 1 else []
                convolution = nn.Conv2d(inputs, channels, 3, padding=1)
                self.layers[f"relu{block}_{layer}"] = nn.Sequential(*pool, convolution, nn.ReLU())
                inputs = channels
        self.requires_grad_(False)

    def forward(self, pictures: torch.Tensor, last: str) -> dict[str, torch.Tensor]:
        """Returns the features up to a layer, (batch, channels, height, width) by name."""
        features = {}
        for name, layer in self.layers.items():
            pictures = features[name] = layer(pictures)
            if name == last:
                break
        return features


def gram(features: torch.Tensor) -> torch.Tensor:
    """Returns the Gram matrices of features, (batch, channels, channels)."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def training_step(network: nn.Module, photographs: torch.Tensor) -> Callable[[], object]:
    """Returns a function that trains one step: content, style and variation losses, then Adam."""
    vgg19 = LossNetwork()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    targets = {name: gram(x) for name, x in vgg19(photographs[:1], STYLE[-1]).items()}

    def step() -> None:
        with torch.no_grad():
            wanted = vgg19(photographs, CONTENT[-1])
        pictures = network(photographs)
        features = vgg19(pictures, STYLE[-1])
        loss = sum(nn.functional.mse_loss(features[name], wanted[name]) for name in CONTENT)
        for name in STYLE:
            loss = loss + (gram(features[name]) - targets[name]).square().mean()
        for axis in (2, 3):
            loss = loss + pictures.diff(dim=axis).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def painting(network: nn.Module, photographs: torch.Tensor) -> Callable[[], object]:
    """Returns a function that paints the photographs."""

    def paint() -> torch.Tensor:
        with torch.inference_mode():
            return network(photographs)

    return paint


def main() -> None:
    """Prints the median of the runs for each size and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, action="append", required=True, help="square side")
    parser.add_argument("--threads", type=int, action="append", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--train", type=int, metavar="BATCH", help="time steps of a training")
    settings = parser.parse_args()
    for threads in settings.threads:
        torch.set_num_threads(threads)
        for size in settings.size:
            photographs = torch.rand(settings.train or 1, 3, size, size) * 255
            run = (training_step if settings.train else painting)(build_network(), photographs)
            seconds = []
            for _ in range(1 + settings.runs):  # the first one warms up
                start = time.perf_counter()
                run()
                seconds.append(time.perf_counter() - start)
            median = statistics.median(seconds[1:]) * 1000
            print(f"PyTorch {torch.__version__}, {size}x{size}, {threads} threads: {median:.0f} ms")


if __name__ == "__main__":
    main()
