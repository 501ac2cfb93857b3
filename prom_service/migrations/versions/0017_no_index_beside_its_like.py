"""Flags and alerts lose the indexes that lead nowhere a unique key does not lead"""

from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

NEEDLESS = {
    'ix_flag_newest': ('flag', ['clinic_id', 'id']),
    'ix_flag_episode': ('flag', ['clinic_id', 'episode_id']),
    'ix_alert_newest': ('alert', ['clinic_id', 'id']),
}


def upgrade() -> None:
    for name, (table, _columns) in NEEDLESS.items():
        op.drop_index(name, table)


def downgrade() -> None:
    for name, (table, columns) in NEEDLESS.items():
        op.create_index(name, table, columns)
