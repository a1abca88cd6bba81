"""YAML as people write numbers: ``5e-4`` is a number, which YAML 1.1 takes for text."""

from __future__ import annotations

import re
from typing import Any

import yaml

#: the floats of YAML 1.2: digits with a fraction, an exponent, or both
FLOAT = re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$")


class _Loader(yaml.SafeLoader):
    """Safe YAML with the exponents of YAML 1.2."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))


def load_yaml(text: str) -> Any:
    """The plain values of a YAML document.

    Args:
        text: One document; nothing but plain values is ever built from it.

    Returns:
        Mappings, sequences, text, numbers, booleans and None.

    Raises:
        yaml.YAMLError: The text is no YAML.
    """
    return yaml.load(text, Loader=_Loader)
