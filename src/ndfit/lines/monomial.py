"""Products of powers of parameters, as ties are.

Flows in: numbers and names of parameters. Flows out: the text of a tie, such as `0.33 * amplitude_0 / stddev_1`, and
its value. What a tied parameter depends on is put in, so that ties hold free parameters alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Monomial"]


@dataclass(frozen=True)
class Monomial:
    """A factor times powers of parameters, and an offset."""

    factor: float = 1.0
    powers: Mapping[str, int] = field(default_factory=dict)
    offset: float = 0.0

    @classmethod
    def of(cls, name: str) -> Monomial:
        """A parameter itself."""
        return cls(powers={name: 1})

    def scaled(self, factor: float, offset: float = 0.0) -> Monomial:
        """This times a factor, and an offset."""
        return Monomial(self.factor * factor, self.powers, self.offset * factor + offset)

    def __mul__(self, other: Monomial) -> Monomial:
        assert self.offset == other.offset == 0.0
        powers = {
            name: self.powers.get(name, 0) + other.powers.get(name, 0) for name in {**self.powers, **other.powers}
        }
        return Monomial(self.factor * other.factor, {name: power for name, power in powers.items() if power})

    def inverse(self) -> Monomial:
        """One over this."""
        assert not self.offset
        return Monomial(1.0 / self.factor, {name: -power for name, power in self.powers.items()})

    def value(self, values: Mapping[str, float]) -> float:
        """The number, given those of the parameters."""
        number = self.factor
        for name, power in self.powers.items():
            number *= values[name] ** power
        return number + self.offset

    def __str__(self) -> str:
        above = [name for name, power in self.powers.items() for _ in range(power)]
        below = [name for name, power in self.powers.items() for _ in range(-power)]
        text = " * ".join([repr(self.factor), *above] if self.factor != 1.0 or not above else above)
        text += "".join(f" / {name}" for name in below)
        if not self.offset:
            return text
        return f"{text} {'+' if self.offset > 0 else '-'} {abs(self.offset)!r}"
