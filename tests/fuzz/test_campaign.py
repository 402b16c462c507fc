"""How answers are counted, and the command line."""

from __future__ import annotations

from dataclasses import replace

from tests.fuzz.__main__ import main
from tests.fuzz.campaign import Outcome, fitted, judged, summary, table
from tests.fuzz.setups import draw

from ndfit.status import Flag

RIGHT = Outcome(1, 0, True, True, True, 2, 0, 0, 10, 0.0, False, True, 0.0, {"model": "Gaussian1D"})
EVERY = [
    RIGHT,
    replace(RIGHT, minimum=False, drop=3.0),  # wrong
    replace(RIGHT, minimum=False, flags=int(Flag.SINGULAR)),  # flagged
    replace(RIGHT, converged=False, status=0),  # right, and says that it is not
    replace(RIGHT, flags=2, undue=2),  # right, with a flag that nothing calls for
    replace(RIGHT, flags=2),  # right, with a flag that is due
    replace(RIGHT, answered=False, minimum=None, converged=False, status=-17),
]


def test_what_counts_as_wrong_and_as_careful() -> None:
    assert [outcome.wrong for outcome in EVERY] == [False, True, False, False, False, False, False]
    assert [outcome.careful for outcome in EVERY] == [False, False, False, True, True, False, False]
    text = summary(EVERY)
    assert "7 positions of 1 set-ups" in text
    assert "2 unflagged answers, 1 no minimum: 50.00%" in text
    assert "13 that scipy cannot improve, 8 not converged" in text
    assert "| model | Gaussian1D | 2 | 1 | 50.00% | 1 0 |" in table(EVERY, least=1)


def test_answers_of_a_set_up_are_judged_position_by_position() -> None:
    setup = draw(9)
    answers = fitted(setup)
    outcomes = [outcome for outcome, _ in judged(setup, answers)]
    assert [outcome.position for outcome in outcomes] == list(range(20))
    assert any(outcome.plain and outcome.minimum for outcome in outcomes)
    elsewhere = replace(answers, parameters=answers.parameters + setup.unit)
    answered = [outcome for outcome, _ in judged(setup, elsewhere) if outcome.minimum is not None]
    assert answered
    assert not any(outcome.minimum for outcome in answered)
    assert all(outcome.distant is True for outcome in answered)  # a bool of Python's, which goes into files


def test_one_position_in_detail(capsys) -> None:
    main(["show", "9", "--position", "0"])
    text = capsys.readouterr().out
    for word in ("truth", "start", "answer", "scipy's", "status", *draw(9).names):
        assert word in text


def test_outcomes_are_kept_and_shown_again(tmp_path, capsys) -> None:
    main(["run", "9:10", "--out", str(tmp_path / "outcomes.jsonl")])
    first = capsys.readouterr().out
    main(["table", str(tmp_path / "outcomes.jsonl")])
    again = capsys.readouterr().out
    assert again.splitlines()[0] == "20 positions of 1 set-ups"
    assert again in first
