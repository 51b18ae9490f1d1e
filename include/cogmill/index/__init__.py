"""The tile index of a collection and the index of the whole archive, as rows and as files."""
