"""The type of what requests and responses consist of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]
"""A structure of an AWS request or response: members by name, as botocore's model of the service describes them."""
