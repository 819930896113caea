"""The sizes of the transformation network. This module does not import Keras."""

import math
from dataclasses import dataclass

MINIMUM_SIDE = 16  # pixels; in a smaller picture, the quarter-size features are below their padding
ARCHITECTURE = 3  # increases when layers change in a way that the shapes of weights do not show


@dataclass(frozen=True)
class Step:
    """A convolution that downsamples or upsamples: channels, kernel size and scale."""

    channels: int
    kernel: int
    scale: int = 1


@dataclass(frozen=True)
class Preset:
    """A size of the network.

    Attributes:
        down: the convolutions before the residual blocks; ``scale`` is the stride.
        blocks: the number of residual blocks, each of two 3 x 3 convolutions.
        up: the convolutions after the blocks; ``scale`` is the upsampling before each, which
            requires a kernel of 3. The last one, if it scales, is a sub-pixel convolution.
    """

    down: tuple[Step, ...]
    blocks: int
    up: tuple[Step, ...]

    @property
    def stride(self) -> int:
        """Pixels of the picture per pixel of the coarsest features."""
        return math.prod(step.scale for step in self.down)

    @property
    def reach(self) -> int:
        """Receptive field: pixels on every side of a painted pixel that determine its colour.

        The whole picture has an influence too, but only through the moments.
        """
        pixels, scale = 0, 1
        for step in self.down:
            pixels += step.kernel // 2 * scale
            scale *= step.scale
        pixels += self.blocks * 2 * scale
        *inner, last = self.up
        for step in inner:
            scale //= step.scale
            # An upsampled pixel depends on its own coarse pixel and the next two on either side.
            pixels += 4 * (step.scale - 1) * scale
            pixels += step.kernel // 2 * scale
        # A sub-pixel convolution has this reach from any pixel of a block, and averages two.
        return pixels + last.kernel // 2 * scale + 2 * (last.scale - 1)


def _johnson(width: int) -> Preset:
    return Preset(
        down=(Step(width, 9), Step(2 * width, 3, 2), Step(4 * width, 3, 2)),
        blocks=5,
        up=(Step(2 * width, 3, 2), Step(width, 3, 2), Step(3, 9)),
    )


PRESETS = {
    "johnson": _johnson(32),
    "half": _johnson(16),
    # At full size even a narrow 9 x 9 convolution costs more than all layers at quarter size. The
    # first convolution therefore halves the picture, and the last one works at half size. Many
    # narrow blocks reach lower losses in the same time than few wide or depthwise ones. Processors
    # compute 16 channels at a time.
    "mobile": Preset(
        down=(Step(16, 5, 2), Step(32, 3, 2)),
        blocks=8,
        up=(Step(32, 3, 2), Step(3, 3, 2)),
    ),
}
