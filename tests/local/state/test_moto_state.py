from __future__ import annotations

from airflow_sm_pipelines.local.state.moto_state import MotoState


class Application:
    """Counts the requests to moto's reset endpoint."""

    def __init__(self):
        self.resets = 0

    def __call__(self, environ, start_response):
        assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/moto-api/reset")
        self.resets += 1
        return [b"{}"]


def test_only_the_first_and_the_last_user_reset_motos_state(monkeypatch):
    monkeypatch.setattr(MotoState, "_users", 0)
    moto = Application()
    with MotoState(moto):
        assert moto.resets == 1
        with MotoState(moto):
            assert moto.resets == 1
        assert moto.resets == 1
    assert moto.resets == 2
