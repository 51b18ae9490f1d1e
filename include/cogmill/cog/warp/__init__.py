"""Reproject a frame: the target grid in EPSG:3857, and the resampling onto it."""
