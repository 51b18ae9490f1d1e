"""Cogmill's Airflow parts: thin operators, the upload sensor with its trigger, hooks and the DAG bundle of collections."""
