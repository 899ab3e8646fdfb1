-- Witnesses.  First those of this log, then this database as a witness of others.

CREATE FUNCTION dcep.register_witness(verifier_key text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given record;
    made integer;
BEGIN
    SELECT * INTO given FROM dcep.require_key_type(verifier_key, 4);
    LOCK TABLE dcep.witness IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM dcep.witness AS w WHERE w.public_key = given.public_key) THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = 'key of the witness is registered already',
            HINT = 'A key that was retired is not taken again.';
    END IF;
    IF EXISTS (SELECT FROM dcep.witness AS w WHERE w.name = given.name AND w.retired_at IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = 'witness has a key already',
            DETAIL = format('Witness "%s".', given.name), HINT = 'Retire it with dcep.retire_witness() before another one is registered.';
    END IF;
    SELECT COALESCE(max(w.number), 0) + 1 INTO made FROM dcep.witness AS w;
    INSERT INTO dcep.witness (number, name, public_key) VALUES (made, given.name, given.public_key);
    RETURN made;
END
$$;
COMMENT ON FUNCTION dcep.register_witness(text) IS
'Registers the key of a witness, as tools for signed notes write it (of dcep, what dcep.witness_verifier_key() returns there), and returns its number here. A witness has one key at a time. By the central bank. Errors: 22004, 22023, 23505';

CREATE FUNCTION dcep.retire_witness(name text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    retired integer;
BEGIN
    UPDATE dcep.witness AS w SET retired_at = clock_timestamp()
     WHERE w.name = retire_witness.name AND w.retired_at IS NULL RETURNING w.number INTO retired;
    IF retired IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there is no such witness',
            DETAIL = format('Witness %s.', COALESCE(quote_ident(name), 'NULL')), HINT = 'dcep.witness has them all.';
    END IF;
    RETURN retired;
END
$$;
COMMENT ON FUNCTION dcep.retire_witness(text) IS
'From now on no cosignature of this witness''s key is taken; those that were taken count on. Returns the key''s number. By the central bank. Errors: 22023';

-- The checkpoint that a note brings cosignatures for: of this log, to the byte.
CREATE FUNCTION dcep.own_checkpoint(note text) RETURNS dcep.checkpoint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    brought record;
    ours dcep.checkpoint;
BEGIN
    SELECT * INTO brought FROM dcep.read_checkpoint(note);
    SELECT * INTO ours FROM dcep.checkpoint AS c WHERE c.size = brought.size;
    IF ours.size IS NULL OR left(ours.note, strpos(ours.note, E'\n\n')) <> brought.body THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'note is no checkpoint of this log',
            DETAIL = format('It says that it is of %s, with %s transfers.', brought.origin, brought.size),
            HINT = 'A witness cosigns the text of a checkpoint as dcep.checkpoint_note() gives it out, every byte of it.';
    END IF;
    RETURN ours;
END
$$;
COMMENT ON FUNCTION dcep.own_checkpoint(text) IS 'Internal: the checkpoint on record whose text a note has. Errors: 22004, 22023';

CREATE FUNCTION dcep.add_cosignature(note text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ours dcep.checkpoint := dcep.own_checkpoint(note);
    signed record;
    cosigned bigint;
    known integer := 0;
    added integer := 0;
    new_row integer;
BEGIN
    FOR signed IN
        SELECT w.number, w.name, w.retired_at, s.line, dcep.verifier_key(w.name, 4, w.public_key) AS key
          FROM dcep.note_signatures(note) AS s JOIN dcep.witness AS w
            ON w.name = s.name AND split_part(dcep.verifier_key(w.name, 4, w.public_key), '+', 2) = s.key_id
         ORDER BY w.retired_at NULLS LAST, w.number FOR SHARE OF w
    LOOP
        CONTINUE WHEN signed.retired_at IS NOT NULL;
        known := known + 1;
        cosigned := dcep.note_signed_at(left(ours.note, strpos(ours.note, E'\n\n')) || E'\n' || signed.line || E'\n', signed.key);
        IF cosigned IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'LG101', MESSAGE = 'cosignature invalid',
                DETAIL = format('Witness "%s", checkpoint of %s transfers.', signed.name, ours.size);
        END IF;
        INSERT INTO dcep.cosignature (size, witness, cosigned_at, line)
        VALUES (ours.size, signed.number, to_timestamp(cosigned), signed.line) ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS new_row = ROW_COUNT;
        added := added + new_row;
    END LOOP;
    IF known = 0 THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN signed.retired_at IS NULL THEN 'LG102' ELSE 'LG103' END,
            MESSAGE = CASE WHEN signed.retired_at IS NULL THEN 'note has no cosignature of a witness that is registered'
                           ELSE 'the witness that cosigned was retired' END,
            DETAIL = format('It is signed by %s.', (SELECT string_agg(format('"%s" (key %s)', s.name, s.key_id), ', ')
                                                      FROM dcep.note_signatures(note) AS s)),
            HINT = 'dcep.register_witness() registers the key of a witness.';
    END IF;
    RETURN added;
END
$$;
COMMENT ON FUNCTION dcep.add_cosignature(text) IS
'Takes the cosignatures of registered witnesses under a checkpoint: a note with the checkpoint''s text, every byte of it, and signature lines; other lines are passed over. Returns how many were not on record. All or nothing. By the central bank. Errors: 22004, 22023 (no checkpoint of this log), LG101 (not the witness''s signature), LG102 (no witness registered here), LG103 (retired)';

CREATE VIEW dcep.checkpoint_status AS
    SELECT c.size, c.made_at, clock_timestamp() - c.made_at AS age, s.witnesses,
           ARRAY(SELECT w.name FROM dcep.witness AS w
                  WHERE w.retired_at IS NULL AND w.name <> ALL (s.witnesses) ORDER BY w.name) AS missing,
           dcep.checkpoint_quorum() AS quorum, cardinality(s.witnesses) >= dcep.checkpoint_quorum() AS witnessed
      FROM dcep.checkpoint AS c
     CROSS JOIN LATERAL (SELECT ARRAY(SELECT DISTINCT w.name FROM dcep.cosignature AS o JOIN dcep.witness AS w ON w.number = o.witness
                                       WHERE o.size = c.size ORDER BY w.name)) AS s (witnesses);
COMMENT ON VIEW dcep.checkpoint_status IS
'Checkpoints and who has cosigned each: age, the witnesses that have, those registered that have not, dcep.checkpoint_quorum, and whether it is witnessed: by so many at least. For all roles';

-- --- a checkpoint that comes from outside -----------------------------------------

CREATE FUNCTION dcep.journal_totals(size bigint) RETURNS SETOF dcep.log_total
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.institution, (COALESCE(sum(m.amount) FILTER (WHERE m.kind = 'issue'), 0))::bigint,
           (COALESCE(sum(m.amount) FILTER (WHERE m.kind = 'redeem'), 0))::bigint
      FROM (SELECT dcep.institution(CASE t.kind WHEN 'issue' THEN t.payee ELSE t.payer END)::smallint AS institution, t.kind, t.amount
              FROM dcep.transfer AS t
             WHERE t.kind IN ('issue', 'redeem') AND dcep.log_place(t.id) < journal_totals.size) AS m
     GROUP BY m.institution
$$;
COMMENT ON FUNCTION dcep.journal_totals(bigint) IS
'Internal: issued and redeemed per operator over the first transfers of the log, out of the journal, minor units';

CREATE FUNCTION dcep.check_checkpoint(note text, OUT defect text, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    brought record;
    has bigint := (SELECT s.size FROM dcep.log_state AS s);
    recorded text;
    expected text;
BEGIN
    SELECT * INTO brought FROM dcep.read_checkpoint(note);
    IF brought.origin IS DISTINCT FROM dcep.log_origin() THEN
        RETURN QUERY SELECT 'origin', format('it is of %s, this log is %s', brought.origin, COALESCE(dcep.log_origin(), 'without a name'));
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM dcep.log_key AS k
                    WHERE dcep.note_signed_at(note, dcep.verifier_key(brought.origin, 1, k.public_key)) IS NOT NULL) THEN
        RETURN QUERY SELECT 'signature', 'no key of this log has signed it';
        RETURN;
    END IF;
    IF brought.size > COALESCE(has, 0) THEN
        RETURN QUERY SELECT 'lost', format('the log had %s transfers and has %s', brought.size, COALESCE(has, 0));
        RETURN;
    END IF;
    IF brought.root <> dcep.log_root(brought.size) THEN
        RETURN QUERY SELECT 'root', format('history was rewritten: the first %s transfers of the log are not those that were signed', brought.size);
    END IF;
    SELECT left(c.note, strpos(c.note, E'\n\n')) INTO recorded FROM dcep.checkpoint AS c WHERE c.size = brought.size;
    IF recorded IS DISTINCT FROM brought.body THEN
        RETURN QUERY SELECT 'record', CASE WHEN recorded IS NULL THEN 'there is no checkpoint of this size on record'
                                           ELSE 'the checkpoint of this size on record is another one' END;
    END IF;
    expected := dcep.supply_lines(ARRAY(SELECT t FROM dcep.journal_totals(brought.size) AS t));
    IF substring(brought.body FROM E'\n(supply .*)$') IS DISTINCT FROM expected THEN
        RETURN QUERY SELECT 'supply', format('by the journal it is: %s', replace(rtrim(expected, E'\n'), E'\n', ', '));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.check_checkpoint(text) IS
'Compares a checkpoint of this log that was kept elsewhere with the log and the journal as they are: one row a defect (origin, signature, lost, root, record, supply), none where they agree. root and lost mean that history is another one than was signed then. By auditors and the central bank. Errors: 22004, 22023, XX001';

-- --- this database as a witness ------------------------------------------------------

CREATE FUNCTION dcep.make_witness_key(number integer) RETURNS bytea
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_make_witness_key';
COMMENT ON FUNCTION dcep.make_witness_key(integer) IS
'Internal: makes an Ed25519 key of this database as a witness, writes its file into dcep.key_directory, and returns the public key. Errors: 58P01 and the like';

CREATE FUNCTION dcep.cosign_note(body text, name text, number integer, public_key bytea, seconds bigint) RETURNS text
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_cosign_note';
COMMENT ON FUNCTION dcep.cosign_note(text, text, integer, bytea, bigint) IS
'Internal: the signature line, with its newline, of a key of this database as a witness, at so many seconds since 1970. Errors: 55000';

CREATE FUNCTION dcep.own_witness_key() RETURNS dcep.witness_key
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newest dcep.witness_key;
BEGIN
    SELECT * INTO newest FROM dcep.witness_key AS k ORDER BY k.number DESC LIMIT 1;
    IF newest.number IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'this database has no key as a witness',
            HINT = 'Make one with SELECT dcep.rotate_witness_key(name).';
    END IF;
    RETURN newest;
END
$$;
COMMENT ON FUNCTION dcep.own_witness_key() IS 'Internal: the key with which this database cosigns. Errors: 55000';

CREATE FUNCTION dcep.witness_verifier_key() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.verifier_key(k.name, 4, k.public_key) FROM dcep.witness_key AS k ORDER BY k.number DESC LIMIT 1
$$;
COMMENT ON FUNCTION dcep.witness_verifier_key() IS
'Public key of this database as a witness, as tools for signed notes read it: what the ledger registers. NULL where there is none';

CREATE FUNCTION dcep.rotate_witness_key(name text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newest dcep.witness_key;
    called text;
BEGIN
    LOCK TABLE dcep.witness_key IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO newest FROM dcep.witness_key AS k ORDER BY k.number DESC LIMIT 1;
    called := COALESCE(rotate_witness_key.name, newest.name);
    IF called IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'name of the witness must not be null',
            HINT = 'Take one that tells it from all others, such as a domain of yours.';
    END IF;
    IF called <> newest.name THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the witness has another name',
            DETAIL = format('Its name is "%s".', newest.name);
    END IF;
    -- One space or plus in it, and no signature line could be read: asked before a file is made, with a key of others.
    PERFORM dcep.read_verifier_key(dcep.verifier_key(called, 4, decode('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex')));
    INSERT INTO dcep.witness_key (number, name, public_key)
    SELECT n.number, called, dcep.make_witness_key(n.number) FROM (SELECT COALESCE(newest.number, 0) + 1) AS n (number);
    RETURN dcep.witness_verifier_key();
END
$$;
COMMENT ON FUNCTION dcep.rotate_witness_key(text) IS
'Makes a key with which this database cosigns as a witness from now on, and returns it as dcep.witness_verifier_key() does. The first time it gets its name, which stays. By the central bank, or the owner where there is no ledger. Errors: 22004, 22023, 58P01 and the like';

CREATE FUNCTION dcep.watch_log(verifier_key text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given record;
BEGIN
    SELECT * INTO given FROM dcep.require_key_type(verifier_key, 1);
    INSERT INTO dcep.watched_log AS w (origin, keys, size, root) VALUES (given.name, ARRAY[verifier_key], 0, sha256(''))
        ON CONFLICT (origin) DO UPDATE SET keys = w.keys || EXCLUDED.keys WHERE NOT w.keys @> EXCLUDED.keys;
    RETURN given.name;
END
$$;
COMMENT ON FUNCTION dcep.watch_log(text) IS
'Registers a log by its public key (of dcep, what dcep.log_verifier_key() returns there), or another key of one that is registered, and returns its name. Its checkpoints are cosigned from now on. By the central bank, or the owner where there is no ledger. Errors: 22004, 22023';

-- What is there is what was cosigned last. A row that was altered must not make us sign another history.
CREATE FUNCTION dcep.lock_watched(origin text) RETURNS dcep.watched_log
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watched dcep.watched_log;
    newest record;
BEGIN
    SELECT * INTO watched FROM dcep.watched_log AS w WHERE w.origin = lock_watched.origin FOR UPDATE;
    IF watched.origin IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'log is not watched',
            DETAIL = format('Its name is "%s".', origin), HINT = 'Register its key with dcep.watch_log().';
    END IF;
    SELECT c.size, c.root INTO newest
      FROM (SELECT w.note FROM dcep.witnessed AS w WHERE w.origin = lock_watched.origin ORDER BY w.size DESC LIMIT 1) AS n,
           dcep.read_checkpoint(n.note) AS c;
    IF (watched.size, watched.root) IS DISTINCT FROM (COALESCE(newest.size, 0), COALESCE(newest.root, sha256(''))) THEN
        RAISE EXCEPTION USING ERRCODE = 'data_corrupted', MESSAGE = 'row of dcep.watched_log is damaged',
            DETAIL = format('It says %s transfers; the newest of dcep.witnessed has %s, or another root.', watched.size, COALESCE(newest.size, 0));
    END IF;
    RETURN watched;
END
$$;
COMMENT ON FUNCTION dcep.lock_watched(text) IS
'Internal: a watched log, locked, so that one checkpoint after the other is examined. Errors: 55000, XX001';

CREATE FUNCTION dcep.checkpoint_time(body text) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT substring(body FROM E'\ntime ([0-9]{1,18})\n')::numeric
$$;
COMMENT ON FUNCTION dcep.checkpoint_time(text) IS
'Internal: when a checkpoint was made, in microseconds since 1970; NULL where its text does not say so';

-- How a checkpoint contradicts what was cosigned before, and of which size that is; NULL where it goes on from there.
CREATE FUNCTION dcep.find_contradiction(watched dcep.watched_log, note text, old bigint, proof bytea,
                                        OUT kind text, OUT against_size bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    brought record;
    same record;
    newest text := (SELECT w.note FROM dcep.witnessed AS w WHERE w.origin = watched.origin AND w.size = watched.size);
BEGIN
    SELECT * INTO brought FROM dcep.read_checkpoint(note);
    SELECT c.* INTO same FROM dcep.witnessed AS w, dcep.read_checkpoint(w.note) AS c WHERE w.origin = watched.origin AND w.size = brought.size;
    IF FOUND THEN
        against_size := brought.size;
        kind := CASE WHEN same.root <> brought.root THEN 'other root' WHEN same.body <> brought.body THEN 'other text' END;
    ELSIF brought.size < watched.size THEN
        against_size := watched.size;
        kind := CASE WHEN dcep.checkpoint_time(brought.body) > dcep.checkpoint_time(newest) THEN 'smaller' END;
        IF kind IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'a later checkpoint was cosigned already',
                DETAIL = format('The log has been seen with %s transfers, this is of %s.', watched.size, brought.size);
        END IF;
    ELSIF old <> watched.size THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'proof does not begin where the log was seen last',
            DETAIL = format('That is at %s transfers, the proof begins at %s.', watched.size, old),
            HINT = format('Bring dcep.consistency_proof(%s, %s) of the log.', watched.size, brought.size);
    ELSIF NOT dcep.verify_consistency(watched.size, watched.root, brought.size, brought.root, proof) THEN
        against_size := watched.size;
        kind := 'not proven';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.find_contradiction(dcep.watched_log, text, bigint, bytea) IS
'Internal: the kind of dcep.split_view that a checkpoint of a watched log is, and against which size; NULL where it goes with all that was cosigned. Errors: 22004, 22023, 55000';

CREATE FUNCTION dcep.witness_record(old bigint, note text, proof bytea, OUT log text, OUT log_size bigint, OUT contradiction text, OUT against bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    brought record;
    watched dcep.watched_log;
    now_s timestamptz := date_trunc('second', clock_timestamp());
BEGIN
    IF old IS NULL OR proof IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'old and proof must not be null';
    END IF;
    SELECT * INTO brought FROM dcep.read_checkpoint(note);
    IF brought.size = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a log without transfers is not cosigned';
    END IF;
    PERFORM dcep.own_witness_key();
    -- The commit of this transaction must not be lost in a crash after the signature has been given.
    PERFORM set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
    watched := dcep.lock_watched(brought.origin);
    IF NOT EXISTS (SELECT FROM unnest(watched.keys) AS k WHERE dcep.note_signed_at(note, k) IS NOT NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG101', MESSAGE = 'checkpoint is not signed by the log',
            DETAIL = format('Log "%s", checkpoint of %s transfers.', brought.origin, brought.size),
            HINT = 'Where the log has another key now, register it with dcep.watch_log().';
    END IF;
    log := brought.origin;
    log_size := brought.size;
    SELECT * INTO contradiction, against FROM dcep.find_contradiction(watched, note, old, proof);
    IF contradiction IS NOT NULL THEN
        INSERT INTO dcep.split_view (origin, size, digest, kind, note, against_size)
        VALUES (brought.origin, brought.size, sha256(convert_to(brought.body, 'UTF8')), contradiction, note, against) ON CONFLICT DO NOTHING;
    ELSIF brought.size > watched.size THEN
        INSERT INTO dcep.witnessed (origin, size, cosigned_at, note) VALUES (brought.origin, brought.size, now_s, note);
        UPDATE dcep.watched_log AS w SET size = brought.size, root = brought.root, cosigned_at = now_s WHERE w.origin = brought.origin;
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.witness_record(bigint, text, bytea) IS
'Internal: examines a checkpoint of a watched log, and takes it, or keeps it as evidence, on record; the signature is given when that has been committed (dcep.witness_sign()). Errors: 22004, 22023, 40001, 55000, LG101, XX001';

CREATE FUNCTION dcep.witness_sign(origin text, size bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own dcep.witness_key := dcep.own_witness_key();
    cosigned record;
BEGIN
    IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'nothing is cosigned in a transaction that has written',
            DETAIL = 'What was not committed could be forgotten, and another history cosigned.',
            HINT = 'CALL dcep.witness_cosign() outside a transaction block.';
    END IF;
    SELECT c.body, w.cosigned_at INTO cosigned FROM dcep.witnessed AS w, dcep.read_checkpoint(w.note) AS c
     WHERE w.origin = witness_sign.origin AND w.size = witness_sign.size;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there is no such checkpoint on record',
            DETAIL = format('Log "%s", %s transfers.', origin, size);
    END IF;
    RETURN dcep.cosign_note(cosigned.body, own.name, own.number, own.public_key, extract(epoch FROM cosigned.cosigned_at)::bigint);
END
$$;
COMMENT ON FUNCTION dcep.witness_sign(text, bigint) IS
'The signature line, with its newline, under a checkpoint of a watched log that is on record as examined. By the central bank and auditors. Errors: 22023, 55000 (in a transaction that has written; no key)';

-- A procedure, since what is signed must have been committed before: a rollback or a crash would make us forget it.
-- One that commits can pin no search path: all names in it are qualified.
CREATE PROCEDURE dcep.witness_cosign(old bigint, note text, proof bytea, INOUT cosignature text DEFAULT NULL)
    LANGUAGE plpgsql AS $$
DECLARE
    recorded pg_catalog.record;
BEGIN
    SELECT * INTO recorded FROM dcep.witness_record(old, note, proof);
    COMMIT;
    IF recorded.contradiction IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'LG403', MESSAGE = 'log shows another history',
            DETAIL = pg_catalog.format('Log "%s", checkpoint of %s transfers against that of %s: %s.',
                                       recorded.log, recorded.log_size, recorded.against, recorded.contradiction),
            HINT = 'It was not cosigned, and is kept in dcep.split_view. Show both checkpoints to whoever trusts the log.';
    END IF;
    cosignature := dcep.witness_sign(recorded.log, recorded.log_size);
END
$$;
COMMENT ON PROCEDURE dcep.witness_cosign(bigint, text, bytea, text) IS
'As a witness: examines a checkpoint of a watched log, and returns the signature line to be appended to it. old is the size of the checkpoint that was cosigned last (dcep.watched_log; 0 before the first), proof the log''s proof of consistency from there. Commits before it signs, so not in a transaction block. The same checkpoint is cosigned again. What contradicts what was cosigned before is kept in dcep.split_view and refused (LG403). By the central bank and auditors. Errors: 22004, 22023, 2D000 (in a transaction block), 40001, 55000 (not watched; the proof begins elsewhere; no key), LG101 (not signed by the log), LG403, XX001';

CREATE VIEW dcep.witness_status AS
    SELECT w.origin, w.size, w.cosigned_at, clock_timestamp() - w.cosigned_at AS age,
           (SELECT count(*) FROM dcep.split_view AS s WHERE s.origin = w.origin AND s.kind <> 'not proven') AS contradictions,
           (SELECT count(*) FROM dcep.split_view AS s
             WHERE s.origin = w.origin AND s.kind = 'not proven'
               AND NOT EXISTS (SELECT FROM dcep.witnessed AS n
                                WHERE n.origin = s.origin AND n.size = s.size
                                  AND (dcep.read_checkpoint(n.note)).body = (dcep.read_checkpoint(s.note)).body)) AS unproven
      FROM dcep.watched_log AS w;
COMMENT ON VIEW dcep.witness_status IS
'Logs that this database is a witness of: how far each has come, how long ago, how often it contradicted itself (dcep.split_view), and checkpoints of which no proof of consistency has been brought to this day. For the central bank and auditors';
