"""A clinic's own versions of a pathway: drafted, previewed, activated by a second person"""

import sqlalchemy as sa
from alembic import op

import prom_service.db
from prom_service.migrations import row_security

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

FACTS = ("clinic_pathway", "pathway_preview", "pathway_activation")


def refuse_edits(table: str) -> None:
    how = (
        f"BEGIN SELECT RAISE(ABORT, 'a fact is written once: {table}'); END"
        if op.get_bind().dialect.name == "sqlite"
        else "FOR EACH ROW EXECUTE FUNCTION refuse_edit()"
    )
    op.execute(f"CREATE TRIGGER tr_{table}_written_once BEFORE UPDATE ON {table} {how}")


def upgrade() -> None:
    op.create_table('clinic_pathway',
    sa.Column('base', sa.String(length=100), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('ref', sa.String(length=100), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('note', sa.String(length=1000), nullable=False),
    sa.Column('author_id', sa.Uuid(), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint('number >= 1', name=op.f('ck_clinic_pathway_number')),
    sa.ForeignKeyConstraint(['author_id'], ['user.id'], name=op.f('fk_clinic_pathway_author_id_user')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_clinic_pathway_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clinic_pathway')),
    sa.UniqueConstraint('clinic_id', 'base', 'number', name=op.f('uq_clinic_pathway_clinic_id_base_number')),
    sa.UniqueConstraint('clinic_id', 'id', 'base', 'author_id', name='uq_clinic_pathway_author'),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_clinic_pathway_clinic_id_id')),
    sa.UniqueConstraint('ref', name=op.f('uq_clinic_pathway_ref'))
    )
    op.create_table('pathway_preview',
    sa.Column('version_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('against', sa.String(length=100), nullable=False),
    sa.Column('seen_by_id', sa.Uuid(), nullable=False),
    sa.Column('figures', sa.JSON(), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'version_id'], ['clinic_pathway.clinic_id', 'clinic_pathway.id'], name=op.f('fk_pathway_preview_clinic_id_version_id_clinic_pathway')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_pathway_preview_clinic_id_clinic')),
    sa.ForeignKeyConstraint(['seen_by_id'], ['user.id'], name=op.f('fk_pathway_preview_seen_by_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pathway_preview')),
    sa.UniqueConstraint('clinic_id', 'id', 'version_id', 'seen_by_id', name='uq_pathway_preview_seen'),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_pathway_preview_clinic_id_id'))
    )
    with op.batch_alter_table('pathway_preview', schema=None) as batch_op:
        batch_op.create_index('ix_pathway_preview_version', ['clinic_id', 'version_id'], unique=False)

    op.create_table('pathway_activation',
    sa.Column('base', sa.String(length=100), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('version_id', sa.Uuid(), nullable=False),
    sa.Column('author_id', sa.Uuid(), nullable=False),
    sa.Column('preview_id', sa.Uuid(), nullable=False),
    sa.Column('activated_by_id', sa.Uuid(), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint('author_id <> activated_by_id', name=op.f('ck_pathway_activation_two_persons')),
    sa.ForeignKeyConstraint(['clinic_id', 'preview_id', 'version_id', 'activated_by_id'], ['pathway_preview.clinic_id', 'pathway_preview.id', 'pathway_preview.version_id', 'pathway_preview.seen_by_id'], name='fk_pathway_activation_preview'),
    sa.ForeignKeyConstraint(['clinic_id', 'version_id', 'base', 'author_id'], ['clinic_pathway.clinic_id', 'clinic_pathway.id', 'clinic_pathway.base', 'clinic_pathway.author_id'], name='fk_pathway_activation_version'),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_pathway_activation_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pathway_activation')),
    sa.UniqueConstraint('clinic_id', 'base', 'number', name=op.f('uq_pathway_activation_clinic_id_base_number')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_pathway_activation_clinic_id_id'))
    )
    for table in FACTS:
        refuse_edits(table)
        row_security.protect(op.get_bind(), table)


def downgrade() -> None:
    op.drop_table('pathway_activation')
    with op.batch_alter_table('pathway_preview', schema=None) as batch_op:
        batch_op.drop_index('ix_pathway_preview_version')

    op.drop_table('pathway_preview')
    op.drop_table('clinic_pathway')
