"""AWS: kinds of resources, how they are created and observed, requests, calls. No Airflow, no definition language."""
