"""Training on several devices of one or more machines: they share the pictures of every batch.

TensorFlow's MirroredStrategy and Keras' DataParallel for JAX keep equal weights on all devices and
add up their gradients. A step is that of one device with the whole batch, except for rounding.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import keras

from onestroke.errors import SettingsError
from onestroke.models.replicas import count_replicas
from onestroke.train.batches import StyledBatches
from onestroke.train.lent_batches import LentBatches
from onestroke.train.processes import Place, find_place
from onestroke.train.settings import Settings

Count = int | Literal["auto"]


def choose_devices(wanted: Count, *, batch: int) -> list[str]:
    """Returns the names of the devices to train on.

    Args:
        wanted: how many; ``auto`` takes all accelerators that the batch can be divided among, and
            one device where there are only processors. Several processes use all their devices.
        batch: pictures in a batch.

    Raises:
        SettingsError: there are fewer devices, or the batch cannot be divided.
    """
    names = keras.distribution.list_devices()
    if (place := find_place()).count > 1:
        return _check_joined(names, wanted, batch, place)
    if wanted == "auto":
        most = 1 if names[0].startswith("cpu") else min(len(names), batch)
        return names[: next(count for count in range(most, 0, -1) if batch % count == 0)]
    count = int(wanted)
    if count > len(names):
        raise SettingsError(
            f"train.devices={count}, but this machine has {len(names)} ({', '.join(names)}); "
            "choose fewer devices or auto"
        )
    if batch % count:
        raise SettingsError(
            f"data.batch={batch} cannot be divided among {count} devices; choose a multiple of "
            f"{count}"
        )
    return names[:count]


def _check_joined(names: list[str], wanted: Count, batch: int, place: Place) -> list[str]:
    """Returns the devices of all processes after checking that they can share a batch."""
    count = len(names)
    if wanted not in ("auto", count):
        raise SettingsError(
            f"train.devices={wanted}, but {place.count} processes train together on {count} "
            "devices; set train.devices=auto"
        )
    if count % place.count:
        raise SettingsError(
            f"{place.count} processes have {count} devices ({', '.join(names)}); give each process "
            "the same number of devices"
        )
    if batch % count:
        raise SettingsError(
            f"data.batch={batch} cannot be divided among {count} devices of {place.count} "
            f"processes; choose a multiple of {count}"
        )
    return names


def check_step(devices: int, settings: Settings) -> None:
    """Raises a SettingsError for a step that TensorFlow cannot divide.

    Args:
        devices: how many train.
        settings: of the run.
    """
    if devices == 1 or keras.backend.backend() != "tensorflow":
        return
    if settings.train.precision == "mixed_float16":
        raise SettingsError(
            "train.precision=mixed_float16 is not supported on several devices; choose "
            "mixed_bfloat16 or float32"
        )
    # Each device would clip its part of the gradient, and choose pictures of its part of the batch.
    for key, value, off in (
        ("train.clip_norm", settings.train.clip_norm, None),
        ("loss.stability_weight", settings.loss.stability_weight, 0),
    ):
        if value != off:
            raise SettingsError(
                f"{key} is not supported on several devices; leave it out, or set train.devices=1"
            )


@contextlib.contextmanager
def use_devices(names: list[str]) -> Iterator[None]:
    """Makes a block create and train models on several devices; one device changes nothing.

    Args:
        names: from ``choose_devices``.
    """
    if len(names) == 1:
        yield
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.distribute.MirroredStrategy([name.upper() for name in names]).scope():
            yield
    else:
        # Each process reads its own share of a batch.
        with keras.distribution.DataParallel(devices=names, auto_shard_dataset=False).scope():
            yield


def divide_batches(batches: StyledBatches, lent: LentBatches) -> Any:
    """Returns the batches in a form that Keras divides among the devices, in their order.

    Keras gives Python datasets to TensorFlow without their batch size. TensorFlow then hands every
    device a batch of its own.

    Args:
        batches: the batches; their sizes are read.
        lent: the same batches, for Keras to read.
    """
    if count_replicas() == 1:
        return lent
    import tensorflow as tf

    side, styles = batches.crop, len(batches.styles)
    shapes = {"image": (batches.batch, side, side, 3), "style": (batches.batch, styles)}

    def read(position: Any) -> dict[str, Any]:
        flat = tf.numpy_function(
            lambda number: [*lent[int(number)].values()],
            [position],
            [tf.float32] * len(shapes),
        )
        return {
            name: tf.ensure_shape(tensor, shape)
            for (name, shape), tensor in zip(shapes.items(), flat, strict=True)
        }

    dataset = tf.data.Dataset.range(len(lent))
    return dataset.map(read, num_parallel_calls=lent.workers).prefetch(1)
