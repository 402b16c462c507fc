"""The fuzz from a command line.

python -m tests.fuzz run 0:200                    fit and judge set-ups 0 to 199, print what is wrong
python -m tests.fuzz run 0:200 --engine reference --out outcomes.jsonl
python -m tests.fuzz show 17 --position 3         one of them in detail
python -m tests.fuzz table outcomes.jsonl         the tables once more
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tests.fuzz.campaign import WRONG_ERRORS, Outcome, fitted, judged, outcomes_of, summary, table
from tests.fuzz.judge import Judge
from tests.fuzz.setups import draw

__all__ = ["main"]

_STATEMENT = "{:>22} {:>14} {:>14} {:>14} {:>14} {:>10} {:>14} {:>14}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    every = commands.add_parser("run", help="fit and judge many set-ups")
    every.add_argument("seeds", help="FIRST:BEYOND, or integers with commas")
    every.add_argument("--engine", default="auto", choices=("auto", "compiled", "reference"))
    every.add_argument("--out", type=Path, help="file of outcomes, a line of JSON each")
    every.set_defaults(do=_run)
    one = commands.add_parser("show", help="one set-up in detail")
    one.add_argument("seed", type=int)
    one.add_argument("--position", type=int, help="one position of it; all that are not right by default")
    one.add_argument("--engine", default="auto", choices=("auto", "compiled", "reference"))
    one.set_defaults(do=_show)
    again = commands.add_parser("table", help="tables of outcomes that were kept")
    again.add_argument("outcomes", type=Path, nargs="+")
    again.set_defaults(do=_table)
    given = parser.parse_args(arguments)
    given.do(given)


def seeds_of(text: str) -> Sequence[int]:
    if ":" in text:
        first, beyond = (int(part) for part in text.split(":"))
        return range(first, beyond)
    return [int(part) for part in text.split(",")]


def _run(given: argparse.Namespace) -> None:
    outcomes: list[Outcome] = []
    begin = time.process_time()
    for seed in seeds_of(given.seeds):
        try:
            found = outcomes_of(seed, given.engine)
        except Exception:
            print(f"set-up {seed} raised an error:")
            traceback.print_exc(file=sys.stdout)
            continue
        outcomes += found
        for outcome in found:
            if outcome.wrong or (outcome.plain and (outcome.misreported or outcome.errors_off > WRONG_ERRORS)):
                _print_wrong(outcome)
        if given.out is not None:
            with given.out.open("a") as file:
                file.writelines(json.dumps(asdict(outcome)) + "\n" for outcome in found)
    print(f"{time.process_time() - begin:.0f} s of CPU time")
    print(summary(outcomes))
    print(table(outcomes))


def _print_wrong(outcome: Outcome) -> None:
    kinds = ", ".join(value for value in outcome.kinds.values() if value not in ("none", "float64", "linear"))
    fault = f"lower by {outcome.drop:.3g}" if outcome.wrong else f"errors off by exp({outcome.errors_off:.2g})"
    fault = "another chi-square" if outcome.misreported else fault
    print(f"{outcome.seed} {outcome.position}: {fault}, status {outcome.status}; {kinds}", flush=True)


def _table(given: argparse.Namespace) -> None:
    lines = [line for path in given.outcomes for line in path.read_text().splitlines()]
    outcomes = [Outcome(**json.loads(line)) for line in lines]
    print(summary(outcomes))
    print(table(outcomes))


def _show(given: argparse.Namespace) -> None:
    setup = draw(given.seed)
    answers = fitted(setup, given.engine)
    print(f"set-up {setup.seed}: {dict(setup.kinds)}")
    print(f"engine {answers.engine}; fixed {setup.fixed}; ties {dict(setup.ties)}; data {setup.samples.data.shape}")
    print("\n".join(answers.said))
    lower, upper = setup.limits()
    positions = None if given.position is None else [given.position]
    for outcome, verdict in judged(setup, answers, positions, thoroughly=True):
        if verdict is None or (given.position is None and outcome.plain and outcome.minimum):
            continue
        word = "WRONG" if outcome.wrong else "careful" if outcome.careful else "minimum" if outcome.minimum else "said"
        print(
            f"\nposition {outcome.position}: {word}, status {outcome.status}, flags {outcome.flags}, undue "
            f"{outcome.undue}, evaluations {outcome.nfev}; cost {verdict.cost:.10g}, scipy's {verdict.lowest:.10g}, "
            f"lower by {outcome.drop:.4g} noise variances; weakest direction {verdict.weakest:.1e}"
        )
        judge = Judge(setup, outcome.position)
        truth = setup.truth[outcome.position]
        model = judge.values(truth[judge.free], truth)
        print(f"cost at the truth {judge.cost(model):.10g}, {len(judge.data)} samples")
        print(_STATEMENT.format("", "truth", "start", "answer", "scipy's", "error", "lower", "upper"))
        errors = dict(zip(setup.free, verdict.errors, strict=True))
        for index, name in enumerate(setup.names):
            start = np.broadcast_to(setup.start[index], len(setup.truth))[outcome.position]
            numbers = (truth[index], start, answers.parameters[outcome.position, index], verdict.at[index])
            told = [f"{number:.8g}" for number in numbers]
            print(
                _STATEMENT.format(
                    name, *told, f"{errors.get(index, 0.0):.2g}", f"{lower[index]:.4g}", f"{upper[index]:.4g}"
                )
            )


if __name__ == "__main__":
    main()
