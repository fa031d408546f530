# An image of Airflow with this package, for docker-compose.yaml. AIRFLOW_IMAGE may be your own image of Airflow 3.3; it
# needs the providers of Celery and PostgreSQL, as apache/airflow has them.
ARG AIRFLOW_IMAGE=apache/airflow:3.3.2
FROM ${AIRFLOW_IMAGE}

# The extra brings the local AWS and what the examples import. Naming Airflow's version keeps pip from changing it.
COPY pyproject.toml hatch_build.py README.md LICENSE /package/
COPY airflow_sm_pipelines /package/airflow_sm_pipelines
COPY dags /package/dags
RUN pip install --no-cache-dir "/package[demo]" \
    "apache-airflow==$(python -c 'from importlib.metadata import version; print(version("apache-airflow"))')"

# A volume that is new takes the owner of the folder in the image.
RUN mkdir -p /opt/airflow/local-aws
