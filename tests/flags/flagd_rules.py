"""Random rules, one kind for each operator, of the sort that people write: attributes have types.

Both sides give them the same meaning; where they do not, ``DIFFERENCES`` of the test has a case.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["OPERATORS", "context"]

WORDS = ["pro", "free", "ada@x.org", "bob@y.com", "Spring", "Springfield", "x.org", "a", "zz", "10"]
NUMBERS = [0, 1, 2, 3, 5, 7, 10, 18, 100, 0.5, 2.25, -1, -3, 1000]
VERSIONS = [
    "1.0.0", "1.2.3", "v1.2.3", "1.2", "2", "1.10.0", "2.0.0-rc.1", "2.0.0-rc.2", "2.0.0-rc.10", "2.0.0-a.b",
    "2.0.0+build.5", "2.0.0", "V3", "3.0.0-0", "nonsense", "1.0.0.0", "01.0.0", "", "1.2.3-", "10.20.30",
]  # fmt: skip
VALID_VERSIONS = VERSIONS[:13]


def context(random: Random) -> dict[str, Any]:
    """Return a context; attributes of text and lists are always there, others may be missing."""
    there: dict[str, Any] = {
        "plan": random.choice(WORDS),
        "email": random.choice(WORDS),
        "tags": random.choices(WORDS, k=random.randrange(4)),
        "scores": random.choices(NUMBERS, k=random.randrange(5)),
        "version": random.choice(VERSIONS),
        "user": {"city": random.choice(WORDS), "age": random.choice(NUMBERS)},
    }
    perhaps: dict[str, Any] = {
        "age": random.choice(NUMBERS),
        "beta": random.choice([True, False]),
        "anything": random.choice(
            [*WORDS, *NUMBERS, True, False, {"b": 2, "a": [1.0]}, 2**70, 1e300]
        ),
    }
    return there | {name: value for name, value in perhaps.items() if random.random() < 0.8}


def text(random: Random, depth: int) -> Any:
    if depth and random.random() < 0.3:
        return random.choice([cat, substr])(random, depth - 1)
    variables = ["plan", "email", "user.city", "targetingKey", "$flagd.flagKey"]
    return random.choice([random.choice(WORDS), {"var": random.choice(variables)}])


def number(random: Random, depth: int) -> Any:
    if depth and random.random() < 0.3:
        return random.choice([plus, minus, times, divided, smallest, largest, remainder])(
            random, depth - 1
        )
    variables = ["user.age", ["age", 5], "tags.length", "plan.length"]
    return random.choice([random.choice(NUMBERS), {"var": random.choice(variables)}])


def numbers(random: Random, depth: int) -> Any:
    if depth and random.random() < 0.3:
        return random.choice([mapped, filtered])(random, depth - 1)
    return random.choice([{"var": "scores"}, random.choices(NUMBERS, k=3), [number(random, 0)]])


def texts(random: Random, depth: int) -> Any:
    if depth and random.random() < 0.2:
        return merge(random, depth - 1)
    return random.choice([{"var": "tags"}, random.choices(WORDS, k=3), [text(random, 0), "b"]])


def boolean(random: Random, depth: int) -> Any:
    if depth:
        operator = random.choice(list(CONDITIONS))
        return CONDITIONS[operator](random, depth - 1)
    return random.choice([True, False, {"var": "beta"}])


def anything(random: Random, depth: int) -> Any:
    return random.choice([text, number, boolean, numbers])(random, depth)


def element(random: Random) -> Any:
    """Return a condition on an element of a list of numbers."""
    return {
        random.choice(["<", ">", "<=", ">=", "==", "!="]): [{"var": ""}, random.choice(NUMBERS)]
    }


Maker = Callable[[Random, int], Any]


def pair(operator: str) -> Maker:
    def make(random: Random, depth: int) -> Any:
        kind = random.choice([text, number])
        return {operator: [kind(random, depth), kind(random, depth)]}

    return make


def order(operator: str, *, between: bool = False) -> Maker:
    def make(random: Random, depth: int) -> Any:
        kind = random.choice([text, number])
        count = random.choice([2, 3]) if between else 2
        return {operator: [kind(random, depth) for _ in range(count)]}

    return make


def several(operator: str, kind: Maker, least: int = 1, most: int = 4) -> Maker:
    def make(random: Random, depth: int) -> Any:
        return {operator: [kind(random, depth) for _ in range(random.randint(least, most))]}

    return make


def condition(operator: str) -> Maker:
    def make(random: Random, depth: int) -> Any:
        return {operator: [numbers(random, depth), element(random)]}

    return make


plus, minus, times = several("+", number), several("-", number, 1, 2), several("*", number, 2)
smallest, largest, merge = several("min", number), several("max", number), several("merge", texts)


def cat(random: Random, depth: int) -> Any:
    kinds: list[Maker] = [text, lambda random, _: random.choice(NUMBERS)]
    return {"cat": [random.choice(kinds)(random, depth) for _ in range(random.randint(1, 4))]}


def substr(random: Random, depth: int) -> Any:
    bounds = [random.randint(-6, 6) for _ in range(random.randint(1, 2))]
    return {"substr": [text(random, depth), *bounds]}


def divided(random: Random, depth: int) -> Any:
    return {"/": [number(random, depth), random.choice([1, 2, 4, 5, 0.5, -8])]}


def remainder(random: Random, depth: int) -> Any:
    del depth
    return {"%": [random.choice([0, 1, 7, 100.5]), random.choice([1, 2, 7, 0.5])]}


def mapped(random: Random, depth: int) -> Any:
    return {
        "map": [
            numbers(random, depth),
            {random.choice(["+", "*", "-"]): [{"var": ""}, random.choice(NUMBERS)]},
        ]
    }


def filtered(random: Random, depth: int) -> Any:
    return {"filter": [numbers(random, depth), element(random)]}


def reduced(random: Random, depth: int) -> Any:
    step = {random.choice(["+", "*", "-", "max"]): [{"var": "current"}, {"var": "accumulator"}]}
    return {"reduce": [numbers(random, depth), step, random.choice(NUMBERS)]}


def contained(random: Random, depth: int) -> Any:
    long_text = {"cat": ["-", text(random, depth)]}
    return {"in": [text(random, depth), random.choice([texts(random, depth), long_text])]}


def variable(random: Random, depth: int) -> Any:
    del depth
    names = [
        "plan",
        "age",
        "tags.0",
        "tags.7",
        "user.city",
        "user.none",
        "none",
        "scores.length",
        "",
        "$flagd.flagKey",
    ]
    name = random.choice(names)
    return {"var": random.choice([name, [name], [name, random.choice([*WORDS, *NUMBERS])]])}


def missing(random: Random, depth: int) -> Any:
    del depth
    return {
        "missing": random.choices(["plan", "age", "beta", "user.city", "user.none", "none"], k=3)
    }


def missing_some(random: Random, depth: int) -> Any:
    return {"missing_some": [random.randrange(4), missing(random, depth)["missing"]]}


def choice(operator: str) -> Maker:
    def make(random: Random, depth: int) -> Any:
        arguments = [boolean(random, depth), anything(random, depth)] * random.randint(1, 2)
        return {operator: [*arguments, anything(random, depth)][: random.choice([1, 2, 3, 5])]}

    return make


def not_(operator: str) -> Maker:
    return several(operator, anything, 1, 1)


def text_part(operator: str) -> Maker:
    def make(random: Random, depth: int) -> Any:
        part = random.choice([text(random, depth), {"var": "anything"}, "a", "x.org", ""])
        return {operator: [random.choice([text(random, depth), {"var": "anything"}]), part]}

    return make


def sem_ver(random: Random, depth: int) -> Any:
    del depth
    variables = [{"var": "version"}, {"var": "anything"}, random.choice(VALID_VERSIONS)]
    sign = random.choice(["=", "!=", "<", "<=", ">", ">=", "^", "~"])
    return {"sem_ver": [random.choice(variables), sign, random.choice(variables)]}


def fractional(random: Random, depth: int) -> Any:
    def variant() -> Any:
        return random.choice([random.choice(WORDS), True, 5, None, anything(random, 0)])

    def weight() -> Any:
        computed = {"-": [{"var": "user.age"}, random.randrange(20)]}
        return random.choice([random.randrange(100), random.choice([0, 1, 2**31 - 200]), computed])

    key: list[Any] = []
    if random.random() < 0.6:
        key = [
            random.choice(
                [{"var": "anything"}, {"var": "user"}, {"var": "none"}, cat(random, depth)]
            )
        ]
    pairs = [
        [variant(), weight()] if random.random() < 0.9 else [variant()]
        for _ in range(random.randint(1, 4))
    ]
    return {"fractional": [*key, *pairs]}


CONDITIONS: dict[str, Maker] = {
    **{name: pair(name) for name in ("==", "!=", "===", "!==")},
    **{name: order(name, between="<" in name) for name in ("<", "<=", ">", ">=")},
    **{name: not_(name) for name in ("!", "!!")},
    **{name: several(name, boolean) for name in ("and", "or")},
    **{name: condition(name) for name in ("all", "some", "none")},
    **{name: text_part(name) for name in ("starts_with", "ends_with")},
    "in": contained,
    "sem_ver": sem_ver,
}
OPERATORS: dict[str, Maker] = {
    **CONDITIONS,
    "if": choice("if"), "?:": choice("?:"), "var": variable, "missing": missing, "missing_some": missing_some,
    "+": plus, "-": minus, "*": times, "/": divided, "%": remainder, "min": smallest, "max": largest,
    "map": mapped, "filter": filtered, "reduce": reduced, "merge": merge, "cat": cat, "substr": substr,
    "fractional": fractional,
}  # fmt: skip
