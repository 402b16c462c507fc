"""Random numbers of positions: the published values of the generator, and independence of what else is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.children import python

from ndfit.pipeline.draws import fill_at_once, uniform
from ndfit.pipeline.philox import philox


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ],
)
def test_known_answers_of_philox(
    counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    words = philox(*(np.uint64(word) for word in (*counter, *key)))
    assert tuple(int(word) for word in words) == expected


def test_numbers_belong_to_seed_position_and_start() -> None:
    positions = np.array([5, 0, 2**33 + 5])
    numbers = uniform(7, positions, 3, 5)
    assert numbers.shape == (3, 5)
    for row, position in enumerate(positions):
        assert_array_equal(uniform(7, np.array([position]), 3, 5)[0], numbers[row])
    assert len(np.unique(np.stack([numbers, uniform(8, positions, 3, 5), uniform(7, positions, 4, 5)]))) == 45


def test_numbers_are_those_of_the_generator() -> None:
    words = philox(*(np.uint64(word) for word in (5, 2, 3, 1, 7, 0)))
    expected = [((int(a) << 21) | (int(b) >> 11)) * 2.0**-53 for a, b in (words[:2], words[2:])]
    assert_array_equal(uniform(7, np.array([2**33 + 5]), 3, 4)[0, 2:], expected)


@pytest.mark.parametrize(("seed", "draw"), [(2**40 + 7, 3), (0, 0), (2**64 - 1, 2**32 - 1)])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_numbers_are_the_same_where_nothing_can_be_compiled(count: int, seed: int, draw: int) -> None:
    positions = np.array([5, 0, 2**33 + 5, 2**63 - 1])
    numbers = np.empty((4, count))
    fill_at_once(numbers, positions.astype(np.uint64), np.uint64(seed), np.uint64(draw))
    assert_array_equal(numbers, uniform(seed, positions, draw, count))


def test_numbers_are_uniform() -> None:
    numbers = uniform(0, np.arange(100_000), 1, 3)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert np.abs(numbers.mean(axis=0) - 0.5).max() < 5 * np.sqrt(1 / 12 / 100_000)
    assert np.abs(np.corrcoef(numbers.T) - np.eye(3)).max() < 0.02


def test_what_another_process_compiled_runs(tmp_path: Path) -> None:
    """The second compiles nothing."""
    script = "import numpy as np; from ndfit.pipeline.draws import uniform; print(uniform(1, np.arange(3), 0, 2).sum())"
    found, kept = [], []
    for _ in range(2):
        found.append(float(python("-c", script, variables={"NDFIT_CACHE_DIR": str(tmp_path)}).stdout))
        kept.append({path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.code")})
    assert found[0] == found[1] == pytest.approx(float(uniform(1, np.arange(3), 0, 2).sum()), rel=1e-15)
    assert kept[0] == kept[1] != {}
