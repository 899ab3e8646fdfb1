-- Device keys: wallets that pay on signed instructions alone.
--
-- Every key is entered as an act of the operator when it is added and when it is
-- revoked: an operator that slips a key of its own under a wallet leaves its
-- signature to that.  Where a key holds, another one needs the holder's consent,
-- which is that key's signature; where none does, the operator sees the holder on site.

CREATE FUNCTION dcep.instruction_bytes(payer dcep.wallet_id, payee dcep.wallet_id, amount bigint, key text, memo text DEFAULT NULL,
                                       kind dcep.transfer_kind DEFAULT 'transfer', token bytea DEFAULT NULL) RETURNS bytea
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_instruction_bytes';
COMMENT ON FUNCTION dcep.instruction_bytes(dcep.wallet_id, dcep.wallet_id, bigint, text, text, dcep.transfer_kind, bytea) IS
'What the payer''s device signs of a payment (docs/format.md). Of kind token the payee is NULL and the token''s 8 bytes are given. Says nothing of whether the wallets exist. Errors: 22004, 22023, 55000';

CREATE FUNCTION dcep.device_signed(wallet dcep.wallet_id, message bytea, signature bytea, at timestamptz) RETURNS boolean
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_device_signed';
COMMENT ON FUNCTION dcep.device_signed(dcep.wallet_id, bytea, bytea, timestamptz) IS
'Internal: has a device key of the wallet that held at that time signed the message? The signature is raw or DER';

CREATE FUNCTION dcep.read_device_key(given bytea, OUT suite text, OUT public_key bytea)
    LANGUAGE C IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'dcep_read_device_key';
COMMENT ON FUNCTION dcep.read_device_key(bytea) IS
'Internal: suite and raw bytes of a public key, given raw or in PEM. Errors: 22023';

CREATE FUNCTION dcep.parse_device_key(given text, OUT suite text, OUT public_key bytea)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stripped text := btrim(given, E' \t\r\n');
BEGIN
    IF given IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'public key must not be null';
    END IF;
    SELECT k.suite, k.public_key INTO STRICT parse_device_key.suite, parse_device_key.public_key
      FROM dcep.read_device_key(CASE WHEN stripped ~ '^([0-9A-Fa-f]{2})+$' THEN decode(stripped, 'hex')
                                     WHEN stripped ~ '^([0-9A-Za-z+/]{4})*([0-9A-Za-z+/]{2,3}={1,2})?$' THEN decode(stripped, 'base64')
                                     ELSE convert_to(stripped, 'UTF8') END) AS k;
END
$$;
COMMENT ON FUNCTION dcep.parse_device_key(text) IS
'Internal: suite and raw bytes of a public key, given in PEM, hexadecimal or base64. Errors: 22004, 22023';

CREATE FUNCTION dcep.device_key_message(wallet dcep.wallet_id, public_key text) RETURNS bytea
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT convert_to('dcep device v1', 'UTF8') || '\x0000'::bytea
           || int4send(8) || int8send(wallet::bigint)
           || int4send(octet_length(k.public_key)) || k.public_key
      FROM dcep.parse_device_key(public_key) AS k
$$;
COMMENT ON FUNCTION dcep.device_key_message(dcep.wallet_id, text) IS
'What a device key of a wallet signs to admit another one (docs/format.md). Errors: 22004, 22023';

-- The operator's wallet, locked: its payments are over, or wait.
CREATE FUNCTION dcep.lock_own_wallet(wallet dcep.wallet_id) RETURNS dcep.wallet
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_wallet dcep.wallet;
BEGIN
    PERFORM dcep.require_own(wallet, 'A role keeps the device keys of wallets of the institution that it is bound to.');
    found_wallet := dcep.require_wallet(wallet);
    IF found_wallet.class = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'a vault has no device keys';
    END IF;
    IF found_wallet.status = 'closed' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG306', MESSAGE = 'wallet is closed', DETAIL = format('Wallet %s.', wallet);
    END IF;
    -- The update shows payments that begin now that something is changing.
    UPDATE dcep.wallet AS w SET flags = w.flags | 8 WHERE w.id = lock_own_wallet.wallet;
    PERFORM dcep.lock_wallet(wallet);
    RETURN found_wallet;
END
$$;
COMMENT ON FUNCTION dcep.lock_own_wallet(dcep.wallet_id) IS
'Internal: an open wallet of the caller''s institution, locked and marked as one that pays on signed instructions alone. Errors: 22004, 42501, 55000, LG305, LG306';

