"""A brake on sending"""

import sqlalchemy as sa
from alembic import op

import prom_service.db

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('brake',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('detail', sa.String(length=200), nullable=False),
    sa.Column('pulled_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('released_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('released_by', sa.String(length=80), nullable=True),
    sa.Column('forgiven_until', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint("reason IN ('clock_jumped', 'clock_behind', 'too_many_claims')", name=op.f('ck_brake_reason')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_brake'))
    )
    op.create_index('ix_message_event_kind', 'message_event', ['kind', 'at'])


def downgrade() -> None:
    op.drop_index('ix_message_event_kind', table_name='message_event')
    op.drop_table('brake')
