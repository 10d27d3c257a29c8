"""`@kernel`: compile a plain Python function once per machine and share it by a disk cache."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache

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


class _SharedCache(FunctionCache):
    """numba's cache of one function, for several processes at once.

    numba numbers the forms of a function, one for each combination of types, without a lock: of two processes that
    save different forms, each may take number 1, and from then on one form's name stands for the code of the other.
    """

    def save_overload(self, sig: Any, data: Any) -> None:
        folder().mkdir(parents=True, exist_ok=True)  # it may be gone, as what nobody has made anew for long
        with open(folder() / "saving", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def _compiled(function: F, *, forceinline: bool) -> F:
    # numba settles a function's cache folder here, when the cache is made; other users of numba keep theirs.
    config: Any = numba.config
    others = config.CACHE_DIR
    config.CACHE_DIR = str(folder())
    try:
        dispatcher: Any = numba.njit(nogil=True, error_model="numpy", forceinline=forceinline)(function)
        dispatcher._cache = _SharedCache(function)  # type: ignore[no-untyped-call]
        return cast(F, dispatcher)
    finally:
        config.CACHE_DIR = others
