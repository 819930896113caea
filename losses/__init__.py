"""Perceptual losses: content, style and variation terms, style targets and the objective."""
