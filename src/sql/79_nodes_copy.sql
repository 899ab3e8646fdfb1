-- Copies for reading: a supervisor's database receives what a ledger writes by logical replication, and its reports, traces
-- and audit run there.  One copy a ledger, in a database of its own: nodes count their transfers each from 1 on.

-- What a copy has no use for stays: secrets, what is being guessed, who may do what on that server, and the applications' policies.
CREATE FUNCTION dcep.copied_tables() RETURNS SETOF name
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.relname FROM pg_class AS c
     WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind = 'r'
       AND c.relname <> ALL (ARRAY['institution_secret', 'ledger_secret', 'token_enrolment', 'token_guess', 'institution_role', 'node_role',
                                   'opening_policy'])
     ORDER BY c.relname
$$;
COMMENT ON FUNCTION dcep.copied_tables() IS
'Internal: the tables that a copy of the ledger gets: all but those of secrets (institution_secret, ledger_secret, token_enrolment, token_guess), of the roles of this server (institution_role, node_role), and opening_policy';

CREATE FUNCTION dcep.grant_copy(role name) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tab name;
    fits boolean;
BEGIN
    IF role IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role must not be null';
    END IF;
    SELECT r.rolsuper OR (r.rolreplication AND r.rolbypassrls) INTO fits FROM pg_roles AS r WHERE r.rolname = role;
    IF fits IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('role "%s" does not exist', role),
            HINT = 'Create it first with CREATE ROLE … LOGIN REPLICATION BYPASSRLS.';
    ELSIF NOT fits THEN
        -- The first copy of a table is a query, of which row-level security would leave nothing.
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('role "%s" cannot copy the ledger', role),
            HINT = 'It must have REPLICATION and BYPASSRLS.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_publication AS p WHERE p.pubname = 'dcep_copy') THEN
        CREATE PUBLICATION dcep_copy;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA dcep TO %I', role);
    FOR tab IN SELECT t.name FROM dcep.copied_tables() AS t (name) LOOP
        IF NOT EXISTS (SELECT FROM pg_publication_tables AS p WHERE (p.pubname, p.schemaname, p.tablename) = ('dcep_copy', 'dcep', tab)) THEN
            EXECUTE format('ALTER PUBLICATION dcep_copy ADD TABLE dcep.%I', tab);
        END IF;
        EXECUTE format('GRANT SELECT ON dcep.%I TO %I', tab, role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION dcep.grant_copy(name) IS
'Lets a database role, which must have REPLICATION and BYPASSRLS, copy this ledger: all of it, but for secrets and the bindings of roles. Makes the publication dcep_copy, or brings it up to date after an upgrade. The copy is a database with dcep in which a subscription to it was created and nothing else. By a superuser. Errors: 22004, 42704, 55000 (the role lacks an attribute)';