CREATE FUNCTION dcep.add_device_key(wallet dcep.wallet_id, public_key text, signature bytea DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    k dcep.device_key;
    has_live boolean;
BEGIN
    SELECT p.suite, p.public_key INTO STRICT k.suite, k.public_key FROM dcep.parse_device_key(add_device_key.public_key) AS p;
    PERFORM dcep.lock_own_wallet(wallet);
    k.wallet := add_device_key.wallet;
    k.valid_from := clock_timestamp();
    SELECT COALESCE(max(d.number), 0) + 1, COALESCE(bool_or(d.revoked_at IS NULL), false) INTO STRICT k.number, has_live
      FROM dcep.device_key AS d WHERE d.wallet = add_device_key.wallet;
    IF EXISTS (SELECT FROM dcep.device_key AS d WHERE d.wallet = k.wallet AND d.suite = k.suite AND d.public_key = k.public_key) THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = 'the wallet has, or had, this device key already',
            HINT = 'A key that was revoked does not come back: make another one.';
    END IF;
    IF has_live AND NOT COALESCE(dcep.device_signed(wallet, dcep.device_key_message(wallet, add_device_key.public_key), signature,
                                                    k.valid_from), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG104', MESSAGE = 'device key is not signed by a device key of the wallet',
            HINT = 'A device key that holds signs what dcep.device_key_message() returns. Where the device is lost, revoke its key first with dcep.revoke_device_key().';
    END IF;
    k.act := nextval('dcep.act_id_seq');
    PERFORM dcep.enter_act(dcep.institution(wallet), k.act, 'add_device_key', NULL,
        jsonb_build_object('wallet', wallet, 'number', k.number, 'suite', k.suite, 'public_key', encode(k.public_key, 'hex'),
                           'valid_from', k.valid_from, 'consent', encode(CASE WHEN has_live THEN signature END, 'hex')));
    INSERT INTO dcep.device_key SELECT k.*;
    RETURN k.number;
END
$$;
COMMENT ON FUNCTION dcep.add_device_key(dcep.wallet_id, text, bytea) IS
'Adds a public key to a wallet and returns its number: PEM as openssl pkey -pubout prints it, or raw in hexadecimal or base64; Ed25519, P-256 or SM2. From then on the wallet pays on instructions alone that a key of it has signed, for good. Where a key holds already, it must have signed dcep.device_key_message(); else the operator answers for who it belongs to. Entered as an act. Waits for the payment that the wallet is making. By its operator. Errors: 22004, 22023, 23505, 42501, 55000, LG104, LG305, LG306';

CREATE FUNCTION dcep.revoke_device_key(wallet dcep.wallet_id, number integer, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    act_id bigint;
BEGIN
    IF wallet IS NULL OR number IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'wallet and number must not be null';
    END IF;
    IF COALESCE(reason, '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a reason is required';
    END IF;
    IF NOT dcep.caller_acts_for(dcep.institution(wallet)) OR EXISTS (
        SELECT FROM dcep.device_key AS d WHERE d.wallet = revoke_device_key.wallet AND d.number = revoke_device_key.number) THEN
        PERFORM dcep.lock_own_wallet(wallet);
    ELSE
        RAISE EXCEPTION USING ERRCODE = 'LG102', MESSAGE = 'device key is not known to this ledger',
            DETAIL = format('Wallet %s, key %s.', wallet, number);
    END IF;
    act_id := nextval('dcep.act_id_seq');
    UPDATE dcep.device_key AS d SET revoked_at = clock_timestamp(), revocation_reason = reason, revocation_act = act_id
     WHERE d.wallet = revoke_device_key.wallet AND d.number = revoke_device_key.number AND d.revoked_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'device key has been revoked already',
            DETAIL = format('Wallet %s, key %s.', wallet, number);
    END IF;
    PERFORM dcep.enter_act(dcep.institution(wallet), act_id, 'revoke_device_key', NULL,
        (SELECT jsonb_build_object('wallet', d.wallet, 'number', d.number, 'revoked_at', d.revoked_at, 'reason', d.revocation_reason)
           FROM dcep.device_key AS d WHERE d.wallet = revoke_device_key.wallet AND d.number = revoke_device_key.number));
END
$$;
COMMENT ON FUNCTION dcep.revoke_device_key(dcep.wallet_id, integer, text) IS
'Revokes a device key at once, as where the device is lost; what it signed before stands. A wallet whose last key is revoked cannot pay until its operator adds another. Entered as an act. Waits for the payment that the wallet is making. By its operator. Errors: 22004, 22023, 42501, 55000 (revoked already), LG102, LG305, LG306';

-- The one change that there is: a revocation, once.
CREATE FUNCTION dcep.device_key_changes() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL
       OR (NEW.wallet, NEW.number, NEW.suite, NEW.public_key, NEW.valid_from, NEW.act)
          IS DISTINCT FROM (OLD.wallet, OLD.number, OLD.suite, OLD.public_key, OLD.valid_from, OLD.act) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG401', MESSAGE = 'journal is append-only',
            DETAIL = 'Rows of "dcep.device_key" are revoked once, and never changed else.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION dcep.device_key_changes() IS 'Trigger: refuses any change of a device key but its revocation (LG401)';
CREATE TRIGGER revoke_only BEFORE UPDATE ON dcep.device_key
    FOR EACH ROW EXECUTE FUNCTION dcep.device_key_changes();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON dcep.device_key
    FOR EACH STATEMENT EXECUTE FUNCTION dcep.append_only();
CREATE TRIGGER append_only_row BEFORE DELETE ON dcep.device_key
    FOR EACH ROW EXECUTE FUNCTION dcep.append_only();
ALTER TABLE dcep.device_key ENABLE ALWAYS TRIGGER revoke_only;
ALTER TABLE dcep.device_key ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE dcep.device_key ENABLE ALWAYS TRIGGER append_only_row;
