"""Training a style: from settings to a run folder with a style file."""

import contextlib
import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from onestroke.data.paintings import Style
from onestroke.data.photograph_sources import Photographs
from onestroke.errors import ModelError, explain_memory_errors
from onestroke.files import cache_folder, write_whole
from onestroke.losses.objective import Objective, build_objective
from onestroke.losses.packed_grams import recall_grams
from onestroke.models.card import IDENTITY, ModelCard
from onestroke.models.face_weights import load_face_weights
from onestroke.models.keras_defaults import keras_defaults
from onestroke.models.style_file import load_network
from onestroke.models.style_rows import copy_network, freeze_shared_layers, join_networks
from onestroke.models.transform_network import TransformNetwork
from onestroke.models.vgg19_weights import Vgg19Weights
from onestroke.progress import Progress
from onestroke.stylize.runtime_file import find_runtime_file, write_runtime_file
from onestroke.train.batches import StyledBatches
from onestroke.train.callbacks import (
    Announcements,
    Checkpoints,
    Samples,
    SharedStop,
    StopWhenDiverged,
)
from onestroke.train.checkpoint import restore_checkpoint
from onestroke.train.crop_stages import Stage, plan_stages
from onestroke.train.devices import (
    check_step,
    choose_devices,
    divide_batches,
    use_devices,
)
from onestroke.train.forecast import Forecast
from onestroke.train.initial_rows import (
    STYLE_GRAMS,
    find_initial_blends,
    known_style_key,
    measure_known_styles,
)
from onestroke.train.journal import Journal, drop_events_after
from onestroke.train.learning_rate import Schedule
from onestroke.train.lent_batches import lend
from onestroke.train.muon import ConvolutionMuon
from onestroke.train.prepared_run import PreparedRun, prepare_run
from onestroke.train.processes import explain_lost_processes, find_place
from onestroke.train.run_card import card_of_run
from onestroke.train.run_copy import open_run
from onestroke.train.run_folder import RunFolder
from onestroke.train.settings import Settings, TrainSettings
from onestroke.train.style_trainer import StyleTrainer
from onestroke.train.validation import PAINTED, PHOTOGRAPHS, Validation

logger = logging.getLogger("onestroke.train")

ADAM_SHARE = 1 / 3  # learning rate of Adam as a share of Muon's

