"""Reports made in the background, and those that come every month"""

import sqlalchemy as sa
from alembic import op

import prom_service.db
from prom_service.migrations import row_security

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('report_subscription',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=True),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('whose', sa.String(length=40), nullable=False),
    sa.Column('report', sa.String(length=40), nullable=False),
    sa.Column('group_by', sa.String(length=40), nullable=False),
    sa.Column('form', sa.String(length=40), nullable=False),
    sa.Column('next_due_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.String(length=80), nullable=False),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(clinic_id IS NULL) = (whose = 'team')", name=op.f('ck_report_subscription_whose')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_report_subscription_clinic_id_clinic')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_report_subscription_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_report_subscription_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_subscription')),
    sa.UniqueConstraint('user_id', 'whose', 'report', 'group_by', 'form', name=op.f('uq_report_subscription_user_id_whose_report_group_by_form'))
    )
    with op.batch_alter_table('report_subscription', schema=None) as batch_op:
        batch_op.create_index('ix_report_subscription_due', ['next_due_at'], unique=False)

    op.create_table('report_task',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=True),
    sa.Column('clinic_ids', sa.JSON(), nullable=False),
    sa.Column('requested_by', sa.String(length=80), nullable=False),
    sa.Column('subscription_id', sa.Uuid(), nullable=True),
    sa.Column('month', sa.Date(), nullable=True),
    sa.Column('report', sa.String(length=40), nullable=False),
    sa.Column('form', sa.String(length=40), nullable=False),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('status', sa.String(length=40), nullable=False),
    sa.Column('progress', sa.Integer(), nullable=False),
    sa.Column('due_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('claimed_by', sa.String(length=80), nullable=True),
    sa.Column('reason', sa.String(length=200), nullable=True),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('finished_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('expires_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=True),
    sa.CheckConstraint("(due_at IS NULL) = (status NOT IN ('queued', 'running'))", name=op.f('ck_report_task_due_at')),
    sa.CheckConstraint("status IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f('ck_report_task_status')),
    sa.CheckConstraint('progress BETWEEN 0 AND 100', name=op.f('ck_report_task_progress')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_report_task_clinic_id_clinic')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_report_task_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['subscription_id'], ['report_subscription.id'], name=op.f('fk_report_task_subscription_id_report_subscription'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_task')),
    sa.UniqueConstraint('subscription_id', 'month', name=op.f('uq_report_task_subscription_id_month'))
    )
    with op.batch_alter_table('report_task', schema=None) as batch_op:
        batch_op.create_index('ix_report_task_due', ['due_at'], unique=False)
        batch_op.create_index('ix_report_task_expiry', ['expires_at'], unique=False)
        batch_op.create_index('ix_report_task_list', ['requested_by', 'id'], unique=False)

    op.create_table('report_letter',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('task_id', sa.Uuid(), nullable=False),
    sa.Column('email', sa.String(length=200), nullable=False),
    sa.Column('due_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('claimed_by', sa.String(length=80), nullable=True),
    sa.Column('sent_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('failed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(length=80), nullable=True),
    sa.ForeignKeyConstraint(['task_id'], ['report_task.id'], name=op.f('fk_report_letter_task_id_report_task'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_letter')),
    sa.UniqueConstraint('task_id', name=op.f('uq_report_letter_task_id'))
    )
    with op.batch_alter_table('report_letter', schema=None) as batch_op:
        batch_op.create_index('ix_report_letter_due', ['due_at'], unique=False)

    for table in ("report_subscription", "report_task"):
        row_security.protect(op.get_bind(), table)


def downgrade() -> None:
    with op.batch_alter_table('report_letter', schema=None) as batch_op:
        batch_op.drop_index('ix_report_letter_due')

    op.drop_table('report_letter')
    with op.batch_alter_table('report_task', schema=None) as batch_op:
        batch_op.drop_index('ix_report_task_list')
        batch_op.drop_index('ix_report_task_expiry')
        batch_op.drop_index('ix_report_task_due')

    op.drop_table('report_task')
    with op.batch_alter_table('report_subscription', schema=None) as batch_op:
        batch_op.drop_index('ix_report_subscription_due')

    op.drop_table('report_subscription')
