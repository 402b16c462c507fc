"""Functions of lanes, written in the language: those of the operator table, and what they are made of.

A function that stands for an operator is marked as `basic.operator`, in whatever file of this folder.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import SimpleNamespace

from ndfit.compiler.functions.basic import OPERATORS

__all__ = ["LANGUAGE", "OPERATORS"]

for _file in iter_modules(__path__, f"{__name__}."):
    import_module(_file.name)

LANGUAGE = SimpleNamespace(**OPERATORS)
"""The functions of operators as attributes, for formulas that numpy computes too."""
