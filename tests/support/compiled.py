"""What SQLAlchemy compiled, kept from test to test: it belongs to an engine, and every test has engines of its own."""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import sqlalchemy as sa

STATEMENTS = 10_000
"""As many as the whole suite has, so that none is compiled twice."""


@contextlib.contextmanager
def compiled_once() -> Iterator[None]:
    """While the block runs, engines of one kind share a dialect and what was compiled for it, and nothing else."""
    known: dict[tuple[str, str], tuple[Any, Any]] = {}
    create = sa.create_engine

    def create_engine(url: str | sa.URL, **options: Any) -> sa.Engine:
        engine = create(url, query_cache_size=STATEMENTS, **options)
        kind = engine.name, repr(sorted(options.items()))
        if kind in known:
            engine.dialect, engine._compiled_cache = known[kind]
            return engine

        @sa.event.listens_for(engine, "engine_connect", once=True)
        def _now_the_dialect_knows_its_server(_connection: sa.Connection) -> None:
            known.setdefault(kind, (engine.dialect, engine._compiled_cache))

        return engine

    with mock.patch.object(sa, "create_engine", create_engine):
        yield
