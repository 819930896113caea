"""Votes on a blind sheet: read back, counted, with a confidence interval."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from onestroke.errors import SettingsError
from onestroke.evaluate.blind_sheet import CHOICES, COLUMNS, KEY_NAME, Key, read_key
from onestroke.files import expand_path, write_text

VOTES_NAME = "votes.json"
Z = 1.959964  # standard deviations that hold 95 % of a normal distribution


@dataclass(frozen=True)
class VoteCount:
    """The votes on the pairs of one network, or of all.

    Attributes:
        model: name of the network; empty for all.
        against: name of what the network was compared with; empty for all.
        preferred: number of votes for the network.
        votes: number of all votes.
        voters: number of files of votes.
    """

    model: str
    against: str
    preferred: int
    votes: int
    voters: int

    @property
    def share(self) -> float:
        """Share of the votes that prefer the network."""
        return self.preferred / self.votes

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share; see ``wilson_interval``."""
        return wilson_interval(self.preferred, self.votes)


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share (Wilson 1927), as if the votes were independent.

    Args:
        count: number of successes.
        total: number of trials, 1 or more.
    """
    share, spread = count / total, Z**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def count_votes(folder: Path, files: Sequence[Path]) -> list[VoteCount]:
    """Reads files of votes on the blind sheet of a report, and writes ``votes.json`` there.

    Args:
        folder: the report with the key.
        files: one of each voter.

    Returns:
        A count for each network, then one for all if there are several.

    Raises:
        SettingsError: the key or a file is missing or broken, or belongs to another sheet, or there
            are no votes.
    """
    folder = expand_path(folder)
    key = _read_key(folder / KEY_NAME)
    ballots = [_read_votes(expand_path(file), key) for file in files]
    groups = list(dict.fromkeys((pair.model, pair.against) for pair in key.pairs))
    counts = [_count(key, ballots, model, against) for model, against in groups]
    if len(counts) > 1:
        preferred, votes = (sum(getattr(c, n) for c in counts) for n in ("preferred", "votes"))
        counts.append(VoteCount("", "", preferred, votes, len(ballots)))
    counts = [count for count in counts if count.votes]
    if not counts:
        raise SettingsError("the files contain no votes; fill in A or B for each pair")
    record = {
        "sheet": key.sheet,
        "counts": [{**asdict(c), "share": c.share, "interval": c.interval} for c in counts],
    }
    text = json.dumps(record, indent=1) + "\n"
    write_text(folder / VOTES_NAME, text)
    return counts


def _count(key: Key, ballots: Sequence[Mapping[int, str]], model: str, against: str) -> VoteCount:
    pairs = [pair for pair in key.pairs if (pair.model, pair.against) == (model, against)]
    votes = [
        ballot[pair.number] == pair.network_is
        for ballot in ballots
        for pair in pairs
        if pair.number in ballot
    ]
    return VoteCount(model, against, sum(votes), len(votes), len(ballots))


def _read_key(path: Path) -> Key:
    try:
        return read_key(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise SettingsError(
            f"{path} does not exist; give the --report folder that --against was used with"
        ) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(f"{path} is no key of a blind sheet; make the sheet again") from error


def _read_votes(path: Path, key: Key) -> dict[int, str]:
    """Returns ``A`` or ``B`` by the number of the pair; pairs without a vote are left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lines = [{str(k): str(v or "").strip() for k, v in row.items()} for row in reader]
            columns = tuple(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"the votes {path} cannot be read; check the path") from error
    if columns != COLUMNS:
        raise SettingsError(f"{path} is no file of votes; its first line is {','.join(COLUMNS)}")
    votes: dict[int, str] = {}
    numbers = {str(pair.number) for pair in key.pairs}
    for number, line in enumerate(lines, 2):
        place, vote = f"{path}, line {number}", line["vote"].upper()
        if line["sheet"] != key.sheet:
            raise SettingsError(
                f"{place}: the vote belongs to the sheet {line['sheet']!r}, the report to "
                f"{key.sheet}; give the report of that sheet"
            )
        if line["pair"] not in numbers or int(line["pair"]) in votes:
            raise SettingsError(
                f"{place}: pair {line['pair']!r} is unknown or repeated; number each pair of 1 to "
                f"{len(numbers)} once"
            )
        if vote not in (*CHOICES, ""):
            raise SettingsError(f"{place}: the vote is {line['vote']!r}; write A, B or nothing")
        if vote:
            votes[int(line["pair"])] = vote
    return votes
