"""Escalation: who is told of a flag that nobody has acknowledged"""

import sqlalchemy as sa
from alembic import op

import prom_service.db

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('escalation_plan',
    sa.Column('owner', sa.String(length=200), nullable=False),
    sa.Column('owner_email', sa.String(length=200), nullable=False),
    sa.Column('deputy', sa.String(length=200), nullable=False),
    sa.Column('deputy_email', sa.String(length=200), nullable=False),
    sa.Column('manager', sa.String(length=200), nullable=False),
    sa.Column('manager_email', sa.String(length=200), nullable=False),
    sa.Column('working_hours', sa.JSON(), nullable=False),
    sa.Column('closed_on', sa.JSON(), nullable=False),
    sa.Column('changed_by', sa.String(length=80), nullable=False),
    sa.Column('changed_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_escalation_plan_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_escalation_plan')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_escalation_plan_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', name=op.f('uq_escalation_plan_clinic_id'))
    )
    op.create_table('last_look',
    sa.Column('looked_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('looked_by', sa.String(length=80), nullable=False),
    sa.Column('alarmed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('alarms', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_last_look_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_last_look')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_last_look_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', name=op.f('uq_last_look_clinic_id'))
    )
    op.create_table('alert',
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('step', sa.String(length=40), nullable=False),
    sa.Column('flag_id', sa.Uuid(), nullable=True),
    sa.Column('email', sa.String(length=200), nullable=False),
    sa.Column('planned_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('due_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('claimed_by', sa.String(length=80), nullable=True),
    sa.Column('sent_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('failed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(length=80), nullable=True),
    sa.Column('digest', sa.String(length=64), nullable=True),
    sa.Column('confirmed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("(kind = 'flag') = (flag_id IS NOT NULL)", name=op.f('ck_alert_flag')),
    sa.CheckConstraint("kind IN ('flag', 'silence', 'test')", name=op.f('ck_alert_kind')),
    sa.CheckConstraint("step IN ('owner', 'deputy', 'manager')", name=op.f('ck_alert_step')),
    sa.ForeignKeyConstraint(['clinic_id', 'flag_id'], ['flag.clinic_id', 'flag.id'], name=op.f('fk_alert_clinic_id_flag_id_flag')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_alert_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_alert_clinic_id_id')),
    sa.UniqueConstraint('digest', name=op.f('uq_alert_digest')),
    sa.UniqueConstraint('flag_id', 'step', 'planned_at', name=op.f('uq_alert_flag_id_step_planned_at'))
    )
    op.create_index('ix_alert_due', 'alert', ['due_at'])
    op.create_index('ix_alert_newest', 'alert', ['clinic_id', 'id'])
    # In words of its own: so SQLite need not make the table anew for a column with a check.
    op.execute(
        "ALTER TABLE flag ADD COLUMN escalated_to VARCHAR(40)"
        " CONSTRAINT ck_flag_escalated_to CHECK (escalated_to IN ('owner', 'deputy', 'manager'))"
    )
    op.add_column('flag', sa.Column('escalate_at', prom_service.db.UtcDateTime(timezone=True), nullable=True))
    op.create_index('ix_flag_escalate_at', 'flag', ['escalate_at'])
    op.execute("UPDATE flag SET escalate_at = updated_at WHERE status = 'open' AND severity IN ('urgent', 'high')")


def downgrade() -> None:
    op.drop_index('ix_flag_escalate_at', 'flag')
    op.drop_column('flag', 'escalate_at')
    op.drop_column('flag', 'escalated_to')
    for table in ('alert', 'last_look', 'escalation_plan'):
        op.drop_table(table)
