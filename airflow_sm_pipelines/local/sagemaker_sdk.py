"""What the SageMaker SDK, versions 2 and 3, needs besides the variables that all AWS SDKs read.

Before a program names a bucket, the SDK asks STS for the account, to make up the default bucket's name from it; it
makes up the address of STS, too, so that no variable redirects the question. A bucket that its configuration names ends
the question before it is asked. Version 3 also reads the trust policy of each role that it is to pass to a job; the
local AWS enforces no policy and takes roles that do not exist.
"""

from __future__ import annotations

from pathlib import Path

from airflow_sm_pipelines.local.settings import ACCOUNT_ID

CONFIGURATION_VARIABLE = "SAGEMAKER_USER_CONFIG_OVERRIDE"
"""Where the SDK reads its configuration."""

_CONFIGURATION = """\
# Made by the local AWS. To use it with defaults of your own, copy them into this file.
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      Session:
        DefaultS3Bucket: sagemaker-{region}-{account}
      TelemetryOptOut: true
"""


def write_sdk_configuration(folder: Path, region: str) -> dict[str, str]:
    """Write the SDK's configuration file, and return the variables by which the SDK finds what it needs.

    Args:
        folder: Where the file is made.
        region: Region of the default bucket, which has the name that the SDK would give it.
    """
    file = folder / "sagemaker-sdk.yaml"
    file.write_text(_CONFIGURATION.format(region=region, account=ACCOUNT_ID))
    return {CONFIGURATION_VARIABLE: str(file), "SAGEMAKER_VALIDATE_ROLE": "false"}
