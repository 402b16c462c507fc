"""Everything that `ndfit fit` can be told.

Flows in: values of the options. Flows out: Settings, frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ndfit.cli.parameters import Constraints
from ndfit.cli.world import WorldOptions

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Options of `ndfit fit` by the name they have there, with underscores."""

    cube: Path
    model: str
    hdu: str | None
    axes: str | None
    pixels: bool
    data_unit: str | None
    mask: str | None
    missing: float | None
    window: str | None
    region: str | None
    coordinates: WorldOptions
    uncertainties: Mapping[str, str | None]
    constraints: Constraints
    guess: str | None
    refine: str
    starts: int
    seed: int
    engine: str
    workers: int | None
    max_evaluations: int | None
    out: Path | None
    report: Path | None
    overwrite: bool
    quiet: bool

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from the options as the command line has read them."""
        own = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        return cls(
            **own,
            coordinates=WorldOptions(
                values["world"], values["world_unit"], values["redshift"], values["rest"], values["convention"]
            ),
            uncertainties={kind: values[kind] for kind in ("std", "variance", "ivar")},
            constraints=Constraints(values["start"], values["fixed"], values["tied"], values["bounds"]),
        )
