"""Headers, records, configurations and expressions that nobody made in good faith: a sentence, and in good time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("headers", "records", "configurations", "expressions")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory by what /proc says")


@pytest.mark.faults(few=25, many=1250)
@pytest.mark.parametrize("kind", KINDS)
def test_ends_with_a_sentence(kind: str, fault_repeats: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.try_hostile_inputs", kind, str(fault_repeats), "0", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert sum(outcome["codes"].values()) == fault_repeats
    assert not outcome["wrong"], json.dumps(outcome["wrong"][:5], indent=1)
