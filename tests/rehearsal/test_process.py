from __future__ import annotations

import gc

from airflow_sm_pipelines.rehearsal.process import _looking_for_no_garbage


def test_the_search_for_garbage_rests_while_modules_are_loaded_and_passes_over_them_later():
    frozen = gc.get_freeze_count()
    with _looking_for_no_garbage():
        assert not gc.isenabled()
    try:
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
