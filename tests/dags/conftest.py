from tests import airflow_home  # noqa: F401  before the first import of airflow
