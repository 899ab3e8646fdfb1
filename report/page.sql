-- The page of a day, on standard output, as HTML that is XML too.
--
-- What the reader may see it sees within a case only, so one is opened in a transaction of its own, and closed in the end; where
-- the script fails between, the case ends with the session. All that is shown is read in one snapshot. Nothing is written but
-- the two acts, and no function or temporary table is made: the role needs no right for that.
--
-- Variables: asked_day, asked_case (empty for the default), top, style.

\set SHOW_CONTEXT never
SET search_path = pg_catalog, pg_temp;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'dcep') THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('the database "%s" has no extension dcep', current_database()),
            HINT = 'DATABASE= names the database of a ledger.';
    ELSIF NOT has_schema_privilege('dcep', 'usage')
          OR NOT has_function_privilege('dcep.open_case(text, text, integer)', 'execute') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('the role "%s" may not open a case', current_user),
            HINT = 'AS= names a role that dcep.grant_institution() has bound to a supervisor or to the central bank.';
    ELSIF NOT EXISTS (SELECT FROM dcep.ledger) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('the database "%s" has no ledger', current_database()),
            HINT = 'dcep.create_ledger() makes it.';
    END IF;
END
$$;

-- Amounts are multiplied and not divided, so that no digit is lost.
SELECT l.currency, power(10::numeric, -l.exponent)::numeric(40, 18) AS unit,
       'FM999,999,999,999,999,999,990' || CASE WHEN l.exponent > 0 THEN '.' || repeat('0', l.exponent) ELSE '' END AS money,
       l.timezone, COALESCE(NULLIF(:'asked_day', '')::date, dcep.today()) AS day,
       -- A superuser is bound to nobody: its case is the central bank's.
       (SELECT CASE WHEN r.rolsuper THEN l.institution END FROM pg_roles AS r WHERE r.rolname = current_user) AS authority
  FROM dcep.ledger AS l \gset
SELECT :{?authority} AS is_super \gset
\if :is_super
\else
\set authority NULL
\endif
SELECT COALESCE(NULLIF(:'asked_case', ''), 'report ' || :'day') AS case_no,
       dcep.day_start(:'day') AS since, dcep.day_start(:'day'::date + 1) AS until,
       has_table_privilege('dcep.supply', 'select') AS reads_supply \gset
SET timezone TO :'timezone';

SELECT dcep.open_case(:'case_no', 'daily report', :authority) AS opening \gset
BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
\ir gather.sql
\ir pieces.sql
\ir sections.sql
COMMIT;
SELECT dcep.close_case(:authority) \g /dev/null
