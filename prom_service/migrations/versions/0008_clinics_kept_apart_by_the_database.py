"""Clinics kept apart by the database itself: row-level security on PostgreSQL"""

from alembic import op

from prom_service.migrations import row_security

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    row_security.protect_all(op.get_bind())


def downgrade() -> None:
    row_security.unprotect_all(op.get_bind())
