"""What changed of episodes since an instant is found without reading every change"""

from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('episode_change', schema=None) as batch_op:
        batch_op.create_index('ix_episode_change_recorded', ['clinic_id', 'recorded_at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('episode_change', schema=None) as batch_op:
        batch_op.drop_index('ix_episode_change_recorded')
