"""What was reported again of visits since an instant is found without reading every version"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

AGAIN = sa.text('number > 1')


def upgrade() -> None:
    with op.batch_alter_table('visit_version', schema=None) as batch_op:
        batch_op.create_index(
            'ix_visit_version_again',
            ['clinic_id', 'recorded_at'],
            unique=False,
            sqlite_where=AGAIN,
            postgresql_where=AGAIN,
        )


def downgrade() -> None:
    with op.batch_alter_table('visit_version', schema=None) as batch_op:
        batch_op.drop_index('ix_visit_version_again')
