-- Requests that came on a stick and were answered onto it: a stick that comes again tells nothing new of its computer.
CREATE TABLE carried_request (
    digest TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    -- The digest of the answer's document.
    answer TEXT NOT NULL
);
