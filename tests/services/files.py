"""A clinic that sends files of patients and visits, and rows to put into them."""

from collections.abc import Callable

from sqlalchemy import func, select

from prom_service.models import Base, Clinic, Episode, Visit
from prom_service.runtime import Runtime
from prom_service.services import visits
from prom_service.services.importing import Imported, Progress, import_patients, import_visits
from tests import builders
from tests.fakes import Clock
from tests.support.meeting import meet

PATIENTS = "external_id,name,email,date_of_birth,sex,episode_external_id,pathway,started_on,side,clinician"
ANN = "P1,Ann,ann@example.org,1980-01-02,female,E1,hip-related-pain-1,2026-03-02,left,C1"
BOB = "P2,Bob,,1970-01-02,,,,,,"
VISITS = "episode_external_id,patient_external_id,visit_external_id,date,clinician,status"


class Files:
    """A clinic that sends files."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic: Clinic = builders.a_clinic(session, now=clock.now())

    def patients(self, *rows: str, header: str = PATIENTS, progress: Progress = iter) -> Imported:
        return self.send(import_patients, "\n".join([header, *rows]).encode(), progress)

    def visits(self, *rows: str, header: str = VISITS, progress: Progress = iter) -> Imported:
        return self.send(import_visits, "\n".join([header, *rows]).encode(), progress)

    def meet(self, *rows: str) -> Imported:
        """Send a file of patients twice at once, the second the other way round; return what that one did."""
        found: list[Imported] = []
        meet(
            self.runtime,
            lambda progress: self.patients(*rows, progress=progress),
            lambda: found.append(self.patients(*reversed(rows))),
        )
        return found[0]

    def send(self, act: Callable[..., Imported], content: bytes, progress: Progress = iter) -> Imported:
        now = self.clock.now()
        with self.runtime.transaction() as session:
            return act(session, self.clinic, content, actor="command", now=now, progress=progress)

    def void(self, episode_number: str, number: str) -> None:
        with self.runtime.transaction() as session:
            episode = session.scalars(select(Episode).where(Episode.external_id == episode_number)).one()
            visits.void_visit(session, episode, number, actor="command", now=self.clock.now())

    def count(self, table: type[Base]) -> int:
        with self.runtime.reading() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def visit(self, number: str) -> Visit:
        with self.runtime.reading() as session:
            return session.scalars(select(Visit).where(Visit.external_id == number)).one()


def faults(imported: Imported) -> list[tuple[int, str]]:
    return [(fault.row, fault.column) for fault in imported.faults]
