"""The one importer of Airflow's internals, and of what is new in Airflow 3.3.

DAG files load `authoring`, the plugin `listening`, workers and triggerers `worker`, and whatever reaches Airflow's
database `server`. What a new version of Airflow moves or changes among its internals is adapted here and nowhere else.
"""
