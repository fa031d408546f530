"""What AWS does with a step: resources, requests, jobs. Knows neither Airflow nor the definition language."""
