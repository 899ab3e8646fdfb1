-- dcep: the ledger of a two-tier central bank digital currency.
-- Assembled from src/sql/ in the order of the file names.
\echo Use "CREATE EXTENSION dcep CASCADE" to load this file. \quit

-- Group roles belong to the cluster, not to a database: they may be here from
-- another ledger, and they stay when the extension goes.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['dcep_central_bank', 'dcep_operator', 'dcep_supervisor', 'dcep_auditor',
                                 'dcep_identity_officer', 'dcep_monitor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) wanted) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END
$$;