OnPhase = Callable[[str], object]
"""Called with the name of a phase when the phase begins."""


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        step: number of steps taken.
        style_file: the trained network; None if the training was stopped before its end.
        photographs: mean loss terms of the unpainted validation photographs.
        pictures: mean loss terms of the painted validation photographs.
        skipped: number of photographs that could not be read; the log names each.
    """

    step: int
    style_file: Path | None
    photographs: Mapping[str, float]
    pictures: Mapping[str, float]
    skipped: int = 0


def train(
    settings: Settings,
    folder: Path | str,
    *,
    show: Callable[[Progress], None] = lambda progress: None,
    on_phase: OnPhase = lambda name: None,
    stop: threading.Event | None = None,
) -> Trained:
    """Trains a transformation network, from the start or from the last checkpoint of ``folder``.

    The result is a function of the settings: a run that was killed and resumed ends in the same
    weights as an uninterrupted one, bit for bit on a CPU.

    Args:
        settings: the settings of the run; see ``train.settings``.
        folder: the run folder: new, empty, or of a run with equal settings.
        show: called after every step.
        on_phase: called when a phase begins, for example the reading of the photographs.
        stop: when set, the current step is finished and saved, and the training returns.

    Raises:
        OnestrokeError: a setting, a file or the folder is missing, broken or does not fit.
    """
    prepared = prepare_run(settings, folder, on_phase=on_phase)
    return train_prepared(prepared, show=show, on_phase=on_phase, stop=stop)


def train_prepared(
    prepared: PreparedRun,
    *,
    show: Callable[[Progress], None] = lambda progress: None,
    on_phase: OnPhase = lambda name: None,
    stop: threading.Event | None = None,
) -> Trained:
    """Trains a run that ``prepare_run`` returned; see ``train``."""
    settings = prepared.settings
    devices = choose_devices(settings.train.devices, batch=settings.data.batch)
    check_step(len(devices), settings)
    with (
        explain_lost_processes(),
        open_run(prepared.run, settings) as run,
        # JAX refuses weights that differ between processes, even if they are replaced later.
        _seeded(settings.train.seed),
        use_devices(devices),
    ):
        own = replace(prepared, run=run)
        trained = _train(own, show, on_phase, stop or threading.Event())
    return replace(trained, style_file=trained.style_file and prepared.run.style_file)


def _train(
    prepared: PreparedRun,
    show: Callable[[Progress], None],
    on_phase: OnPhase,
    stop: threading.Event,
) -> Trained:
    settings, inputs, run = prepared.settings, prepared.inputs, prepared.run
    run.delete_unfinished_files()
    done = run.checkpoint_steps()
    if run.style_file.is_file() and (not done or done[-1] == settings.train.steps):
        # Saving again would change the file's hash, by which other runs refer to it.
        _write_runtime_file(run)
        return Trained(settings.train.steps, run.style_file, *validation_losses(run))
    on_phase("preparing the styles")
    known = load_network(inputs.init) if inputs.init else None
    begun = bool(run.checkpoint_steps())
    trainer = build_trainer(settings, inputs.vgg19, inputs.styles, known=None if begun else known)
    first_step = _resume(run, trainer)
    batches = None
    if first_step < settings.train.steps:
        validation = Validation(inputs.validation, settings.style.all_names())
        journal = Journal(
            run,
            settings.train.log_every,
            settings.data.batch,
            first_step=first_step,
            last_step=settings.train.steps,
        )
        try:
            callbacks = _callbacks(settings, run, validation, journal, show, stop, first_step)
            for stage in plan_stages(settings.data.crop, settings.train.steps, first_step):
                on_phase(f"compiling the step for crops of {stage.crop} px")
                before, batches = batches, open_batches(settings, inputs.photographs, stage)
                if before:
                    batches.follow(before)
                fit(trainer, batches, callbacks)
                if trainer.stop_training:
                    break
        finally:
            journal.close()
    step = run.checkpoint_steps()[-1]
    finished = step == settings.train.steps
    photographs, pictures = validation_losses(run)
    if finished:
        on_phase("writing the style file")
        card = card_of_run(
            settings, inputs.styles, inputs.vgg19, photographs=photographs, pictures=pictures
        )
        network = _as_float32(trainer.network, card)
        if known is not None and settings.network.joins:
            network = join_networks(known, network)
        with run.writing():
            write_whole(run.style_file, network.save)
            _write_runtime_file(run)
    return Trained(
        step,
        run.style_file if finished else None,
        photographs,
        pictures,
        skipped=len(batches.broken) if batches else 0,
    )


def _write_runtime_file(run: RunFolder) -> None:
    """Writes the runtime file of a finished run, unless it is there."""
    with contextlib.suppress(ModelError):  # a damaged one is replaced
        if find_runtime_file(run.style_file):
            return
    if keras.backend.backend() != "tensorflow":
        if find_place().number > 0:  # process 0 has the run
            return
        logger.warning(
            "no %s: only TensorFlow converts networks; write it with `onestroke export --format "
            "runtime`",
            run.runtime_file,
        )
        return
    write_runtime_file(run.style_file)


def _callbacks(
    settings: Settings,
    run: RunFolder,
    validation: Validation,
    journal: Journal,
    show: Callable[[Progress], None],
    stop: threading.Event,
    first_step: int,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks in order. Divergence comes first: broken weights are never saved."""
    every = settings.train
    forecast = Forecast(plan_stages(settings.data.crop, every.steps, first_step))
    steps = {"first_step": first_step, "last_step": every.steps}
    samples = Samples(validation, run, journal, every.sample_every, **steps)
    return [
        StopWhenDiverged(**steps),
        SharedStop(stop, **steps),
        journal,
        samples,
        Checkpoints(run, every.checkpoint_every, stop, **steps),
        Announcements(journal, forecast, samples, show, **steps),
    ]


