"""A page of pairs of pictures in random order, for votes of people who do not know their makers."""

import base64
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from onestroke.contact_sheet import join_across
from onestroke.evaluate.comparison import Comparison
from onestroke.files import write_text
from onestroke.fingerprint import fingerprint_of

PAGE_NAME, BALLOT_NAME, KEY_NAME = "blind_sheet.html", "blind_votes.csv", "blind_key.json"
COLUMNS = ("sheet", "pair", "vote")  # of a file of votes
CHOICES = ("A", "B")
QUALITY = 95  # of the JPEG files in the page, all of one kind so that nothing tells them apart
GAP = 8  # pixels between the paintings of a blend

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Blind sheet {sheet}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ margin: 2rem; font: 16px/1.4 system-ui, sans-serif; background: #fff; color: #222; }}
section {{ margin-bottom: 4rem; }}
div {{ display: flex; flex-wrap: wrap; gap: 1rem; margin-bottom: .6rem; }}
figure {{ margin: 0; }}
.given img {{ height: 14rem; }}
img {{ max-width: 100%; }}
label {{ font-size: 1.2rem; margin-right: 2rem; }}
</style></head><body>
<h1>Which is the better painting?</h1>
<p>Each pair shows a photograph, a painting, and two pictures of the photograph in the manner of the
painting. Choose the one that you prefer, A or B. Leave a pair out if you cannot decide. At the end,
download your votes.</p>
{pairs}
<p><button id="download">Download the votes</button> <span id="count"></span></p>
<script>
const total = {total};
const chosen = () => [...document.querySelectorAll("input:checked")];
document.addEventListener("change", () => {{
  document.getElementById("count").textContent = `${{chosen().length}} of ${{total}}`;
}});
document.getElementById("download").addEventListener("click", () => {{
  const votes = Object.fromEntries(chosen().map((input) => [input.name, input.value]));
  let text = "{columns}\\n";
  for (let pair = 1; pair <= total; pair++) text += `{sheet},${{pair}},${{votes[pair] ?? ""}}\\n`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {{ type: "text/csv" }}));
  link.download = "{ballot}";
  link.click();
}});
</script>
</body></html>
"""
PAIR = """<section><h2>{number} of {total}</h2>
<div class="given"><figure><img src="{photograph}" alt="photograph"><figcaption>photograph
</figcaption></figure><figure><img src="{painting}" alt="painting"><figcaption>painting
</figcaption></figure></div>
<div><figure><img src="{a}" alt="picture A"><figcaption><label><input type="radio" name="{number}"
value="A"> A</label></figcaption></figure><figure><img src="{b}" alt="picture B"><figcaption><label>
<input type="radio" name="{number}" value="B"> B</label></figcaption></figure></div>
</section>"""


@dataclass(frozen=True)
class Pair:
    """One pair of a blind sheet, as the key file records it.

    Attributes:
        number: in the sheet, from 1.
        photograph: its name.
        model: name of the network.
        against: name of what the network is compared with.
        network_is: ``A`` or ``B``.
    """

    number: int
    photograph: str
    model: str
    against: str
    network_is: str


@dataclass(frozen=True)
class Key:
    """Who made which picture of a blind sheet.

    Attributes:
        sheet: identifies the sheet; votes carry it too.
        seed: of the order.
        pairs: in the order of the sheet.
    """

    sheet: str
    seed: int
    pairs: Sequence[Pair]


def write_blind_sheet(folder: Path, comparisons: Sequence[Comparison], *, seed: int) -> Key:
    """Writes the page, an empty file of votes, and the key that voters must not see.

    Args:
        folder: for the three files; files of the same names are replaced.
        comparisons: those with an opponent are shown.
        seed: of the order of the pairs and of the sides.

    Returns:
        The key.
    """
    shown = [
        (one, scene, scene.opposed)
        for one in comparisons
        for scene in one.scenes
        if scene.opposed is not None
    ]
    random = np.random.default_rng(seed)
    order = random.permutation(len(shown))
    sides = random.integers(0, 2, len(shown))
    pairs, sections = [], []
    for number, (index, side) in enumerate(zip(order, sides, strict=True), 1):
        comparison, scene, opposed = shown[index]
        network_is = CHOICES[side]
        against = str(comparison.opponent)
        pairs.append(Pair(number, scene.name, comparison.model, against, network_is))
        both = (scene.painted, opposed) if network_is == "A" else (opposed, scene.painted)
        section = {"photograph": scene.photograph, "a": both[0], "b": both[1]}
        painting = join_across([Image.fromarray(p) for p in comparison.paintings], gap=GAP)
        links = {name: _embed(Image.fromarray(pixels)) for name, pixels in section.items()}
        sections.append(
            PAIR.format(number=number, total=len(shown), painting=_embed(painting), **links)
        )
    pictures = [picture for _, scene, opposed in shown for picture in (scene.painted, opposed)]
    key = Key(fingerprint_of((seed, pairs), pictures)[:8], seed, pairs)
    page = PAGE.format(
        sheet=key.sheet,
        total=len(pairs),
        pairs="\n".join(sections),
        columns=",".join(COLUMNS),
        ballot=f"votes_{key.sheet}.csv",
    )
    write_text(folder / PAGE_NAME, page)
    write_text(folder / KEY_NAME, json.dumps(asdict(key), indent=1) + "\n")
    write_text(folder / BALLOT_NAME, _empty_votes(key))
    return key


def _embed(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _empty_votes(key: Key) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((key.sheet, pair.number, "") for pair in key.pairs)
    return file.getvalue()


def read_key(values: Mapping[str, object]) -> Key:
    """Returns the key of the parsed file; raises TypeError or KeyError for another file."""
    pairs = [Pair(**pair) for pair in values["pairs"]]  # type: ignore[attr-defined]
    return Key(str(values["sheet"]), int(str(values["seed"])), pairs)
