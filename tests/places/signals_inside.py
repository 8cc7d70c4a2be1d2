"""What happens in a process that gets signals during a solve; `test_interrupt.py` runs this in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

import edgeopt as eo
from edgeopt.solvers.backends import interrupt, signals
from edgeopt.solvers.backends.interrupt import interruptible

HANGS = 60
"""Seconds after which a wait is given up; it ends in a fraction of one."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals to itself")


def interrupt_soon(after: threading.Event) -> None:
    def send() -> None:
        after.wait(HANGS)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=send, daemon=True).start()


def test_a_library_that_does_not_listen_is_left_behind():
    entered, leave = threading.Event(), threading.Event()
    asked = []
    interrupt_soon(entered)
    with pytest.raises(KeyboardInterrupt):
        interruptible(lambda: entered.set() or leave.wait(HANGS), lambda: asked.append(True))
    assert asked == [True]
    assert interruptible(lambda: 1) == 1  # by another thread
    leave.set()


def test_a_library_that_stops_leaves_its_thread_for_the_next_call():
    entered, leave = threading.Event(), threading.Event()
    interrupt_soon(entered)
    with pytest.raises(KeyboardInterrupt):
        interruptible(lambda: entered.set() or leave.wait(HANGS), leave.set)
    kept = list(interrupt._idle)
    assert interruptible(threading.get_ident) in {helper.thread.ident for helper in kept}
    assert interrupt._busy == []
    assert interrupt._idle == kept


def test_what_a_library_raises_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 / 0)


def test_calls_from_other_threads_and_from_within_a_call_do_not_wait_for_each_other():
    found = []
    thread = threading.Thread(target=lambda: found.append(interruptible(threading.get_ident)))
    thread.start()
    thread.join()
    assert found == [thread.ident]
    assert interruptible(lambda: interruptible(lambda: 5)) == 5


def test_small_solves_use_one_helper_thread():
    program = eo.Program([1.0, 2.0], [[1.0, 1.0]], 1.0, 2.0, 0, 1)
    eo.solve(program, "highs")
    before = threading.active_count()
    for _ in range(20):
        assert eo.solve(program, "highs").status == "optimal"
    assert threading.active_count() == before


def test_a_small_program_is_stopped_from_a_thread_that_listens():
    entered, leave = threading.Event(), threading.Event()
    assert signals.can_listen()
    before = signal.set_wakeup_fd(-1)
    interrupt_soon(entered)
    with pytest.raises(KeyboardInterrupt):
        # A lock's `acquire` would end at a signal by itself; a library, as this sleep stands for, does not.
        signals.listening(lambda: entered.set() or wait_like_a_library(leave), leave.set)
    assert leave.is_set()
    assert signal.set_wakeup_fd(before) == -1
    assert signals.listening(lambda: 3, leave.set) == 3


def wait_like_a_library(leave: threading.Event) -> None:
    """Wait where the main thread cannot be interrupted until `leave` is set."""
    thread = threading.Thread(target=leave.wait, args=(HANGS,))
    thread.start()
    while thread.is_alive():
        try:
            thread.join(HANGS)
        except KeyboardInterrupt:
            thread.join(HANGS)
            raise


def test_signals_go_on_to_whom_they_went_before():
    """An event loop (asyncio) reads signals from a file of its own."""
    out, into = os.pipe()
    os.set_blocking(into, False)
    caught = []
    old = signal.signal(signal.SIGUSR1, lambda number, frame: caught.append(number))
    before = signal.set_wakeup_fd(into)
    try:
        signals.listening(lambda: signal.raise_signal(signal.SIGUSR1), lambda: 1 / 0)
        assert os.read(out, 1) == bytes([signal.SIGUSR1])
        assert signal.set_wakeup_fd(before) == into
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGUSR1, old)
        os.close(out)
        os.close(into)
    assert caught == [signal.SIGUSR1]


def test_another_handler_of_ctrl_c_is_left_to_its_ways():
    counted = []
    old = signal.signal(signal.SIGINT, lambda number, frame: counted.append(number))
    try:
        assert not signals.can_listen()
        found = interruptible(lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT) or 4)
    finally:
        signal.signal(signal.SIGINT, old)
    assert found == 4
    assert counted == [signal.SIGINT]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_does_not_write_its_signals_to_its_parent():
    def work() -> int:
        child = os.fork()
        if child == 0:
            os._exit(0 if signal.set_wakeup_fd(-1) == -1 and not signals._ears and not interrupt._idle else 1)
        return os.waitpid(child, 0)[1]

    assert signals.listening(work, lambda: None) == 0
