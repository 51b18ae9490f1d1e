"""What the DAGs run and read: the program, its templates, its SQL and the collections that need more than defaults."""
