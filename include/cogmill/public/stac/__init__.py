"""The static STAC catalog: its root, a collection for each collection, an item for each photograph."""
