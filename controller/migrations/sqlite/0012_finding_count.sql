-- A finding with a subject counts on: how often it was found and when last. found_at is the first time.
ALTER TABLE finding ADD COLUMN times BIGINT NOT NULL DEFAULT 1;
ALTER TABLE finding ADD COLUMN last_found_at BIGINT NOT NULL DEFAULT 0;
UPDATE finding SET last_found_at = found_at;

-- Breaks of a chain were a finding each: the newest of a device and kind of break now stands for all of them. The breaks
-- themselves stay in their signed envelopes.
UPDATE finding SET subject = s.subject, found_at = s.first, last_found_at = s.last, times = s.times
FROM (
    SELECT MAX(id) AS newest, COALESCE(json_extract(detail, '$.resumed'), 'unsaid') AS subject, MIN(found_at) AS first,
        MAX(found_at) AS last, COUNT(*) AS times
    FROM finding WHERE kind = 'chain_break'
    GROUP BY device_id, COALESCE(json_extract(detail, '$.resumed'), 'unsaid')
) AS s
WHERE finding.id = s.newest;
DELETE FROM finding WHERE kind = 'chain_break' AND subject IS NULL;
