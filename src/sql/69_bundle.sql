-- Receipt bundles: one payment, proven to whoever has no database.

CREATE FUNCTION dcep.bundle_place(transfer bigint, view text) RETURNS bigint
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_bundle_place';
COMMENT ON FUNCTION dcep.bundle_place(bigint, text) IS
'Internal: place in the log of a transfer of which the caller may have a bundle by this view; NULL where it may not. Errors: 22004, 22023, 55000, XX001';

CREATE FUNCTION dcep.make_bundle(transfer bigint, view text, size bigint, note text) RETURNS text
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_make_bundle';
COMMENT ON FUNCTION dcep.make_bundle(bigint, text, bigint, text) IS
'Internal: the receipt bundle of a transfer with a checkpoint, of which size and note are given; NULL where the caller may have none. Errors: 22004, 22023, 54000, 55000, XX001, LG101-LG103';

CREATE FUNCTION dcep.bundle_defect(bundle text, log_keys text[], witnesses text[], quorum integer, own boolean) RETURNS text
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_bundle_defect';
COMMENT ON FUNCTION dcep.bundle_defect(text, text[], text[], integer, boolean) IS
'Internal: what is wrong with a receipt bundle by any of these keys of its log and so many of these witnesses, and where own is true by the signing keys on record; NULL where nothing is. Errors: 22004, 22023, 55000';

CREATE FUNCTION dcep.receipt_bundle(transfer bigint, view text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place bigint := dcep.bundle_place(transfer, view);
    covering record;
BEGIN
    IF place IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO covering FROM dcep.covering_checkpoint(place) AS c;
    IF covering.size IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'no checkpoint covers the transfer yet',
            DETAIL = format('Transfer %s is number %s in the log, counted from 0.', transfer, place),
            HINT = 'SELECT dcep.checkpoint() makes one, as a worker does every dcep.checkpoint_interval.';
    END IF;
    RETURN dcep.make_bundle(transfer, view, covering.size, covering.note);
END
$$;
COMMENT ON FUNCTION dcep.receipt_bundle(bigint, text) IS
'All that an outsider needs to verify one payment, as a text (docs/format.md): how it was signed, its place in the log, and a checkpoint with its cosignatures; the newest that is witnessed and covers it, else the newest that covers it. The view is what is shown of it: payment (all; who sees a party, but not of kind token), coin (the payee''s, not the payer; who sees the payee), hash (nobody; who sees a party, and auditors); by default the first of these that the caller may have, for the payer of a token hash. NULL where there is no such transfer for the caller. Errors: 22004, 22023, 54000, 55000 (not in the log yet, or in no checkpoint), XX001, LG101-LG103';

CREATE FUNCTION dcep.verify_bundle(bundle text, log_key text DEFAULT NULL, witnesses text[] DEFAULT NULL, quorum integer DEFAULT 0)
    RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.bundle_defect(bundle,
        CASE WHEN log_key IS NOT NULL THEN ARRAY[log_key]
             ELSE ARRAY(SELECT dcep.verifier_key(dcep.log_origin(), 1, k.public_key) FROM dcep.log_key AS k ORDER BY k.number DESC) END,
        COALESCE(witnesses, ARRAY(SELECT dcep.verifier_key(w.name, 4, w.public_key) FROM dcep.witness AS w ORDER BY w.number)),
        COALESCE(quorum, 0), log_key IS NULL)
$$;
COMMENT ON FUNCTION dcep.verify_bundle(text, text, text[], integer) IS
'What is wrong with a receipt bundle, a sentence; NULL where it is sound. By the key of its log, as dcep.log_verifier_key() writes it, and where quorum is above 0 by so many of these witnesses, by default those registered here. Without a key it must be of this log, and its signer''s key on record here; with one, the signer''s key is taken as the bundle has it. Errors: 22004, 22023 (a key that is none), 55000 (no ledger, and no key given)';
