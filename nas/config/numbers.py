"""YAML in which ``5e-4`` is a number, as in YAML 1.2; in YAML 1.1 it is a string."""

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
        text: One document; only plain values are built from it.

    Returns:
        Mappings, sequences, strings, numbers, booleans and None.

    Raises:
        yaml.YAMLError: The text is not valid YAML.
    """
    return yaml.load(text, Loader=_Loader)
