"""The type of the bodies of requests and responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]
"""A structure of an AWS request or response: members by name, as botocore's model of the service describes them."""
