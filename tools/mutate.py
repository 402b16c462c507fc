"""Break the package in one place after another, and see which test notices.

    python tools/mutate.py map                                   once: which test runs which line, and how long it takes
    python tools/mutate.py run problem/units.py engines/loss.py   break these files
    python tools/mutate.py run --each 2 'engines/compiled/kernel/*'        break two places in each function of these
    python tools/mutate.py run '*' --again mutants.jsonl --out again.jsonl    break again what survived

Flows in: files of `src/ndfit`, and the map. Flows out: a line a mutant in `--out` (JSON), and the survivors on the
screen. A mutant is run against the tests that run its line, those of the file's own test module first, until one fails;
it survives where none does. What is broken and how: `tools/mutants.py`.

The package is copied first, and the copy is broken: the working tree stays as it is. Tests run in forks of a process
that has imported what the package imports. What runs of compiled code is no Python that could be followed line by line:
ONLY says which tests are for it.

Why not mutmut or cosmic-ray: the one does not see tables and lambdas at the level of a module, which the graph consists
of; the other starts a new process for each mutant, which takes longer to import astropy than the tests take.
"""

from __future__ import annotations

import argparse
import fnmatch
import gc
import importlib
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mutants import Mutant, mutants_of, rule_mutants

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "ndfit"
MAP, TIMES = ROOT / ".mutation-map", ROOT / ".mutation-times.json"
MAPPED = ("compiler", "graph", "engine", "problem", "run", "api/test_bad_input.py")
# Long, and they test what the others do; those of the cache start processes that coverage does not follow.
UNMAPPED = "not nist and not cache"
SECONDS_OF_TESTS, TIME_LIMIT = 10.0, 300.0
PASSED = "passed"
# No rewriting of assertions: nobody reads what they say.
QUICK = ("-x", "-q", "-p", "no:cacheprovider", "--assert=plain")

ONLY: dict[str, tuple[str, ...]] = {
    "compiler/functions/*": ("tests/compiler/test_functions.py",),
    "compiler/emit.py": ("tests/engines/test_accumulate.py",),
    "compiler/building.py": ("tests/compiler/test_language.py",),
    "compiler/flow.py": ("tests/compiler/test_language.py",),
    "compiler/memory.py": ("tests/compiler/test_language.py",),
    "compiler/values.py": ("tests/compiler/test_language.py",),
    "compiler/target.py": ("tests/compiler/test_targets.py", "tests/compiler/test_functions.py"),
    "pipeline/draws.py": ("tests/pipeline/test_draws.py",),
    "pipeline/fill_draws.py": ("tests/pipeline/test_draws.py",),
    "engines/compiled/kernel/losses.py": ("tests/engines/test_loss.py",),
    "engines/compiled/kernel/accumulate.py": ("tests/engines/test_accumulate.py",),
    "engines/compiled/kernel/*": (
        "tests/engines/test_kernel.py",
        "tests/engines/test_compiled.py",
        "tests/engines/test_loss.py",
    ),
}
TESTS: dict[str, tuple[str, ...]] = {
    **ONLY,
    "engines/reference/fit_status.py": ("tests/engines/test_reference.py",),
    "pipeline/guess/guess.py": ("tests/pipeline/test_guess.py",),
    "engines/reference/fitter_report.py": ("tests/engines/test_scaling.py",),
    "pipeline/sign_symmetry.py": ("tests/pipeline/test_sign_symmetry.py",),
    "problem/ties.py": ("tests/problem/test_units.py",),
    "model/constants.py": ("tests/model/test_model_code.py",),
    "model/trace/array_functions.py": ("tests/model/test_functions.py",),
    "model/trace/*": ("tests/model/test_trace.py",),
    "model/separate.py": ("tests/model/test_model_code.py",),
    "model/simplify.py": ("tests/model/test_builder.py",),
}
"""File, or pattern -> its own tests, where the module of the same name does not hold them; for ONLY all there are."""

