-- People who log in, their sessions, what they did, and imports that wait for their confirmation.
CREATE TABLE operator (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    external_id TEXT NOT NULL UNIQUE,
    login TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    must_change_password BIGINT NOT NULL,
    role TEXT NOT NULL,
    municipality_id BIGINT REFERENCES municipality (id),
    organization_id BIGINT REFERENCES organization (id),
    language TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    failed_attempts BIGINT NOT NULL,
    locked_until BIGINT
);

CREATE TABLE session (
    token_hash TEXT PRIMARY KEY,
    operator_id BIGINT NOT NULL REFERENCES operator (id) ON DELETE CASCADE,
    csrf_token TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_operator ON session (operator_id);
CREATE INDEX session_expiry ON session (expires_at);

-- Append only. The login is kept as text, so that an entry says who acted whatever becomes of the operator.
CREATE TABLE activity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    operator_id BIGINT,
    operator_login TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    organization_id BIGINT,
    detail TEXT NOT NULL
);
CREATE INDEX activity_organization ON activity (organization_id, id);

CREATE TABLE import_preview (
    id INTEGER PRIMARY KEY,
    external_id TEXT NOT NULL UNIQUE,
    operator_id BIGINT NOT NULL REFERENCES operator (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX import_preview_operator ON import_preview (operator_id);
