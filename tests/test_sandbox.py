"""The sandbox: whatever one item does, every other item gets its answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from dataprep import sandbox
from dataprep.sandbox import Result, Sandbox

ITEMS = [b"a", b"raise", b"b", b"crash", b"spin", b"", b"exit", b"print", b"c", b"sleep", b"\x00\xff", b"crash"]
ANSWERS = [
    Result(b"A", None),
    Result(None, "error: ValueError: no good"),
    Result(b"B", None),
    Result(None, "crashed"),
    Result(None, "timeout"),
    Result(b"", None),
    Result(None, "crashed"),
    Result(b"PRINT", None),
    Result(b"C", None),
    Result(None, "timeout"),
    Result(b"\x00\xff", None),
    Result(None, "crashed"),
]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("misbehave:obey", 0.1) as made:
        yield made


def helper_pid(box: Sandbox) -> int:
    assert box._helper is not None
    return box._helper._process.pid


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("chunk", [1, 5, 1 << 20])
def test_a_bad_item_costs_only_itself(box: Sandbox, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(sandbox, "CHUNK_BYTES", chunk)
    assert list(box.map(ITEMS)) == ANSWERS


def test_no_items(box: Sandbox) -> None:
    assert list(box.map([])) == []


def test_strings_arrive_as_utf8_and_settings_as_keywords() -> None:
    with Sandbox("misbehave:obey", 5, {"mark": "é"}) as box:
        assert [r.value for r in box.map(["x茶", b"y"])] == ["X茶é".encode(), "Yé".encode()]


def test_large_items_and_many(box: Sandbox) -> None:
    items = [b"x" * 20_000_000, *([b"y"] * 5000), b"z" * 5_000_000]
    assert [r.value for r in box.map(items)] == [item.upper() for item in items]


def test_stopping_in_the_middle_of_a_map_does_no_harm(box: Sandbox) -> None:
    assert next(box.map([b"a", b"b"])) == Result(b"A", None)
    assert list(box.map([b"c"])) == [Result(b"C", None)]


@pytest.mark.parametrize("function", ["no_such_module:f", "misbehave:no_such_function"])
def test_a_function_that_cannot_be_imported_is_an_error(function: str) -> None:
    with (
        Sandbox(function, 1) as box,
        pytest.raises(RuntimeError, match=r"did not start \(exit 1\): \w+Error: .*no_such"),
    ):
        list(box.map([b"a"]))


def test_close_ends_the_helper_and_the_next_map_starts_another(box: Sandbox) -> None:
    list(box.map([b"a"]))
    pid = helper_pid(box)
    box.close()
    assert not alive(pid)
    assert list(box.map([b"b"])) == [Result(b"B", None)]
    assert helper_pid(box) != pid


def test_a_helper_killed_while_idle_is_no_items_fault(box: Sandbox) -> None:
    list(box.map([b"a"]))
    os.kill(helper_pid(box), signal.SIGKILL)
    while alive(helper_pid(box)):
        time.sleep(0.01)
    assert list(box.map([b"b", b"c"])) == [Result(b"B", None), Result(b"C", None)]


def test_another_thread_gets_a_helper_of_its_own(box: Sandbox) -> None:
    list(box.map([b"a"]))
    found: list[Result] = []
    thread = threading.Thread(target=lambda: found.extend(box.map([b"b", b"crash"])))
    thread.start()
    thread.join()
    assert found == [Result(b"B", None), Result(None, "crashed")]
    assert list(box.map([b"c"])) == [Result(b"C", None)]


def in_worker() -> list[Result]:
    return list(Sandbox("misbehave:obey", 0.1).map(ITEMS))


def test_works_inside_a_spawned_worker() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        assert workers.submit(in_worker).result() == ANSWERS


@pytest.mark.parametrize("item", ["b'a'", "b'spin'"])
def test_the_helper_does_not_outlive_a_killed_parent(item: str) -> None:
    script = (
        "import sys, threading; from dataprep.sandbox import Sandbox; box = Sandbox('misbehave:obey', 2)\n"
        "list(box.map([b'a'])); print(box._helper._process.pid, flush=True)\n"
        f"list(box.map([{item}])); sys.stdin.read()"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, env=path, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(600):
        if not alive(pid):
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the helper is still there")


def test_nothing_is_left_open_at_exit() -> None:
    script = "from dataprep.sandbox import Sandbox; box = Sandbox('misbehave:obey', 1); print(list(box.map([b'a'])))"
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-X", "dev", "-c", script], capture_output=True, text=True, env=path)
    assert (done.stderr, done.returncode) == ("", 0)
