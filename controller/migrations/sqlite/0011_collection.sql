-- When everybody was last asked to look at their hardware, microseconds UTC; 0: never. No row of a device changes: each
-- agent says which order it has heard of.
ALTER TABLE wake ADD COLUMN collection BIGINT NOT NULL DEFAULT 0;
