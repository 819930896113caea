"""Votes are read back and counted, with intervals by hand."""

import json
from dataclasses import asdict

import pytest

from onestroke.errors import SettingsError
from onestroke.evaluate.blind_sheet import Key, Pair
from onestroke.evaluate.blind_votes import count_votes, wilson_interval


@pytest.fixture
def report(tmp_path):
    """A key of three pairs: network one is A, then B; network two is A."""
    pairs = [
        Pair(1, "a.jpg", "one", "theirs", "A"),
        Pair(2, "b.jpg", "one", "theirs", "B"),
        Pair(3, "a.jpg", "two", "theirs", "A"),
    ]
    (tmp_path / "blind_key.json").write_text(json.dumps(asdict(Key("abc", 0, pairs))))
    return tmp_path


def ballot(folder, name: str, *votes: str, sheet: str = "abc"):
    lines = [f"{sheet},{number},{vote}" for number, vote in enumerate(votes, 1)]
    path = folder / name
    path.write_text("\n".join(["sheet,pair,vote", *lines]) + "\n")
    return path


def test_votes_by_hand(report):
    files = [ballot(report, "ada.csv", "A", "A", "b"), ballot(report, "ben.csv", "A", "", "A")]
    one, two, whole = count_votes(report, files)
    assert (one.model, one.preferred, one.votes, one.voters) == ("one", 2, 3, 2)
    assert (two.model, two.preferred, two.votes) == ("two", 1, 2)
    assert (whole.model, whole.preferred, whole.votes) == ("", 3, 5)
    assert whole.share == 0.6
    record = json.loads((report / "votes.json").read_text())
    assert record["sheet"] == "abc"
    assert record["counts"][2]["share"] == 0.6
    assert record["counts"][2]["interval"] == pytest.approx(whole.interval)


def test_the_interval_of_wilson():
    """Examples of Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for count, total, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson_interval(count, total) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sheet,pair,vote\nxyz,1,A\n", "line 2: the vote belongs to the sheet 'xyz'"),
        ("sheet,pair,vote\nabc,9,A\n", "line 2: pair '9' is unknown or repeated"),
        ("sheet,pair,vote\nabc,1,A\nabc,1,B\n", "line 3: pair '1' is unknown or repeated"),
        ("sheet,pair,vote\nabc,1,C\n", "line 2: the vote is 'C'; write A, B or nothing"),
        ("sheet,pair,vote\nabc,1,\n", "no votes; fill in A or B"),
        ("a,b\n1,2\n", "no file of votes; its first line is sheet,pair,vote"),
        ("", "no file of votes"),
    ],
)
def test_mistakes_are_named(report, text, message):
    file = report / "votes.csv"
    file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        count_votes(report, [file])


def test_missing_files_are_named(report, tmp_path_factory):
    with pytest.raises(SettingsError, match=r"none\.csv cannot be read"):
        count_votes(report, [report / "none.csv"])
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(SettingsError, match="does not exist; give the --report folder"):
        count_votes(empty, [ballot(report, "ada.csv", "A")])
    (empty / "blind_key.json").write_text("[]")
    with pytest.raises(SettingsError, match="no key of a blind sheet"):
        count_votes(empty, [ballot(report, "ada.csv", "A")])
