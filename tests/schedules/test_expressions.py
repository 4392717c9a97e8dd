"""Schedules written as text: what is read, and the place of whatever is not."""

from __future__ import annotations

import pytest

import lrcore as lrc
from lrcore.schedules.catalogue import SCHEDULES, Schedule
from lrcore.schedules.from_text import LONGEST, METHODS, NAMES, parse

COSINE = lrc.CosineAnnealing(1e-3, 3900)


@pytest.mark.parametrize("name", NAMES)
def test_the_repr_of_every_schedule_is_read(name: str) -> None:
    s = SCHEDULES[name].example(0.1, 100)
    assert parse(repr(s)) == s


READ: dict[str, Schedule] = {
    "CosineAnnealing(1e-3, 3900)": COSINE,
    "lrc.CosineAnnealing(1e-3, steps=3_900)": COSINE,
    "lrcore.CosineAnnealing(.001, 390 * 10)": COSINE,
    "  (CosineAnnealing(1e-3,\n  3900))\n": COSINE,
    "CosineAnnealing(1e-3, 3900).warmup(5, shape='exp', start=.1)": COSINE.warmup(
        5, start=0.1, shape="exp"
    ),
    "CosineAnnealing(1e-3, 3900).then(Constant(1))": COSINE.then(lrc.Constant(1)),
    "0.5 * (CosineAnnealing(1e-3, 3900) + 0.1)": (COSINE + 0.1) * 0.5,
    "CosineAnnealing(1e-3, 3900) * Constant(+2)": COSINE * lrc.Constant(2),
    "CosineAnnealing(1e-3, 3900).shift(-3)": COSINE.shift(-3),
    "ExponentialDecay(1, gamma=None, half_life=2, staircase=True)": lrc.ExponentialDecay(
        1, half_life=2, staircase=True
    ),
}


@pytest.mark.parametrize("text", READ)
def test_expressions_mean_what_they_would_in_python(text: str) -> None:
    assert parse(text) == READ[text]


WRONG = {
    "Constant(lr=1, lr=2)": "column 19: lr is given twice",
    "": "the expression is empty; for example: ",
    "  Cosine(1)": "column 3: there is no schedule 'Cosine'; did you mean CosineAnnealing",
    "xyz(1)": f"column 1: there is no schedule 'xyz'; there is {', '.join(NAMES)}",
    "Constant": "column 1: Constant lacks its arguments: Constant(...)",
    "Constant(x)": "column 10: there is no schedule 'x'",
    "Constant(1).wramup(3)": "column 13: there is no operator 'wramup'; did you mean warmup?",
    "Constant(1).x(3)": f"column 13: there is no operator 'x'; there is {', '.join(METHODS)}",
    "Constant(1) + Constant(1).x(3)": "column 27: there is no operator 'x'",
    "'é' + Constant(1).x(3)": "column 19: there is no operator 'x'",
    "3 .warmup(3)": "column 4: there is no operator 'warmup'",
    "Constant(1).warmup": "column 13: this is not understood; an expression is like ",
    "Constant(1)(3)": "column 1: only schedules and operators are called, as in ",
    "Constant(-1)": "column 1: Constant: lr must be a finite number in [0, inf), got -1",
    "Constant(1e999)": "column 1: Constant: lr must be a finite number in [0, inf), got inf",
    "Constant(1, 2)": "column 1: Constant: too many positional arguments",
    "Constant(1).warmup(3.5)": "column 13: Warmup: steps must be an integer",
    "Constant(1).warmup(n=3)": "column 13: warmup() got an unexpected keyword argument 'n'",
    "Constant(1).then(Constant(1))": "column 13: Then: Constant(lr=1.0) has no end of its own",
    "Constant(1) * -1": "column 1: Scaled: factor must be a finite number in [0, inf), got -1",
    "Constant(1) + 'a'": "column 15: * and + take schedules and numbers, got 'a'",
    "'a' * 999999999": "column 1: * and + take schedules and numbers, got 'a'",
    "Constant(1) - 1": "column 1: this is not understood",
    "Constant(-'a')": "column 10: a sign stands before numbers only",
    "Constant(*[1])": "column 10: this is not understood",
    "Constant(**{'lr': 1})": "column 12: ** is not understood",
    "Constant(1": "column 9: '(' was never closed",
    "Constant(1))": "column 12: unmatched ')'",
    "Constant(1); Constant(2)": "column 12: invalid syntax",
    "3": "column 1: 3 is no schedule; for example: ",
    "Constant(1), Constant(2)": "column 1: (Constant(lr=1.0), Constant(lr=2.0)) is no schedule",
    "Constant(2j)": "column 10: this is not understood",
    "Constant(1e300 ** 9)": "column 10: this is not understood",
    "Constant(1)\0": "column 1: source code string cannot contain null bytes",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_not_read_is_refused_with_its_column(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*\n)") as error:
        parse(text)
    assert str(error.value).startswith(WRONG[text])


HOSTILE = [
    "__import__('os').system('false')",
    "().__class__.__bases__",
    "Constant.__init__(1)",
    "Constant(1).__class__(2)",
    "Constant(1)._at(1)",
    "Constant(1).to_dict()",
    "Constant(1).length",
    "lrc.sys.exit()",
    "lrc.Group([])",
    "[Constant(1) for x in (1,)][0]",
    "(lambda: Constant(1))()",
    "Constant(1) if True else 2",
    "f'{Constant(1)}'",
    "(x := Constant(1))",
    "Constant(open('x'))",
    "Constant(1).warmup.__func__(3)",
    "exec('1')",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_else_of_python_is_evaluated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^column \d+: "):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000 + "Constant(1)" + ")" * 3000,
        "Constant(" + "-" * 9000 + "1)",
        "Constant(" + "[" * 90 + "]" * 90 + ")",
        "Constant(1)" + ".shift(1)" * 200,
        "Constant(1)" + "+ 1" * 2000,
        "Constant(9" + "* 9" * 2000 + ")",
        "Constant(" + "9" * 5000 + ")",
        " " * LONGEST + "Constant(1)",
    ],
    ids=lambda text: text[:24],
)
def test_very_long_and_very_deep_expressions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(column \d+: |an expression has at most 10000)"):
        parse(text)


def test_a_chain_of_operators_may_be_long() -> None:
    text = "Constant(lr=1.0)" + ".shift(1)" * 90
    assert repr(parse(text)) == text


def test_a_schedule_that_calls_a_function_is_made_in_code_only() -> None:
    impure = [name for name, cls in SCHEDULES.items() if not cls._pure]
    assert set(NAMES) == SCHEDULES.keys() - set(impure)
    for name in impure:
        with pytest.raises(ValueError, match=f"{name} calls a function of yours: make it in code"):
            parse(f"{name}(1)")
