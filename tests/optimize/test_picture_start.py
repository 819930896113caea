"""The initial picture of an optimisation."""

import pytest

from onestroke.errors import OnestrokeError
from onestroke.optimize.picture_job import open_start


def test_an_optimisation_begins_with_one_style(known):
    with pytest.raises(OnestrokeError, match="has several styles; paint with one of them"):
        open_start(str(known))
