-- Devices that another system told of. What it says stands apart from what agents sign: it moves no part, weakens no
-- evidence and is in no chain. A computer is known again by a digest of what the other system calls it, because the name
-- may hold a person's; of two computers that it calls alike, each has a number of its own.
ALTER TABLE device ADD COLUMN evidence_level TEXT NOT NULL DEFAULT 'agent';

CREATE TABLE imported_device (
    device_id BIGINT PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    foreign_key TEXT NOT NULL,
    variant BIGINT NOT NULL,
    -- Withheld where it may name a person.
    foreign_id TEXT NOT NULL,
    -- glpi or ocs_xml.
    origin TEXT NOT NULL,
    -- The program that looked at the computer.
    client TEXT,
    file_name TEXT NOT NULL,
    -- By the computer's own clock; of two files the one that says earlier is the older.
    looked_at TEXT,
    -- When a file last said something new.
    imported_at BIGINT NOT NULL,
    UNIQUE (organization_id, foreign_key, variant)
);

CREATE TABLE imported_section (
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    section TEXT NOT NULL,
    digest BYTEA NOT NULL,
    bytes BYTEA NOT NULL,
    size BIGINT NOT NULL,
    imported_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, section)
);

CREATE TABLE imported_evidence (
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (device_id, kind, value)
);
CREATE INDEX imported_evidence_value ON imported_evidence (kind, value);
