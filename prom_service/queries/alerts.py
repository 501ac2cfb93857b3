"""Emails to staff about flags that wait, as a clinic reads them."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Alert


def newest_alerts(session: Session, clinic_id: uuid.UUID, *, limit: int) -> Sequence[Alert]:
    """Return the clinic's newest emails to staff, the newest first."""
    return session.scalars(
        select(Alert).where(Alert.clinic_id == clinic_id).order_by(Alert.id.desc()).limit(limit)
    ).all()