_PRELOADED = (
    "astropy.modeling.models", "astropy.nddata", "astropy.stats", "astropy.wcs.wcsapi", "cloudpickle", "dask.array",
    "distributed", "gwcs", "hypothesis.strategies", "llvmlite", "llvmlite.binding", "pytest",
    "scipy.interpolate", "scipy.optimize", "scipy.special", "scipy.stats", "tqdm", "zarr",
)  # fmt: skip


class _Watch:
    """What a run of the tests says to this tool: the first test that fails; how long each takes."""

    def __init__(self) -> None:
        self.failed = ""
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid} (import)"


def record_map() -> None:
    """Run the tests once, and keep which line each of them runs."""
    import pytest

    os.chdir(ROOT)
    watch = _Watch()
    config = Path(tempfile.mkdtemp()) / "coveragerc"
    config.write_text(f"[run]\nsource = src/ndfit\ndata_file = {MAP}\nrelative_files = true\n")
    options = [
        "-q",
        "-k",
        UNMAPPED,
        "-p",
        "no:cacheprovider",
        "--cov",
        f"--cov-config={config}",
        "--cov-context=test",
        "--cov-report=",
    ]
    pytest.main([*options, *(str(ROOT / "tests" / room) for room in MAPPED)], plugins=[watch])
    if watch.failed:
        raise SystemExit(f"{watch.failed} fails before anything is broken")
    TIMES.write_text(json.dumps(watch.seconds))


class Lines:
    """The recorded map: which tests run a line."""

    def __init__(self) -> None:
        from coverage import CoverageData

        self._data = CoverageData(str(MAP))
        self._data.read()
        self._seconds: dict[str, float] = json.loads(TIMES.read_text())

    def tests(self, file: str, line: int) -> list[str]:
        """Tests to run for a mutant, those of the file's own first, then the fastest."""
        own = own_tests(file)
        contexts = self._data.contexts_by_lineno(f"src/ndfit/{file}")
        here = _tests_in(contexts.get(line, []))
        # Lines that run on import concern every test that runs something of the file, and its own that only read data.
        found = here or _tests_in(itertools.chain(*contexts.values()))
        if not found or not line or any(fnmatch.fnmatch(file, pattern) for pattern in ONLY):
            return own
        # Modules of tests that have changed since the map was made are run whole too.
        modules = [module for module in own if module.endswith(".py")]
        changed = [module for module in modules if (ROOT / module).stat().st_mtime > MAP.stat().st_mtime]
        chosen = changed if here else modules
        found = {test for test in found if test.partition("::")[0] not in chosen}
        total = 0.0
        for test in sorted(found, key=lambda test: (test.partition("::")[0] not in own, self._seconds.get(test, 1.0))):
            total += self._seconds.get(test, 1.0)
            if chosen and total > SECONDS_OF_TESTS:
                break
            chosen.append(test)
        return chosen


def _tests_in(contexts: Iterable[str]) -> set[str]:
    """Names of tests, from those of coverage's contexts: `test|phase`, and an empty one for imports."""
    return {context.rpartition("|")[0] for context in contexts if context}


def own_tests(file: str) -> list[str]:
    for pattern, tests in TESTS.items():
        if fnmatch.fnmatch(file, pattern):
            return list(tests)
    room, _, name = file.rpartition("/")
    module = f"tests/{room}/test_{name}"
    return [module if (ROOT / module).exists() else f"tests/{room}"]


def mutants_in(file: str) -> list[Mutant]:
    """Every mutant of a file of the package."""
    text = (PACKAGE / file).read_text()
    rules = rule_mutants(Path(file).stem, text) if file.startswith("graph/") else ()
    return [*rules, *mutants_of(text, operators=file.startswith("graph/"))]


