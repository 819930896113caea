"""Optimising the pixels of one picture (Gatys et al. 2016)."""
