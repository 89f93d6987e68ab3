-- What every check-in writes, in a narrow row of its own: the wide row of a device and its indexes stay as they are.
-- revision grows with everything that an answer to the device depends on (store/presence.rs lists what); wake is the
-- number of the last change that concerns the device while it waits.
CREATE TABLE presence (
    device_id INTEGER PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
    last_seen_at BIGINT,
    last_report_at BIGINT,
    agent_version TEXT,
    clock_offset_micros BIGINT,
    collect BIGINT NOT NULL DEFAULT 0,
    revision BIGINT NOT NULL DEFAULT 1,
    wake BIGINT NOT NULL DEFAULT 0
);
INSERT INTO presence (device_id, last_seen_at, last_report_at, agent_version, clock_offset_micros)
SELECT id, last_seen_at, last_report_at, agent_version, clock_offset_micros FROM device;
CREATE INDEX presence_wake ON presence (wake) WHERE wake > 0;

ALTER TABLE device DROP COLUMN last_seen_at;
ALTER TABLE device DROP COLUMN last_report_at;
ALTER TABLE device DROP COLUMN agent_version;
ALTER TABLE device DROP COLUMN clock_offset_micros;

-- One row: the number of the last change that someone may be waiting for, and of the last that concerns everyone.
CREATE TABLE wake (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL,
    everyone BIGINT NOT NULL
);
INSERT INTO wake (id, number, everyone) VALUES (1, 0, 0);
