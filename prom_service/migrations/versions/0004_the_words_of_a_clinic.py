"""The words of a clinic: wording packs, and its own texts in each language"""

import sqlalchemy as sa
from alembic import op

import prom_service.db

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

FACTS = ("wording_pack", "wording_withdrawal", "pinned_pack")


def refuse_edits(table: str) -> None:
    how = (
        f"BEGIN SELECT RAISE(ABORT, 'a fact is written once: {table}'); END"
        if op.get_bind().dialect.name == "sqlite"
        else "FOR EACH ROW EXECUTE FUNCTION refuse_edit()"
    )
    op.execute(f"CREATE TRIGGER tr_{table}_written_once BEFORE UPDATE ON {table} {how}")


def upgrade() -> None:
    op.create_table('wording_pack',
    sa.Column('instrument', sa.String(length=100), nullable=False),
    sa.Column('language', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('wording', sa.String(length=40), nullable=False),
    sa.Column('source', sa.String(length=200), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('loaded_by', sa.String(length=80), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("wording IN ('own', 'official')", name=op.f('ck_wording_pack_wording')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_wording_pack_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wording_pack')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_wording_pack_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', 'instrument', 'language', 'number', name=op.f('uq_wording_pack_clinic_id_instrument_language_number'))
    )
    op.create_table('wording_withdrawal',
    sa.Column('pack_id', sa.Uuid(), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'pack_id'], ['wording_pack.clinic_id', 'wording_pack.id'], name=op.f('fk_wording_withdrawal_clinic_id_pack_id_wording_pack')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_wording_withdrawal_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wording_withdrawal')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_wording_withdrawal_clinic_id_id')),
    sa.UniqueConstraint('pack_id', name=op.f('uq_wording_withdrawal_pack_id'))
    )
    op.create_table('pinned_pack',
    sa.Column('administration_id', sa.Uuid(), nullable=False),
    sa.Column('instrument', sa.String(length=100), nullable=False),
    sa.Column('pack_id', sa.Uuid(), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'administration_id'], ['administration.clinic_id', 'administration.id'], name=op.f('fk_pinned_pack_clinic_id_administration_id_administration')),
    sa.ForeignKeyConstraint(['clinic_id', 'pack_id'], ['wording_pack.clinic_id', 'wording_pack.id'], name=op.f('fk_pinned_pack_clinic_id_pack_id_wording_pack')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_pinned_pack_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pinned_pack')),
    sa.UniqueConstraint('administration_id', 'instrument', name=op.f('uq_pinned_pack_administration_id_instrument')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_pinned_pack_clinic_id_id'))
    )
    op.create_table('clinic_text',
    sa.Column('language', sa.String(length=40), nullable=False),
    sa.Column('reply_hours', sa.String(length=200), nullable=False),
    sa.Column('urgent_text', sa.String(length=1000), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_clinic_text_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clinic_text')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_clinic_text_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', 'language', name=op.f('uq_clinic_text_clinic_id_language'))
    )
    for table in FACTS:
        refuse_edits(table)
    with op.batch_alter_table('answer_set', schema=None) as batch_op:
        batch_op.add_column(sa.Column('pack_id', sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_answer_set_clinic_id_pack_id_wording_pack'), 'wording_pack', ['clinic_id', 'pack_id'], ['clinic_id', 'id'])
    restore_refusal()


def downgrade() -> None:
    with op.batch_alter_table('answer_set', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_answer_set_clinic_id_pack_id_wording_pack'), type_='foreignkey')
        batch_op.drop_column('pack_id')
    restore_refusal()
    op.drop_table('clinic_text')
    for table in reversed(FACTS):
        op.drop_table(table)


def restore_refusal() -> None:
    """SQLite makes the table anew to change it, and the new one has no trigger yet."""
    if op.get_bind().dialect.name == "sqlite":
        refuse_edits("answer_set")
