-- Tokens, devices, their keys; the issuance log and revocations, which survive the deletion of a device.
CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    external_id TEXT NOT NULL UNIQUE,
    secret_hash TEXT NOT NULL,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    building_id BIGINT NOT NULL REFERENCES building (id),
    room_id BIGINT REFERENCES room (id),
    uses_limit BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by BIGINT REFERENCES operator (id),
    revoked_at BIGINT,
    note TEXT NOT NULL,
    CHECK (uses >= 0 AND uses <= uses_limit)
);
CREATE INDEX token_organization ON token (organization_id);

CREATE TABLE token_use (
    id INTEGER PRIMARY KEY,
    token_id BIGINT NOT NULL REFERENCES token (id),
    evidence_digest TEXT,
    device_id TEXT NOT NULL,
    used_at BIGINT NOT NULL,
    UNIQUE (token_id, evidence_digest)
);
CREATE INDEX token_use_evidence ON token_use (evidence_digest);

CREATE TABLE device (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    external_id TEXT NOT NULL UNIQUE,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    building_id BIGINT NOT NULL REFERENCES building (id),
    room_id BIGINT REFERENCES room (id),
    enrolled_at BIGINT NOT NULL,
    last_seen_at BIGINT,
    last_report_at BIGINT,
    state TEXT NOT NULL,
    agent_version TEXT,
    clock_offset_micros BIGINT,
    receipt TEXT,
    host_name TEXT,
    maker TEXT,
    model TEXT,
    serial TEXT,
    processor TEXT,
    memory_bytes BIGINT,
    storage_bytes BIGINT,
    os_title TEXT,
    search_key TEXT NOT NULL
);
CREATE INDEX device_organization ON device (organization_id);
CREATE INDEX device_building ON device (building_id);
CREATE INDEX device_room ON device (room_id);

CREATE TABLE device_key (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    public_key BLOB NOT NULL,
    first_seen_at BIGINT NOT NULL
);
CREATE INDEX device_key_device ON device_key (device_id);

CREATE TABLE certificate (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    serial TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    device_external_id TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    der BLOB NOT NULL
);
CREATE INDEX certificate_device ON certificate (device_external_id);
CREATE INDEX certificate_fingerprint ON certificate (fingerprint);

CREATE TABLE revocation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL UNIQUE,
    revoked_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    operator_id BIGINT
);

CREATE TABLE finding (
    id INTEGER PRIMARY KEY,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    found_at BIGINT NOT NULL
);
CREATE INDEX finding_device ON finding (device_id, id);
