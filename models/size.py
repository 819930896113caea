"""The smallest picture a network takes, known without starting TensorFlow."""

MINIMUM_SIDE = 16  # below, the quarter-size features are smaller than their padding
