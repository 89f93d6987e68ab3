-- What each device is known by besides its keys, what its keys went through, and what people decide of it.
ALTER TABLE device ADD COLUMN merged_into BIGINT REFERENCES device (id) ON DELETE SET NULL;
ALTER TABLE device ADD COLUMN cloned_from BIGINT REFERENCES device (id) ON DELETE SET NULL;
ALTER TABLE device ADD COLUMN evidence_digest TEXT;
CREATE INDEX device_merged ON device (merged_into);
CREATE INDEX device_cloned ON device (cloned_from);

-- The boot that a key was last used in, the key that it took the place of, and whether its agent is to ask for another.
ALTER TABLE device_key ADD COLUMN boot TEXT;
ALTER TABLE device_key ADD COLUMN replaced TEXT;
ALTER TABLE device_key ADD COLUMN rekey BIGINT NOT NULL DEFAULT 0;

-- Boots of each key, of the last days: when one was first seen and how long it had run then.
CREATE TABLE key_boot (
    fingerprint TEXT NOT NULL,
    boot TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    uptime BIGINT NOT NULL,
    -- It went on while another boot used the key: two computers.
    proven BIGINT NOT NULL,
    PRIMARY KEY (fingerprint, boot)
);

CREATE TABLE device_evidence (
    id INTEGER PRIMARY KEY,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    -- NULL while the device has it.
    gone_at BIGINT,
    UNIQUE (device_id, kind, value)
);
CREATE INDEX device_evidence_value ON device_evidence (kind, value);

-- One device per hardware and school, however many ask at once.
CREATE TABLE hardware_claim (
    organization_id BIGINT NOT NULL,
    evidence_digest TEXT NOT NULL,
    device_external_id TEXT NOT NULL,
    PRIMARY KEY (organization_id, evidence_digest)
);

CREATE TABLE review_case (
    id INTEGER PRIMARY KEY,
    external_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    other_device_id BIGINT REFERENCES device (id) ON DELETE CASCADE,
    -- What it is about besides the device: the same thing seen again is the same case.
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    times BIGINT NOT NULL,
    reason TEXT,
    decided_by TEXT,
    decided_at BIGINT,
    UNIQUE (device_id, kind, subject)
);
CREATE INDEX review_case_state ON review_case (state, id);
CREATE INDEX review_case_other ON review_case (other_device_id);

-- A finding with a subject is found once and counted on.
ALTER TABLE finding ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX finding_subject ON finding (device_id, kind, subject) WHERE subject IS NOT NULL;
