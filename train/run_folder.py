"""A run is a folder: settings, metrics, samples, checkpoints, and at the end the style file.

    runs/NAME/settings.yaml      every setting, defaults written out
    runs/NAME/metrics.jsonl      a line per log interval and per validation
    runs/NAME/events/            the same for TensorBoard
    runs/NAME/samples/           validation photographs, painted at intervals
    runs/NAME/checkpoints/       what resumes the run
    runs/NAME/style.keras        the trained network
    runs/NAME/style.tflite       the same for painting without TensorFlow

Whole files are written to a temporary name and renamed, so that a kill at any moment leaves the
last good one.
"""

import contextlib
import errno
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock

from onestroke.errors import ModelError, SettingsError
from onestroke.files import expand_path, is_unfinished, remove_leftovers, write_whole
from onestroke.models.style_file import BUNDLED, RUN_SETTINGS, RUN_STYLE
from onestroke.stylize.runtime_file import runtime_file_of
from onestroke.train.settings import Settings, read_recipe

CHECKPOINTS_KEPT = 2  # the newest, and the one before it
# Errors of file systems without locks. A read-only one cannot be trained in by anybody.
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EROFS)


class RunFolder:
    """The files of one run.

    Args:
        path: the folder; need not exist yet.
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
        """Whether a run was begun here."""
        return self.settings_file.is_file()

    def begin(self, settings: Settings) -> None:
        """Creates the folder, or checks that the run in it has the same settings.

        Raises:
            SettingsError: the folder holds a run of other settings, or something else, or is
                called as a network in the package, which its name would mean to other commands.
        """
        if str(self.path) in BUNDLED:
            raise SettingsError(
                f"expected a --run folder of another name; {self.path} is a network in the "
                f"package; choose runs/{self.path}"
            )
        if self.exists:
            self._make_folders()
            difference = _first_difference(
                self.settings().model_dump(), settings.model_dump(), prefix=""
            )
            if difference.startswith("network.init_sha256"):
                raise SettingsError(
                    f"expected {settings.network.init} as it was when the run in {self.path} "
                    "began with it; restore that file, or begin a new run in another folder"
                )
            if difference:
                raise SettingsError(
                    f"expected a new --run folder or the settings of the run in {self.path}; "
                    f"{difference}; choose another folder, or resume with --run alone"
                )
            return
        try:
            if self.path.is_dir() and not all(map(is_unfinished, self.path.iterdir())):
                raise SettingsError(
                    f"expected a new or empty --run folder; {self.path} holds other files; "
                    "choose another one"
                )
            # The settings first: with them alone, the folder is already a run that can go on.
            write_whole(self.settings_file, lambda path: _write_text(path, settings.to_yaml()))
            self._make_folders()
        except OSError as error:
            raise SettingsError(
                f"expected a --run folder that can be written; {self.path}: {error.strerror}"
            ) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second process from training in the same folder.

        Raises:
            ModelError: another process does so now.
        """
        # A soft lock would outlive a killed process, so a file system without locks gets none.
        lock = filelock.FileLock(self.path / "lock", timeout=0, fallback_to_soft=False)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock)
            except filelock.Timeout as error:
                raise ModelError(
                    f"{self.path} is already being trained by another process; wait for it or stop "
                    "it"
                ) from error
            except NotImplementedError:
                pass
            except OSError as error:
                if error.errno not in WITHOUT_LOCKS:
                    raise
            yield

    def _make_folders(self) -> None:
        for folder in (self.events, self.samples, self.checkpoints):
            folder.mkdir(exist_ok=True)

    def forget_unfinished_files(self) -> None:
        """Deletes the temporary files that a killed training left of the run's own files."""
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
                f"expected a run folder with {RUN_SETTINGS}; {self.path} has none; "
                "begin a run with --config or --init"
            )
        return read_recipe(self.settings_file)

    def steps_done(self) -> int:
        """Returns after how many steps the run goes on."""
        if steps := self.checkpoint_steps():
            return steps[-1]
        # Somebody may have deleted the checkpoints of a finished run, to make room.
        return self.settings().train.steps if self.style_file.is_file() else 0

    def summary(self) -> dict[str, Any]:
        """Returns how far the run is, its latest figures and its settings."""
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
        """Returns the steps of the checkpoints kept, oldest first."""
        found = (re.fullmatch(r"step_(\d+)\.npz", p.name) for p in self.checkpoints.glob("*"))
        return sorted(int(match[1]) for match in found if match)

    def forget_old_checkpoints(self) -> None:
        """Deletes all checkpoints but the newest ``CHECKPOINTS_KEPT``."""
        for step in self.checkpoint_steps()[:-CHECKPOINTS_KEPT]:
            self.checkpoint_file(step).unlink()

    def append_metrics(self, entry: Mapping[str, Any]) -> None:
        """Adds a line to ``metrics.jsonl``."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Reads ``metrics.jsonl``, without a line that a kill cut off."""
        if not self.metrics_file.is_file():
            return []
        lines = self.metrics_file.read_text(encoding="utf-8").splitlines()
        return [entry for entry in map(_parsed, lines) if entry]

    def forget_after(self, step: int) -> None:
        """Drops the metrics and the broken checkpoints after the one from which the run goes on."""
        for later in self.checkpoint_steps():
            if later > step:
                self.checkpoint_file(later).unlink()
        kept = "".join(json.dumps(m) + "\n" for m in self.metrics() if m["step"] <= step)
        write_whole(self.metrics_file, lambda path: _write_text(path, kept))


def find_run(model: Path | str) -> RunFolder | None:
    """Returns the run that is meant by a model, finished or not; None if it is something else."""
    run = RunFolder(Path(model))
    return run if run.exists and str(model) not in BUNDLED else None


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _first_difference(old: Any, new: Any, prefix: str) -> str:
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        places = (_first_difference(old[k], new[k], f"{prefix}.{k}".strip(".")) for k in old)
        return next((place for place in places if place), "")
    return "" if old == new else f"{prefix} was {old!r} and is now {new!r}"
