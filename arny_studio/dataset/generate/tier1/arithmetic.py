"""Sums in words and signs, each with its computed result. A slot here sets `draw.answer` besides saying its text."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isqrt

from arny_studio.dataset.generate.tier1.draw import Draw, Source
from arny_studio.dataset.generate.tier1.numerals import in_words, ordinal, plain

_PLUS = ("+", "plus", "and", "added to")
_TOTALS = ("how much is that", "what is the total", "what does it all cost")
_CHANGES = ("how much change do i get", "what change is due", "what do i get back")
_SHARES = ("how much does each pay", "what is one share", "what does each person owe")
_PAYS = ("how much do i make", "what do i earn", "how much pay is that")
_MINUS = ("-", "minus", "take away", "less")
_TIMES = ("*", "times", "x", "multiplied by")
_DIVIDED = ("/", "divided by", "over", "÷")


def expression(draw: Draw) -> str:
    """A sum that can follow “what is”: “25 * 4”, “15% of 300”, “the square root of 81”."""
    return _EXPRESSIONS[draw.pick(len(_EXPRESSIONS))](draw)


def operation(draw: Draw) -> str:
    """A sum as a command: “add 12 and 7”, “divide 90 by 3”, “split $240 6 ways”."""
    return _OPERATIONS[draw.pick(len(_OPERATIONS))](draw)


def word_problem(draw: Draw) -> str:
    """A small sum told as a story that ends in its question."""
    return _STORIES[draw.pick(len(_STORIES))](draw)


def _answer(draw: Draw, result: float | Fraction, unit: str = "") -> None:
    text = plain(float(result))
    draw.answer = f"${text}" if unit == "$" else f"{text}{unit}"


def _ask(draw: Draw, questions: tuple[str, ...]) -> str:
    return questions[draw.pick(len(questions))]


def _two(draw: Draw, size: int) -> tuple[int, int]:
    return 1 + draw.pick(size), 1 + draw.pick(size)


def _say(draw: Draw, value: int) -> str:
    return in_words(value) if value <= 100 and draw.random() < 0.12 else str(value)


def _size(draw: Draw) -> int:
    return (12, 12, 100, 100, 1000)[draw.pick(5)]


def _joined(draw: Draw, left: int, right: int, signs: tuple[str, ...]) -> str:
    sign = signs[draw.pick(len(signs))]
    gap = "" if not sign.isalpha() and " " not in sign and draw.random() < 0.3 else " "
    return f"{_say(draw, left)}{gap}{sign}{gap}{_say(draw, right)}"


def _sum(draw: Draw) -> str:
    left, right = _two(draw, _size(draw))
    _answer(draw, left + right)
    return _joined(draw, left, right, _PLUS)


def _difference(draw: Draw) -> str:
    left, right = _two(draw, _size(draw))
    left, right = (left, right) if draw.random() < 0.1 else (max(left, right), min(left, right))
    _answer(draw, left - right)
    return _joined(draw, left, right, _MINUS)


def _product(draw: Draw) -> str:
    left, right = 2 + draw.pick(98), 2 + draw.pick(30)
    _answer(draw, left * right)
    return _joined(draw, left, right, _TIMES)


def _quotient(draw: Draw) -> str:
    right = 2 + draw.pick(24)
    left = right * (1 + draw.pick(60)) if draw.random() < 0.8 else 1 + draw.pick(500)
    _answer(draw, Fraction(left, right))
    return _joined(draw, left, right, _DIVIDED)


def _three(draw: Draw) -> str:
    first, second = _two(draw, 60)
    third = 1 + draw.pick(20)
    plus, times = _PLUS[draw.pick(2)], _TIMES[draw.pick(2)]
    if draw.random() < 0.5:
        _answer(draw, first + second + third)
        return f"{first} {plus} {second} {plus} {third}"
    _answer(draw, first + second * third)
    return f"{first} {plus} {second} {times} {third}"


def _percentage(draw: Draw) -> str:
    share, whole = (5, 10, 12, 15, 18, 20, 25, 30, 40, 60, 75, 85)[draw.pick(12)], (1 + draw.pick(90)) * 10
    _answer(draw, Fraction(share * whole, 100))
    sign = "%" if draw.random() < 0.6 else " percent"
    return f"{share}{sign} of {('', '$')[draw.random() < 0.3]}{whole}"


def _discount(draw: Draw) -> str:
    share, whole = (10, 15, 20, 25, 30, 40, 50)[draw.pick(7)], (1 + draw.pick(60)) * 10
    _answer(draw, Fraction((100 - share) * whole, 100))
    sign = "%" if draw.random() < 0.6 else " percent"
    return f"{share}{sign} off {('', 'of ')[draw.pick(2)]}{('', '$')[draw.pick(2)]}{whole}"


def _root(draw: Draw) -> str:
    root = 2 + draw.pick(40)
    square = root * root if draw.random() < 0.85 else 2 + draw.pick(2000)
    _answer(draw, isqrt(square) if isqrt(square) ** 2 == square else square**0.5)
    return f"{('the square root', 'square root', 'the sqrt', 'the root')[draw.pick(4)]} of {_say(draw, square)}"


def _power(draw: Draw) -> str:
    base, power = 2 + draw.pick(11), 2 + draw.pick(4)
    _answer(draw, base**power)
    if power < 4 and draw.random() < 0.5:
        return f"{_say(draw, base)} {('squared', 'cubed')[power - 2]}"
    forms = (f"{base}^{power}", f"{base} to the power of {power}", f"{base} to the {ordinal(power)} power")
    return forms[draw.pick(3)]


def _fraction(draw: Draw) -> str:
    lower = (2, 3, 4, 5, 8, 10)[draw.pick(6)]
    upper, whole = 1 + draw.pick(lower - 1), lower * (1 + draw.pick(40))
    _answer(draw, Fraction(upper * whole, lower))
    name = {(1, 2): "half", (1, 3): "a third", (1, 4): "a quarter", (2, 3): "two thirds"}.get((upper, lower))
    return f"{name if name and draw.random() < 0.5 else f'{upper}/{lower}'} of {whole}"


def _mean(draw: Draw) -> str:
    values = [1 + draw.pick(60) for _ in range(3)]
    _answer(draw, Fraction(sum(values), 3))
    return f"the {('average', 'mean')[draw.pick(2)]} of {values[0]}, {values[1]} and {values[2]}"


def _area(draw: Draw) -> str:
    wide, long = _two(draw, 40)
    _answer(draw, wide * long, " square feet")
    return f"the area of a {wide} by {long} foot {('room', 'yard', 'garden', 'floor')[draw.pick(4)]}"


def _add(draw: Draw) -> str:
    left, right = _two(draw, _size(draw))
    _answer(draw, left + right)
    verb = ("add", "sum up", "add up", "add together")[draw.pick(4)]
    return f"{verb} {_say(draw, left)} and {_say(draw, right)}"


def _subtract(draw: Draw) -> str:
    right, left = sorted(_two(draw, _size(draw)))
    _answer(draw, left - right)
    return f"{('subtract', 'take', 'deduct')[draw.pick(3)]} {_say(draw, right)} from {_say(draw, left)}"


def _multiply(draw: Draw) -> str:
    left, right = 2 + draw.pick(98), 2 + draw.pick(30)
    _answer(draw, left * right)
    return f"multiply {_say(draw, left)} {('by', 'with', 'and')[draw.pick(3)]} {_say(draw, right)}"


def _divide(draw: Draw) -> str:
    right = 2 + draw.pick(24)
    left = right * (1 + draw.pick(60))
    _answer(draw, left // right)
    return f"divide {_say(draw, left)} by {_say(draw, right)}"


def _split(draw: Draw) -> str:
    ways = 2 + draw.pick(9)
    total = ways * (1 + draw.pick(60))
    _answer(draw, total // ways, "$")
    people = ("{n} ways", "between {n} people", "among {n} friends", "by {n} people")[draw.pick(4)]
    return f"split {('$', 'a bill of $', 'a check of $')[draw.pick(3)]}{total} {people.format(n=ways)}"


def _tip(draw: Draw) -> str:
    share, bill = (10, 15, 18, 20, 25)[draw.pick(5)], (1 + draw.pick(30)) * 10
    _answer(draw, Fraction(share * bill, 100), "$")
    return (
        f"{('work out', 'figure', 'find')[draw.pick(3)]} a {share}% tip on {('a ', '')[draw.pick(2)]}${bill}"
        + (("", " bill")[draw.pick(2)])
    )


def _shopping(draw: Draw) -> str:
    count, each = 2 + draw.pick(11), 2 + draw.pick(20)
    _answer(draw, count * each, "$")
    thing = ("tickets", "shirts", "books", "pizzas", "notebooks", "lamps", "mugs")[draw.pick(7)]
    verb = ("i buy", "someone buys", "we get", "i order")[draw.pick(4)]
    return f"if {verb} {count} {thing} at ${each} each {_ask(draw, _TOTALS)}"


def _change(draw: Draw) -> str:
    cost = 3 + draw.pick(95)
    _answer(draw, 100 - cost, "$")
    return f"if i pay ${cost} with a hundred dollar bill {_ask(draw, _CHANGES)}"


def _shared(draw: Draw) -> str:
    people = 2 + draw.pick(9)
    total = people * (2 + draw.pick(30))
    _answer(draw, total // people, "$")
    who = ("friends", "people", "of us", "roommates")[draw.pick(4)]
    return f"if {people} {who} share ${total} evenly {_ask(draw, _SHARES)}"


def _wages(draw: Draw) -> str:
    rate, hours = 9 + draw.pick(40), 4 + draw.pick(40)
    _answer(draw, rate * hours, "$")
    return f"if i work {hours} hours at ${rate} an hour {_ask(draw, _PAYS)}"


_EXPRESSIONS: tuple[Callable[[Draw], str], ...] = (
    _sum, _sum, _difference, _product, _product, _quotient, _three, _percentage, _percentage, _discount, _root,
    _power, _fraction, _mean, _area,
)  # fmt: skip
_OPERATIONS: tuple[Callable[[Draw], str], ...] = (_add, _subtract, _multiply, _divide, _split, _tip)
_STORIES: tuple[Callable[[Draw], str], ...] = (_shopping, _change, _shared, _wages)

ARITHMETIC: dict[str, Source] = {"expression": expression, "operation": operation, "word_problem": word_problem}
