-- The region's register: municipalities, organizations, buildings, rooms.
-- What can change is a version: rows are never updated in place, only closed (valid_to, superseded_at).
-- Times are microseconds UTC. *_key columns are folded by the program for search and order.
CREATE TABLE municipality (
    id INTEGER PRIMARY KEY,
    oktmo TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    time_zone TEXT NOT NULL
);

CREATE TABLE organization (
    id INTEGER PRIMARY KEY,
    external_id TEXT NOT NULL UNIQUE,
    ogrn TEXT NOT NULL UNIQUE
);

CREATE TABLE organization_version (
    id INTEGER PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    municipality_id BIGINT NOT NULL REFERENCES municipality (id),
    inn TEXT NOT NULL,
    kpp TEXT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    short_name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    status TEXT NOT NULL,
    contingent BIGINT,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    recorded_at BIGINT NOT NULL,
    superseded_at BIGINT,
    source TEXT NOT NULL
);
CREATE UNIQUE INDEX organization_version_current ON organization_version (organization_id) WHERE superseded_at IS NULL;
CREATE INDEX organization_version_history ON organization_version (organization_id, recorded_at);
CREATE INDEX organization_version_municipality ON organization_version (municipality_id) WHERE superseded_at IS NULL;

CREATE TABLE building (
    id INTEGER PRIMARY KEY,
    external_id TEXT NOT NULL UNIQUE,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    number BIGINT NOT NULL,
    UNIQUE (organization_id, number)
);

CREATE TABLE building_version (
    id INTEGER PRIMARY KEY,
    building_id BIGINT NOT NULL REFERENCES building (id),
    address TEXT NOT NULL,
    oktmo TEXT NOT NULL,
    settlement TEXT NOT NULL,
    settlement_class TEXT NOT NULL,
    fias TEXT,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    recorded_at BIGINT NOT NULL,
    superseded_at BIGINT,
    source TEXT NOT NULL
);
CREATE UNIQUE INDEX building_version_current ON building_version (building_id) WHERE superseded_at IS NULL;
CREATE INDEX building_version_history ON building_version (building_id, recorded_at);

CREATE TABLE room (
    id INTEGER PRIMARY KEY,
    external_id TEXT NOT NULL UNIQUE,
    building_id BIGINT NOT NULL REFERENCES building (id),
    number TEXT NOT NULL,
    UNIQUE (building_id, number)
);

CREATE TABLE room_version (
    id INTEGER PRIMARY KEY,
    room_id BIGINT NOT NULL REFERENCES room (id),
    name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    recorded_at BIGINT NOT NULL,
    superseded_at BIGINT,
    source TEXT NOT NULL
);
CREATE UNIQUE INDEX room_version_current ON room_version (room_id) WHERE superseded_at IS NULL;
CREATE INDEX room_version_history ON room_version (room_id, recorded_at);