def fit(
    trainer: StyleTrainer,
    batches: StyledBatches,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Trains on the batches, once.

    The graph is traced anew for each crop size. A graph for several sizes is slower, and in a run
    that is resumed at the second size it would round differently.

    Raises:
        OnestrokeError: the batches or a callback failed, or the memory is too small.
    """
    trainer.make_train_function(force=True)
    purpose = f"for batches of {batches.batch} pictures of {batches.crop} px"
    try:
        with explain_memory_errors(purpose, "lower data.batch or data.crop"), lend(batches) as lent:
            data = divide_batches(batches, lent)
            trainer.fit(data, epochs=1, shuffle=False, verbose=0, callbacks=list(callbacks))
    except Exception as error:
        # Keras reads batches in threads and reports their errors as errors of TensorFlow.
        if batches.failure is not None:
            raise batches.failure from error
        raise


def build_trainer(
    settings: Settings,
    weights: Vgg19Weights,
    styles: Sequence[Style],
    *,
    known: TransformNetwork | None = None,
) -> StyleTrainer:
    """Builds and compiles the networks.

    Args:
        settings: the settings of the run; the seed determines random weights.
        weights: weights of the loss network.
        styles: the paintings.
        known: the network of ``network.init``. Its weights are copied, and each new style starts as
            the nearest blend of its styles; see ``initial_rows``.
    """
    precision = settings.train.precision
    names = settings.style.all_names()
    with _seeded(settings.train.seed):
        network = build_network(
            settings.network.preset,
            len(names),
            precision,
            identity=names.index(IDENTITY) if settings.style.identity else None,
        )
    objective = build_objective(
        settings.loss,
        weights,
        styles,
        factors=settings.style.factors(),
        identity=settings.style.identity,
        precision=precision,
        winograd=True,
        cache=cache_folder("styles"),
        face_weights=load_face_weights() if settings.loss.identity_weight else None,
    )
    if known is not None:
        blends = _initial_blends(settings, known, objective, weights, styles)
        copy_network(known, network, blends)
    if settings.network.learn == "rows":
        freeze_shared_layers(network)
    trainer = StyleTrainer(network, objective, names, dtype=precision)
    trainer.compile(optimizer=build_optimizer(settings.train))
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def _initial_blends(
    settings: Settings,
    known: TransformNetwork,
    objective: Objective,
    vgg19: Vgg19Weights,
    styles: Sequence[Style],
) -> np.ndarray:
    """Returns the nearest blend of the known styles for each new style."""
    layers, pooling = sorted(settings.loss.style), settings.loss.pooling
    grams = recall_grams(
        known_style_key(settings.network.init_sha256 or "", vgg19, pooling),
        layers,
        lambda: measure_known_styles(known, vgg19, pooling, layers),
        shipped=STYLE_GRAMS.values(),
        folder=cache_folder("styles"),
    )
    return find_initial_blends(known, objective, grams, styles)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds Python's random numbers, from which Keras draws the seeds of initial weights."""
    with _keep_random_state():
        random.seed(seed)
        yield


@contextlib.contextmanager
def _keep_random_state() -> Iterator[None]:
    """Restores the random numbers of the calling program, which Keras uses too."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def build_network(
    preset: str, styles: int = 1, precision: str = "float32", *, identity: int | None = None
) -> TransformNetwork:
    """Builds a network whose layers compute in ``precision``, a Keras dtype policy."""
    with keras_defaults(precision):
        return TransformNetwork(preset, styles, identity=identity)


def build_optimizer(settings: TrainSettings) -> keras.optimizers.Optimizer:
    """Returns Muon, or Adam (Kingma and Ba 2015), with the learning rate schedule."""
    rate = Schedule(
        settings.learning_rate,
        steps=settings.steps,
        warmup_steps=min(settings.warmup_steps, settings.steps // 2),
        shape=settings.schedule,
    )
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm)
    return ConvolutionMuon(
        rate,
        adam_share=ADAM_SHARE,
        matrix_dtype="bfloat16" if settings.precision == "mixed_bfloat16" else "float32",
        global_clipnorm=settings.clip_norm,
    )


def open_batches(settings: Settings, photographs: Photographs, stage: Stage) -> StyledBatches:
    """Returns the batches of a stage."""
    data = settings.data
    return StyledBatches(
        photographs,
        styles=len(settings.style.all_names()),
        batch=data.batch,
        crop=stage.crop,
        seed=settings.train.seed,
        first_step=stage.first_step,
        last_step=stage.last_step,
        scale=data.scale,
        flip=data.flip,
        place=find_place(),
    )


def _as_float32(network: TransformNetwork, card: ModelCard) -> TransformNetwork:
    """Returns the network in float32, the precision of style files."""
    with keras_defaults():
        saved = TransformNetwork(
            network.preset, network.styles, identity=network.identity, card=card
        )
    saved.set_weights(network.get_weights())
    return saved


def validation_losses(run: RunFolder) -> tuple[dict[str, float], dict[str, float]]:
    """Reads the loss terms of the validation photographs, unpainted and as painted last."""
    latest: dict[str, float] = {}
    for entry in run.metrics():
        latest.update(entry)
    return (
        _prefixed(latest, PHOTOGRAPHS),
        _prefixed(latest, PAINTED),
    )


def _resume(run: RunFolder, trainer: StyleTrainer) -> int:
    """Restores the newest checkpoint that can be read. Later entries of the logs are removed.

    Returns:
        The step of the checkpoint; 0 without checkpoints.

    Raises:
        ModelError: there are checkpoints, and none can be read.
    """
    unreadable = None
    for step in reversed(run.checkpoint_steps()):
        path = run.checkpoint_file(step)
        try:
            restore_checkpoint(path, trainer)
        except ModelError as error:
            logger.warning("skipped a checkpoint: %s", error)
            unreadable = error
            continue
        _drop_after(run, step)
        return step
    if unreadable:
        raise ModelError(
            f"{unreadable}, and no other one can be read; delete the folder {run.checkpoints} to "
            "train from the start"
        )
    _drop_after(run, -1)
    return 0


def _drop_after(run: RunFolder, step: int) -> None:
    with run.writing():
        run.drop_after(step)
        drop_events_after(run.events, step)


def _prefixed(values: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}
