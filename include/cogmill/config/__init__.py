"""Settings from the environment, configuration of single collections, and paths of files that ship with the program."""
