"""What is installed: bounds, constraints, the long description."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_build import for_a_package_index
from tests.test_architecture import ROOT

PROJECT = ROOT.parent
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
OLDEST = "3.11.0"
PYTHONS = (OLDEST, "3.11.2", "3.11.5", "3.12.0", "3.13.0", "3.14.0")
CONSTRAINTS = ("constraints.txt", "constraints-lowest.txt")

every_file = pytest.mark.parametrize("file", CONSTRAINTS)
every_python = pytest.mark.parametrize("python", PYTHONS)


def lines(file: str) -> list[Requirement]:
    text = (PROJECT / file).read_text()
    return [Requirement(line) for line in text.splitlines() if not line.startswith("#")]


def applies(requirement: Requirement, python: str) -> bool:
    """Tell whether a requirement counts for a Python on Linux."""
    minor = ".".join(python.split(".")[:2])
    environment = {"python_full_version": python, "python_version": minor, "sys_platform": "linux"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def pins(file: str, python: str) -> dict[str, Version]:
    """The version of each package for a Python."""
    applicable = [line for line in lines(file) if applies(line, python)]
    return {canonicalize_name(line.name): version_of(line) for line in applicable}


def version_of(pin: Requirement) -> Version:
    [specifier] = pin.specifier
    assert specifier.operator == "=="
    return Version(specifier.version)


def dependencies(python: str) -> list[Requirement]:
    """What pyproject.toml asks for, with all its extras."""
    texts = [
        *PYPROJECT["dependencies"],
        *(text for extra in PYPROJECT["optional-dependencies"].values() for text in extra),
    ]
    found = [Requirement(text) for text in texts]
    return [one for one in found if one.name != PYPROJECT["name"] and applies(one, python)]


def test_each_python_that_is_admitted_is_named_and_the_other_way_round() -> None:
    admitted = SpecifierSet(PYPROJECT["requires-python"])
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PYPROJECT["classifiers"]))

    assert [f"3.{minor}" for minor in range(8, 20) if f"3.{minor}.0" in admitted] == named
    assert {".".join(python.split(".")[:2]) for python in PYTHONS} == set(named)
    assert f"OLDEST_PYTHON := {OLDEST}\n" in (PROJECT / "Makefile").read_text()


@every_file
@every_python
def test_the_constraints_pin_each_package_once_for_each_python(file: str, python: str) -> None:
    applicable = [canonicalize_name(line.name) for line in lines(file) if applies(line, python)]

    assert len(applicable) == len(set(applicable))
    assert {canonicalize_name(one.name) for one in dependencies(python)} <= set(applicable)


@every_file
@every_python
def test_the_constraints_keep_to_the_bounds(file: str, python: str) -> None:
    pinned = pins(file, python)

    assert [str(one) for one in dependencies(python) if pinned[canonicalize_name(one.name)] not in one.specifier] == []


@every_python
def test_the_lowest_versions_are_the_bounds_themselves(python: str) -> None:
    pinned = pins("constraints-lowest.txt", python)
    bounds = {
        canonicalize_name(one.name): {Version(s.version) for s in one.specifier if s.operator == ">="}
        for one in dependencies(python)
    }

    assert {name: {pinned[name]} for name in bounds} == bounds


@every_file
def test_what_is_pinned_for_the_oldest_python_admits_it(file: str) -> None:
    """As far as the packages are installed here: their own metadata says which Python they need."""

    def refused(name: str, version: Version) -> bool:
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            return False
        needed = installed.metadata.get("Requires-Python")
        return Version(installed.version) == version and bool(needed) and OLDEST not in SpecifierSet(needed)

    assert [name for name, version in pins(file, OLDEST).items() if refused(name, version)] == []


@every_file
def test_the_constraints_name_no_place(file: str) -> None:
    assert re.search(r"://|--|@|/home|/tmp", (PROJECT / file).read_text().partition("\n")[2]) is None


README = """\
[page](docs/a.md#b) and [`code`](c.py), [above](#top), [site](https://example.com/x)

![picture](docs/p.png)

```python
f[x](docs)
```
"""


def test_links_lead_to_the_repository() -> None:
    text = for_a_package_index(README, "https://example.com/owner/name/")

    assert "[page](https://example.com/owner/name/blob/HEAD/docs/a.md#b)" in text
    assert "[`code`](https://example.com/owner/name/blob/HEAD/c.py)" in text
    assert "![picture](https://example.com/owner/name/raw/HEAD/docs/p.png)" in text
    assert "[above](#top), [site](https://example.com/x)" in text
    assert "f[x](docs)" in text


def test_without_a_repository_a_link_is_its_text_and_a_picture_is_left_out() -> None:
    text = for_a_package_index(README, None)

    assert text.startswith("page and `code`, [above](#top), [site](https://example.com/x)\n")
    assert "picture" not in text
    assert "f[x](docs)" in text


def test_the_long_description_has_no_link_that_only_the_repository_understands() -> None:
    description = ProjectMetadata(str(PROJECT), PluginManager()).core.readme
    outside_of_blocks = re.sub(r"^```.*?^```$", "", description, flags=re.MULTILINE | re.DOTALL)

    assert description.startswith("# airflow-sm-pipelines\n")
    assert [
        link for link in re.findall(r"\]\(([^)]+)\)", outside_of_blocks) if not link.startswith(("https://", "#"))
    ] == []


def test_the_long_description_keeps_the_rest_of_the_readme() -> None:
    description = ProjectMetadata(str(PROJECT), PluginManager()).core.readme
    headings = re.findall(r"^## .+$", Path(PROJECT, "README.md").read_text(), re.MULTILINE)

    assert re.findall(r"^## .+$", description, re.MULTILINE) == headings


def test_the_wheel_holds_the_files_of_the_pipeline_page() -> None:
    packed = {file.distribution_path for file in WheelBuilder(str(PROJECT)).recurse_included_files()}
    folder = ROOT / "pipeline_page" / "static"
    assert {str(file.relative_to(PROJECT)) for file in folder.iterdir()} <= packed
