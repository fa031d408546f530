from __future__ import annotations

from airflow_sm_pipelines.local.jobs.job_site import Clients
from airflow_sm_pipelines.local.wire.service_models import boto_session, service_model


def test_a_model_is_read_once_for_all_services_and_clients(monkeypatch):
    service_model("sagemaker")
    loader = boto_session()._loader
    assert service_model("sagemaker") is service_model("sagemaker")
    clients = [Clients(f"http://127.0.0.1:{port}", "key") for port in (1, 2)]
    clients[0].get("sagemaker", "eu-west-1")
    monkeypatch.setattr(loader, "file_loader", None)  # nothing can be read any more
    assert clients[1].get("sagemaker", "eu-west-1").meta.endpoint_url == "http://127.0.0.1:2"
    for one in clients:
        one.close()


def test_each_set_of_clients_has_credentials_of_its_own():
    one, other = (Clients("http://127.0.0.1:1", key).get("s3", "eu-west-1") for key in ("one", "other"))
    keys = [client._request_signer._credentials.access_key for client in (one, other)]
    assert keys == ["one", "other"]
    one.close()
    other.close()
