-- The Merkle log: sealing, proofs, checkpoints.

CREATE FUNCTION dcep.seal(most integer DEFAULT 100000) RETURNS bigint
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_seal';
COMMENT ON FUNCTION dcep.seal(integer) IS
'Brings committed transfers into the Merkle log, in the order of their ids, up to a number of them (from 1 on), and returns how many. Fewer than that: none was left. One call at a time: another one waits. Payments wait for nothing. For the central bank; done by the worker every dcep.seal_interval. A few microseconds a transfer. Errors: 22004, 22023, 55000 (not the origin of the journal), XX001';

CREATE FUNCTION dcep.log_root(size bigint DEFAULT NULL) RETURNS bytea
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_log_root';
COMMENT ON FUNCTION dcep.log_root(bigint) IS
'Root of the log''s tree over its first transfers, all by default. Tenths of a millisecond. Errors: 22023 (above the log''s size), XX001';

CREATE FUNCTION dcep.log_place(transfer bigint) RETURNS bigint
    LANGUAGE C STABLE STRICT COST 1000 AS 'MODULE_PATHNAME', 'dcep_log_place';
COMMENT ON FUNCTION dcep.log_place(bigint) IS
'Internal: place of a transfer in the log, counted from 0; NULL where it is not in it. Errors: 55000, XX001';

CREATE FUNCTION dcep.inclusion_proof(transfer bigint, size bigint DEFAULT NULL,
                                     OUT leaf_index bigint, OUT tree_size bigint, OUT path bytea)
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_inclusion_proof';
COMMENT ON FUNCTION dcep.inclusion_proof(bigint, bigint) IS
'Proof that a transfer is in the log of a size, all of it by default: its place, counted from 0, and the hashes of the path, 32 bytes each (RFC 9162). To whoever may have its receipt, and to auditors; NULLs where there is no such transfer for the caller. Tenths of a millisecond in a log of any size. Errors: 22004, 22023, 55000 (not in the log yet), XX001';

CREATE FUNCTION dcep.consistency_proof(old_size bigint, new_size bigint DEFAULT NULL) RETURNS bytea
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_consistency_proof';
COMMENT ON FUNCTION dcep.consistency_proof(bigint, bigint) IS
'Proof that the log of a size, all of it by default, begins with what it was at an older size: hashes, 32 bytes each (RFC 9162). Empty where the old size is 0 or the same. Errors: 22004, 22023, XX001';

CREATE FUNCTION dcep.verify_inclusion(hash bytea, leaf_index bigint, tree_size bigint, path bytea, root bytea) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dcep_verify_inclusion';
COMMENT ON FUNCTION dcep.verify_inclusion(bytea, bigint, bigint, bytea, bytea) IS
'Does the path prove that the transfer of this hash is in the tree of this size and root? False for whatever cannot be a proof';

CREATE FUNCTION dcep.verify_consistency(old_size bigint, old_root bytea, new_size bigint, new_root bytea, path bytea) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dcep_verify_consistency';
COMMENT ON FUNCTION dcep.verify_consistency(bigint, bytea, bigint, bytea, bytea) IS
'Does the path prove that the tree of the new size and root begins with that of the old size and root? False for whatever cannot be a proof';

-- --- checkpoints ---------------------------------------------------------------

CREATE FUNCTION dcep.make_log_key(number integer) RETURNS bytea
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_make_log_key';
COMMENT ON FUNCTION dcep.make_log_key(integer) IS
'Internal: makes an Ed25519 key of the log, writes its file into dcep.key_directory, and returns the public key. Errors: 58P01 and the like';

CREATE FUNCTION dcep.sign_note(body text, name text, number integer, public_key bytea) RETURNS text
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_sign_note';
COMMENT ON FUNCTION dcep.sign_note(text, text, integer, bytea) IS
'Internal: the lines of a note with the signature of a key of the log. Errors: 55000';

CREATE FUNCTION dcep.note_defect(note text, name text, public_key bytea, size bigint, root bytea) RETURNS text
    LANGUAGE C IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'dcep_note_defect';
