"""The process between a caller and an isolated solver (Linux): it adopts whatever the solver starts, and ends it all.

A program can leave its process group and its session, and outlive the process that started it, but it cannot leave a
child subreaper: whatever loses its parent below this process becomes a direct child of it. So direct children are all
that is ever killed, again and again until the system says that there are none. A child keeps its number until this
process has waited for it: no signal can reach a process that is not below this one.

It runs as a file and imports the standard library only, so that it starts in some milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time

EXIT_CODE = "exit_code"
"""File in the folder of a call that holds the worker's exit code, negative for a signal."""
PATIENCE = 10.0
"""Seconds after which processes that even SIGKILL does not end (blocked in the kernel, another user's) are given up."""
_HEARTBEAT = 1.0
_SET_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36


def main(folder: str, caller: int) -> None:
    """Run the worker on `folder` until it ends, `caller` sends SIGTERM or is dead; leave no process behind."""
    for number in (signal.SIGTERM, signal.SIGCHLD):  # a caller that ignores them hands that on
        signal.signal(number, signal.SIG_DFL)
    # Blocked, a signal waits until it is asked for: none can arrive between the start of the worker and its end.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    set_process(_SET_CHILD_SUBREAPER, 1)
    die_with_parent(signal.SIGTERM)
    code = _run(folder, before) if os.getppid() == caller else None
    end_children()
    if os.getppid() != caller:
        _remove(folder)
    elif code is None:
        sys.exit("the isolated solver was told to stop")
    else:
        with open(os.path.join(folder, EXIT_CODE), "w") as file:
            file.write(str(code))


def die_with_parent(number: int) -> None:
    """Let the system send this process a signal when the one that started it ends: nobody would read the answer."""
    set_process(_SET_DEATH_SIGNAL, number)


def set_process(option: int, value: int) -> None:
    """Call Linux's ``prctl``."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}, {value}): {os.strerror(error)}")


def _run(folder: str, mask: set[int | signal.Signals]) -> int | None:
    """Exit code of the worker; None if it has to be stopped."""
    words = [sys.executable, "-m", "edgeopt.solving.worker", folder]
    worker = os.posix_spawn(sys.executable, words, os.environ, setpgroup=0, setsigmask=mask)
    # A caller that was interrupted while it started this process cannot tell it to stop, but removes the folder.
    while os.path.isdir(folder):
        told = signal.sigtimedwait({signal.SIGTERM, signal.SIGCHLD}, _HEARTBEAT)
        if told is not None and told.si_signo == signal.SIGTERM:
            return None
        ended = _reap()
        if ended is not None and worker in ended:
            return ended[worker]
        if ended is None:
            return None
    return None


def _reap() -> dict[int, int] | None:
    """Exit codes of the children that have ended; None if there is no child at all, ended or not."""
    codes: dict[int, int] = {}
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return codes or None
        if child == 0:
            return codes
        codes[child] = os.waitstatus_to_exitcode(status)


def end_children() -> None:
    """Kill the children of this process and, as it adopts them, all their descendants."""
    deadline = time.monotonic() + PATIENCE
    while _reap() is not None and time.monotonic() < deadline:
        for child in children(os.getpid()):
            try:
                os.kill(child, signal.SIGKILL)
            except PermissionError:  # it runs as another user now
                continue
        time.sleep(0.001)


def children(pid: int) -> list[int]:
    """Numbers of the processes that `pid` has started or adopted; none where the system does not tell (not Linux)."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        return [int(entry) for entry in os.listdir("/proc") if entry.isdecimal() and _parent(entry) == pid]
    found = []
    for task in tasks:
        found += [int(child) for child in _read(f"/proc/{pid}/task/{task}/children").split()]
    return found


def _parent(pid: str) -> int | None:
    # The second field is the program's name in parentheses, which may hold anything.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else None


def _read(file: str) -> str:
    """Text of a file of a process; empty if the process, or the thread, has ended."""
    try:
        with open(file, errors="replace") as lines:
            return lines.read()
    except OSError:
        return ""


def resident(pid: int) -> float:
    """Resident bytes of all descendants of a process, itself not included; 0 where the system does not tell."""
    pages, seen, rest = 0, set(), children(pid)
    while rest:
        child = rest.pop()
        if child not in seen:
            seen.add(child)
            rest += children(child)
            fields = _read(f"/proc/{child}/statm").split()
            pages += int(fields[1]) if len(fields) > 1 else 0
    return float(pages * os.sysconf("SC_PAGE_SIZE")) if pages else 0.0


def _remove(folder: str) -> None:
    """Do the work of a caller that was killed."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    try:
        os.rmdir(os.path.dirname(folder))  # the one that the caller had locked
    except OSError:  # in use, or removed by another call already
        return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
