"""References to container images, as requests hold them.

Grammar: that of the distribution project (``registry/repository:tag@digest``), which the API reference repeats for
``TrainingImage``: ``registry/repository[:tag]`` or ``registry/repository[@digest]``.
"""

from __future__ import annotations

import re

_LONGEST = 2048
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:{_REGISTRY}/)?{_PART}(?:/{_PART})*"
    r"(?::\w[\w.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)


def is_image(text: str) -> bool:
    """Tell whether a text is a reference to an image, with or without a registry."""
    return len(text) <= _LONGEST and _IMAGE.fullmatch(text) is not None


def names_registry(image: str) -> bool:
    """Tell whether the first part of an image's reference is the host of a registry."""
    host, slash, _ = image.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")
