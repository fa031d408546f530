"""Small definitions, as the tests of the language have them."""

from tests.definition.conftest import load, step

__all__ = ["load", "step"]
