"""The ``troth`` command. It imports the rest of troth only once a command needs it, so that help appears at once."""

from troth.cli.main import main

__all__ = ["main"]
