-- What grows is kept by the month it was received in. PostgreSQL has a partition per month; here it is a column, and
-- retention deletes in small batches.
--
-- Digests are 32 bytes here and no text: they are most of a small report's row and of its indexes. No foreign key leads to
-- or from what is kept by month: the gate is chain_head, and deleting a device deletes its reports in the same transaction.
-- received_month is the year and month in UTC as one number, 202609.
CREATE TABLE chain_head_new (
    fingerprint BLOB PRIMARY KEY,
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    digest BLOB NOT NULL,
    -- Counts the forks kept, so that two controllers cannot keep the same one twice.
    forks BIGINT NOT NULL DEFAULT 0
);
INSERT INTO chain_head_new
SELECT unhex(substr(fingerprint, 8)), device_id, epoch, sequence, unhex(substr(digest, 8)), 0 FROM chain_head;
DROP TABLE chain_head;
ALTER TABLE chain_head_new RENAME TO chain_head;
CREATE INDEX chain_head_device ON chain_head (device_id);

CREATE TABLE report_by_month (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device_id BIGINT NOT NULL,
    fingerprint BLOB NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    digest BLOB NOT NULL,
    previous BLOB,
    resumed TEXT,
    kind TEXT NOT NULL,
    envelope BLOB NOT NULL,
    signature BLOB NOT NULL,
    received_at BIGINT NOT NULL,
    device_time BIGINT NOT NULL,
    trusted_time BIGINT,
    state TEXT NOT NULL,
    received_month BIGINT NOT NULL
);
INSERT INTO report_by_month
SELECT id, device_id, unhex(substr(fingerprint, 8)), epoch, sequence, unhex(substr(digest, 8)), unhex(substr(previous, 8)),
    resumed, kind, envelope, signature, received_at, device_time, trusted_time, state,
    CAST(strftime('%Y%m', received_at / 1000000, 'unixepoch') AS INTEGER)
FROM report;

CREATE TABLE report_section_by_month (
    report_id BIGINT NOT NULL,
    section TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    received_month BIGINT NOT NULL,
    PRIMARY KEY (report_id, section)
) WITHOUT ROWID;
INSERT INTO report_section_by_month
SELECT s.report_id, s.section, unhex(substr(s.body_digest, 8)), r.received_month
FROM report_section s JOIN report_by_month r ON r.id = s.report_id;

-- A report's bodies are held in its own month or a later one, so that dropping a month takes nothing from those that stay.
CREATE TABLE body_by_month (
    digest BLOB NOT NULL,
    bytes BLOB NOT NULL,
    size BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    received_month BIGINT NOT NULL,
    PRIMARY KEY (digest, received_month)
);
INSERT INTO body_by_month
SELECT unhex(substr(digest, 8)), bytes, size, received_at, CAST(strftime('%Y%m', received_at / 1000000, 'unixepoch') AS INTEGER)
FROM body;
-- A body that a later month names again is held in that month too.
INSERT OR IGNORE INTO body_by_month
SELECT b.digest, b.bytes, b.size, b.received_at, s.received_month
FROM report_section_by_month s JOIN body_by_month b ON b.digest = s.body_digest WHERE b.received_month < s.received_month;

CREATE TABLE device_section_new (
    device_id BIGINT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    section TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    report_id BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    -- The month in which the body lies; NULL while it is not held.
    body_month BIGINT,
    PRIMARY KEY (device_id, section)
);
INSERT INTO device_section_new
SELECT device_id, section, unhex(substr(body_digest, 8)), report_id, received_at,
    (SELECT MAX(b.received_month) FROM body_by_month b WHERE b.digest = unhex(substr(device_section.body_digest, 8)))
FROM device_section;

DROP TABLE report_section;
DROP TABLE report;
DROP TABLE body;
DROP TABLE device_section;
ALTER TABLE report_by_month RENAME TO report;
ALTER TABLE report_section_by_month RENAME TO report_section;
ALTER TABLE body_by_month RENAME TO body;
ALTER TABLE device_section_new RENAME TO device_section;

CREATE INDEX report_device ON report (device_id, id);
CREATE INDEX report_digest ON report (digest);
CREATE UNIQUE INDEX report_stored ON report (fingerprint, epoch, sequence, received_month) WHERE state = 'stored';
CREATE UNIQUE INDEX report_fork ON report (fingerprint, epoch, sequence, digest, received_month) WHERE state = 'fork';
CREATE INDEX report_month ON report (received_month);
CREATE INDEX body_month ON body (received_month);

-- The months whose reports were let go, and what went with them.
CREATE TABLE dropped_month (
    received_month BIGINT PRIMARY KEY,
    dropped_at BIGINT NOT NULL,
    reports BIGINT NOT NULL
);
