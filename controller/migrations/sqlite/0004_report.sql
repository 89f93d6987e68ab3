-- Signed reports as received, their bodies once by digest, and what each device states now.
CREATE TABLE chain_head (
    fingerprint TEXT PRIMARY KEY,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    digest TEXT NOT NULL
);
CREATE INDEX chain_head_device ON chain_head (device_id);

CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    previous TEXT,
    resumed TEXT,
    kind TEXT NOT NULL,
    envelope BLOB NOT NULL,
    signature BLOB NOT NULL,
    received_at BIGINT NOT NULL,
    device_time BIGINT NOT NULL,
    trusted_time BIGINT,
    state TEXT NOT NULL
);
CREATE INDEX report_device ON report (device_id, id);
CREATE INDEX report_place ON report (fingerprint, epoch, sequence);
-- Two controllers can never both append at one place.
CREATE UNIQUE INDEX report_place_once ON report (fingerprint, epoch, sequence) WHERE state = 'stored';

CREATE TABLE report_section (
    report_id BIGINT NOT NULL REFERENCES report (id) ON DELETE CASCADE,
    section TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    PRIMARY KEY (report_id, section)
);
CREATE INDEX report_section_body ON report_section (body_digest);

CREATE TABLE body (
    digest TEXT PRIMARY KEY,
    bytes BLOB NOT NULL,
    size BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);

CREATE TABLE device_section (
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    section TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    report_id BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, section)
);
