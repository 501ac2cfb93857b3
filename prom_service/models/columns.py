"""The pieces every table is made of: keys of a tenant, references inside a tenant, words from a fixed list."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Annotated

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from prom_service.db import Id, new_id

Key = Annotated[uuid.UUID, mapped_column(Id(), primary_key=True, default=new_id)]
Name = Annotated[str, mapped_column(sa.String(200))]
Code = Annotated[str, mapped_column(sa.String(100))]
Word = Annotated[str, mapped_column(sa.String(40))]
Actor = Annotated[str, mapped_column(sa.String(80))]
"""Who did it: ``patient``, ``sweep``, ``key:<id>``, ``user:<id>``, ``command``."""
RecordedAt = Annotated[dt.datetime, mapped_column()]
"""When this service learned of the fact; never changed, so that a past report can be made again."""


class TenantOwned:
    """A row of one clinic. Its children refer to it by clinic *and* id: a reference across clinics cannot be stored."""

    id: Mapped[Key]

    @declared_attr
    def clinic_id(cls) -> Mapped[uuid.UUID]:  # noqa: N805 (SQLAlchemy passes the class)
        return mapped_column(sa.ForeignKey("clinic.id"))


def tenant_key() -> sa.UniqueConstraint:
    """Return the key that children of this table refer to."""
    return sa.UniqueConstraint("clinic_id", "id")


def belongs_to(table: str, column: str | None = None) -> sa.ForeignKeyConstraint:
    """Return a reference to a row of the same clinic: ``<table>_id`` unless ``column`` says otherwise."""
    return sa.ForeignKeyConstraint(["clinic_id", column or f"{table}_id"], [f"{table}.clinic_id", f"{table}.id"])


def one_of(column: str, words: Iterable[str]) -> sa.CheckConstraint:
    """Return the check that ``column`` holds one of ``words``."""
    allowed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({allowed})", name=column)
