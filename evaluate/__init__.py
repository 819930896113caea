"""Measuring networks: losses, iterations replaced, picture quality, speed."""
