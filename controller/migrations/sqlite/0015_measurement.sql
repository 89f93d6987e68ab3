-- Measurements of buildings' lines, as far as they are found by it. What was measured is a body, judged when it is read;
-- no verdict is kept here. Like the reports that carry them they are kept by the month they were received in, and no
-- foreign key leads to or from them.
CREATE TABLE measurement (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- NULL: made up for a sample region, and said to be.
    report_id BIGINT,
    building_id BIGINT NOT NULL,
    external_id TEXT NOT NULL,
    -- Measurements of one lease are parts of one.
    lease TEXT,
    direction TEXT NOT NULL,
    measured_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    body_digest BLOB NOT NULL,
    received_month BIGINT NOT NULL
);
CREATE UNIQUE INDEX measurement_once ON measurement (external_id, received_month);
CREATE INDEX measurement_building ON measurement (building_id, measured_at);
CREATE INDEX measurement_report ON measurement (report_id);
CREATE INDEX measurement_month ON measurement (received_month);

-- What a building's line should carry by its contract: versions, the newest is in force.
CREATE TABLE line_contract (
    id INTEGER PRIMARY KEY,
    building_id BIGINT NOT NULL REFERENCES building (id),
    -- NULL: it is not known any more.
    kbit_per_second BIGINT,
    -- The contract's number and date, or wherever it is known from.
    document TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at BIGINT
);
CREATE UNIQUE INDEX line_contract_current ON line_contract (building_id) WHERE superseded_at IS NULL;

-- What the measurements of the last weeks came to when they were last judged, for lists. A copy that can be made again
-- from the bodies at any time; by which rule stands beside it.
CREATE TABLE line_standing (
    building_id BIGINT NOT NULL REFERENCES building (id),
    direction TEXT NOT NULL,
    rule TEXT NOT NULL,
    standing TEXT NOT NULL,
    target BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    valid BIGINT NOT NULL,
    passes BIGINT NOT NULL,
    one_sided BIGINT NOT NULL,
    invalid BIGINT NOT NULL,
    main_reason TEXT,
    median BIGINT,
    tenth BIGINT,
    worst_hour BIGINT,
    worst_median BIGINT,
    last_measured_at BIGINT,
    -- Some of it was made up for a sample region.
    generated BIGINT NOT NULL,
    newest_measurement BIGINT NOT NULL,
    assessed_at BIGINT NOT NULL,
    PRIMARY KEY (building_id, direction)
);
