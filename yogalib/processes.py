"""Work in processes of its own, which end with their parent: many pieces side by side, or one function apart.

By joblib's loky, whose workers do not import the script that starts them. Python's own spawned workers do: a plain script without
`if __name__ == "__main__":` then opens its study once more in each of them, and they wait for the file lock that their parent holds.
"""

import gc
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil
from joblib import cpu_count
from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor
from tqdm import tqdm

LOOK = 0.25  # seconds between two looks at whether the other process is there


@contextmanager
def process_pool(
    count: int, environment: dict[str, str] | None = None, log: Path | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of processes, gone when the block ends; when it ends by an error or Ctrl-C, at once, whatever they are at.

    environment : what they shall find in it beside ours, from their start. log : a file for what they print, else it is shown.
    """
    pool = ProcessPoolExecutor(count, initializer=_begin, initargs=(os.getpid(), log), env=environment)
    try:
        yield pool
    except BaseException:
        pool.shutdown(kill_workers=True)
        raise
    pool.shutdown()


@cache  # one watch is enough: a worker of Ray's does many tasks for the same process
def end_with(number: int) -> None:
    """Let this process end, whatever it is at, as soon as another one has: nobody waits for its work any more.

    The other need not be its parent, whose number changes to that of whoever takes orphans in.
    """
    threading.Thread(target=_watch, args=(number,), daemon=True).start()


def begin_for(number: int) -> None:
    """Ready a process that works for another one: it ends with it, and collects seldom."""
    end_with(number)
    collect_seldom()


def collect_seldom() -> None:
    """Let Python look less often for cycles of objects that nobody needs: each look passes through all that torch and its like hold.

    What is in no cycle is freed at once as ever. With Python's own 700 a third of ROAD's time and a fifth of all imports went into looking.
    """
    gc.set_threshold(20_000)


def in_parallel(work: Callable, pieces: Iterable[tuple], desc: str, unit: str, most: int | None = None) -> list:
    """Return `work(*piece)` of each piece, in their order, done in as many processes as there are cores, or `most`.

    desc, unit : of the progress bar, which comes where it takes longer than two seconds.
    """
    pieces = list(pieces)
    with process_pool(max(1, min(cpu_count(), most or len(pieces), len(pieces)))) as pool:
        jobs = [pool.submit(work, *piece) for piece in pieces]
        return [job.result() for job in tqdm(jobs, desc=desc, unit=unit, mininterval=10, delay=2)]


def in_own_process(work: Callable, *arguments, environment: dict[str, str], log: Path):
    """Return `work(*arguments)`, done in a fresh process; environment, log : as `process_pool` has them.

    Raises RuntimeError with the error's words, or with the last ones printed when the process died.
    """
    with process_pool(1, environment, log) as pool:
        try:
            return pool.submit(_in_words, work, arguments).result()
        except BrokenProcessPool as error:  # such as for want of memory
            said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            raise RuntimeError(f"{error}\n{said[-2000:]}".strip()) from error


def _begin(parent: int, log: Path | None) -> None:
    """Ready a worker: Ctrl-C is its parent's to take, and when the parent has died, nobody waits for the work any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begin_for(parent)
    if log is not None:
        with log.open("ab") as file:  # by number, so that what C libraries print goes there too
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)


def _watch(number: int) -> None:
    with suppress(psutil.NoSuchProcess):
        other, handled = psutil.Process(number), _handles_hangup(number)
        # a killed process that nobody has waited for keeps its number; another one that is given the number is not the same
        while other.is_running() and other.status() != psutil.STATUS_ZOMBIE:
            # GNU make, when it alone is told to hang up, gives the signal back to the system and waits for what it has started: for us
            if handled and not _handles_hangup(number):
                break
            time.sleep(LOOK)
    os._exit(1)


def _handles_hangup(number: int) -> bool:
    """Return whether a process handles SIGHUP by itself, which Linux alone tells; where nothing tells, it is taken to."""
    with suppress(OSError):
        status = Path(f"/proc/{number}/status").read_text(encoding="ascii", errors="replace")
        if caught := re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE):
            return bool(int(caught[1], 16) >> (signal.SIGHUP - 1) & 1)
    return True


def _in_words(work: Callable, arguments: tuple):
    """Do the work; an error goes to the parent as words, for its class may be of a library that the parent is to do without."""
    try:
        return work(*arguments)
    except Exception as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
