-- What grows is kept by the month it was received in: a month is one partition of each table, and retention drops it whole.
--
-- Digests are 32 bytes here and no text: they are most of a small report's row and of its indexes. No foreign key leads to
-- or from a partition: the gate is chain_head, which is never partitioned, and deleting a device deletes its reports in the
-- same transaction. received_month is the year and month in UTC as one number, 202609.
ALTER TABLE chain_head
    ALTER COLUMN fingerprint TYPE BYTEA USING decode(substr(fingerprint, 8), 'hex'),
    ALTER COLUMN digest TYPE BYTEA USING decode(substr(digest, 8), 'hex'),
    -- Counts the forks kept, so that two controllers cannot keep the same one twice.
    ADD COLUMN forks BIGINT NOT NULL DEFAULT 0;

CREATE TABLE report_by_month (
    id BIGINT NOT NULL,
    device_id BIGINT NOT NULL,
    fingerprint BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    previous BYTEA,
    resumed TEXT,
    kind TEXT NOT NULL,
    envelope BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    device_time BIGINT NOT NULL,
    trusted_time BIGINT,
    state TEXT NOT NULL,
    received_month BIGINT NOT NULL
) PARTITION BY LIST (received_month);

CREATE TABLE report_section_by_month (
    report_id BIGINT NOT NULL,
    section TEXT NOT NULL,
    body_digest BYTEA NOT NULL,
    received_month BIGINT NOT NULL
) PARTITION BY LIST (received_month);

-- A report's bodies are held in its own month or a later one, so that dropping a month takes nothing from those that stay.
CREATE TABLE body_by_month (
    digest BYTEA NOT NULL,
    bytes BYTEA NOT NULL,
    size BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    received_month BIGINT NOT NULL
) PARTITION BY LIST (received_month);

-- They are compressed before they come here; a second attempt only costs.
ALTER TABLE report_by_month ALTER COLUMN envelope SET STORAGE EXTERNAL, ALTER COLUMN signature SET STORAGE EXTERNAL;
ALTER TABLE body_by_month ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- The months that hold something already.
CREATE FUNCTION month_of(micros BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT CAST(to_char(to_timestamp(micros / 1000000) AT TIME ZONE 'UTC', 'YYYYMM') AS BIGINT)
$$;
DO $$
DECLARE
    month BIGINT;
    name TEXT;
BEGIN
    FOR month IN SELECT month_of(received_at) FROM report UNION SELECT month_of(received_at) FROM body LOOP
        FOREACH name IN ARRAY ARRAY['report', 'report_section', 'body'] LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES IN (%s)', name || '_' || month, name || '_by_month', month);
        END LOOP;
    END LOOP;
END
$$;

INSERT INTO report_by_month
SELECT id, device_id, decode(substr(fingerprint, 8), 'hex'), epoch, sequence, decode(substr(digest, 8), 'hex'),
    decode(substr(previous, 8), 'hex'), resumed, kind, envelope, signature, received_at, device_time, trusted_time, state,
    month_of(received_at)
FROM report;
INSERT INTO report_section_by_month
SELECT s.report_id, s.section, decode(substr(s.body_digest, 8), 'hex'), month_of(r.received_at)
FROM report_section s JOIN report r ON r.id = s.report_id;
INSERT INTO body_by_month
SELECT decode(substr(digest, 8), 'hex'), bytes, size, received_at, month_of(received_at) FROM body;
-- A body that a later month names again is held in that month too.
INSERT INTO body_by_month
SELECT DISTINCT ON (s.body_digest, s.received_month) b.digest, b.bytes, b.size, b.received_at, s.received_month
FROM report_section_by_month s JOIN body_by_month b ON b.digest = s.body_digest WHERE b.received_month < s.received_month;

DROP TABLE report_section;
DROP TABLE report;
DROP TABLE body;
ALTER TABLE report_by_month RENAME TO report;
ALTER TABLE report_section_by_month RENAME TO report_section;
ALTER TABLE body_by_month RENAME TO body;

CREATE SEQUENCE report_id_seq OWNED BY report.id;
SELECT setval('report_id_seq', (SELECT COALESCE(MAX(id), 0) + 1 FROM report), false);
ALTER TABLE report ALTER COLUMN id SET DEFAULT nextval('report_id_seq');
ALTER TABLE report ADD CONSTRAINT report_pkey PRIMARY KEY (id, received_month);
ALTER TABLE report_section ADD CONSTRAINT report_section_pkey PRIMARY KEY (report_id, section, received_month);
ALTER TABLE body ADD CONSTRAINT body_pkey PRIMARY KEY (digest, received_month);
CREATE INDEX report_device ON report (device_id, id);
-- Found by whole digests only: a quarter of a tree's size.
CREATE INDEX report_digest ON report USING hash (digest);
CREATE UNIQUE INDEX report_stored ON report (fingerprint, epoch, sequence, received_month) WHERE state = 'stored';
CREATE UNIQUE INDEX report_fork ON report (fingerprint, epoch, sequence, digest, received_month) WHERE state = 'fork';

ALTER TABLE device_section
    ALTER COLUMN body_digest TYPE BYTEA USING decode(substr(body_digest, 8), 'hex'),
    -- The month in which the body lies; NULL while it is not held.
    ADD COLUMN body_month BIGINT;
UPDATE device_section SET body_month = (SELECT MAX(b.received_month) FROM body b WHERE b.digest = device_section.body_digest);

DROP FUNCTION month_of;

-- The months whose reports were let go, and what went with them.
CREATE TABLE dropped_month (
    received_month BIGINT PRIMARY KEY,
    dropped_at BIGINT NOT NULL,
    reports BIGINT NOT NULL
);
