-- The activity log is append only in the database too: the program's own database user cannot rewrite it with a plain statement.
CREATE FUNCTION refuse_to_change_activity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the activity log is append only: % is refused', TG_OP;
END
$$;

CREATE TRIGGER activity_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON activity
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_activity();
