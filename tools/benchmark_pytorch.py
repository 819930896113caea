"""Times the network of pytorch/examples ``fast_neural_style``, beside ``onestroke benchmark``.

Needs PyTorch, which onestroke does not install:

    python tools/benchmark_pytorch.py --size 256 --size 512 --threads 1 --threads 2
"""

import argparse
import statistics
import time

import torch
from torch import nn


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


def main() -> None:
    """Prints the median of the runs for each size and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, action="append", required=True, help="square side")
    parser.add_argument("--threads", type=int, action="append", required=True)
    parser.add_argument("--runs", type=int, default=5)
    settings = parser.parse_args()
    network = build_network()
    for threads in settings.threads:
        torch.set_num_threads(threads)
        for size in settings.size:
            picture = torch.rand(1, 3, size, size) * 255
            seconds = []
            with torch.inference_mode():
                for _ in range(1 + settings.runs):  # the first one warms up
                    start = time.perf_counter()
                    network(picture)
                    seconds.append(time.perf_counter() - start)
            median = statistics.median(seconds[1:]) * 1000
            print(f"PyTorch {torch.__version__}, {size}x{size}, {threads} threads: {median:.0f} ms")


if __name__ == "__main__":
    main()
