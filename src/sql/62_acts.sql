-- Official acts: the register that institutions are held to account by.

CREATE FUNCTION dcep.sign_act(institution integer, seq bigint, prev_hash bytea, id bigint, entered_at timestamptz,
                              kind text, by_role text, case_no text, body text,
                              OUT suite smallint, OUT key_number integer, OUT hash bytea, OUT signature bytea)
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_sign_act';
COMMENT ON FUNCTION dcep.sign_act(integer, bigint, bytea, bigint, timestamptz, text, text, text, text) IS
'Internal: hashes an act and signs it with the institution''s key. Errors: 55000';

CREATE FUNCTION dcep.act_defect(institution integer, seq bigint, prev_hash bytea, id bigint, entered_at timestamptz,
                                kind text, by_role text, case_no text, body text,
                                suite smallint, key_number integer, hash bytea, signature bytea) RETURNS text
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_act_defect';
COMMENT ON FUNCTION dcep.act_defect(integer, bigint, bytea, bigint, timestamptz, text, text, text, text, smallint, integer, bytea, bytea) IS
'Internal: what is wrong with an act''s hash or signature; NULL where nothing is';

-- An act that is told to another node keeps its id there: each node gives ids out of a range of its own.
CREATE FUNCTION dcep.act_ids_after(institution integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN institution > 1 THEN institution * 100000000000000 ELSE 0 END;
COMMENT ON FUNCTION dcep.act_ids_after(integer) IS
'Internal: the node of an institution gives acts the 99,999,999,999,999 ids after this one; 0 where that is the registry, or a single database';

-- The chain's row is the lock: acts of one institution are entered one after the other.
CREATE FUNCTION dcep.enter_act(institution integer, act_id bigint, kind text, case_no text, body jsonb) RETURNS timestamptz
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chain dcep.act_chain;
    entered timestamptz;
    signed record;
BEGIN
    IF dcep.elsewhere(institution) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('institution %s does not act here', lpad(institution::text, 4, '0')),
            DETAIL = 'Another database keeps its acts.',
            HINT = 'An operator acts on its own node; supervisors and the central bank act on the registry.';
    END IF;
    INSERT INTO dcep.act_chain (institution, seq, head)
    VALUES (enter_act.institution, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT chain FROM dcep.act_chain AS c WHERE c.institution = enter_act.institution FOR UPDATE;
    entered := clock_timestamp();
    SELECT * INTO STRICT signed
      FROM dcep.sign_act(institution, chain.seq + 1, chain.head, act_id, entered, kind, session_user, case_no, body::text);
    INSERT INTO dcep.act (id, institution, seq, entered_at, suite, key_number, kind, by_role, case_no, body, prev_hash, hash,
                          signature)
    VALUES (act_id, enter_act.institution, chain.seq + 1, entered, signed.suite, signed.key_number, enter_act.kind,
            session_user, enter_act.case_no, enter_act.body::text, chain.head, signed.hash, signed.signature);
    UPDATE dcep.act_chain AS c SET seq = c.seq + 1, head = signed.hash WHERE c.institution = enter_act.institution;
    -- What this session alone knows of refusals it writes as soon as something of its own succeeds.
    PERFORM dcep.keep_refusals() FROM dcep.waiting_refusals() AS w WHERE w.waiting > 0 AND NOT w.shared;
    RETURN entered;
END
$$;
COMMENT ON FUNCTION dcep.enter_act(integer, bigint, text, text, jsonb) IS
'Internal: enters an act under an id out of dcep.act_id_seq, chained and signed, and returns when. Errors: 55000';

CREATE FUNCTION dcep.require_authority(institution integer, kinds text[]) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound integer[];
    found_kind text;
BEGIN
    IF institution IS NOT NULL THEN
        found_kind := (dcep.require_institution(institution)).kind;
        IF found_kind <> ALL (kinds) THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('institution %s is not of kind %s', lpad(institution::text, 4, '0'), array_to_string(kinds, ' or ')),
                DETAIL = format('It is of kind %s.', found_kind);
        END IF;
    END IF;
    SELECT array_agg(i.code ORDER BY i.code) INTO bound
      FROM dcep.institution AS i
     WHERE i.kind = ANY (kinds) AND i.code = COALESCE(require_authority.institution, i.code) AND dcep.caller_acts_for(i.code);
    IF bound IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'permission denied to act for this institution',
            DETAIL = format('The role "%s" is not bound to a fitting institution of kind %s.', session_user, array_to_string(kinds, ' or ')),
            HINT = 'A superuser binds it with dcep.grant_institution().';
    ELSIF cardinality(bound) > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'it is not clear for which institution the role acts',
            DETAIL = format('The role "%s" may act for several.', session_user),
            HINT = 'Name one in the call.';
    END IF;
    RETURN bound[1];
END
$$;
COMMENT ON FUNCTION dcep.require_authority(integer, text[]) IS
'Internal: the institution of certain kinds that the calling role acts for, or an error (22023, 42501)';

CREATE FUNCTION dcep.verify_acts(OUT defect text, OUT institution smallint, OUT seq bigint, OUT act bigint, OUT detail text)
    RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH linked AS (
        SELECT a.*, lag(a.seq, 1, 0) OVER w AS before,
               lag(a.hash, 1, decode(repeat('00', 32), 'hex')) OVER w AS hash_before
          FROM dcep.act AS a WINDOW w AS (PARTITION BY a.institution ORDER BY a.seq))
    -- Of institutions elsewhere there are only those acts that this node was told of: dcep.audit_told().
    SELECT 'content', l.institution, l.seq, l.id, d.wrong
      FROM linked AS l
     CROSS JOIN LATERAL (SELECT dcep.act_defect(l.institution, l.seq, l.prev_hash, l.id, l.entered_at, l.kind, l.by_role,
                                                l.case_no, l.body, l.suite, l.key_number, l.hash, l.signature)) AS d (wrong)
     WHERE d.wrong IS NOT NULL
    UNION ALL
    SELECT 'gap', l.institution, l.seq, l.id, format('the chain goes from %s to %s', l.before, l.seq)
      FROM linked AS l WHERE l.seq <> l.before + 1 AND dcep.elsewhere(l.institution) IS NULL
    UNION ALL
    SELECT 'link', l.institution, l.seq, l.id, 'prev_hash is not the hash of the act before it'
      FROM linked AS l WHERE l.prev_hash <> l.hash_before AND dcep.elsewhere(l.institution) IS NULL
    UNION ALL
    SELECT 'head', COALESCE(c.institution, e.institution), c.seq, e.id, 'the chain''s head is not its last act'
      FROM dcep.act_chain AS c
      FULL JOIN (SELECT DISTINCT ON (a.institution) a.* FROM dcep.act AS a
                   WHERE dcep.elsewhere(a.institution) IS NULL ORDER BY a.institution, a.seq DESC) AS e
        ON e.institution = c.institution
     WHERE (c.seq, c.head) IS DISTINCT FROM (e.seq, e.hash)
$$;
COMMENT ON FUNCTION dcep.verify_acts() IS
'Verifies the chains of official acts: content (hash or signature), gap, link, head; one row a defect, none when sound. Some 100 microseconds an act. By auditors, supervisors and the central bank';
