"""The database of enrolled people: names and encodings of faces, no pictures.

A JSON file with a schema version and a hash of its content. It never leaves the machine, and only
its owner can read it.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from onestroke.errors import OnestrokeError, format_value, shorten_text
from onestroke.file_lock import hold_lock
from onestroke.files import check_file, expand_path, write_whole

SCHEMA_VERSION = 1
OWNER_ONLY = 0o600
LOCK_SECONDS = 10.0  # a change takes milliseconds
DIGITS = 6  # of the numbers in the file; encodings are about 0.1

Encoding = Annotated[list[float], Field(min_length=128, max_length=128)]


class FaceDatabaseError(OnestrokeError):
    """The database is missing, damaged, or does not fit what is asked of it."""


class FaceDatabase(BaseModel):
    """People and the encodings of their faces.

    Attributes:
        schema_version: of the file.
        encoder: SHA-256 of the encoder's weights; encodings of others cannot be compared.
        people: the encodings of each person, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    schema_version: Literal[1] = 1
    encoder: str
    people: dict[
        Annotated[str, Field(min_length=1)], Annotated[list[Encoding], Field(min_length=1)]
    ]

    def add(self, name: str, encodings: np.ndarray) -> "FaceDatabase":
        """Returns the database with more encodings of a person.

        Args:
            name: of the person, new or known.
            encodings: ``(count, 128)`` float32.
        """
        if not name.strip():
            raise FaceDatabaseError("a person needs a name; it is empty")
        added = [[round(float(x), DIGITS) for x in encoding] for encoding in encodings]
        people = {**self.people, name: [*self.people.get(name, []), *added]}
        return self.model_copy(update={"people": dict(sorted(people.items()))})

    def remove(self, name: str) -> "FaceDatabase":
        """Returns the database without a person."""
        self.check_name(name)
        return self.model_copy(
            update={"people": {k: v for k, v in self.people.items() if k != name}}
        )

    def distance(self, name: str, encoding: np.ndarray) -> float:
        """Returns the distance to the nearest encoding of a person."""
        self.check_name(name)
        return float(np.linalg.norm(np.array(self.people[name]) - encoding, axis=1).min())

    def nearest(self, encoding: np.ndarray) -> tuple[str, float] | None:
        """Returns the nearest person with the distance; None where nobody is enrolled."""
        distances = {name: self.distance(name, encoding) for name in self.people}
        return min(distances.items(), key=lambda entry: entry[1]) if distances else None

    def check_encoder(self, sha256: str) -> None:
        """Raises a FaceDatabaseError if the encodings are those of another encoder."""
        if self.people and self.encoder != sha256:
            raise FaceDatabaseError(
                f"the database was made with another face encoder ({self.encoder[:12]}, not "
                f"{sha256[:12]}); name that one with --encoder, or enroll the people in a new "
                "database"
            )

    def check_name(self, name: str) -> None:
        """Raises a FaceDatabaseError if nobody of this name is enrolled."""
        if name not in self.people:
            raise FaceDatabaseError(
                f"{name} is not in the database; enrolled: {', '.join(self.people) or 'nobody'}"
            )


def read_face_database(path: Path) -> FaceDatabase:
    """Reads and checks the file.

    Raises:
        FaceDatabaseError: it is missing, damaged, or of another schema version.
    """
    try:
        content = json.loads(expand_path(path).read_bytes())
    except FileNotFoundError as error:
        raise FaceDatabaseError(
            f"there is no face database {path}; enroll somebody first: onestroke faces enroll"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        reason = shorten_text(str(error))
        raise FaceDatabaseError(f"{path} cannot be read as a face database ({reason})") from error
    if not isinstance(content, dict) or "sha256" not in content:
        raise FaceDatabaseError(f"{path} is not a face database; choose another --database")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        raise FaceDatabaseError(
            f"{path} has schema version {format_value(version)}; this version of onestroke reads "
            f"{SCHEMA_VERSION}; update onestroke or enroll the people again"
        )
    digest = content.pop("sha256")
    if digest != _digest(content):
        raise FaceDatabaseError(
            f"{path} is damaged: its content does not have the recorded hash; restore a copy or "
            "enroll the people again"
        )
    try:
        return FaceDatabase.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = shorten_text(".".join(map(str, first["loc"])))
        raise FaceDatabaseError(f"{path}: {place}: {first['msg'].lower()}") from error


@contextlib.contextmanager
def locked_face_database(path: Path) -> Iterator[None]:
    """Keeps other processes from changing the file, which else would lose a person.

    Raises:
        FaceDatabaseError: another process does not finish its change.
    """
    path = expand_path(path)
    check_file(path)
    busy = FaceDatabaseError(f"{path} is being changed by another process; try again later")
    with hold_lock(path.with_name(f".{path.name}.lock"), busy, timeout=LOCK_SECONDS):
        yield


def write_face_database(path: Path, database: FaceDatabase) -> None:
    """Writes the file under a temporary name, readable by its owner only, and renames it."""
    check_file(path)
    content = database.model_dump(mode="json")
    text = json.dumps({**content, "sha256": _digest(content)}, ensure_ascii=False) + "\n"

    def write(temporary: Path) -> None:
        temporary.touch(OWNER_ONLY)
        temporary.write_text(text, encoding="utf-8")

    write_whole(path, write)


def remove_person(name: str, path: Path) -> None:
    """Deletes a person from the file.

    Raises:
        FaceDatabaseError: nobody of this name is enrolled, or the file is damaged.
    """
    read_face_database(path).check_name(name)
    with locked_face_database(path):
        write_face_database(path, read_face_database(path).remove(name))


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
