"""Unit conversions with their computed results. Factors are the exact international definitions (US for kitchen units)."""

from __future__ import annotations

from arny_studio.dataset.generate.tier1.draw import Draw, Source
from arny_studio.dataset.generate.tier1.numerals import in_words, plain

# Names of a unit (plural first), and its size in the dimension's own unit.
_LENGTH = {
    ("inches", "inch", "in"): 0.0254,
    ("feet", "foot", "ft"): 0.3048,
    ("yards", "yard", "yds"): 0.9144,
    ("miles", "mile", "mi"): 1609.344,
    ("millimeters", "millimeter", "mm"): 0.001,
    ("centimeters", "centimeter", "cm"): 0.01,
    ("meters", "meter", "m"): 1.0,
    ("kilometers", "kilometer", "km"): 1000.0,
}
_MASS = {
    ("ounces", "ounce", "oz"): 28.349523125,
    ("pounds", "pound", "lbs"): 453.59237,
    ("grams", "gram", "g"): 1.0,
    ("kilograms", "kilogram", "kg"): 1000.0,
    ("kilos", "kilo", "kgs"): 1000.0,
    ("tons", "ton", "tons"): 907184.74,
}
_VOLUME = {
    ("teaspoons", "teaspoon", "tsp"): 4.92892159375,
    ("tablespoons", "tablespoon", "tbsp"): 14.78676478125,
    ("fluid ounces", "fluid ounce", "fl oz"): 29.5735295625,
    ("cups", "cup", "cups"): 236.5882365,
    ("pints", "pint", "pt"): 473.176473,
    ("quarts", "quart", "qt"): 946.352946,
    ("gallons", "gallon", "gal"): 3785.411784,
    ("milliliters", "milliliter", "ml"): 1.0,
    ("liters", "liter", "l"): 1000.0,
}
_TIME = {
    ("seconds", "second", "secs"): 1.0,
    ("minutes", "minute", "mins"): 60.0,
    ("hours", "hour", "hrs"): 3600.0,
    ("days", "day", "days"): 86400.0,
    ("weeks", "week", "weeks"): 604800.0,
}
_DIMENSIONS = tuple(tuple(units.items()) for units in (_LENGTH, _MASS, _VOLUME, _VOLUME, _LENGTH, _TIME))
_AMOUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 25, 30, 40, 50, 60, 75, 100, 120, 150, 200, 250, 500, 1000)


_SMALLEST, _LARGEST = 0.05, 10_000  # a result in between is said in at most two decimals and four digits


def convert(value: float, from_size: float, to_size: float) -> str:
    """`value` units of one size in units of another, as text with at most two decimals."""
    return plain(value * from_size / to_size)


def _is_sayable(value: float, from_size: float, to_size: float) -> bool:
    """Whether people would ask for it: nobody wants a teaspoon in gallons."""
    return _SMALLEST <= value * from_size / to_size < _LARGEST


def _two_units(draw: Draw) -> tuple[tuple[str, ...], float, tuple[str, ...], float]:
    units = _DIMENSIONS[draw.pick(len(_DIMENSIONS))]
    first = draw.pick(len(units))
    second = (first + 1 + draw.pick(len(units) - 1)) % len(units)
    if units[first][1] == units[second][1]:  # kilos and kilograms
        second = (second + 1) % len(units) if (second + 1) % len(units) != first else (second + 2) % len(units)
    return (*units[first], *units[second])


def _quantity(draw: Draw, names: tuple[str, ...], value: int) -> str:
    plural, singular, short = names
    if value == 1:
        return ("a " if singular[0] not in "aeioh" else "an " if singular != "half" else "") + singular
    if draw.random() < 0.2:
        return f"{value} {short}"
    return f"{in_words(value) if value <= 20 and draw.random() < 0.25 else value} {plural}"


def _spoken(draw: Draw) -> tuple[str, str]:
    """The quantity asked about and the plural unit wanted; the answer is set."""
    from_names, from_size, to_names, to_size = _two_units(draw)
    if not any(_is_sayable(amount, from_size, to_size) for amount in _AMOUNTS) and from_size < to_size:
        from_names, from_size, to_names, to_size = to_names, to_size, from_names, from_size
    sayable = [amount for amount in _AMOUNTS if _is_sayable(amount, from_size, to_size)] or [1]
    value = sayable[draw.pick(len(sayable))]
    draw.answer = f"{convert(value, from_size, to_size)} {to_names[0]}"
    if draw.random() < 0.15:
        return _quantity(draw, from_names, value), to_names[2]
    return _quantity(draw, from_names, value), to_names[0]


def conversion(draw: Draw) -> str:
    """“50 feet in meters”, “2 inches to cm”: follows “what is” or “convert”."""
    quantity, wanted = _spoken(draw)
    return f"{quantity} {('in', 'to', 'into', 'in terms of')[draw.pick(4)]} {wanted}"


def how_many(draw: Draw) -> str:
    """“meters are in 50 feet”: follows “how many”."""
    quantity, wanted = _spoken(draw)
    return f"{wanted} {('are in', 'in', 'are there in', 'make', 'equal', 'make up', 'is')[draw.pick(7)]} {quantity}"


def unit_pair(draw: Draw) -> str:
    """“inches to centimeters”, without an amount: the answer is the factor, told from the larger unit."""
    from_names, from_size, to_names, to_size = _two_units(draw)
    (large, large_size), (small, small_size) = sorted(
        ((from_names, from_size), (to_names, to_size)), key=lambda unit: -unit[1]
    )
    draw.answer = f"1 {large[1]} = {convert(1, large_size, small_size)} {small[0]}"
    return f"{from_names[0]} {('to', 'into', 'and', 'to')[draw.pick(4)]} {to_names[0]}"


def temperature(draw: Draw) -> str:
    """“70 fahrenheit to celsius”, either way."""
    degrees = (0, 10, 20, 25, 30, 32, 37, 50, 68, 70, 75, 85, 98, 100, 180, 200, 212, 350, 400)[draw.pick(19)]
    link, word = ("in", "to", "into")[draw.pick(3)], ("", "degrees ")[draw.pick(2)]
    if draw.random() < 0.5:
        draw.answer = f"{plain((degrees - 32) * 5 / 9)} °C"
        return f"{degrees} {word}fahrenheit {link} celsius"
    draw.answer = f"{plain(degrees * 9 / 5 + 32)} °F"
    return f"{degrees} {word}celsius {link} fahrenheit"


CONVERSIONS: dict[str, Source] = {
    "conversion": conversion,
    "how_many": how_many,
    "unit_pair": unit_pair,
    "temperature": temperature,
}
