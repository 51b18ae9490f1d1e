"""What `make demo` shows: the embedded stack, a synthetic survey, and a map that can be compared with the ground."""
