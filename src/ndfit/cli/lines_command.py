"""Starting values of lines that are given none.

Flows in: a model and the range of the samples. Flows out: centres and widths of its lines. A line that starts outside
the samples, as astropy's default at 0 may, leaves them without a slope to follow.
"""

from __future__ import annotations

from astropy.modeling import Model

from ndfit.pipeline.guess.profiles import PROFILES
from ndfit.pipeline.guess.terms import Term, parse_terms

__all__ = ["can_guess", "line_defaults"]

_WIDTH = 0.1  # of the range of the samples


def can_guess(model: Model) -> bool:
    """Whether starting values can be guessed for the model."""
    return bool(_terms(model))


def line_defaults(model: Model, spans: tuple[tuple[float, float], ...]) -> dict[str, float]:
    """Middle of the samples for each centre, and a tenth of their range for each width, by parameter.

    Parameters
    ----------
    spans : least and greatest coordinate along each fitting axis
    """
    if len(spans) < model.n_inputs:  # what is known of the others says nothing of where lines are
        return {}
    values = {}
    for term in _terms(model):
        if term.is_line:
            profile = PROFILES[term.kind]
            for (low, high), place in zip(spans, profile.centre, strict=True):
                values[model.param_names[term.columns[place]]] = 0.5 * (low + high)
            for number, place in enumerate(profile.widths):
                low, high = spans[min(number, len(spans) - 1)]
                values[model.param_names[term.columns[place]]] = _WIDTH * (high - low) or 1.0
    return values


def _terms(model: Model) -> tuple[Term, ...]:
    """The terms of a sum that can be guessed, none where it cannot."""
    try:
        return parse_terms(model)
    except ValueError:
        return ()
