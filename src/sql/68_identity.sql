-- Identity: who is behind a wallet, which nobody reads off the tables.
--
-- The request that opened a wallet is encrypted to the authentication centre's
-- key, whose private half is elsewhere.  What wallets are found by are keyed
-- hashes: without the ledger's secret, which is not in the database, nobody can
-- try phone numbers until one fits.

-- One person, one spelling: what differs only in how it is written has one hash.
CREATE FUNCTION dcep.normal_identifier(kind text, value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    normal text;
    shape text;
BEGIN
    IF kind IS NULL OR value IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'kind and value of an identifier must not be null';
    END IF;
    CASE kind
        WHEN 'phone' THEN
            normal := regexp_replace(regexp_replace(value, '[][ ()./-]', '', 'g'), '^00', '+');
            shape := '^[+]?[0-9]{3,15}$';
        WHEN 'email' THEN
            normal := lower(btrim(value, E' \t\r\n') COLLATE "C");
            shape := '^[^@[:space:]]{1,64}@[^@[:space:]]{1,255}$';
        WHEN 'id_document', 'bank_account' THEN
            normal := upper(regexp_replace(value, '[ \t\r\n-]', '', 'g') COLLATE "C");
            shape := '^.{1,100}$';
        WHEN 'user_id' THEN
            normal := btrim(value, E' \t\r\n');
            shape := '^.{1,200}$';
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('unknown kind of identifier "%s"', kind),
                HINT = 'Known are user_id, phone, email, id_document and bank_account.';
    END CASE;
    -- The value itself is shown nowhere: errors are logged.
    IF normal COLLATE "C" !~ shape THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('invalid identifier of kind %s', kind),
            HINT = 'A phone number has 3 to 15 digits, after a + where it begins with the country''s code; an e-mail address has one @; others are not empty.';
    END IF;
    RETURN normal;
END
$$;
COMMENT ON FUNCTION dcep.normal_identifier(text, text) IS
'Internal: an identifier without what its spelling varies in: spaces and punctuation of phone numbers, documents and accounts, the case of e-mail addresses, documents and accounts (of Latin letters). Errors: 22004, 22023';

CREATE FUNCTION dcep.identifier_hash(institution integer, kind text, value text) RETURNS bytea
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.secret_mac('identifier', int2send(institution::smallint) || convert_to(kind, 'UTF8') || '\x00'::bytea
                                         || convert_to(dcep.normal_identifier(kind, value), 'UTF8'))
$$;
COMMENT ON FUNCTION dcep.identifier_hash(integer, text, text) IS
'Internal: what an institution''s wallets are found by, 32 bytes: an HMAC under the ledger''s secret of institution, kind (user_id, phone, email, id_document, bank_account) and the identifier, normalised. Makes the secret where there is none yet. Errors: 22004, 22023, 55000';

-- --- the authentication centre's key ------------------------------------------

-- An OpenPGP message begins with a packet whose tag says what it is: 6 is a public key, 5 a secret one.
CREATE FUNCTION dcep.read_identity_key(armored text, OUT public_key bytea, OUT key_id text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first_byte integer;
BEGIN
    IF armored ~ 'PRIVATE KEY' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'this is a private key',
            DETAIL = 'The authentication centre''s private key must never reach this server.',
            HINT = 'Give what gpg --armor --export prints. A private key that was sent here counts as known: make another pair.';
    END IF;
    EXECUTE format('SELECT %I.dearmor($1)', dcep.pgcrypto_schema()) INTO public_key USING armored;
    first_byte := CASE WHEN octet_length(public_key) > 0 THEN get_byte(public_key, 0) ELSE 0 END;
    IF CASE WHEN first_byte >= 192 THEN first_byte - 192 ELSE (first_byte - 128) / 4 END <> 6 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'this is not an OpenPGP public key',
            HINT = 'Give what gpg --armor --export prints.';
    END IF;
    -- Encrypting something shows that it can be done; a secret subkey is refused there.
    EXECUTE format('SELECT %1$I.pgp_key_id($1) WHERE %1$I.pgp_pub_encrypt(''check'', $1) IS NOT NULL', dcep.pgcrypto_schema())
       INTO key_id USING public_key;
EXCEPTION
    WHEN external_routine_invocation_exception OR external_routine_exception THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the key cannot be used', DETAIL = SQLERRM || '.',
            HINT = 'It must be an OpenPGP public key in ASCII armor with a subkey for encryption, RSA or ElGamal: pgcrypto knows no other.';
END
$$;
COMMENT ON FUNCTION dcep.read_identity_key(text) IS
'Internal: an OpenPGP public key without its armor, and the id of its encrypting subkey. Errors: 22023';

CREATE FUNCTION dcep.set_identity_key(armored text, valid_from timestamptz DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    found_key record;
    new_number integer;
    act_id bigint;
BEGIN
    IF armored IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'key must not be null';
    END IF;
    PERFORM dcep.require_authority(1, ARRAY['central_bank']);
    IF valid_from < clock_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a key cannot become valid in the past',
            DETAIL = format('It would be valid from %s.', valid_from);
    END IF;
    SELECT * INTO STRICT found_key FROM dcep.read_identity_key(armored);
    -- The act comes first: the chain's lock keeps two from taking one number.
    act_id := nextval('dcep.act_id_seq');
    PERFORM dcep.enter_act(1, act_id, 'identity_key', NULL,
        jsonb_build_object('key_id', found_key.key_id, 'sha256', encode(sha256(found_key.public_key), 'hex'),
                           'valid_from', COALESCE(set_identity_key.valid_from, clock_timestamp())));
    SELECT COALESCE(max(k.number), 0) + 1 INTO new_number FROM dcep.identity_key AS k;
    INSERT INTO dcep.identity_key (number, key_id, public_key, valid_from, act)
    SELECT new_number, found_key.key_id, found_key.public_key, (a.body::jsonb ->> 'valid_from')::timestamptz, act_id
      FROM dcep.act AS a WHERE a.id = act_id;
    RETURN new_number;
END
$$;
COMMENT ON FUNCTION dcep.set_identity_key(text, timestamptz) IS
'Puts a public key of the authentication centre on record, OpenPGP in ASCII armor as gpg --armor --export prints it, with an RSA or ElGamal subkey for encryption, and returns its number. From the given time on (now), identities are encrypted to it; older keys stay on record, and who has their private halves goes on reading what was encrypted to them. Entered as an act. By the central bank. Errors: 22004, 22023 (no key, a private one, or one that cannot encrypt), 42501, 55000';

CREATE FUNCTION dcep.current_identity_key() RETURNS dcep.identity_key
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.* FROM dcep.identity_key AS k WHERE k.valid_from <= clock_timestamp() ORDER BY k.valid_from DESC, k.number DESC LIMIT 1
$$;
COMMENT ON FUNCTION dcep.current_identity_key() IS 'Internal: the key that identities are encrypted to now; NULL where there is none';

-- --- recording who is behind a wallet -------------------------------------------

CREATE FUNCTION dcep.record_identity(wallet dcep.wallet_id, request jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    identity_fields CONSTANT text[] := ARRAY['user_id', 'phone', 'email', 'id_document', 'bank_account'];
    current_key dcep.identity_key;
BEGIN
    IF wallet IS NULL OR request IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'wallet and request must not be null';
    END IF;
    INSERT INTO dcep.wallet_identifier (wallet, institution, kind, hash)
    SELECT record_identity.wallet, dcep.institution(record_identity.wallet), f.kind,
           dcep.identifier_hash(dcep.institution(record_identity.wallet), f.kind, request ->> f.kind)
      FROM unnest(identity_fields) AS f (kind) WHERE request ->> f.kind IS NOT NULL
    ON CONFLICT DO NOTHING;
    IF NOT request ?| (identity_fields || ARRAY['name']) THEN
        RETURN;
    END IF;
    current_key := dcep.current_identity_key();
    IF current_key.number IS NULL THEN
        IF request ?| ARRAY['name', 'id_document', 'bank_account'] THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = 'real-name data cannot be stored without the authentication centre''s key',
                HINT = 'The central bank sets it with dcep.set_identity_key().';
        END IF;
        RETURN;
    END IF;
    EXECUTE format('INSERT INTO dcep.identity (wallet, version, key_number, entered_at, ciphertext)
                    SELECT $1, COALESCE((SELECT max(i.version) FROM dcep.identity AS i WHERE i.wallet = $1), 0) + 1, $2,
                           clock_timestamp(), %I.pgp_pub_encrypt($3, $4, ''cipher-algo=aes256, unicode-mode=1'')',
                   dcep.pgcrypto_schema())
      USING wallet, current_key.number, jsonb_build_object('wallet', wallet, 'request', request)::text, current_key.public_key;
END
$$;
COMMENT ON FUNCTION dcep.record_identity(dcep.wallet_id, jsonb) IS
'Internal: stores who is behind a wallet: a keyed hash of each of user_id, phone, email, id_document and bank_account that the request has, and the whole request encrypted to the authentication centre''s key. Where no such key is on record, hashes alone, and a request with a name, id_document or bank_account is refused (55000). A request without any of these fields stores nothing. Errors: 22004, 22023, 55000';
