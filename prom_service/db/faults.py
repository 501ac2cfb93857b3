"""What may be said of an error of the database: its own text may hold a row, or a password."""

from typing import Any


def cause(error: BaseException) -> str:
    """Return what the driver calls an error, such as ``SQLITE_FULL`` or ``DiskFull``; of any other its kind."""
    driver: Any = getattr(error, "orig", None) or error
    return getattr(driver, "sqlite_errorname", None) or type(driver).__name__


def why_unreachable(error: BaseException) -> str | None:
    """Return why PostgreSQL is not reached, in the words of a connection that was begun; None of any other error.

    Only an error of a statement has a code. A name that is not resolved may hold a piece of a password with an ``@``.
    """
    driver: Any = getattr(error, "orig", None)
    if str(driver).startswith("failed to resolve host"):
        return "the name of its host is not known"
    if str(driver).startswith("connection timeout expired"):
        return "its host does not answer"
    if getattr(driver, "pgconn", None) is None or driver.sqlstate is not None:
        return None
    return str(driver).partition("\n")[0].removeprefix("connection failed: ").removesuffix(".")
