"""The one exception that is meant for the person at the keyboard."""


class BadInput(ValueError):
    """What the user gave can't be worked with; the message says what, where and what to do.

    The command line prints it as one line without a traceback and exits with code 2; so do notebooks, less the code.
    """

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback."""
        return [f"yogalib: {self}"]
