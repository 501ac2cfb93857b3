"""How long questions take"""

import sqlalchemy as sa
from alembic import op

import prom_service.db

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('pace',
    sa.Column('pathway', sa.String(length=100), nullable=False),
    sa.Column('timepoint', sa.String(length=40), nullable=False),
    sa.Column('seconds_per_item', sa.Double(), nullable=True),
    sa.Column('responses', sa.Integer(), nullable=False),
    sa.Column('computed_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('seconds_per_item IS NULL OR (seconds_per_item > 0 AND responses >= 30)', name=op.f('ck_pace_measured')),
    sa.PrimaryKeyConstraint('pathway', 'timepoint', name=op.f('pk_pace'))
    )


def downgrade() -> None:
    op.drop_table('pace')
