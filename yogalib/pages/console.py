"""What a notebook says while make runs it: its runs and progress bars, a line each."""

import logging
from time import perf_counter


def quiet_papermill(notebook: str) -> None:
    """Let through, of all that papermill says, what the notebook's runs and progress bars print, a line each."""
    handler = logging.StreamHandler()
    handler.terminator = ""
    handler.addFilter(_Told())
    handler.setFormatter(_Lines(f"[{notebook}] "))
    logger = logging.getLogger("papermill")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)


class _Told(logging.Filter):
    """What a kernel prints as an error, and a progress bar twice a minute at most, less the full ones."""

    def __init__(self):
        super().__init__()
        self.last_bar = perf_counter()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage().strip()
        if record.levelno < logging.WARNING or not text or "100%|" in text:
            return False
        if "%|" not in text:
            return True
        due = perf_counter() - self.last_bar >= 30
        self.last_bar = perf_counter() if due else self.last_bar
        return due


class _Lines(logging.Formatter):
    """One line of the terminal per message, also for progress bars, which redraw theirs."""

    def __init__(self, prefix: str):
        super().__init__()
        self.prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage().strip().rpartition("\r")[2]
        return "".join(f"{self.prefix}{line}\n" for line in text.splitlines())