def verdict(tests: list[str]) -> str:
    """In a fork: run tests until one fails; its name, "" where none does, "time" where they do not end."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(tests, writer)
    os.close(writer)
    started = time.monotonic()
    ended = 0
    while not ended and time.monotonic() - started < TIME_LIMIT:
        time.sleep(0.02)
        ended, _ = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        said = answer.read() if ended else "time"
    if said == "exit 4":
        raise SystemExit("the map names tests that are no longer there: make it again")
    return "" if said == PASSED else said or "crash"


def _answer(tests: list[str], writer: int) -> NoReturn:
    """Run the tests, say how they ended, and end this process whatever happens."""
    said = "crash"
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        watch = _Watch()
        pytest = importlib.import_module("pytest")
        code = pytest.main([*QUICK, *tests], plugins=[watch])
        said = watch.failed or (PASSED if code == 0 else f"exit {int(code)}")
    except BaseException as error:
        said = f"crash: {error!r}"
    finally:
        os.write(writer, said.encode())
        os._exit(0)


class Wanted(NamedTuple):
    """Which mutants to make: of these kinds, in these functions, so many in each, survivors; all if nothing is said."""

    kinds: tuple[str, ...]
    places: tuple[str, ...]
    each: int | None
    again: frozenset[tuple[str, str]] | None

    def of(self, file: str, found: list[Mutant]) -> Iterator[Mutant]:
        """Those of one file, spread evenly over each function."""
        kept = [
            mutant
            for mutant in found
            if (not self.kinds or mutant.kind in self.kinds)
            and (not self.places or mutant.place in self.places)
            and (self.again is None or (file, mutant.change) in self.again)
        ]
        for _, group in itertools.groupby(kept, key=lambda mutant: mutant.place):
            here = list(group)
            count = len(here) if self.each is None else min(self.each, len(here))
            yield from (here[(2 * i + 1) * len(here) // (2 * count)] for i in range(count))


def run(files: list[str], wanted: Wanted, out: Path) -> int:
    """Break files; returns how many mutants survived."""
    copy = Path(tempfile.mkdtemp(prefix="ndfit-mutants-"))
    shutil.copytree(PACKAGE, copy / "ndfit")
    os.environ |= {
        "PYTHONPATH": os.pathsep.join([str(copy), str(ROOT)]),
        "NDFIT_CACHE_DIR": str(ROOT / ".mutation-cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "CI": "1",
    }
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(copy), str(ROOT)]
    os.chdir(ROOT)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        mutants = dict(zip(files, pool.map(mutants_in, files), strict=True))
    lines = Lines()
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # so that pytest's own collections pass over it
    survived = 0
    try:
        for file, mutant in ((name, mutant) for name, found in mutants.items() for mutant in wanted.of(name, found)):
            target = copy / "ndfit" / file
            target.write_text(mutant.text)
            started = time.monotonic()
            noticed = verdict(lines.tests(file, mutant.line))
            target.write_text((PACKAGE / file).read_text())
            seconds = round(time.monotonic() - started, 1)
            row = {
                "file": file,
                "place": mutant.place,
                "line": mutant.line,
                "kind": mutant.kind,
                "change": mutant.change,
            }
            with out.open("a") as record:
                record.write(json.dumps(row | {"noticed": noticed, "seconds": seconds}) + "\n")
            if not noticed:
                survived += 1
                print(f"{file}:{mutant.line} {mutant.kind}: {mutant.change}", flush=True)
    finally:
        shutil.rmtree(copy)
    return survived


def survivors(record: Path) -> frozenset[tuple[str, str]]:
    """(file, change) of the mutants in a record that no test noticed."""
    rows = map(json.loads, record.read_text().splitlines())
    return frozenset((row["file"], row["change"]) for row in rows if not row["noticed"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", choices=["map", "run"])
    parser.add_argument("files", nargs="*", help="relative to src/ndfit; patterns are allowed")
    parser.add_argument("--each", type=int, help="break so many places in each function; all unless given")
    parser.add_argument("--kind", action="append", default=[], help="of mutants; may be given several times")
    parser.add_argument("--place", action="append", default=[], help="function to break; may be given several times")
    parser.add_argument("--again", type=Path, help="an earlier record: break what survived there")
    parser.add_argument("--out", type=Path, default=Path("mutants.jsonl"))
    options = parser.parse_intermixed_args()
    if options.command == "map":
        record_map()
        return
    again = None if options.again is None else survivors(options.again)
    wanted = Wanted(tuple(options.kind), tuple(options.place), options.each, again)
    known = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))
    files = [file for file in known if any(fnmatch.fnmatch(file, pattern) for pattern in options.files)]
    print(f"{run(files, wanted, options.out.resolve())} survived")


if __name__ == "__main__":
    main()
