"""Overviews of a collection: a pyramid of cells from which a map of many frames is drawn. Runs no query."""
