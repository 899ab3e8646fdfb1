-- Messages by logical replication: each node subscribes to what the other has posted to it.

CREATE FUNCTION dcep.publication_name(sender integer, receiver integer) RETURNS name
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('dcep_%s_to_%s', lpad(sender::text, 4, '0'), lpad(receiver::text, 4, '0'))
$$;
COMMENT ON FUNCTION dcep.publication_name(integer, integer) IS
'Name of the publication, of the replication slot, and of the subscription, by which the messages of one node reach another';

CREATE FUNCTION dcep.publish_to(peer integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    publication name := dcep.publication_name(own, peer);
BEGIN
    IF peer IS NULL OR peer NOT BETWEEN 1 AND 9999 OR peer = own THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there is no such node';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_publication AS p WHERE p.pubname = publication) THEN
        -- The columns are named: what a later version adds to the table does not travel to a node that has no such column,
        -- where it would stop the apply worker.
        EXECUTE format('CREATE PUBLICATION %I FOR TABLE dcep.message (sender, receiver, number, made_at, key_number, suite, kind, body, '
                       'by_role, prev_hash, hash, signature) WHERE (sender = %s AND receiver = %s) WITH (publish = ''insert'')',
                       publication, own, peer);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.publish_to(integer) IS
'Publishes what this node posts to another, which calls this when it joins. Errors: 22023';

CREATE FUNCTION dcep.grant_node(role name, code integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF role IS NULL OR code IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role and code must not be null';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('role "%s" does not exist', role),
            HINT = 'Create it first with CREATE ROLE … LOGIN REPLICATION.';
    END IF;
    INSERT INTO dcep.node_role (role, institution) VALUES (grant_node.role, grant_node.code)
    ON CONFLICT ON CONSTRAINT node_role_pkey DO UPDATE SET institution = excluded.institution;
    EXECUTE format('GRANT USAGE ON SCHEMA dcep TO %I', role);
    EXECUTE format('GRANT SELECT ON dcep.message TO %I', role);
    EXECUTE format('GRANT EXECUTE ON FUNCTION dcep.publish_to(integer), dcep.node_facts(), dcep.reads_messages(integer) TO %I', role);
END
$$;
COMMENT ON FUNCTION dcep.grant_node(name, integer) IS
'Lets a database role, which must have REPLICATION, fetch the messages to an institution''s node: that node connects as this role. By a superuser. Errors: 22004, 42704';

CREATE FUNCTION dcep.reads_messages(receiver integer) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM dcep.node_role AS n
                    WHERE n.institution = reads_messages.receiver AND pg_has_role(session_user, n.role, 'MEMBER'))
$$;
COMMENT ON FUNCTION dcep.reads_messages(integer) IS 'Is the session that of the node of this institution?';

-- The messages of a node are for that node; the central bank and auditors read all.
ALTER TABLE dcep.message ENABLE ROW LEVEL SECURITY;
CREATE POLICY see_own ON dcep.message FOR SELECT
    USING (pg_catalog.pg_has_role('dcep_central_bank', 'MEMBER') OR pg_catalog.pg_has_role('dcep_auditor', 'MEMBER')
           OR dcep.reads_messages(receiver));

CREATE FUNCTION dcep.dblink_schema() RETURNS name
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_schema name;
BEGIN
    SELECT n.nspname INTO found_schema
      FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'dblink';
    IF found_schema IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'dblink is not installed',
            HINT = 'CREATE EXTENSION dblink; it comes with PostgreSQL.';
    END IF;
    RETURN found_schema;
END
$$;
COMMENT ON FUNCTION dcep.dblink_schema() IS 'Internal: the schema that dblink has been installed in. Errors: 55000';

CREATE FUNCTION dcep.ask_node(connection text, question text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('SELECT a.answer FROM %I.dblink($1, $2) AS a (answer text)', dcep.dblink_schema()) INTO answer USING connection, question;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION dcep.ask_node(text, text) IS 'Internal: what another database answers. Errors: those of the connection, and of the question';

CREATE FUNCTION dcep.drop_carrier(carrier name) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    connection text;
BEGIN
    SELECT s.subconninfo INTO connection FROM pg_subscription AS s
     WHERE s.subname = carrier AND s.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
    IF FOUND THEN
        EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', carrier);
        EXECUTE format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', carrier);
        EXECUTE format('DROP SUBSCRIPTION %I', carrier);
    END IF;
    RETURN connection;
END
$$;
COMMENT ON FUNCTION dcep.drop_carrier(name) IS
'Internal: drops a subscription of this database, not its slot, and returns its connection string; NULL where there is none';

CREATE FUNCTION dcep.join(connection text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    facts jsonb;
    peer integer;
    carrier name;
BEGIN
    IF connection IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'connection must not be null';
    ELSIF own IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'this database has no ledger yet',
            HINT = 'Create it with dcep.create_ledger().';
    END IF;
    facts := dcep.ask_node(connection, 'SELECT dcep.node_facts()')::jsonb;
    peer := (facts #>> '{institution,code}')::integer;
    carrier := dcep.publication_name(peer, own);
    PERFORM dcep.open_line(facts);
    PERFORM dcep.drop_carrier(carrier);
    PERFORM dcep.ask_node(connection, format('SELECT dcep.publish_to(%s)', own));
    PERFORM dcep.ask_node(connection, format('SELECT pg_create_logical_replication_slot(%L, ''pgoutput'') WHERE NOT EXISTS '
                                             '(SELECT FROM pg_replication_slots AS s WHERE s.slot_name = %1$L)', carrier));
    -- All messages are copied first: what came already is dropped when it comes again (dcep.message_arrives()).
    EXECUTE format('CREATE SUBSCRIPTION %I CONNECTION %L PUBLICATION %1$I WITH (create_slot = false, slot_name = %1$I)', carrier, connection);
END
$$;
COMMENT ON FUNCTION dcep.join(text) IS
'Connects this node with another: an operator''s with the registry, and the registry with an operator''s; each side calls it once, with a connection string to the other''s database, as a role that dcep.grant_node() there names. Opens the line, and subscribes to the messages. Called again it begins anew, by another connection string or where the other side has lost its slot, as a restored one has. By a superuser, with dblink installed. Errors: 22004, 55000, those of the connection';

CREATE FUNCTION dcep.leave(peer integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    carrier name := dcep.publication_name(peer, dcep.own_institution());
    connection text;
BEGIN
    connection := dcep.drop_carrier(carrier);
    IF connection IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('this node does not fetch messages from node %s', lpad(peer::text, 4, '0'));
    END IF;
    BEGIN
        PERFORM dcep.ask_node(connection, format('SELECT pg_drop_replication_slot(s.slot_name) FROM pg_replication_slots AS s '
                                                 'WHERE s.slot_name = %L AND NOT s.active', carrier));
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'the slot "%" of the other node could not be dropped', carrier USING DETAIL = SQLERRM;
    END;
END
$$;
COMMENT ON FUNCTION dcep.leave(integer) IS
'Ends what dcep.join() began on this side: no messages are fetched any more. The line, and what has come, stay; dcep.join() goes on from there. By a superuser. Errors: 55000';

CREATE VIEW dcep.peers AS
    SELECT l.peer, i.name, l.status, l.reason, l.posted, l.taken,
           (SELECT count(*) FROM dcep.message AS m
             WHERE m.sender = l.peer AND m.receiver = dcep.own_institution() AND m.number > l.taken) AS waiting,
           s.pid IS NOT NULL AS fetching, s.last_msg_receipt_time AS heard_at, e.apply_error_count AS errors,
           pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE pg_catalog.pg_current_wal_lsn() END,
                                      r.confirmed_flush_lsn)::bigint AS lag_bytes
      FROM dcep.line AS l
      JOIN dcep.institution AS i ON i.code = l.peer
      LEFT JOIN pg_catalog.pg_stat_subscription AS s
        ON s.subname = dcep.publication_name(l.peer, dcep.own_institution()) AND s.relid IS NULL
      LEFT JOIN pg_catalog.pg_stat_subscription_stats AS e ON e.subid = s.subid
      LEFT JOIN pg_catalog.pg_replication_slots AS r ON r.slot_name = dcep.publication_name(dcep.own_institution(), l.peer);
COMMENT ON VIEW dcep.peers IS
'The nodes that this one exchanges messages with: status and reason, messages posted to it and taken from it, how many of it wait here, whether it is being fetched from and last heard of, errors in fetching, and bytes of WAL that it has not fetched from here yet. For the central bank and auditors';
