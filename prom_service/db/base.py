"""What every table is made of."""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from prom_service.db.ids import Id
from prom_service.db.times import UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The tables. Every constraint has a name, so that a migration can find it on both databases."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it once, as a class attribute)
        dt.datetime: UtcDateTime(),
        uuid.UUID: Id(),
        dict[str, Any]: sa.JSON(),
        list[str]: sa.JSON(),
    }
