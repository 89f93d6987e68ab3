-- The activity log is append only in the database too: whoever has the file open cannot rewrite it with a plain statement.
CREATE TRIGGER activity_is_not_updated BEFORE UPDATE ON activity
BEGIN
    SELECT RAISE(ABORT, 'the activity log is append only: no entry may be changed');
END;

CREATE TRIGGER activity_is_not_deleted BEFORE DELETE ON activity
BEGIN
    SELECT RAISE(ABORT, 'the activity log is append only: no entry may be deleted');
END;

-- INSERT OR REPLACE deletes without firing the trigger above.
CREATE TRIGGER activity_is_not_replaced BEFORE INSERT ON activity
WHEN EXISTS (SELECT 1 FROM activity WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the activity log is append only: no entry may be replaced');
END;
