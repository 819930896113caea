"""Opening models: the file, its kind and its card."""

import zipfile

from onestroke.stylize.model import open_model


def test_a_style_file_is_opened_once(style_file, monkeypatch):
    opened = []
    original = zipfile.ZipFile.__init__

    def count(self, file, *arguments, **options):
        opened.append(str(file))
        original(self, file, *arguments, **options)

    monkeypatch.setattr(zipfile.ZipFile, "__init__", count)
    model = open_model(style_file)
    assert (model.path, model.kind) == (style_file, "keras")
    assert model.card.style_names == ("wave", "scream")
    assert opened == [str(style_file)]
