"""Functions of lanes, written in the language: those of the operator table, and what they are made of.

A function that stands for an operator is marked as `basic.operator`, in whatever file of this folder.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ndfit.compiler.functions.basic import OPERATORS

__all__ = ["OPERATORS"]

for _file in iter_modules(__path__, f"{__name__}."):
    import_module(_file.name)
