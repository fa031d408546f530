"""What the build adds to the metadata of pyproject.toml: README.md, as a package index can show it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_CODE_BLOCK = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_RELATIVE_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?![a-z]+:|#)(?P<path>[^)\s]+)\)")


def for_a_package_index(readme: str, source: str | None) -> str:
    """Return a README whose links lead somewhere outside of the repository, too.

    Args:
        readme: Markdown with links relative to the root of the repository.
        source: Address of the repository, in the form of GitHub. Without it, a link becomes its text, and an image
            is left out: a package index would resolve them against its own address.
    """

    def absolute(link: re.Match[str]) -> str:
        image, text, path = link.group("image", "text", "path")
        if source is None:
            return "" if image else text
        return f"{image}[{text}]({source.rstrip('/')}/{'raw' if image else 'blob'}/HEAD/{path})"

    parts = _CODE_BLOCK.split(readme)  # every second one is a block of code
    return "".join(part if index % 2 else _RELATIVE_LINK.sub(absolute, part) for index, part in enumerate(parts))


class LongDescription(MetadataHookInterface):
    """Sets the long description. ``Source`` in ``[project.urls]`` is where its links lead."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the field ``readme``, which pyproject.toml declares as dynamic."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = for_a_package_index(readme, metadata.get("urls", {}).get("Source"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
