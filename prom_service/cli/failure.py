"""How a failure is told: one plain sentence on standard error and exit code 1. No value and no traceback is shown."""

import contextlib
import os
import traceback
from collections.abc import Iterator

import click


@contextlib.contextmanager
def told_plainly() -> Iterator[None]:
    """Turn whatever the block raises into a ``ClickException``; let through what click itself understands."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 (the door: behind it is only the terminal)
        raise click.ClickException(describe(error)) from None


def describe(error: Exception) -> str:
    """Return what went wrong, in words that may be shown."""
    from sqlalchemy.exc import DatabaseError, NoSuchModuleError

    from instruments.errors import InstrumentsError  # Only a command that failed pays for these.
    from prom_service.errors import InvalidInputError, PromError

    if isinstance(error, InvalidInputError):
        return "\n".join(f"{field}: {' '.join(texts)}" for field, texts in error.errors.items())
    if isinstance(error, PromError | InstrumentsError):
        return str(error)
    if isinstance(error, DatabaseError | NoSuchModuleError):
        return _database(error)
    if isinstance(error, UnicodeDecodeError):
        return "The file is not UTF-8."
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    return f"This should not have happened ({type(error).__name__}). PROM_LOG_LEVEL=DEBUG shows where." + _where(error)


def _database(error: Exception) -> str:
    """Say what is wrong with the database, as far as that may be said."""
    from prom_service.db import cause, why_unreachable

    unreachable = why_unreachable(error)
    if unreachable:
        return f"The database cannot be reached: {unreachable}."
    reason = cause(error)
    return f"The database does not answer as it should ({reason}). `prom config check` and `prom db check` may say why."


def _where(error: Exception) -> str:
    """Return the lines of code the error came through, when asked for; never its text, which may hold an answer."""
    if os.environ.get("PROM_LOG_LEVEL", "").upper() != "DEBUG":
        return ""
    return "\n" + "".join(traceback.format_tb(error.__traceback__)).rstrip()
