"""A key for rounding: the counts of an organisation's reports go up or down by it"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('organisation', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rounding_key', sa.String(length=64), nullable=True))
    organisation = sa.table('organisation', sa.column('id'), sa.column('rounding_key'))
    for key in op.get_bind().scalars(sa.select(organisation.c.id)).all():
        drawn = sa.update(organisation).where(organisation.c.id == key).values(rounding_key=secrets.token_hex(32))
        op.execute(drawn)
    with op.batch_alter_table('organisation', schema=None) as batch_op:
        batch_op.alter_column('rounding_key', existing_type=sa.String(length=64), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table('organisation', schema=None) as batch_op:
        batch_op.drop_column('rounding_key')