COMMENT ON FUNCTION dcep.note_defect(text, text, bytea, bigint, bytea) IS
'Internal: what is wrong with a signed note as the checkpoint of a log, by its name, key, size and root; NULL where nothing is';

-- The first key names the log, so that the name is unique and stays when keys change.
CREATE FUNCTION dcep.log_origin() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('dcep/%s/%s', lower(l.currency), left(encode(sha256(k.public_key), 'hex'), 16))
      FROM dcep.ledger AS l, dcep.log_key AS k WHERE k.number = 1
$$;
COMMENT ON FUNCTION dcep.log_origin() IS
'Name of the log in its checkpoints: dcep/, the currency, and 16 digits of the SHA-256 of its first key. NULL before the first checkpoint';

CREATE FUNCTION dcep.rotate_log_key() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made integer;
BEGIN
    LOCK TABLE dcep.log_key IN SHARE ROW EXCLUSIVE MODE;
    SELECT COALESCE(max(k.number), 0) + 1 INTO made FROM dcep.log_key AS k;
    INSERT INTO dcep.log_key (number, public_key) VALUES (made, dcep.make_log_key(made));
    RETURN made;
END
$$;
COMMENT ON FUNCTION dcep.rotate_log_key() IS
'Makes a new key of the log, with which checkpoints are signed from now on, and returns its number. By the central bank. Errors: 58P01 and the like';

CREATE FUNCTION dcep.log_verifier_key(number integer DEFAULT NULL) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.verifier_key(o.name, 1, k.public_key)
      FROM dcep.log_key AS k, dcep.log_origin() AS o (name)
     WHERE log_verifier_key.number IS NULL OR k.number = log_verifier_key.number ORDER BY k.number DESC LIMIT 1
$$;
COMMENT ON FUNCTION dcep.log_verifier_key(integer) IS
'Public key of the log, the last by default, as tools for signed notes read it: name, key id and key. NULL where there is none';

CREATE FUNCTION dcep.supply_lines(totals dcep.log_total[]) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'supply %s %s %s %s %s\n', l.currency, l.exponent, COALESCE(sum(o.issued), 0), COALESCE(sum(o.redeemed), 0),
                  COALESCE(sum(o.issued - o.redeemed), 0))
           || COALESCE(string_agg(format(E'operator %s %s %s %s\n', lpad(o.institution::text, 4, '0'), o.issued, o.redeemed,
                                         o.issued - o.redeemed), '' ORDER BY o.institution)
                       FILTER (WHERE o.institution IS NOT NULL), '')
      FROM dcep.ledger AS l LEFT JOIN unnest(totals) AS o ON true GROUP BY l.currency, l.exponent
$$;
COMMENT ON FUNCTION dcep.supply_lines(dcep.log_total[]) IS
'Internal: the lines of a checkpoint that state issued, redeemed and outstanding, of all and per operator';

CREATE FUNCTION dcep.checkpoint() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    state dcep.log_state;
    key dcep.log_key;
    newest dcep.checkpoint;
    root bytea;
    body text;
    made timestamptz;
BEGIN
    -- The state's row is the lock: neither size nor totals move, and checkpoints are made one after the other.
    SELECT * INTO state FROM dcep.log_state AS s FOR UPDATE;
    SELECT * INTO newest FROM dcep.checkpoint AS c ORDER BY c.size DESC LIMIT 1;
    IF state.size IS NULL OR state.size = COALESCE(newest.size, 0) THEN
        RETURN dcep.latest_checkpoint();
    END IF;
    IF NOT EXISTS (SELECT FROM dcep.log_key) THEN
        PERFORM dcep.rotate_log_key();
    END IF;
    SELECT * INTO STRICT key FROM dcep.log_key AS k ORDER BY k.number DESC LIMIT 1;
    root := dcep.log_root(state.size);
    made := clock_timestamp();
    body := format(E'%s\n%s\n%s\nprevious %s %s\ntime %s\n', dcep.log_origin(), state.size, encode(root, 'base64'),
                   COALESCE(newest.size, 0), encode(dcep.note_hash(newest.note), 'base64'),
                   (extract(epoch FROM made) * 1000000)::bigint)
            || dcep.supply_lines(ARRAY(SELECT o FROM dcep.log_total AS o));
    INSERT INTO dcep.checkpoint (size, made_at, key_number, root, note)
    VALUES (state.size, made, key.number, root,
            dcep.sign_note(body, dcep.log_origin(), key.number, key.public_key))
    RETURNING * INTO newest;
    RETURN newest.note;
