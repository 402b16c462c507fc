"""Rules for models that hold tables: a symbol in, linear interpolation in the model's table out (Tabular1D, templates).

Templates are fitted in compounds, with a shift, a stretch and a scale around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from astropy.modeling.spline import Spline1D
from astropy.modeling.tabular import Tabular1D

from ndfit.model.numbers import Numbers
from ndfit.model.reasons import Untraceable
from ndfit.model.template_models import TemplateModel

__all__ = ["TABULAR_RULES"]


def _tabular(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    """Beyond the table: the fill value; straight on where that is None; NaN where astropy would raise."""
    if model.method != "linear":
        raise Untraceable(f"the table is interpolated by the method '{model.method}'; only 'linear' is compiled")
    for array in (*model.points, model.lookup_table):
        if getattr(array, "unit", None) is not None:
            raise Untraceable(f"the table has the unit '{array.unit}'")
    (x,), (points,), values = inputs, model.points, model.lookup_table
    inside = np.interp(x, points, values)
    if model.bounds_error:
        below = above = np.nan
    elif model.fill_value is not None:
        below = above = model.fill_value
    else:
        below = values[0] + (values[1] - values[0]) / (points[1] - points[0]) * (x - points[0])
        above = values[-1] + (values[-1] - values[-2]) / (points[-1] - points[-2]) * (x - points[-1])
    return np.where(x < points[0], below, np.where(x > points[-1], above, inside))


def _spline(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    raise Untraceable("its knots and coefficients come from astropy's own spline fitters")


def _templates(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    """Outside of the templates: NaN, whatever the coefficients."""
    (x,), kept = inputs, model.templates
    points: Any = Numbers.of(kept.points)
    terms = (own * np.interp(x, points, Numbers.of(values)) for own, values in zip(params, kept.values, strict=True))
    return sum(terms) + np.where((x < points[0]) | (x > points[-1]), np.nan, 0.0)


TABULAR_RULES: dict[type, Callable[[Any, Sequence[Any], Sequence[Any]], Any]] = {
    Tabular1D: _tabular,
    Spline1D: _spline,
    TemplateModel: _templates,
}
