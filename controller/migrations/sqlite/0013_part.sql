-- Parts that can be told apart, the devices they were in, and what changed about devices' hardware.
CREATE TABLE part_model (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    -- Empty where nobody says.
    maker TEXT NOT NULL,
    model TEXT NOT NULL,
    search_key TEXT NOT NULL,
    UNIQUE (kind, maker, model)
);

-- One row per device and part, for good: where the part is now is the row that has not ended.
CREATE TABLE device_part (
    id INTEGER PRIMARY KEY,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    -- The folded serial number, with the model behind it where numbers are short.
    identity TEXT NOT NULL,
    -- As it was read.
    serial TEXT NOT NULL,
    model_id BIGINT NOT NULL REFERENCES part_model (id),
    size_bytes BIGINT,
    slot TEXT,
    first_seen_at BIGINT NOT NULL,
    -- When the present stay began, or the last one.
    since_at BIGINT NOT NULL,
    -- When the device stated it last: it says so again only when something else changes.
    last_stated_at BIGINT NOT NULL,
    -- NULL while the device has it.
    gone_at BIGINT,
    -- contested, left, duplicate or common, where other devices state it too.
    standing TEXT,
    -- Since when several devices state it, and when this one was first seen alive since.
    contested_at BIGINT,
    alive_at BIGINT,
    UNIQUE (device_id, kind, identity)
);
CREATE INDEX device_part_identity ON device_part (identity, kind);
CREATE INDEX device_part_model ON device_part (model_id);
CREATE INDEX device_part_undecided ON device_part (contested_at) WHERE standing IN ('contested', 'left');

-- The body that a device's parts were read from last.
ALTER TABLE device_section ADD COLUMN parts_digest BLOB;
CREATE INDEX device_section_parts_due ON device_section (received_at) WHERE body_month IS NOT NULL
    AND (parts_digest IS NULL OR parts_digest <> body_digest)
    AND section IN ('system', 'memory', 'storage', 'display', 'network', 'battery');

CREATE TABLE hardware_change (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    -- Where the part was before, or who states it too.
    other_device_id BIGINT REFERENCES device (id) ON DELETE SET NULL,
    part_kind TEXT,
    identity TEXT,
    -- JSON.
    detail TEXT NOT NULL
);
CREATE INDEX hardware_change_at ON hardware_change (at, id);
CREATE INDEX hardware_change_device ON hardware_change (device_id, at);
CREATE INDEX hardware_change_other ON hardware_change (other_device_id, at);

-- Names that people taught; the newest of a code holds, and none is overwritten.
CREATE TABLE taught_name (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    -- NULL: what was taught before was taken back.
    name TEXT,
    source TEXT NOT NULL,
    operator_login TEXT NOT NULL,
    taught_at BIGINT NOT NULL,
    superseded_at BIGINT
);
CREATE UNIQUE INDEX taught_name_current ON taught_name (kind, code) WHERE superseded_at IS NULL;
