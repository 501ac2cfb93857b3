"""Who may come in: a second factor for the staff, and clinics kept apart by PostgreSQL itself"""

import sqlalchemy as sa
from alembic import op

import prom_service.db
from prom_service.migrations import row_security

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('recovery_code',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('used_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_recovery_code_user_id_user')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_recovery_code'))
    )
    op.create_index(op.f('ix_recovery_code_user_id'), 'recovery_code', ['user_id'], unique=False)
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.add_column(sa.Column('code_generation', sa.Integer(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('codes_since', prom_service.db.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('last_code_step', sa.Integer(), nullable=True))
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.alter_column('code_generation', server_default=None)
    with op.batch_alter_table('staff_session', schema=None) as batch_op:
        batch_op.add_column(sa.Column('confirmed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True))
    op.execute("UPDATE staff_session SET confirmed_at = created_at")
    row_security.protect_all(op.get_bind())


def downgrade() -> None:
    row_security.unprotect_all(op.get_bind())
    with op.batch_alter_table('staff_session', schema=None) as batch_op:
        batch_op.drop_column('confirmed_at')
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.drop_column('last_code_step')
        batch_op.drop_column('codes_since')
        batch_op.drop_column('code_generation')
    op.drop_table('recovery_code')
