"""Recipes: each opens with its command, hardware, time and the losses it reached."""
