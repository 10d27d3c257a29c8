"""Many bytes at once: unaligned loads, and 64 bytes compared in one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from dataprep.text.spans import Bytes, Int

_LANES = ir.VectorType(ir.IntType(8), 64)


def _splat(value: int) -> Any:
    return ir.Constant(_LANES, [value] * 64)


def _read(result: Any, form: Any, finish: Callable[[Any, Any], Any]) -> Any:
    """An intrinsic `f(data, i)`: load `form` at byte i, whatever its alignment, and turn it into `result`."""

    def read(typing: Any, data: Any, i: Any) -> tuple[Any, Callable[..., Any]]:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            place = builder.bitcast(builder.gep(array.data, [args[1]]), form.as_pointer())
            return finish(builder, builder.load(place, align=1))

        return result(data, types.intp), build

    return intrinsic(read)


def _mask(compare: Callable[[Any, Any], Any]) -> Callable[[Bytes, Int], np.uint64]:
    """Bit j of `f(data, i)` says what `compare` finds at byte i + j. All 64 bytes must be inside `data`."""
    found: Callable[[Bytes, Int], np.uint64] = _read(
        types.uint64, _LANES, lambda builder, x: builder.bitcast(compare(builder, x), ir.IntType(64))
    )
    return found


def _between(builder: Any, x: Any, low: str, high: str) -> Any:
    return builder.icmp_unsigned("<=", builder.sub(x, _splat(ord(low))), _splat(ord(high) - ord(low)))


def _alphanumeric(builder: Any, x: Any) -> Any:
    letter = _between(builder, builder.or_(x, _splat(0x20)), "a", "z")
    return builder.or_(letter, _between(builder, x, "0", "9"))


def _special(builder: Any, x: Any) -> Any:
    high = builder.icmp_unsigned(">=", x, _splat(0x80))
    return builder.or_(high, builder.icmp_unsigned("==", x, _splat(ord("'"))))


def _stop(builder: Any, x: Any) -> Any:
    found = builder.icmp_unsigned(">=", x, _splat(0x80))
    for sign in ".!?":
        found = builder.or_(found, builder.icmp_unsigned("==", x, _splat(ord(sign))))
    return found


def _odd(builder: Any, x: Any) -> Any:
    found = builder.icmp_unsigned(">=", x, _splat(0x7F))
    low = builder.icmp_unsigned("<", x, _splat(0x20))
    breaks = builder.icmp_unsigned("<=", builder.sub(x, _splat(0x09)), _splat(0x01))
    return builder.or_(found, builder.and_(low, builder.not_(breaks)))


def _line_break(builder: Any, x: Any) -> Any:
    found = _between(builder, x, "\n", "\r")
    found = builder.or_(found, _between(builder, x, "\x1c", "\x1e"))
    for lead in (0xC2, 0xE2):
        found = builder.or_(found, builder.icmp_unsigned("==", x, _splat(lead)))
    return found


def _bracket(builder: Any, x: Any) -> Any:
    return builder.icmp_unsigned("==", builder.or_(x, _splat(0x20)), _splat(ord("{")))


def _equals(byte: int) -> Callable[[Bytes, Int], np.uint64]:
    return _mask(lambda builder, x: builder.icmp_unsigned("==", x, _splat(byte)))


load64: Callable[[Bytes, Int], np.uint64] = _read(types.uint64, ir.IntType(64), lambda builder, x: x)
"""`data[i : i + 8]` as one little-endian number."""
load32: Callable[[Bytes, Int], np.uint64] = _read(
    types.uint64, ir.IntType(32), lambda builder, x: builder.zext(x, ir.IntType(64))
)
"""`data[i : i + 4]` as one little-endian number, in 64 bits."""


@intrinsic
def _store64(typing: Any, data: Any, i: Any, x: Any) -> tuple[Any, Callable[..., Any]]:
    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.bitcast(builder.gep(array.data, [args[1]]), ir.IntType(64).as_pointer())
        builder.store(args[2], place, align=1)
        return context.get_dummy_value()

    return types.void(data, types.intp, types.uint64), build


store64: Any = _store64
"""`f(data, i, x)` writes `data[i : i + 8]` as one little-endian number. All 8 bytes must be inside `data`."""

alphanumeric64 = _mask(_alphanumeric)
"""ASCII letters and digits."""
special64 = _mask(_special)
"""Bytes beyond ASCII, and the ASCII apostrophe."""
stop64 = _mask(_stop)
"""Bytes beyond ASCII, and the ASCII signs that end sentences."""
odd64 = _mask(_odd)
"""Bytes beyond ASCII, and ASCII control characters but `\\t` and `\\n`."""
line_break64 = _mask(_line_break)
"""Bytes that are a line break of `str.splitlines`, or may begin one."""
bracket64 = _mask(_bracket)
"""`[` and `{`."""
newline64 = _equals(0x0A)
number_sign64 = _equals(0x23)
full_stop64 = _equals(0x2E)
ellipsis_lead64 = _equals(0xE2)


@intrinsic
def _lowest(typing: Any, x: Any) -> tuple[Any, Callable[..., Any]]:
    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), build


@intrinsic
def _ones(typing: Any, x: Any) -> tuple[Any, Callable[..., Any]]:
    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), build


lowest: Any = _lowest
"""int64 of a uint64: number of the lowest bit that is set; 64 if none is."""
ones: Any = _ones
"""int64 of a uint64: how many bits are set."""


@intrinsic
def _prefetch(typing: Any, data: Any, i: Any) -> tuple[Any, Callable[..., Any]]:
    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.bitcast(builder.gep(array.data, [args[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        form = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        fetch: Any = cgutils.get_or_insert_function(builder.module, form, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
        builder.call(fetch, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(data, types.intp), build


prefetch: Any = _prefetch
"""`prefetch(data, i)`: have item i of an array brought into the cache, without waiting for it."""
