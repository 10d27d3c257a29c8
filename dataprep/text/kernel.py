"""`@kernel`: compile a plain Python function once per machine and share it by a disk cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from dataprep.text.compiled import folder

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile with numba at the first call: no GIL, cached on disk, callable from other kernels.

    Integer pitfall: uint32 * uint32 silently becomes uint64 and uint64 + int64 float64. Cast every step.
    """
    return _compiled(function, forceinline=False)


def inlined(function: F) -> F:
    """A kernel for other kernels to call in their inner loops: LLVM pastes it in.

    Left to itself LLVM often calls it, and a call hands over every array as seven numbers.
    """
    return _compiled(function, forceinline=True)


def _compiled(function: F, *, forceinline: bool) -> F:
    # numba settles a function's cache folder here, when it is decorated; other users of numba keep theirs.
    config: Any = numba.config
    others = config.CACHE_DIR
    config.CACHE_DIR = str(folder())
    try:
        decorate = numba.njit(nogil=True, cache=True, error_model="numpy", forceinline=forceinline)
        return cast(F, decorate(function))
    finally:
        config.CACHE_DIR = others
