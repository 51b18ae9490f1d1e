"""DAGs made from data, their default arguments and their documentation."""
