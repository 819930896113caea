"""The model card of a run: names and hashes, no folders."""

import numpy as np

from onestroke.data.paintings import Style
from onestroke.models.vgg19_weights import load_vgg19_weights
from onestroke.train.run_card import card_of_run


def test_the_style_file_keeps_names_and_no_folders(settings, changed):
    pictures = {"/home/me/a/sea.jpg": 1.0, "/home/me/b/sea.jpg": 3.0}
    sources = ["tfds:coco/2017:train", "/home/me/photos"]
    style = Style([np.zeros((4, 4, 3), np.uint8)] * 2, (1.0, 3.0), ("a" * 64, "b" * 64))
    card = card_of_run(
        changed(settings, style__pictures=pictures, data__source=sources),
        [style],
        load_vgg19_weights(),
        photographs={},
        pictures={},
    )
    assert card.settings["style"]["pictures"] == [[{"sea.jpg": 1.0}, {"sea.jpg": 3.0}]]
    assert card.settings["data"]["source"] == ["tfds:coco/2017:train", "photos"]
    assert [p.model_dump() for p in card.styles[0].paintings] == [
        {"name": "sea.jpg", "sha256": "a" * 64, "share": 0.25},
        {"name": "sea.jpg", "sha256": "b" * 64, "share": 0.75},
    ]
