-- DROP EXTENSION cannot be taken back: say first what it destroys.

CREATE FUNCTION dcep.warn_drop() RETURNS event_trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'dcep_warn_drop';
COMMENT ON FUNCTION dcep.warn_drop() IS 'Event trigger: says what DROP EXTENSION dcep would destroy';

CREATE EVENT TRIGGER dcep_warn_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA')
    EXECUTE FUNCTION dcep.warn_drop();