END
$$;
COMMENT ON FUNCTION dcep.checkpoint() IS
'Makes a checkpoint of the log as it is, where it has grown since the last one, and returns the newest; NULL while the log is empty. Its key is made at the first one. By the central bank; done by the worker every dcep.checkpoint_interval. Errors: 55000 (the key''s file cannot be used), XX001';

CREATE FUNCTION dcep.note_hash(note text) RETURNS bytea
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Up to the empty line, which no signature line can contain. Zeros stand for no note.
    SELECT COALESCE(sha256(convert_to(left(note, strpos(note, E'\n\n')), 'UTF8')), decode(repeat('00', 32), 'hex'))
$$;
COMMENT ON FUNCTION dcep.note_hash(text) IS
'SHA-256 of what is signed of a checkpoint, which the next one names; zeros of NULL';

CREATE FUNCTION dcep.checkpoint_quorum() RETURNS integer
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_checkpoint_quorum';
COMMENT ON FUNCTION dcep.checkpoint_quorum() IS 'The setting dcep.checkpoint_quorum: how many witnesses a checkpoint needs';

CREATE FUNCTION dcep.checkpoint_note(size bigint) RETURNS text
    LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.note || COALESCE((SELECT string_agg(s.line || E'\n', '' ORDER BY s.added_at, s.witness)
                                 FROM dcep.cosignature AS s WHERE s.size = c.size), '')
      FROM dcep.checkpoint AS c WHERE c.size = checkpoint_note.size
$$;
COMMENT ON FUNCTION dcep.checkpoint_note(bigint) IS
'The checkpoint of a size, a signed note with the cosignatures that it has; NULL where there is none of that size';

-- Whoever cosigns sees nothing of the ledger: the quorum is of names, whatever key each had at the time.
CREATE FUNCTION dcep.count_witnesses(size bigint) RETURNS integer
    LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(DISTINCT w.name)::integer
      FROM dcep.cosignature AS s JOIN dcep.witness AS w ON w.number = s.witness WHERE s.size = count_witnesses.size
$$;
COMMENT ON FUNCTION dcep.count_witnesses(bigint) IS 'How many witnesses have cosigned the checkpoint of a size';

CREATE FUNCTION dcep.latest_checkpoint(witnessed boolean DEFAULT false) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.checkpoint_note(c.size) FROM dcep.checkpoint AS c
     WHERE NOT COALESCE(witnessed, false) OR dcep.count_witnesses(c.size) >= dcep.checkpoint_quorum()
     ORDER BY c.size DESC LIMIT 1
$$;
COMMENT ON FUNCTION dcep.latest_checkpoint(boolean) IS
'The newest checkpoint, a signed note with the cosignatures that it has; where witnessed is true, the newest that has those of dcep.checkpoint_quorum witnesses. NULL where there is none';

CREATE FUNCTION dcep.covering_checkpoint(place bigint, OUT size bigint, OUT note text) RETURNS record
    LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.size, dcep.checkpoint_note(c.size)
      FROM ((SELECT n.size, 1 AS choice FROM dcep.checkpoint AS n
              WHERE n.size > place AND dcep.checkpoint_quorum() > 0 AND dcep.count_witnesses(n.size) >= dcep.checkpoint_quorum()
              ORDER BY n.size DESC LIMIT 1)
            UNION ALL (SELECT n.size, 2 FROM dcep.checkpoint AS n WHERE n.size > place ORDER BY n.size DESC LIMIT 1)) AS c
     ORDER BY c.choice LIMIT 1
$$;
COMMENT ON FUNCTION dcep.covering_checkpoint(bigint) IS
'Internal: the newest checkpoint that covers a place in the log, one that is witnessed before others';

