"""Training a network: settings, batches, trainer, callbacks, checkpoints, run folder."""
