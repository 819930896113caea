"""Trains a face encoder with the triplet loss, and measures it on people that it has not seen."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np

from onestroke.data.face_folders import People, PeopleBatches, read_people
from onestroke.data.photograph_sources import DataError
from onestroke.files import write_whole
from onestroke.losses.triplet import batch_hard_loss, semi_hard_loss
from onestroke.models.face_detector import FaceDetector, cut_face, middle_square
from onestroke.models.face_encoder import BATCH, FaceNetwork
from onestroke.models.face_threshold import (
    LEAST_PEOPLE,
    best_threshold,
    held_out_accuracy,
    pair_distances,
)
from onestroke.models.face_weights import load_face_weights
from onestroke.progress import Progress
from onestroke.train.face_settings import FaceTrainingSettings

LOSSES = {"batch_hard": batch_hard_loss, "semi_hard": semi_hard_loss}


def read_training_faces(
    folder: Path, settings: FaceTrainingSettings, *, cropped: bool = False
) -> People:
    """Reads the people of a folder and cuts out the largest face of each picture.

    Args:
        folder: with a sub-folder for each person.
        settings: the side of the faces.
        cropped: whether the pictures show one face only, so that no detector is needed.

    Raises:
        OnestrokeError: too few people, or the published detector is not available.
    """
    detector = None if cropped else FaceDetector(load_face_weights())

    def cut(picture: np.ndarray) -> np.ndarray | None:
        if detector is None:
            return cut_face(picture, middle_square(picture), settings.side)
        faces = detector.find(picture)
        return cut_face(picture, faces[0].square, settings.side) if faces else None

    return read_people(folder, cut, side=settings.side)


@dataclass(frozen=True)
class TrainedFaces:
    """The result of a training.

    Attributes:
        steps: optimiser steps done.
        accuracy_before: verification accuracy of the random weights on held-out people.
        accuracy: the same after training: mean of the accepted pairs of one person and the
            rejected pairs of two, at a threshold chosen on other people.
        threshold: of the file, chosen on all held-out people.
        people: trained on.
        held_out: people not trained on.
    """

    steps: int
    accuracy_before: float
    accuracy: float
    threshold: float
    people: int
    held_out: int


class FaceTrainer(keras.Model):
    """The encoder together with the triplet loss, as Keras trains them.

    Args:
        network: the encoder.
        settings: the loss and its margin.
    """

    def __init__(self, network: FaceNetwork, settings: FaceTrainingSettings) -> None:
        super().__init__()
        self.network = network
        self.settings = settings

    def call(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Encodes faces."""
        return self.network(x, training=training)

    def compute_loss(
        self,
        x: object = None,
        y: object = None,
        y_pred: object = None,
        sample_weight: object = None,
        training: bool = True,
    ) -> object:
        """Returns the loss of a batch per picture."""
        settings = self.settings
        total = LOSSES[settings.loss](y_pred, y, settings.margin)
        return total / (settings.people * settings.pictures)


def train_faces(
    people: People,
    output: Path,
    settings: FaceTrainingSettings,
    *,
    show: Callable[[Progress], None] = lambda progress: None,
    stop: threading.Event | None = None,
) -> TrainedFaces:
    """Trains an encoder and writes it with the threshold of the held-out people.

    Args:
        people: all people; a share of them is held out.
        output: the ``.keras`` file to write.
        settings: the training.
        show: called after every step.
        stop: when set, the training ends after the current step and the file is written.

    Raises:
        DataError: too few people to hold any out.
    """
    known, held_out = people.split(settings.held_out, settings.seed)
    if len(held_out.names) < LEAST_PEOPLE or len(known.names) < 2:
        raise DataError(
            f"{len(held_out.names)} of {len(people.names)} people would be held out for "
            f"validation; at least {LEAST_PEOPLE} are needed, and 2 others to train on; add people "
            "or change --held-out"
        )
    keras.utils.set_random_seed(settings.seed)
    network = FaceNetwork(settings.side, settings.width)
    before = held_out_accuracy(_encode(network, held_out.faces), held_out.labels)
    trainer = FaceTrainer(network, settings)
    schedule = keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.steps)
    trainer.compile(optimizer=keras.optimizers.Adam(schedule, global_clipnorm=1.0))
    batches = PeopleBatches(
        known, count=settings.people, pictures=settings.pictures, seed=settings.seed
    )
    step = 0
    while step < settings.steps and not (stop and stop.is_set()):
        loss = trainer.train_on_batch(*batches[step])
        step += 1
        show(Progress(step, settings.steps, {"loss": float(np.asarray(loss))}))
    encodings = _encode(network, held_out.faces)
    result = TrainedFaces(
        steps=step,
        accuracy_before=before,
        accuracy=held_out_accuracy(encodings, held_out.labels),
        threshold=best_threshold(*pair_distances(encodings, held_out.labels)),
        people=len(known.names),
        held_out=len(held_out.names),
    )
    _write(network, output, settings, result)
    return result


def _encode(network: FaceNetwork, faces: np.ndarray) -> np.ndarray:
    parts = [
        np.asarray(network(faces[i : i + BATCH].astype(np.float32), training=False))
        for i in range(0, len(faces), BATCH)
    ]
    return np.concatenate(parts)


def _write(
    network: FaceNetwork, output: Path, settings: FaceTrainingSettings, result: TrainedFaces
) -> None:
    """Writes the encoder with what was measured; names of people stay out of the file."""
    from onestroke import __version__

    network.metadata = {
        "onestroke": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "threshold": result.threshold,
        "accuracy": result.accuracy,
        "people": result.people,
        "held_out": result.held_out,
        "steps": result.steps,
        "settings": settings.model_dump(mode="json"),
    }
    write_whole(output, network.save)
