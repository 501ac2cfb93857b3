"""Ids are 16 bytes on SQLite, no longer 32 letters, in each table and each index"""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

LETTERS, BYTES = 'CHAR(32)', 'BLOB'
AN_ID = r'\b(id|\w+_id)'
ANEW = 'made_anew'
PARTS = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :table AND type IN ('index', 'trigger') AND sql <> ''")


def upgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':  # PostgreSQL has a type of its own for them.
        driver: Any = op.get_bind().connection.driver_connection
        driver.create_function('from_hex', 1, lambda text: text and bytes.fromhex(text), deterministic=True)
        make_anew(LETTERS, BYTES, 'from_hex({0})')


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        make_anew(BYTES, LETTERS, 'CASE WHEN {0} IS NOT NULL THEN lower(hex({0})) END')


def make_anew(before: str, after: str, converted: str) -> None:
    """Write every table that has ids once more, with ids of the other type, and with its indexes and triggers.

    As SQLite's documentation orders it (*Making Other Kinds Of Table Schema Changes*); the triggers that refuse edits
    are not there meanwhile, and what refers to the table stays as it is.
    """
    connection = op.get_bind()
    tables = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
    for table, made_by in tables:
        columns = connection.execute(sa.text('SELECT name, type FROM pragma_table_info(:table)'), {'table': table}).all()
        ids = {name for name, type_ in columns if type_ == before and re.fullmatch(AN_ID, name)}
        if not ids:
            continue
        parts = connection.scalars(PARTS, {'table': table}).all()
        typed = re.sub(rf'{AN_ID} {re.escape(before)}', rf'\1 {after}', made_by)
        values = ', '.join(converted.format(f'"{name}"') if name in ids else f'"{name}"' for name, _ in columns)
        for statement in (
            re.sub(rf'^CREATE TABLE "?{table}"?', f'CREATE TABLE {ANEW}', typed),
            f'INSERT INTO {ANEW} SELECT {values} FROM "{table}"',
            f'DROP TABLE "{table}"',
            f'ALTER TABLE {ANEW} RENAME TO "{table}"',
            *parts,
        ):
            connection.exec_driver_sql(statement)
