"""The image transformation network of Johnson et al. 2016, in three sizes.

After "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" and its supplement:
a stem, two downsampling steps, residual blocks, two upsampling steps. Departures, which are common
practice or needed for exports: instance instead of batch normalisation (Ulyanov et al. 2016),
reflection padding at every convolution, smooth upsampling before a convolution instead of a
transposed one (at the end of ``mobile``, a sub-pixel convolution), a sigmoid without normalisation
at the end, one row of scale and shift per style.
"""

from collections.abc import Sequence
from typing import Any

import keras

from onestroke.errors import ModelError
from onestroke.models.card import IDENTITY, ModelCard, parse_card, untrained_card
from onestroke.models.layers import (
    CHANNELS,
    ConditionalAffine,
    ConditionalInstanceNorm,
    Conv2D,
    ConvolutionByBlocks,
    ConvolutionByColumns,
    CropLike,
    Moments,
    Pixels,
    ReflectPadding,
    SmoothUpsampling,
    SubpixelConvolution,
    Tensor,
    equal_pixels,
    register,
)
from onestroke.models.presets import ARCHITECTURE, PRESETS


class Convolution:
    """Reflection padding, a convolution, normalisation, and optionally a ReLU."""

    def __init__(
        self,
        channels: int,
        kernel: int,
        *,
        styles: int,
        identity: int | None,
        name: str,
        stride: int = 1,
        upsample: bool = False,
        relu: bool = True,
    ) -> None:
        # The normalisation that follows would subtract a bias again.
        kind = ConvolutionByColumns if (kernel, stride) == (9, 1) else Conv2D
        self.padding = (
            SmoothUpsampling(name=f"{name}_padding")
            if upsample
            else ReflectPadding(kernel // 2, name=f"{name}_padding")
        )
        self.convolution = kind(
            channels, kernel, strides=stride, use_bias=False, data_format=CHANNELS, name=name
        )
        self.norm = ConditionalInstanceNorm(styles, identity=identity, name=f"{name}_norm")
        self.relu = keras.layers.ReLU(name=f"{name}_relu") if relu else None

    def __call__(self, x: Tensor, flow: "Flow") -> Tensor:
        """Returns the features; records the input of the normalisation in ``flow``."""
        x = self.convolution(self.padding(x))
        x = self.norm(x, style=flow.style, moments=flow.next_moments(x))
        return self.relu(x) if self.relu else x


class Flow:
    """Inputs and records of one pass through the network, beside the features.

    Args:
        style: ``(batch, styles)`` weights, None for a network of one style.
        moments: the moments for each normalisation in turn, None for the picture's own.
    """

    def __init__(self, style: Tensor | None, moments: Sequence[Moments] | None) -> None:
        self.style = style
        self.unused = None if moments is None else iter(moments)
        self.normalised: list[Tensor] = []

    def next_moments(self, x: Tensor) -> Moments | None:
        """Records the features to normalise; returns their given moments, if any."""
        self.normalised.append(x)
        return None if self.unused is None else next(self.unused)


@register
class TransformNetwork(keras.Model):
    """Paints a picture in one forward pass.

    Args:
        preset: ``"johnson"``, ``"half"`` or ``"mobile"``.
        styles: the number of styles.
        identity: the index of the style that returns photographs unchanged; None if there is none.
        card: the model card, saved with the network; by default that of an untrained network.

    Input: ``image``, ``(batch, height, width, 3)`` RGB float32 in [0, 255], both sides at least
        16; with several styles also ``style``, ``(batch, styles)`` float32, the weight of each.
    Output: ``(batch, height, width, 3)`` RGB float32 in [0, 255], the size of the input.
    """

    def __init__(
        self,
        preset: str = "johnson",
        styles: int = 1,
        *,
        identity: int | None = None,
        card: ModelCard | None = None,
        **kwargs: Any,
    ) -> None:
        if preset not in PRESETS:
            raise ModelError(f"unknown preset {preset!r}; choose one of {', '.join(PRESETS)}")
        size = PRESETS[preset]
        rows: dict[str, Any] = {"styles": styles, "identity": identity}
        self.rescaling = keras.layers.Rescaling(1 / 127.5, offset=-1, dtype="float32")
        self.down = [
            Convolution(s.channels, s.kernel, stride=s.scale, name=f"down{i}", **rows)
            for i, s in enumerate(size.down, 1)
        ]
        width = size.down[-1].channels
        self.residual = [
            _residual(width, name=f"residual{i}", **rows) for i in range(1, size.blocks + 1)
        ]
        *inner, last = size.up
        self.up = [
            Convolution(s.channels, s.kernel, upsample=s.scale > 1, name=f"up{i}", **rows)
            for i, s in enumerate(inner, 1)
        ]
        self.last_padding = ReflectPadding(last.kernel // 2, name="last_padding")
        # 32 bits from here on, at any precision: bfloat16 cannot represent 255 shades.
        options = {
            "use_bias": False,
            "data_format": CHANNELS,
            "name": "last",
            "dtype": "float32",
        }
        self.last = (
            ConvolutionByBlocks(last.channels, last.kernel, **options)
            if last.scale == 1
            else SubpixelConvolution(
                4 * last.channels, last.kernel, kernel_initializer=equal_pixels, **options
            )
        )
        self.colour = ConditionalAffine(styles, name="colour", dtype="float32")
        self.pixels = Pixels(dtype="float32")
        self.crop = CropLike(dtype="float32")

        image = keras.Input((None, None, 3), name="image")
        style = keras.Input((styles,), name="style") if styles > 1 else None
        flow = Flow(style, moments=None)
        painted = self.paint(image, flow)
        inputs = {"image": image} | ({} if style is None else {"style": style})
        super().__init__(inputs=image if style is None else inputs, outputs=painted, **kwargs)
        self.preset = preset
        self.styles = styles
        self.identity = identity
        self.card = card or untrained_card(preset, _default_names(styles, identity))

    def paint(self, image: Tensor, flow: Flow) -> Tensor:
        """Connects the layers.

        Args:
            image: ``(batch, height, width, 3)`` RGB float32 in [0, 255].
            flow: contains the style and records the inputs of the normalisations.

        Returns:
            The painted pictures, of the shape and range of ``image``.
        """
        return self.crop(self.paint_uncropped(image, flow), image)

    def paint_uncropped(self, image: Tensor, flow: Flow) -> Tensor:
        """Paints up to ``Preset.stride - 1`` rows and columns more than the picture has.

        For runtimes without an operator that crops to a variable size; otherwise as ``paint``.
        """
        x = self.rescaling(image)
        for convolution in self.down:
            x = convolution(x, flow)
        for block in self.residual:
            residual = x
            for convolution in block:
                residual = convolution(residual, flow)
            x = x + residual
        for convolution in self.up:
            x = convolution(x, flow)
        x = self.last(self.last_padding(x))
        return self.pixels(self.colour(x, style=flow.style))

    def as_input(self, image: Tensor, style: Tensor) -> Any:
        """Returns the input of the network: a network of one style has no style input."""
        return {"image": image, "style": style} if self.styles > 1 else image

    def moments(self, image: Tensor, style: Tensor | None = None) -> list[Moments]:
        """Returns the moments of the pictures at each normalisation.

        ``image`` is as in ``paint``, ``style`` ``(batch, styles)`` float32, the weight of each.
        With the moments of a whole picture in the ``Flow``, ``paint`` paints a part of the picture
        as it would be painted within the whole.
        """
        flow = Flow(style, moments=None)
        self.paint(image, flow)
        return [self.down[0].norm.moments(x) for x in flow.normalised]

    @property
    def normalised_channels(self) -> int:
        """The channels of all normalisations together, in the order of ``moments``."""
        layers = [*self.down, *(layer for block in self.residual for layer in block), *self.up]
        return sum(int(layer.norm.scale.shape[-1]) for layer in layers)

    def get_config(self) -> dict:
        """Returns the arguments that rebuild the network."""
        return {
            "name": self.name,
            "architecture": ARCHITECTURE,
            "card": self.card.model_dump(mode="json"),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "TransformNetwork":
        """Builds the network without its weights."""
        return network_of_card(parse_card(config["card"], "the network"), config.get("name"))


def network_of_card(card: ModelCard, name: str | None = None) -> TransformNetwork:
    """Builds the network that a card describes, with random weights."""
    return TransformNetwork(
        card.preset, len(card.styles), identity=card.identity, card=card, name=name
    )


def _default_names(styles: int, identity: int | None) -> list[str]:
    return [IDENTITY if i == identity else f"style{i + 1}" for i in range(styles)]


def _residual(width: int, *, name: str, **rows: Any) -> list[Convolution]:
    """Returns the convolutions of one residual block; their sum with the input is its output."""
    return [
        Convolution(width, 3, name=f"{name}a", **rows),
        Convolution(width, 3, relu=False, name=f"{name}b", **rows),
    ]