CREATE VIEW dcep.log_status AS
    SELECT s.size, s.watermark, GREATEST(CASE WHEN q.is_called THEN q.last_value ELSE 0 END - s.watermark, 0) AS undecided,
           s.sealed_at, c.size AS checkpoint_size, c.made_at AS checkpoint_at
      FROM dcep.transfer_id_seq AS q, dcep.log_state AS s
      LEFT JOIN LATERAL (SELECT * FROM dcep.checkpoint AS n ORDER BY n.size DESC LIMIT 1) AS c ON true;
COMMENT ON VIEW dcep.log_status IS
'How far the log has come, one row. undecided is the lag: ids given out of which it is not known that all that will ever be committed is in the log; it stands still where no worker seals, and grows while a transaction that has paid stays open. For the central bank and auditors';

-- --- the auditor's checks --------------------------------------------------------

CREATE FUNCTION dcep.verify_log(since bigint DEFAULT NULL, OUT defect text, OUT "position" bigint, OUT transfer bigint, OUT detail text)
    RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_verify_log';
COMMENT ON FUNCTION dcep.verify_log(bigint) IS
'Verifies the log against the journal: one row a defect (damaged, gap, twice, missing, leaf, bounds, tile, root, supply, size, unsealed, total), none when sound. Goes over the whole log, some microseconds a transfer; or, from the size of a checkpoint on, over what came since: the hashes before must have the checkpoint''s root, and its totals are taken for right. By auditors and the central bank. Errors: 42501, 55000, 22023 (no checkpoint of that size), XX001 (what is before it cannot be read)';

CREATE FUNCTION dcep.audit_log(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                               OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'log: ' || d.defect, NULL::smallint, NULL::dcep.wallet_id, d.transfer,
           CASE WHEN d."position" IS NULL THEN d.detail ELSE format('at %s: %s', d."position", d.detail) END
      FROM dcep.verify_log(since) AS d
    UNION ALL
    SELECT 'checkpoint', NULL, NULL, NULL, format('of size %s: %s', c.size, w.wrong)
      FROM (SELECT n.*, lag(n.size, 1, 0::bigint) OVER s AS size_before, lag(n.note) OVER s AS note_before
              FROM dcep.checkpoint AS n WHERE n.size >= COALESCE(since, 0) WINDOW s AS (ORDER BY n.size)) AS c
      LEFT JOIN dcep.log_key AS k ON k.number = c.key_number
     CROSS JOIN LATERAL (SELECT CASE
            WHEN k.number IS NULL THEN 'Its key is not on record.'
            WHEN c.size <> since IS NOT FALSE AND split_part(c.note, E'\n', 4) <> format('previous %s %s', c.size_before, encode(dcep.note_hash(c.note_before), 'base64'))
            THEN 'It does not follow the one before it.'
            ELSE dcep.note_defect(c.note, dcep.log_origin(), k.public_key, c.size, c.root) END) AS w (wrong)
     WHERE w.wrong IS NOT NULL
    UNION ALL
    SELECT 'cosignature', NULL, NULL, NULL, format('of size %s by witness %s: %s', s.size, s.witness, w.wrong)
      FROM dcep.cosignature AS s
      LEFT JOIN dcep.checkpoint AS c USING (size)
      LEFT JOIN dcep.witness AS k ON k.number = s.witness
     CROSS JOIN LATERAL (SELECT CASE
            WHEN c.size IS NULL THEN 'There is no such checkpoint.'
            WHEN k.number IS NULL THEN 'The witness is not on record.'
            WHEN dcep.note_signed_at(c.note || s.line || E'\n', dcep.verifier_key(k.name, 4, k.public_key))
                 IS DISTINCT FROM extract(epoch FROM s.cosigned_at)::bigint
            THEN 'The signature is not the witness''s, or of another time.' END) AS w (wrong)
     WHERE w.wrong IS NOT NULL
$$;
COMMENT ON FUNCTION dcep.audit_log(bigint) IS 'dcep.verify_log(), the chain and the signatures of checkpoints, and the cosignatures of witnesses; the first two of those from a size on';
