"""The process boundary around a frame: the parent, the child, what they say to each other, and the limits."""
