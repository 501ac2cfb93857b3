"""What reports rest on, kept as it stood at the beginning of a month, so that it need not be found again."""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import TenantOwned, Word


class KeptCounts(TenantOwned, Base):
    """What the utilization report counts of every episode of one clinic, as of an instant. One row for each clinic.

    ``reports.kept.content`` says what is in it. No name, number or id of a patient is, nor of an episode: what is said
    of one stands under its place among the clinic's. The row can be deleted at any time; it is made again.
    """

    __tablename__ = "kept_counts"
    __table_args__ = (sa.UniqueConstraint("clinic_id"),)

    as_of: Mapped[dt.datetime]
    """The beginning of a month in UTC; nothing recorded after it is in the counts."""
    version: Mapped[Word]
    """The program that counted: another may count otherwise."""
    words: Mapped[dict[str, Any]]
    episodes: Mapped[bytes] = mapped_column(sa.LargeBinary())
    cells: Mapped[bytes] = mapped_column(sa.LargeBinary())
    services: Mapped[bytes] = mapped_column(sa.LargeBinary())
