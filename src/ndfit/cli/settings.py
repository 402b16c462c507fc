"""Every setting of `ndfit fit`.

Flows in: values of the options. Flows out: Settings, frozen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ndfit.cli.known_inputs import KnownOptions
from ndfit.cli.line_options import LineOptions
from ndfit.cli.messages import value_of_choice
from ndfit.cli.noise import NoiseOptions
from ndfit.cli.parameters import Constraints
from ndfit.cli.world import WorldOptions
from ndfit.options import GROUPS, options_of

__all__ = ["Settings"]


# Given beside other keywords, by what is known of the model.
_APART = "guess"


@dataclass(frozen=True)
class Settings:
    """Options of `ndfit fit`, most of them by the name they have there, with underscores.

    Attributes
    ----------
    guess_as_before : the options are those of a file that does not say how to guess
    keywords : of `ndfit.fit`, those that are given
    """

    cube: Path
    model: str | None
    lines: LineOptions
    hdu: str | None
    axes: str | None
    pixels: bool
    data_unit: str | None
    calibration: str | None
    mask: str | None
    missing: str | None
    window: str | None
    region: str | None
    coordinates: WorldOptions
    noise: NoiseOptions
    known: KnownOptions
    derive: tuple[str, ...]
    detect: float | None
    constraints: Constraints
    guess: str | None
    workers: int | None
    keywords: Mapping[str, Any]
    out: Path | None
    report: Path | None
    plot: Path | None
    overwrite: bool
    quiet: bool
    guess_as_before: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from the options as the command line has read them."""
        own = {name: values[name] for name in cls.__dataclass_fields__ if name in values and name != "lines"}
        limit = values["max_evaluations"]
        keywords = dict(_given(values)) | {
            "absolute_sigma": False if values["scale_errors"] else None,
            "fitter_kwargs": {} if limit is None else {"maxiter": limit},
        }
        return cls(
            **own,
            coordinates=WorldOptions(
                values["world"],
                values["world_unit"],
                values["shift"],
                values["redshift"],
                values["rest"],
                values["convention"],
            ),
            noise=NoiseOptions(
                values["std"], values["variance"], values["ivar"], values["read_noise"], values["uncertainty_unit"]
            ),
            known=KnownOptions(values["input"], values["instrument"]),
            lines=LineOptions(
                values["lines"], values["line_set"], values["continuum"], values["profile"], values["medium"]
            ),
            keywords=keywords,
            constraints=Constraints(values["start"], values["fixed"], values["tied"], values["bounds"]),
        )


def _given(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Options of `ndfit.fit` that are given, under the same name."""
    for group in GROUPS:
        for each, option in options_of(group):
            if option.on_command_line and each.name != _APART and values[each.name] is not None:
                yield each.name, value_of_choice(values[each.name])
