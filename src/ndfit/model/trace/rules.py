"""Rules for classes whose `evaluate` cannot be traced: the same function written with symbols.

RULES is one row a class: rule(model, inputs, params) -> symbol, with inputs and parameters in the class's order. A
subclass that brings its own `evaluate` does not use its parent's rule. The mathematics is that of the classes'
documentation; each rule is verified against `evaluate` by numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ndfit.model.trace.rules_physical import PHYSICAL_RULES
from ndfit.model.trace.rules_polynomial import POLYNOMIAL_RULES
from ndfit.model.trace.rules_profile import PROFILE_RULES
from ndfit.model.trace.rules_tabular import TABULAR_RULES

__all__ = ["RULES"]

RULES: dict[type, Callable[[Any, Sequence[Any], Sequence[Any]], Any]] = {
    **PROFILE_RULES,
    **PHYSICAL_RULES,
    **POLYNOMIAL_RULES,
    **TABULAR_RULES,
}
"""Every class with a rule of its own."""
