"""The initial picture of an optimisation."""

import pytest

from onestroke.errors import OnestrokeError
from onestroke.optimize.picture_start import open_start


def test_a_model_of_several_styles_cannot_paint_the_initial_picture(known):
    with pytest.raises(OnestrokeError, match="has several styles; paint with one of them"):
        open_start(str(known))
