"""What the site of `make docs` has beside docs/: README.md as its first page, the changelog, and links that lead there.

MkDocs calls the functions by their names (its "hooks").
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?![a-z]+:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
"""Files outside of docs/ that are pages of the site, and their names there."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not in docs/."""
    root = Path(config.config_file_path).parent
    for file, page in _PAGES.items():
        text = (root / file).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_LINK.sub(_from_root, text)))
    return files


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Let links that leave docs/ lead to a page of the site, to where the repository is published, or be their text."""

    def elsewhere(link: re.Match[str]) -> str:
        image, text, path, anchor = link["image"], link["text"], link["path"], link["anchor"] or ""
        if not path.startswith("../"):
            return link[0]
        file = path.removeprefix("../")
        if file in _PAGES:
            return f"{image}[{text}]({_PAGES[file]}{anchor})"
        return f"{image}[{text}]({config.repo_url.rstrip('/')}/blob/HEAD/{file})" if config.repo_url else text

    return _LINK.sub(elsewhere, markdown)


def _from_root(link: re.Match[str]) -> str:
    """Return a link of a file in the root of the repository as it is from docs/."""
    path = link["path"].removeprefix("docs/") if link["path"].startswith("docs/") else f"../{link['path']}"
    return f"{link['image']}[{link['text']}]({path}{link['anchor'] or ''})"
