"""Cache keys differ where the result would differ."""

import numpy as np

from onestroke.fingerprint import fingerprint_of, numeric_libraries


def test_equal_inputs_have_equal_keys() -> None:
    picture = np.arange(12, dtype=np.uint8)
    key = fingerprint_of(("a", 1), [picture])
    assert key == fingerprint_of(("a", 1), [picture.copy()])
    assert len(key) == 32


def test_every_change_changes_the_key() -> None:
    picture = np.arange(12, dtype=np.uint8)
    keys = {
        fingerprint_of(about, pictures)
        for about, pictures in [
            (("a", 1), [picture]),
            (("a", 2), [picture]),
            (("a", 1), [picture + 1]),
            (("a", 1), [picture.reshape(3, 4)]),
            (("a", 1), [picture.astype(np.int8)]),
            (("a", 1), [picture, picture]),
            (("a", 1), []),
        ]
    }
    assert len(keys) == 7


def test_libraries_are_named_with_their_versions() -> None:
    keras_version, backend, backend_version = numeric_libraries()
    assert keras_version[0].isdigit()
    assert backend == "tensorflow"
    assert backend_version[0].isdigit()
