"""`@step` and `@remote` functions of the SageMaker SDK: the SDK's own scripts.

The scripts come with the job. They install ``sagemaker<3`` and what else the function needs with the pip of the Python
that runs them, and then the SDK itself loads, calls and stores.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_CACHE_VARIABLE = "SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY"
"""Where the SDK's script keeps what pip has downloaded; on AWS set for jobs of a warm pool."""


def main(base: Path, arguments: list[str]) -> int:
    """Become the job's own command.

    Args:
        base: ``/opt/ml``.
        arguments: The job's entrypoint and arguments.
    """
    del base
    os.environ.setdefault(_CACHE_VARIABLE, str(Path(sys.argv[0]).resolve().parent / "warm-pool-cache"))
    sys.stdout.flush()
    os.execvp(arguments[0], arguments)  # noqa: S606 - no shell is meant
