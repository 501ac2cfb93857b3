"""A receiver of webhooks that is gone: the clinic's owner is told; old deliveries are found to be purged"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

RECEIVER = 'fk_alert_clinic_id_webhook_id_webhook'


def upgrade() -> None:
    with op.batch_alter_table('webhook_delivery', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_delivery_over', ['phase', 'attempted_at'], unique=False)
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.add_column(sa.Column('webhook_id', sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(batch_op.f(RECEIVER), 'webhook', ['clinic_id', 'webhook_id'], ['clinic_id', 'id'])
        batch_op.drop_constraint(batch_op.f('ck_alert_kind'), type_='check')
        batch_op.create_check_constraint(batch_op.f('ck_alert_kind'), "kind IN ('flag', 'silence', 'webhook', 'test')")
        batch_op.create_check_constraint(batch_op.f('ck_alert_webhook'), "(kind = 'webhook') = (webhook_id IS NOT NULL)")


def downgrade() -> None:
    op.execute("DELETE FROM alert WHERE kind = 'webhook'")
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_alert_webhook'), type_='check')
        batch_op.drop_constraint(batch_op.f('ck_alert_kind'), type_='check')
        batch_op.create_check_constraint(batch_op.f('ck_alert_kind'), "kind IN ('flag', 'silence', 'test')")
        batch_op.drop_constraint(batch_op.f(RECEIVER), type_='foreignkey')
        batch_op.drop_column('webhook_id')
    with op.batch_alter_table('webhook_delivery', schema=None) as batch_op:
        batch_op.drop_index('ix_webhook_delivery_over')
