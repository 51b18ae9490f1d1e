"""What an operator sets: environment variables, and the files of single collections."""
