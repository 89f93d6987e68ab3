-- What a device is: as its agent concludes, and as a person ruled, who is never overwritten by a report.
ALTER TABLE device ADD COLUMN kind TEXT;
-- The ruling that holds, repeated from device_kind_ruling for lists; NULL: none.
ALTER TABLE device ADD COLUMN ruled_kind TEXT;

CREATE TABLE device_kind_ruling (
    id INTEGER PRIMARY KEY,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    -- NULL: what was ruled before was taken back.
    kind TEXT,
    -- What the agent had concluded by then.
    concluded TEXT,
    reason TEXT NOT NULL,
    operator_login TEXT NOT NULL,
    ruled_at BIGINT NOT NULL
);
CREATE INDEX device_kind_ruling_device ON device_kind_ruling (device_id, id);

-- The last good reading of each value that names a device: one row per device and kind of value.
CREATE TABLE device_identifier (
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    -- In the spelling it is compared by.
    value TEXT NOT NULL,
    -- As it was stated.
    shown TEXT NOT NULL,
    source TEXT NOT NULL,
    -- The model of what carries it, where it is known: another board's number is none of this board's.
    model TEXT,
    -- When the device stated this value first and last.
    since_at BIGINT NOT NULL,
    read_at BIGINT NOT NULL,
    -- When it was first read worse; NULL while it reads well.
    lapsed_at BIGINT,
    -- Since when another device states it too; NULL: it is the only one.
    shared_at BIGINT,
    PRIMARY KEY (device_id, kind)
);
CREATE INDEX device_identifier_value ON device_identifier (value, kind);
CREATE INDEX device_identifier_alone ON device_identifier (value, kind) WHERE shared_at IS NULL;
CREATE INDEX device_identifier_shared ON device_identifier (shared_at) WHERE shared_at IS NOT NULL;
CREATE INDEX device_part_duplicate ON device_part (kind, identity) WHERE standing = 'duplicate';

-- What is stated now is read once more, for its kinds and numbers.
UPDATE device_section SET parts_digest = NULL WHERE section = 'system';
