"""`prom db restored`: a backup that was put back mails nobody twice."""

import contextlib
import datetime as dt
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from prom_service.models import AuditEntry
from prom_service.runtime import Runtime
from scheduler import jobs
from tests import mailroom
from tests.cli.conftest import Prom
from tests.fakes import Clock
from tests.mailroom import NOON


def acts(prom: Runtime) -> list[str]:
    with prom.reading() as session:
        return list(session.scalars(sa.select(AuditEntry.act).where(AuditEntry.actor == "command")))


def test_what_went_out_after_the_backup_is_not_sent_again(prom: Prom, sqlite_url: str, tmp_path: Path) -> None:
    file, kept = Path(sqlite_url.removeprefix("sqlite:///")), tmp_path / "backup.db"
    with mailroom.mail_runtime(sqlite_url, tmp_path, Clock(NOON)) as before:
        mailroom.due_messages(before, 3)
        with contextlib.closing(sqlite3.connect(file)) as live, contextlib.closing(sqlite3.connect(kept)) as backup:
            live.backup(backup)
        sent = jobs.send_due_messages(before)

    for name in (file, *file.parent.glob(f"{file.name}-*")):
        name.unlink()
    kept.rename(file)
    told = prom("db", "restored")
    with mailroom.mail_runtime(sqlite_url, tmp_path, Clock(NOON + dt.timedelta(hours=1))) as after:
        again = jobs.send_due_messages(after)

    assert told.stdout == "3 emails were due and may have gone out since the backup. They are taken as sent.\n"
    assert (sent, again) == (3, 0)


def test_what_is_taken_as_sent_is_on_record_and_the_command_safe_to_repeat(
    prom_on_both: Prom, database_url: str, tmp_path: Path
) -> None:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON)) as prom:
        due = mailroom.due_messages(prom, 2)

        told = [prom_on_both("db", "restored").stdout[:8] for _ in range(2)]

        assert told == ["2 emails", "0 emails"]
        assert mailroom.phases(prom, due) == ["assumed_sent"] * 2
        assert sorted(acts(prom)) == ["message.assumed_sent"] * 2 + ["prom db restored"] * 2
