"""The tables of the first release"""

import sqlalchemy as sa
from alembic import op

import prom_service.db

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

FACTS = (
    "saved_answer", "response", "answer_set", "score", "judgement", "visit_version",
    "patient_change", "episode_change", "message_event", "flag_event",
)
"""Tables of facts: a row is written once. It may be erased with its patient, never edited."""


def refuse_edits() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in FACTS:
            op.execute(
                f"CREATE TRIGGER tr_{table}_written_once BEFORE UPDATE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'a fact is written once: {table}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_edit() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a fact is written once: %', TG_TABLE_NAME; END $$"
    )
    for table in FACTS:
        op.execute(
            f"CREATE TRIGGER tr_{table}_written_once BEFORE UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION refuse_edit()"
        )


def allow_edits() -> None:
    suffix = "" if op.get_bind().dialect.name == "sqlite" else " ON {table}"
    for table in FACTS:
        op.execute(f"DROP TRIGGER tr_{table}_written_once" + suffix.format(table=table))
    if suffix:
        op.execute("DROP FUNCTION refuse_edit()")


def upgrade() -> None:
    op.create_table('heartbeat',
    sa.Column('process', sa.String(length=80), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('beat_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('process', name=op.f('pk_heartbeat'))
    )
    with op.batch_alter_table('heartbeat', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_heartbeat_beat_at'), ['beat_at'], unique=False)

    op.create_table('job_run',
    sa.Column('job', sa.String(length=80), nullable=False),
    sa.Column('started_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('finished_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('succeeded', sa.Boolean(), nullable=True),
    sa.Column('count', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('job', name=op.f('pk_job_run'))
    )
    op.create_table('lease',
    sa.Column('job', sa.String(length=80), nullable=False),
    sa.Column('holder', sa.String(length=80), nullable=False),
    sa.Column('until', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('job', name=op.f('pk_lease'))
    )
    op.create_table('organisation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation')),
    sa.UniqueConstraint('name', name=op.f('uq_organisation_name'))
    )
    op.create_table('throttle',
    sa.Column('bucket', sa.String(length=128), nullable=False),
    sa.Column('window_start', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('bucket', 'window_start', name=op.f('pk_throttle'))
    )
    op.create_table('clinic',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('time_zone', sa.String(length=40), nullable=False),
    sa.Column('language', sa.String(length=40), nullable=False),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('reply_hours', sa.String(length=200), nullable=False),
    sa.Column('urgent_text', sa.String(length=1000), nullable=False),
    sa.Column('weekend_mail', sa.Boolean(), nullable=False),
    sa.Column('identity_check', sa.String(length=40), nullable=False),
    sa.Column('show_trend', sa.Boolean(), nullable=False),
    sa.Column('activated_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('activation', sa.JSON(), nullable=True),
    sa.Column('flag_event_count', sa.Integer(), nullable=False),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('flag_event_count >= 0', name=op.f('ck_clinic_flag_event_count')),
    sa.CheckConstraint("identity_check IN ('none', 'year', 'date')", name=op.f('ck_clinic_identity_check')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_clinic_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clinic')),
    sa.UniqueConstraint('code', name=op.f('uq_clinic_code'))
    )
    with op.batch_alter_table('clinic', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_clinic_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('user',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('email', sa.String(length=200), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('password_hash', sa.String(length=200), nullable=False),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('deactivated_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_user_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user')),
    sa.UniqueConstraint('email', name=op.f('uq_user_email'))
    )
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_user_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('api_key',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=True),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('prefix', sa.String(length=40), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_api_key_clinic_id_clinic')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_api_key_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_key')),
    sa.UniqueConstraint('digest', name=op.f('uq_api_key_digest')),
    sa.UniqueConstraint('prefix', name=op.f('uq_api_key_prefix'))
    )
    with op.batch_alter_table('api_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_key_clinic_id'), ['clinic_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_api_key_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('membership',
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(length=40), nullable=False),
    sa.CheckConstraint("role IN ('clinician', 'clinic_admin', 'quality_analyst', 'operator')", name=op.f('ck_membership_role')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_membership_clinic_id_clinic')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_membership_user_id_user')),
    sa.PrimaryKeyConstraint('user_id', 'clinic_id', name=op.f('pk_membership'))
    )
    with op.batch_alter_table('membership', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_membership_clinic_id'), ['clinic_id'], unique=False)

    op.create_table('patient',
    sa.Column('external_id', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('email', sa.String(length=200), nullable=True),
    sa.Column('date_of_birth', sa.Date(), nullable=False),
    sa.Column('sex', sa.String(length=40), nullable=False),
    sa.Column('language', sa.String(length=40), nullable=False),
    sa.Column('time_zone', sa.String(length=40), nullable=True),
    sa.Column('status', sa.String(length=40), nullable=False),
    sa.Column('paused_until', sa.Date(), nullable=True),
    sa.Column('email_allowed', sa.Boolean(), nullable=False),
    sa.Column('unsubscribed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('bounced_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("sex IN ('female', 'male', 'other', 'unknown')", name=op.f('ck_patient_sex')),
    sa.CheckConstraint("status IN ('active', 'paused', 'withdrawn', 'deceased')", name=op.f('ck_patient_status')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_patient_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient')),
    sa.UniqueConstraint('clinic_id', 'external_id', name=op.f('uq_patient_clinic_id_external_id')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_patient_clinic_id_id'))
    )
    op.create_table('staff_session',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('ended_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_staff_session_user_id_user')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_staff_session'))
    )
    with op.batch_alter_table('staff_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_session_user_id'), ['user_id'], unique=False)

    op.create_table('visit',
    sa.Column('external_id', sa.String(length=100), nullable=False),
    sa.Column('visited_on', sa.Date(), nullable=False),
    sa.Column('clinician', sa.String(length=100), nullable=False),
    sa.Column('status', sa.String(length=40), nullable=False),
    sa.Column('format', sa.String(length=40), nullable=False),
    sa.Column('reassessed', sa.Boolean(), nullable=False),
    sa.Column('documentation', sa.JSON(), nullable=False),
    sa.Column('voided_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('restorations', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("format IN ('individual', 'group', 'telehealth')", name=op.f('ck_visit_format')),
    sa.CheckConstraint("status IN ('attended', 'cancelled', 'no_show')", name=op.f('ck_visit_status')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_visit_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_visit')),
    sa.UniqueConstraint('clinic_id', 'external_id', name=op.f('uq_visit_clinic_id_external_id')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_visit_clinic_id_id'))
    )
    with op.batch_alter_table('visit', schema=None) as batch_op:
        batch_op.create_index('ix_visit_visited', ['clinic_id', 'visited_on'], unique=False)

    op.create_table('episode',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('external_id', sa.String(length=100), nullable=False),
    sa.Column('pathway_key', sa.String(length=100), nullable=False),
    sa.Column('pathway', sa.String(length=100), nullable=False),
    sa.Column('started_on', sa.Date(), nullable=False),
    sa.Column('side', sa.String(length=40), nullable=False),
    sa.Column('diagnosis', sa.String(length=200), nullable=False),
    sa.Column('clinician', sa.String(length=100), nullable=False),
    sa.Column('symptom_onset_on', sa.Date(), nullable=True),
    sa.Column('pathology_excluded_by', sa.String(length=100), nullable=True),
    sa.Column('pathology_excluded_on', sa.Date(), nullable=True),
    sa.Column('enrolled_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('closed_on', sa.Date(), nullable=True),
    sa.Column('closed_reason', sa.String(length=200), nullable=True),
    sa.Column('assess_after', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('assessed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("side IN ('left', 'right', 'both', 'none')", name=op.f('ck_episode_side')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_episode_clinic_id_patient_id_patient')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_episode_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_episode')),
    sa.UniqueConstraint('clinic_id', 'external_id', name=op.f('uq_episode_clinic_id_external_id')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_episode_clinic_id_id'))
    )
    with op.batch_alter_table('episode', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_episode_assess_after'), ['assess_after'], unique=False)
        batch_op.create_index('ix_episode_patient', ['clinic_id', 'patient_id'], unique=False)
        batch_op.create_index('ix_episode_started', ['clinic_id', 'started_on'], unique=False)
        batch_op.create_index('uq_episode_open', ['clinic_id', 'patient_id', 'side', 'pathway_key'], unique=True, sqlite_where=sa.text('closed_on IS NULL'), postgresql_where=sa.text('closed_on IS NULL'))

    op.create_table('idempotent_request',
    sa.Column('api_key_id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=False),
    sa.Column('request_digest', sa.String(length=64), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('headers', sa.JSON(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('created_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['api_key_id'], ['api_key.id'], name=op.f('fk_idempotent_request_api_key_id_api_key')),
    sa.PrimaryKeyConstraint('api_key_id', 'key', name=op.f('pk_idempotent_request'))
    )
    with op.batch_alter_table('idempotent_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_idempotent_request_created_at'), ['created_at'], unique=False)

    op.create_table('patient_change',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('effective_on', sa.Date(), nullable=False),
    sa.Column('note', sa.String(length=500), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_patient_change_clinic_id_patient_id_patient')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_patient_change_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient_change')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_patient_change_clinic_id_id'))
    )
    with op.batch_alter_table('patient_change', schema=None) as batch_op:
        batch_op.create_index('ix_patient_change_patient', ['clinic_id', 'patient_id'], unique=False)

    op.create_table('visit_version',
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('voided', sa.Boolean(), nullable=False),
    sa.Column('visited_on', sa.Date(), nullable=False),
    sa.Column('clinician', sa.String(length=100), nullable=False),
    sa.Column('status', sa.String(length=40), nullable=False),
    sa.Column('format', sa.String(length=40), nullable=False),
    sa.Column('reassessed', sa.Boolean(), nullable=False),
    sa.Column('documentation', sa.JSON(), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'visit_id'], ['visit.clinic_id', 'visit.id'], name=op.f('fk_visit_version_clinic_id_visit_id_visit')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_visit_version_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_visit_version')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_visit_version_clinic_id_id')),
    sa.UniqueConstraint('visit_id', 'number', name=op.f('uq_visit_version_visit_id_number'))
    )
    op.create_table('administration',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('timepoint', sa.String(length=40), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=40), nullable=False),
    sa.Column('opens_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('target_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('late_after', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('closes_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('started_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('completed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('partial_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('missed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('closed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('declined_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('cancelled_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('cancelled_reason', sa.String(length=40), nullable=True),
    sa.Column('late', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("state IN ('planned', 'open', 'started', 'completed', 'partial', 'missed', 'not_asked', 'cancelled')", name=op.f('ck_administration_state')),
    sa.CheckConstraint('opens_at < late_after AND late_after <= closes_at', name=op.f('ck_administration_window')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_administration_clinic_id_episode_id_episode')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_administration_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_administration')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_administration_clinic_id_id')),
    sa.UniqueConstraint('episode_id', 'timepoint', name=op.f('uq_administration_episode_id_timepoint'))
    )
    with op.batch_alter_table('administration', schema=None) as batch_op:
        batch_op.create_index('ix_administration_episode', ['clinic_id', 'episode_id'], unique=False)
        batch_op.create_index('ix_administration_state_late', ['state', 'late_after'], unique=False)
        batch_op.create_index('ix_administration_state_opens', ['state', 'opens_at'], unique=False)

    op.create_table('episode_change',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('before', sa.JSON(), nullable=False),
    sa.Column('after', sa.JSON(), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_episode_change_clinic_id_episode_id_episode')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_episode_change_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_episode_change')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_episode_change_clinic_id_id'))
    )
    with op.batch_alter_table('episode_change', schema=None) as batch_op:
        batch_op.create_index('ix_episode_change_episode', ['clinic_id', 'episode_id'], unique=False)

    op.create_table('episode_visit',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('removed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_episode_visit_clinic_id_episode_id_episode')),
    sa.ForeignKeyConstraint(['clinic_id', 'visit_id'], ['visit.clinic_id', 'visit.id'], name=op.f('fk_episode_visit_clinic_id_visit_id_visit')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_episode_visit_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_episode_visit')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_episode_visit_clinic_id_id'))
    )
    with op.batch_alter_table('episode_visit', schema=None) as batch_op:
        batch_op.create_index('ix_episode_visit_visit', ['clinic_id', 'visit_id'], unique=False)
        batch_op.create_index('uq_episode_visit_serving', ['episode_id', 'visit_id'], unique=True, sqlite_where=sa.text('removed_at IS NULL'), postgresql_where=sa.text('removed_at IS NULL'))

    op.create_table('flag',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('checkpoint', sa.String(length=40), nullable=False),
    sa.Column('basis', sa.String(length=200), nullable=False),
    sa.Column('severity', sa.String(length=40), nullable=False),
    sa.Column('queue', sa.String(length=40), nullable=False),
    sa.Column('status', sa.String(length=40), nullable=False),
    sa.Column('why', sa.String(length=1000), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('guidance', sa.JSON(), nullable=False),
    sa.Column('raised_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('updated_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('assignee_id', sa.Uuid(), nullable=True),
    sa.Column('snoozed_until', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('resolution', sa.String(length=40), nullable=True),
    sa.Column('resolution_note', sa.String(length=1000), nullable=True),
    sa.Column('resolved_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('predecessor_id', sa.Uuid(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("(status = 'resolved') = (resolution IS NOT NULL)", name=op.f('ck_flag_resolution')),
    sa.CheckConstraint("kind IN ('red_flag_symptom', 'deterioration', 'non_responder', 'continued_without_review', 'visits_over_threshold', 'visits_near_threshold', 'not_assessable', 'not_scorable', 'survey_missed', 'baseline_missing')", name=op.f('ck_flag_kind')),
    sa.CheckConstraint("queue IN ('clinical', 'follow_up')", name=op.f('ck_flag_queue')),
    sa.CheckConstraint("severity IN ('urgent', 'high', 'medium', 'low')", name=op.f('ck_flag_severity')),
    sa.CheckConstraint("status IN ('open', 'acknowledged', 'assigned', 'snoozed', 'resolved', 'superseded')", name=op.f('ck_flag_status')),
    sa.ForeignKeyConstraint(['assignee_id'], ['user.id'], name=op.f('fk_flag_assignee_id_user')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_flag_clinic_id_episode_id_episode')),
    sa.ForeignKeyConstraint(['clinic_id', 'predecessor_id'], ['flag.clinic_id', 'flag.id'], name=op.f('fk_flag_clinic_id_predecessor_id_flag')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_flag_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_flag')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_flag_clinic_id_id')),
    sa.UniqueConstraint('episode_id', 'kind', 'checkpoint', 'basis', name=op.f('uq_flag_episode_id_kind_checkpoint_basis'))
    )
    with op.batch_alter_table('flag', schema=None) as batch_op:
        batch_op.create_index('ix_flag_episode', ['clinic_id', 'episode_id'], unique=False)
        batch_op.create_index('ix_flag_live_newest', ['clinic_id', 'id'], unique=False, sqlite_where=sa.text("status IN ('open', 'acknowledged', 'assigned', 'snoozed')"), postgresql_where=sa.text("status IN ('open', 'acknowledged', 'assigned', 'snoozed')"))
        batch_op.create_index('ix_flag_newest', ['clinic_id', 'id'], unique=False)
        batch_op.create_index('uq_flag_live', ['episode_id', 'kind', 'checkpoint'], unique=True, sqlite_where=sa.text("status IN ('open', 'acknowledged', 'assigned', 'snoozed')"), postgresql_where=sa.text("status IN ('open', 'acknowledged', 'assigned', 'snoozed')"))

    op.create_table('judgement',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('checkpoint', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('response_id', sa.Uuid(), nullable=True),
    sa.Column('outcome', sa.String(length=40), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('pathway', sa.String(length=100), nullable=False),
    sa.Column('rule_version', sa.String(length=40), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_judgement_clinic_id_episode_id_episode')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_judgement_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_judgement')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_judgement_clinic_id_id')),
    sa.UniqueConstraint('episode_id', 'checkpoint', 'number', name=op.f('uq_judgement_episode_id_checkpoint_number'))
    )
    op.create_table('flag_event',
    sa.Column('flag_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('type', sa.String(length=40), nullable=False),
    sa.Column('at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('flag', sa.JSON(), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'flag_id'], ['flag.clinic_id', 'flag.id'], name=op.f('fk_flag_event_clinic_id_flag_id_flag')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_flag_event_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_flag_event')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_flag_event_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', 'number', name=op.f('uq_flag_event_clinic_id_number'))
    )
    with op.batch_alter_table('flag_event', schema=None) as batch_op:
        batch_op.create_index('ix_flag_event_flag', ['clinic_id', 'flag_id'], unique=False)

    op.create_table('link',
    sa.Column('administration_id', sa.Uuid(), nullable=False),
    sa.Column('message_id', sa.Uuid(), nullable=True),
    sa.Column('purpose', sa.String(length=40), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('issued_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('issued_by', sa.String(length=80), nullable=False),
    sa.Column('revoked_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('confirmed_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("purpose IN ('survey', 'unsubscribe')", name=op.f('ck_link_purpose')),
    sa.ForeignKeyConstraint(['clinic_id', 'administration_id'], ['administration.clinic_id', 'administration.id'], name=op.f('fk_link_clinic_id_administration_id_administration')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_link_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_link')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_link_clinic_id_id')),
    sa.UniqueConstraint('digest', name=op.f('uq_link_digest'))
    )
    with op.batch_alter_table('link', schema=None) as batch_op:
        batch_op.create_index('ix_link_administration', ['administration_id'], unique=False)

    op.create_table('message',
    sa.Column('administration_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('planned_for', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('due_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('phase', sa.String(length=40), nullable=False),
    sa.Column('reason', sa.String(length=80), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('claimed_by', sa.String(length=80), nullable=True),
    sa.Column('claimed_until', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('sent_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('bounced_at', prom_service.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("kind IN ('invitation', 'reminder')", name=op.f('ck_message_kind')),
    sa.CheckConstraint("phase IN ('planned', 'claimed', 'committing', 'sent', 'assumed_sent', 'deferred', 'failed', 'cancelled')", name=op.f('ck_message_phase')),
    sa.ForeignKeyConstraint(['clinic_id', 'administration_id'], ['administration.clinic_id', 'administration.id'], name=op.f('fk_message_clinic_id_administration_id_administration')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_message_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message')),
    sa.UniqueConstraint('administration_id', 'ordinal', name=op.f('uq_message_administration_id_ordinal')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_message_clinic_id_id'))
    )
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.create_index('ix_message_due', ['phase', 'due_at'], unique=False)
        batch_op.create_index('ix_message_lease', ['phase', 'claimed_until'], unique=False)

    op.create_table('response',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('administration_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('amendment', sa.Boolean(), nullable=False),
    sa.Column('partial', sa.Boolean(), nullable=False),
    sa.Column('late', sa.Boolean(), nullable=False),
    sa.Column('mode', sa.String(length=40), nullable=False),
    sa.Column('answered_by', sa.String(length=40), nullable=False),
    sa.Column('language', sa.String(length=40), nullable=False),
    sa.Column('entered_by', sa.String(length=80), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('seconds', sa.Integer(), nullable=True),
    sa.Column('answered_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("answered_by IN ('self', 'helped', 'proxy', 'unknown')", name=op.f('ck_response_answered_by')),
    sa.CheckConstraint("mode IN ('web', 'desk', 'paper', 'phone')", name=op.f('ck_response_mode')),
    sa.ForeignKeyConstraint(['clinic_id', 'administration_id'], ['administration.clinic_id', 'administration.id'], name=op.f('fk_response_clinic_id_administration_id_administration')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_response_clinic_id_episode_id_episode')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_response_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_response')),
    sa.UniqueConstraint('administration_id', 'number', name=op.f('uq_response_administration_id_number')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_response_clinic_id_id'))
    )
    with op.batch_alter_table('response', schema=None) as batch_op:
        batch_op.create_index('ix_response_episode', ['clinic_id', 'episode_id'], unique=False)

    op.create_table('saved_answer',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('administration_id', sa.Uuid(), nullable=False),
    sa.Column('instrument', sa.String(length=40), nullable=False),
    sa.Column('item', sa.String(length=40), nullable=False),
    sa.Column('value', sa.String(length=200), nullable=True),
    sa.Column('entered_with', sa.String(length=20), nullable=True),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'administration_id'], ['administration.clinic_id', 'administration.id'], name=op.f('fk_saved_answer_clinic_id_administration_id_administration')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_saved_answer_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_answer'))
    )
    with op.batch_alter_table('saved_answer', schema=None) as batch_op:
        batch_op.create_index('ix_saved_answer_administration', ['administration_id', 'instrument', 'item', 'id'], unique=False)

    op.create_table('answer_set',
    sa.Column('response_id', sa.Uuid(), nullable=False),
    sa.Column('instrument', sa.String(length=100), nullable=False),
    sa.Column('wording', sa.String(length=40), nullable=False),
    sa.Column('answers', sa.JSON(), nullable=False),
    sa.Column('codes', sa.LargeBinary(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("wording IN ('own', 'official')", name=op.f('ck_answer_set_wording')),
    sa.ForeignKeyConstraint(['clinic_id', 'response_id'], ['response.clinic_id', 'response.id'], name=op.f('fk_answer_set_clinic_id_response_id_response')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_answer_set_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_answer_set')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_answer_set_clinic_id_id')),
    sa.UniqueConstraint('response_id', 'instrument', name=op.f('uq_answer_set_response_id_instrument'))
    )
    with op.batch_alter_table('answer_set', schema=None) as batch_op:
        batch_op.create_index('ix_answer_set_instrument', ['instrument'], unique=False)

    op.create_table('message_event',
    sa.Column('message_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('reason', sa.String(length=80), nullable=True),
    sa.Column('at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'message_id'], ['message.clinic_id', 'message.id'], name=op.f('fk_message_event_clinic_id_message_id_message')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_message_event_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message_event')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_message_event_clinic_id_id'))
    )
    with op.batch_alter_table('message_event', schema=None) as batch_op:
        batch_op.create_index('ix_message_event_message', ['clinic_id', 'message_id'], unique=False)

    op.create_table('score',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('response_id', sa.Uuid(), nullable=False),
    sa.Column('instrument', sa.String(length=100), nullable=False),
    sa.Column('scale', sa.String(length=40), nullable=False),
    sa.Column('value', sa.Double(), nullable=True),
    sa.Column('answered', sa.Integer(), nullable=False),
    sa.Column('items', sa.Integer(), nullable=False),
    sa.Column('derived', sa.Boolean(), nullable=False),
    sa.Column('engine', sa.String(length=40), nullable=False),
    sa.Column('recorded_at', prom_service.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint('answered >= 0 AND answered <= items', name=op.f('ck_score_answered')),
    sa.CheckConstraint('value IS NULL OR (value >= -100 AND value <= 1000)', name=op.f('ck_score_finite')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_score_clinic_id_episode_id_episode')),
    sa.ForeignKeyConstraint(['clinic_id', 'response_id'], ['response.clinic_id', 'response.id'], name=op.f('fk_score_clinic_id_response_id_response')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_score_clinic_id_clinic')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_score')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_score_clinic_id_id')),
    sa.UniqueConstraint('response_id', 'instrument', 'scale', name=op.f('uq_score_response_id_instrument_scale'))
    )
    with op.batch_alter_table('score', schema=None) as batch_op:
        batch_op.create_index('ix_score_episode', ['clinic_id', 'episode_id'], unique=False)

    refuse_edits()


def downgrade() -> None:
    allow_edits()
    with op.batch_alter_table('score', schema=None) as batch_op:
        batch_op.drop_index('ix_score_episode')

    op.drop_table('score')
    with op.batch_alter_table('message_event', schema=None) as batch_op:
        batch_op.drop_index('ix_message_event_message')

    op.drop_table('message_event')
    with op.batch_alter_table('answer_set', schema=None) as batch_op:
        batch_op.drop_index('ix_answer_set_instrument')

    op.drop_table('answer_set')
    with op.batch_alter_table('saved_answer', schema=None) as batch_op:
        batch_op.drop_index('ix_saved_answer_administration')

    op.drop_table('saved_answer')
    with op.batch_alter_table('response', schema=None) as batch_op:
        batch_op.drop_index('ix_response_episode')

    op.drop_table('response')
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.drop_index('ix_message_lease')
        batch_op.drop_index('ix_message_due')

    op.drop_table('message')
    with op.batch_alter_table('link', schema=None) as batch_op:
        batch_op.drop_index('ix_link_administration')

    op.drop_table('link')
    with op.batch_alter_table('flag_event', schema=None) as batch_op:
        batch_op.drop_index('ix_flag_event_flag')

    op.drop_table('flag_event')
    op.drop_table('judgement')
    with op.batch_alter_table('flag', schema=None) as batch_op:
        batch_op.drop_index('uq_flag_live', sqlite_where=sa.text("status IN ('open', 'acknowledged', 'assigned', 'snoozed')"), postgresql_where=sa.text("status IN ('open', 'acknowledged', 'assigned', 'snoozed')"))
        batch_op.drop_index('ix_flag_newest')
        batch_op.drop_index('ix_flag_live_newest', sqlite_where=sa.text("status IN ('open', 'acknowledged', 'assigned', 'snoozed')"), postgresql_where=sa.text("status IN ('open', 'acknowledged', 'assigned', 'snoozed')"))
        batch_op.drop_index('ix_flag_episode')

    op.drop_table('flag')
    with op.batch_alter_table('episode_visit', schema=None) as batch_op:
        batch_op.drop_index('uq_episode_visit_serving', sqlite_where=sa.text('removed_at IS NULL'), postgresql_where=sa.text('removed_at IS NULL'))
        batch_op.drop_index('ix_episode_visit_visit')

    op.drop_table('episode_visit')
    with op.batch_alter_table('episode_change', schema=None) as batch_op:
        batch_op.drop_index('ix_episode_change_episode')

    op.drop_table('episode_change')
    with op.batch_alter_table('administration', schema=None) as batch_op:
        batch_op.drop_index('ix_administration_state_opens')
        batch_op.drop_index('ix_administration_state_late')
        batch_op.drop_index('ix_administration_episode')

    op.drop_table('administration')
    op.drop_table('visit_version')
    with op.batch_alter_table('patient_change', schema=None) as batch_op:
        batch_op.drop_index('ix_patient_change_patient')

    op.drop_table('patient_change')
    with op.batch_alter_table('idempotent_request', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_idempotent_request_created_at'))

    op.drop_table('idempotent_request')
    with op.batch_alter_table('episode', schema=None) as batch_op:
        batch_op.drop_index('uq_episode_open', sqlite_where=sa.text('closed_on IS NULL'), postgresql_where=sa.text('closed_on IS NULL'))
        batch_op.drop_index('ix_episode_started')
        batch_op.drop_index('ix_episode_patient')
        batch_op.drop_index(batch_op.f('ix_episode_assess_after'))

    op.drop_table('episode')
    with op.batch_alter_table('visit', schema=None) as batch_op:
        batch_op.drop_index('ix_visit_visited')

    op.drop_table('visit')
    with op.batch_alter_table('staff_session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_staff_session_user_id'))

    op.drop_table('staff_session')
    op.drop_table('patient')
    with op.batch_alter_table('membership', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_membership_clinic_id'))

    op.drop_table('membership')
    with op.batch_alter_table('api_key', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_api_key_organisation_id'))
        batch_op.drop_index(batch_op.f('ix_api_key_clinic_id'))

    op.drop_table('api_key')
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_user_organisation_id'))

    op.drop_table('user')
    with op.batch_alter_table('clinic', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_clinic_organisation_id'))

    op.drop_table('clinic')
    op.drop_table('throttle')
    op.drop_table('organisation')
    op.drop_table('lease')
    op.drop_table('job_run')
    with op.batch_alter_table('heartbeat', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_heartbeat_beat_at'))

    op.drop_table('heartbeat')
