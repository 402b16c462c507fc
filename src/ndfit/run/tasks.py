"""What runs in workers, and the types of it.

Flows in: Inputs. Flows out: whatever the task makes of them once they are in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from ndfit.problem.arrange import Region
from ndfit.problem.block import Inputs
from ndfit.problem.samples import in_memory
from ndfit.run.load import load
from ndfit.run.shared_buffer import Address, write_result

__all__ = ["Solved", "Take", "Task", "leaving", "make_ready", "solve_arrays", "solve_inputs", "without_arrays"]

T = TypeVar("T")

Task = Callable[[Inputs], T]
Take = Callable[[Region], Inputs]
Solved = Generator[tuple[Region, T], None, None]


def make_ready(task: Task[Any]) -> None:
    """Have a task import, compile or load in this thread what it takes; most have nothing to get ready."""
    getattr(task, "make_ready", lambda: None)()


def without_arrays(inputs: Inputs) -> Inputs:
    """The inputs less the arrays that dask loads."""
    return inputs.with_arrays((None,) * len(inputs.samples.arrays))


def solve_inputs(task: Task[T], inputs: Inputs) -> T:
    """The task, with what is lazy loaded in this thread."""
    return task(load(inputs))


def solve_arrays(task: Task[T], empty: Inputs, *arrays: Any) -> T:
    """The task, with the arrays that dask has loaded."""
    return task(empty.with_arrays(in_memory(arrays)))


def leaving(address: Address | None, solve: Callable[..., T], *arguments: Any) -> T | None:
    """What `solve` makes of the arguments, or None where it could be left in the slot that has this address."""
    result = solve(*arguments)
    return None if address is not None and write_result(result, address) else result
