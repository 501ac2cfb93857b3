"""Webhooks, their secrets and their deliveries"""

import sqlalchemy as sa
from alembic import op

import prom_service.db

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('webhook',
    sa.Column('url', sa.String(length=2000), nullable=False),
    sa.Column('event_types', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=40), nullable=False),
    sa.Column('state_reason', sa.String(length=80), nullable=True),
    sa.Column('state_since', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('resting_until', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('last_success_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('last_failure_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('last_failure', sa.String(length=80), nullable=True),
    sa.Column('created_by', sa.String(length=80), nullable=False),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("state IN ('active', 'disabled', 'ended')", name=op.f('ck_webhook_state')),
    sa.CheckConstraint('position >= 0', name=op.f('ck_webhook_position')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_webhook_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_webhook_clinic_id_id'))
    )
    op.create_table('webhook_secret',
    sa.Column('webhook_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('issued_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('ends_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'webhook_id'], ['webhook.clinic_id', 'webhook.id'], name=op.f('fk_webhook_secret_clinic_id_webhook_id_webhook')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_webhook_secret_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_secret')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_webhook_secret_clinic_id_id')),
    sa.UniqueConstraint('webhook_id', 'number', name=op.f('uq_webhook_secret_webhook_id_number'))
    )
    op.create_table('webhook_delivery',
    sa.Column('webhook_id', sa.Uuid(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=True),
    sa.Column('number', sa.Integer(), nullable=True),
    sa.Column('type', sa.String(length=40), nullable=False),
    sa.Column('phase', sa.String(length=40), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('claimed_by', sa.String(length=80), nullable=True),
    sa.Column('reason', sa.String(length=80), nullable=True),
    sa.Column('attempted_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('delivered_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("phase IN ('planned', 'claimed', 'delivered', 'dead')", name=op.f('ck_webhook_delivery_phase')),
    sa.CheckConstraint('(event_id IS NULL) = (number IS NULL)', name=op.f('ck_webhook_delivery_number')),
    sa.CheckConstraint("(due_at IS NULL) = (phase IN ('delivered', 'dead'))", name=op.f('ck_webhook_delivery_due_at')),
    sa.ForeignKeyConstraint(['clinic_id', 'event_id'], ['flag_event.clinic_id', 'flag_event.id'], name=op.f('fk_webhook_delivery_clinic_id_event_id_flag_event')),
    sa.ForeignKeyConstraint(['clinic_id', 'webhook_id'], ['webhook.clinic_id', 'webhook.id'], name=op.f('fk_webhook_delivery_clinic_id_webhook_id_webhook')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_webhook_delivery_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_delivery')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_webhook_delivery_clinic_id_id')),
    sa.UniqueConstraint('webhook_id', 'number', name=op.f('uq_webhook_delivery_webhook_id_number'))
    )
    with op.batch_alter_table('webhook_delivery', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_delivery_due', ['webhook_id', 'phase', 'due_at'], unique=False)
        batch_op.create_index('ix_webhook_delivery_list', ['clinic_id', 'webhook_id', 'id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('webhook_delivery', schema=None) as batch_op:
        batch_op.drop_index('ix_webhook_delivery_list')
        batch_op.drop_index('ix_webhook_delivery_due')

    op.drop_table('webhook_delivery')
    op.drop_table('webhook_secret')
    op.drop_table('webhook')
