"""When an episode was assessed and is due again has a row of its own, not one beside seven indexes"""

import sqlalchemy as sa
from alembic import op

import prom_service.db
from prom_service.migrations import row_security

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'assessment',
        sa.Column('due_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column('assessed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column('id', prom_service.db.Id(), nullable=False),
        sa.Column('clinic_id', prom_service.db.Id(), nullable=False),
        sa.ForeignKeyConstraint(
            ['clinic_id', 'id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_assessment_clinic_id_id_episode')
        ),
        sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_assessment_clinic_id_clinic')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_assessment')),
    )
    op.execute(
        'INSERT INTO assessment (id, clinic_id, due_at, assessed_at)'
        ' SELECT id, clinic_id, assess_after, assessed_at FROM episode ORDER BY id'
    )
    op.create_index(op.f('ix_assessment_due_at'), 'assessment', ['due_at'])
    row_security.protect(op.get_bind(), 'assessment')
    op.drop_index(op.f('ix_episode_assess_after'), 'episode')
    op.drop_column('episode', 'assess_after')
    op.drop_column('episode', 'assessed_at')


def downgrade() -> None:
    op.add_column('episode', sa.Column('assess_after', prom_service.db.UtcDateTime(timezone=True), nullable=True))
    op.add_column('episode', sa.Column('assessed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True))
    op.execute(
        'UPDATE episode SET (assess_after, assessed_at) ='
        ' (SELECT due_at, assessed_at FROM assessment WHERE assessment.id = episode.id)'
    )
    op.create_index(op.f('ix_episode_assess_after'), 'episode', ['assess_after'])
    op.drop_table('assessment')
