"""The run folder: settings, metrics, samples, checkpoints, and at the end the style file.

    runs/NAME/settings.yaml      every setting, defaults included
    runs/NAME/metrics.jsonl      a line per log interval and per validation
    runs/NAME/events/            the same for TensorBoard
    runs/NAME/samples/           the painted validation photographs
    runs/NAME/checkpoints/       the states from which the run is resumed
    runs/NAME/style.keras        the trained network
    runs/NAME/style.tflite       the same for painting without TensorFlow

Files are written under a temporary name and renamed. A kill at any moment leaves the last complete
file.
"""

import contextlib
import json
import logging
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from onestroke.array_file import is_whole_archive
from onestroke.errors import ModelError, OnestrokeError, SettingsError, is_full_disk
from onestroke.file_lock import hold_lock
from onestroke.files import append_text, expand_path, is_unfinished, remove_leftovers, write_text
from onestroke.models.style_file import BUNDLED, RUN_SETTINGS, RUN_STYLE
from onestroke.stylize.runtime_file import runtime_file_of
from onestroke.train.moved_inputs import accept_moves
from onestroke.train.settings import Settings, read_recipe

logger = logging.getLogger("onestroke.train")

CHECKPOINTS_KEPT = 2  # the newest one and the one before


class RunFolder:
    """The files of one run.

    Args:
        path: the folder; it may be missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path = expand_path(path)
        self.settings_file = path / RUN_SETTINGS
        self.metrics_file = path / "metrics.jsonl"
        self.events = path / "events"
        self.samples = path / "samples"
        self.checkpoints = path / "checkpoints"
        self.style_file = path / RUN_STYLE
        self.runtime_file = runtime_file_of(self.style_file)

    @property
    def exists(self) -> bool:
        """Whether the folder contains a run."""
        return self.settings_file.is_file()

    def begin(self, settings: Settings, *, moved: bool = False) -> Settings:
        """Creates the folder, or checks that the run in it has the same settings.

        Args:
            settings: resolved, with the hashes of the inputs.
            moved: see ``moved_inputs.accept_moves``.

        Returns:
            The settings of the run, with the present places of its inputs.

        Raises:
            SettingsError: the folder contains a run with other settings or other files, cannot be
                written, or has the name of a bundled model.
        """
        if str(self.path) in BUNDLED:
            raise SettingsError(
                f"--run {self.path} is the name of a bundled model; choose runs/{self.path}"
            )
        if self.exists:
            self._check_links()
            self._make_folders()
            before = self.settings()
            known = accept_moves(before, settings, moved=moved)
            key, old, new = find_difference(known.model_dump(), settings.model_dump())
            if key == "network.init_sha256":
                raise SettingsError(
                    f"{settings.network.init} has changed since the run in {self.path} began; "
                    "restore that file, or start a new run in another folder"
                )
            if key == "style.pictures_sha256":
                raise SettingsError(
                    f"a painting of the run in {self.path} has changed since the run began; "
                    "restore the file, or start a new run in another folder"
                )
            if key:
                raise SettingsError(
                    f"{self.path} contains a run with other settings: {key} was {old!r} and is now "
                    f"{new!r}; choose another --run folder, or resume with --run alone"
                )
            self._take_over(before, known)
            return known
        try:
            if self.path.is_dir() and not all(map(is_unfinished, self.path.iterdir())):
                raise SettingsError(
                    f"{self.path} contains other files; choose a new or empty --run folder"
                )
            # The settings are written first: a folder with them alone can already be resumed.
            write_text(self.settings_file, settings.to_yaml())
            self._make_folders()
            return settings
        except OSError as error:
            raise SettingsError(
                f"cannot create the run folder {self.path}: {error.strerror}; choose another one"
            ) from error

    def _take_over(self, before: Settings, known: Settings) -> None:
        """Records new places of inputs, and warns of other photographs."""
        changed = before.data.source_sha256 not in (None, known.data.source_sha256)
        if changed and 0 < self.steps_done() < known.train.steps:
            logger.warning(
                "the photographs of the run in %s have changed since it began; the result differs "
                "from that of an uninterrupted run",
                self.path,
            )
        if known != before:
            with self.locked(), self.writing():
                write_text(self.settings_file, known.to_yaml())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Prevents a second process from training in the same folder.

        Raises:
            ModelError: another process trains in the folder.
        """
        busy = ModelError(
            f"{self.path} is already being trained by another process; wait for it or stop it"
        )
        with hold_lock(self.path / "lock", busy):
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turns errors of writing into the run folder into an OnestrokeError of one line.

        TensorFlow reports a full disk as an error of its own.
        """
        try:
            yield
        except Exception as error:
            if is_full_disk(error):
                reason = "the disk is full"
            elif isinstance(error, OSError):
                reason = error.strerror or str(error)
            else:
                raise
            raise OnestrokeError(
                f"cannot write into {self.path}: {reason}; correct this and resume with: "
                f"onestroke train --run {shlex.quote(str(self.path))}"
            ) from error

    def _check_links(self) -> None:
        """Raises a SettingsError for a link that leads out of the folder.

        A run from a stranger could otherwise replace the user's own files.
        """
        inside = Path(os.path.realpath(self.path))
        folders = (self.path, self.events, self.samples, self.checkpoints)
        for link in (path for folder in folders for path in _list_links(folder)):
            if not Path(os.path.realpath(link)).is_relative_to(inside):
                raise SettingsError(
                    f"{link} is a link out of the run folder, through which a training could "
                    "replace other files; put the file itself in its place"
                )

    def _make_folders(self) -> None:
        for folder in (self.events, self.samples, self.checkpoints):
            folder.mkdir(exist_ok=True)

    def delete_unfinished_files(self) -> None:
        """Deletes the temporary files of this run that a kill left."""
        written = (self.settings_file, self.metrics_file, self.style_file, self.runtime_file)
        own = tuple(file.name for file in written)
        remove_leftovers(self.path, own)
        for folder in (self.samples, self.checkpoints):
            remove_leftovers(folder)

    def settings(self) -> Settings:
        """Reads back the settings of the run.

        Raises:
            ModelError: there is no run in the folder.
        """
        if not self.exists:
            raise ModelError(
                f"{self.path} is not a run folder: it has no {RUN_SETTINGS}; start a run with "
                "--config or --init"
            )
        return read_recipe(self.settings_file)

    def steps_done(self) -> int:
        """Returns the step from which the run is resumed: that of the newest good checkpoint."""
        steps = self.checkpoint_steps()
        good = (s for s in reversed(steps) if is_whole_archive(self.checkpoint_file(s)))
        if steps:
            return next(good, 0)
        # The checkpoints of a finished run may have been deleted to save space.
        return self.settings().train.steps if self.style_file.is_file() else 0

    def summary(self) -> dict[str, Any]:
        """Returns the steps taken, the latest figures and the settings of the run."""
        settings = self.settings()
        return {
            "steps": f"{self.steps_done()} of {settings.train.steps}",
            "style_file": str(self.style_file) if self.style_file.is_file() else None,
            "latest": self.metrics()[-1:],
            "settings": settings.model_dump(mode="json"),
        }

    def checkpoint_file(self, step: int) -> Path:
        """Returns the file of the checkpoint after ``step`` steps."""
        return self.checkpoints / f"step_{step:07d}.npz"

    def checkpoint_steps(self) -> list[int]:
        """Returns the steps of the existing checkpoints, oldest first."""
        names = (path.name for path in self.checkpoints.glob("*"))
        found = (re.fullmatch(r"step_(\d{7,12})\.npz", name) for name in names)
        steps = {int(match[1]) for match in found if match}
        # Reading a pipe of such a name would wait for ever.
        return sorted(step for step in steps if self.checkpoint_file(step).is_file())

    def delete_old_checkpoints(self) -> None:
        """Deletes all checkpoints but the newest ``CHECKPOINTS_KEPT``."""
        for step in self.checkpoint_steps()[:-CHECKPOINTS_KEPT]:
            self.checkpoint_file(step).unlink()

    def append_metrics(self, entry: Mapping[str, Any]) -> None:
        """Adds a line to ``metrics.jsonl``."""
        append_text(self.metrics_file, json.dumps(entry) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Reads ``metrics.jsonl``; a line that a kill cut off is left out."""
        if not self.metrics_file.is_file():
            return []
        lines = self.metrics_file.read_bytes().splitlines()
        return [entry for entry in map(_parse_line, lines) if entry]

    def drop_after(self, step: int) -> None:
        """Removes the metrics and the broken checkpoints of later steps, before a resume."""
        for later in self.checkpoint_steps():
            if later > step:
                self.checkpoint_file(later).unlink()
        kept = "".join(json.dumps(m) + "\n" for m in self.metrics() if m["step"] <= step)
        write_text(self.metrics_file, kept)


def find_run(model: Path | str) -> RunFolder | None:
    """Returns the run, finished or not, that a model name refers to; None if it is no run."""
    run = RunFolder(Path(model))
    return run if run.exists and str(model) not in BUNDLED else None


def _list_links(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_symlink()]


def _parse_line(line: bytes) -> dict[str, Any] | None:
    """Returns the entry of a line of ``metrics.jsonl``; None for a broken one."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or type(entry.get("step")) is not int:
        return None
    figures = all(isinstance(value, int | float) for value in entry.values())
    return entry if figures else None


def find_difference(old: Any, new: Any, prefix: str = "") -> tuple[str, Any, Any]:
    """Returns the key of the first difference of nested settings, if any, and both values."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        found = (find_difference(old[k], new[k], f"{prefix}.{k}".strip(".")) for k in old)
        return next((difference for difference in found if difference[0]), ("", old, new))
    return "" if old == new else prefix, old, new
