"""What reports count of every clinic, as it stood at the beginning of the month"""

import sqlalchemy as sa
from alembic import op

import prom_service.db
from prom_service.migrations import row_security

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('kept_counts',
    sa.Column('as_of', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('version', sa.String(length=40), nullable=False),
    sa.Column('words', sa.JSON(), nullable=False),
    sa.Column('episodes', sa.LargeBinary(), nullable=False),
    sa.Column('cells', sa.LargeBinary(), nullable=False),
    sa.Column('services', sa.LargeBinary(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_kept_counts_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_kept_counts')),
    sa.UniqueConstraint('clinic_id', name=op.f('uq_kept_counts_clinic_id'))
    )
    row_security.protect(op.get_bind(), "kept_counts")


def downgrade() -> None:
    op.drop_table('kept_counts')
