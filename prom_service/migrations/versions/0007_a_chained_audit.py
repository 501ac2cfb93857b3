"""A chained audit of every read and change"""

import sqlalchemy as sa
from alembic import op

import prom_service.db

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

WRITTEN_ONCE = ("id", "clinic_id", "recorded_at", "actor", "act", "subjects", "shown", "detail", "request_id", "mac")
MESSAGE = "a fact is written once: audit_entry"


def refuse_edits() -> None:
    """Let the database take a seal once, and nothing else: no other edit, no deletion."""
    if op.get_bind().dialect.name == "sqlite":
        differs = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in WRITTEN_ONCE)
        op.execute(
            f"CREATE TRIGGER tr_audit_entry_sealed_once BEFORE UPDATE ON audit_entry "
            f"WHEN OLD.number IS NOT NULL OR NEW.number IS NULL OR {differs} "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )
        op.execute(
            f"CREATE TRIGGER tr_audit_entry_never_deleted BEFORE DELETE ON audit_entry "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )
        return
    old, new = (", ".join(f"{row}.{column}" for column in WRITTEN_ONCE) for row in ("OLD", "NEW"))
    op.execute(
        "CREATE FUNCTION refuse_audit_edit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'UPDATE' THEN "
        f"IF OLD.number IS NULL AND NEW.number IS NOT NULL AND ROW({old}) IS NOT DISTINCT FROM ROW({new}) "
        "THEN RETURN NEW; END IF; END IF; "
        f"RAISE EXCEPTION '{MESSAGE}'; END $$"
    )
    for name, event, each in (
        ("sealed_once", "UPDATE OR DELETE", "ROW"),
        ("never_emptied", "TRUNCATE", "STATEMENT"),
    ):
        op.execute(
            f"CREATE TRIGGER tr_audit_entry_{name} BEFORE {event} ON audit_entry "
            f"FOR EACH {each} EXECUTE FUNCTION refuse_audit_edit()"
        )


def upgrade() -> None:
    op.create_table('audit_chain',
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('sealed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('clinic_id', name=op.f('pk_audit_chain'))
    )
    op.create_table('audit_entry',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('act', sa.String(length=200), nullable=False),
    sa.Column('subjects', sa.Text(), nullable=False),
    sa.Column('shown', sa.Integer(), nullable=True),
    sa.Column('detail', sa.String(length=400), nullable=False),
    sa.Column('request_id', sa.String(length=40), nullable=True),
    sa.Column('mac', sa.String(length=64), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=True),
    sa.Column('hash', sa.String(length=64), nullable=True),
    sa.Column('sealed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint('(number IS NULL) = (hash IS NULL) AND (number IS NULL) = (sealed_at IS NULL)', name=op.f('ck_audit_entry_sealed_whole')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entry')),
    sa.UniqueConstraint('clinic_id', 'number', name=op.f('uq_audit_entry_clinic_id_number'))
    )
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.create_index('ix_audit_entry_unsealed', ['clinic_id', 'id'], unique=False, sqlite_where=sa.text('number IS NULL'), postgresql_where=sa.text('number IS NULL'))
    refuse_edits()


def downgrade() -> None:
    op.drop_table('audit_entry')
    op.drop_table('audit_chain')
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION refuse_audit_edit()")
