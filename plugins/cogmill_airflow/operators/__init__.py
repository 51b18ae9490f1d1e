"""Operators, a module per DAG, and the links they show."""
