"""Formulas of product templates: arithmetic, comparison, `min`, `max`, `round`, `abs`, `if` over decimals.

simpleeval evaluates. It is given a tree that is checked here first (known operators and functions, bounded length,
size and depth) and operators of our own, which take decimals of 34 digits and nothing else: there is no power, no
repeated text, no attribute, so no formula can run long or grow.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

import msgspec
from simpleeval import SimpleEval

from handlers.money import LARGEST

Operand: TypeAlias = Decimal | str | bool
LENGTH, SIZE, DEPTH = 500, 200, 80
"""The longest text, and the largest and deepest tree, of a formula."""
_DIGITS = 12
_CONTEXT = Context(
    prec=34, rounding=ROUND_HALF_UP, Emin=-999, Emax=999, traps=[InvalidOperation, DivisionByZero, Overflow]
)
_TOKEN = re.compile(
    r"""(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<text>"[^"\\\n]*"|'[^'\\\n]*')"""
    r"""|(?P<sign>\*\*|//|[=!<>]=|[-+*/%()<>,])""",
    re.ASCII,
)
_SPACE = re.compile(r"[ \t\r\n]*")
_IF = "_if"
"""What `if(a, b, c)` is called while Python's grammar reads it; no formula can write it."""
_WORDS = {"true": "True", "false": "False"}
_BEFORE_OPERAND = frozenset({"and", "or", "not", "if", "else"})
_NODES = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Constant, ast.Load,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.UAdd, ast.USub, ast.Not, ast.And, ast.Or,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip
_ARGUMENTS = {"min": (1, 20), "max": (1, 20), "round": (1, 2), "abs": (1, 1), _IF: (3, 3)}
RESERVED = frozenset(
    {"min", "max", "round", "abs", "if", "else", "and", "or", "not", "true", "false", "in", "is", "for", "lambda"}
    | {"as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "except", "finally"}
    | {"from", "global", "import", "nonlocal", "pass", "raise", "return", "try", "while", "with", "yield"}
)
"""What a column cannot be called: words of the language, here or in the grammar that reads it."""


class Unusable(Exception):
    """A formula that cannot be read, or that has no value: the message says why, in a sentence's part."""


class Formula(msgspec.Struct, frozen=True):
    """A formula that was read: its text, its tree, the names that it speaks of."""

    text: str
    tree: Any
    names: frozenset[str]


@lru_cache(maxsize=1024)
def read(text: str) -> Formula:
    """The formula of a text. Raises Unusable."""
    if len(text) > LENGTH:
        raise Unusable(f"it is longer than {LENGTH} characters")
    written = _written(text)
    try:
        tree = ast.parse(written, mode="eval").body
    except SyntaxError as error:
        deep = "too many nested" in str(error)
        raise Unusable("it is nested too deeply" if deep else "its parts do not fit, or one is missing") from None
    except ValueError:  # a NUL, or half of a character
        raise Unusable("a text in it holds what cannot be stored") from None
    except (RecursionError, MemoryError):
        raise Unusable("it is nested too deeply") from None
    _check(tree)
    tree = _Mended(written).visit(tree)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return Formula(text, tree, frozenset(names - set(_ARGUMENTS)))


def _written(text: str) -> str:
    """The text in Python's grammar, of nothing but the tokens that formulas have."""
    found: list[tuple[str, str]] = []
    place = _end_of_space(text, 0)
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Unusable(f"{text[place]!r} at character {place + 1} is not part of any formula")
        written = match.group()
        if written == "**":
            raise Unusable("there is no power (`**`); multiply instead")
        found.append((match.lastgroup or "", written))
        place = _end_of_space(text, match.end())
    if not found:
        raise Unusable("it is empty")
    words = []
    for position, (kind, word) in enumerate(found):
        before = found[position - 1] if position else ("sign", "(")
        operand = before[1] in _BEFORE_OPERAND if before[0] == "name" else before[0] == "sign" and before[1] != ")"
        called = position + 1 < len(found) and found[position + 1][1] == "("
        function = kind == "name" and word == "if" and operand and called
        words.append(_IF if function else _WORDS.get(word, word))
    return " ".join(words)


def _end_of_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _check(tree: ast.expr) -> None:
    """Refuse what formulas do not have, without recursion."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    called: set[ast.AST] = set()
    size = 0
    while waiting:
        node, depth = waiting.pop()
        size += isinstance(node, ast.expr)
        if size > SIZE:
            raise Unusable(f"it has more than {SIZE} parts")
        if depth > DEPTH:
            raise Unusable("it is nested too deeply")
        if not isinstance(node, _NODES) or (isinstance(node, ast.Constant) and node.value is None):
            raise Unusable("it uses something other than arithmetic, comparison, min, max, round, abs and if")
        if isinstance(node, ast.Call):
            _check_call(node)
            called.add(node.func)
        if isinstance(node, ast.Name) and node.id in _ARGUMENTS and node not in called:
            raise Unusable(f"{node.id} needs values in parentheses")
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]


def _check_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in _ARGUMENTS:
        name = node.func.id if isinstance(node.func, ast.Name) else "that"
        raise Unusable(f"there is no function {name}; use min, max, round, abs or if")
    least, most = _ARGUMENTS[node.func.id]
    if node.keywords or not least <= len(node.args) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise Unusable(f"{node.func.id.lstrip('_')} takes {wanted} value{'s' * (most > 1)}")


class _Mended(ast.NodeTransformer):
    """Numbers become the decimals that were written, never binary fractions; `if` becomes a choice, so that the way
    not taken is not computed."""

    def __init__(self, written: str) -> None:
        self.written = written

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            node.value = Decimal(ast.get_source_segment(self.written, node) or "0")  # type: ignore[assignment]
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == _IF:
            return ast.IfExp(test=node.args[0], body=node.args[1], orelse=node.args[2])
        return node


class Names(Protocol):
    def __getitem__(self, name: str, /) -> Operand: ...


def evaluate(formula: Formula, values: Names) -> Operand:
    """Its value. `values` has every name that it speaks of, or raises Unusable for it: only what is needed is asked
    for. Raises Unusable."""
    evaluator = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=values)
    try:
        with localcontext(_CONTEXT):
            found = evaluator.eval(formula.text, previously_parsed=formula.tree)
            return _bounded(found) if isinstance(found, Decimal) else found
    except Overflow:
        raise Unusable("a number in it becomes too large") from None
    except InvalidOperation:
        raise Unusable("a number in it cannot be computed") from None


def _bounded(number: Decimal) -> Decimal:
    if abs(number) > LARGEST:
        raise Unusable(f"the result is beyond {LARGEST}")
    return number.quantize(Decimal(1).scaleb(-_DIGITS)) + 0


def _number(value: Any) -> Decimal:
    if not isinstance(value, Decimal):
        raise Unusable(f"{'true and false' if isinstance(value, bool) else 'a text'} cannot be reckoned with")
    return value


def _reckoned(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Decimal]:
    return lambda left, right: operation(_number(left), _number(right))


def _divided(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Decimal]:
    def divide(left: Any, right: Any) -> Decimal:
        if _number(right) == 0:
            raise Unusable("it divides by zero")
        return operation(_number(left), right)

    return divide


def _compared(operation: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        if type(left) is not type(right) or isinstance(left, bool):
            raise Unusable("only two numbers or two texts can be told larger from smaller")
        return operation(left, right)

    return compare


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _round(value: Any, digits: Any = Decimal(0)) -> Decimal:
    places = _number(digits)
    if places != places.to_integral_value() or not -6 <= places <= 6:
        raise Unusable("round takes between -6 and 6 digits")
    number = _number(value)
    return number if number.is_zero() else number.quantize(Decimal(1).scaleb(-int(places)))


_OPERATORS = {
    ast.Add: _reckoned(lambda left, right: left + right),
    ast.Sub: _reckoned(lambda left, right: left - right),
    ast.Mult: _reckoned(lambda left, right: left * right),
    ast.Div: _divided(lambda left, right: left / right),
    ast.FloorDiv: _divided(lambda left, right: left // right),
    ast.Mod: _divided(lambda left, right: left % right),
    ast.USub: lambda value: -_number(value),
    ast.UAdd: lambda value: +_number(value),
    ast.Not: lambda value: not value,
    ast.Eq: _same,
    ast.NotEq: lambda left, right: not _same(left, right),
    ast.Lt: _compared(lambda left, right: left < right),
    ast.LtE: _compared(lambda left, right: left <= right),
    ast.Gt: _compared(lambda left, right: left > right),
    ast.GtE: _compared(lambda left, right: left >= right),
}
_FUNCTIONS: dict[str, Callable[..., Decimal]] = {
    "min": lambda *values: min(map(_number, values)),
    "max": lambda *values: max(map(_number, values)),
    "round": _round,
    "abs": lambda value: abs(_number(value)),
}
