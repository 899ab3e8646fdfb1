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
    IF (CASE WHEN first_byte >= 192 THEN first_byte - 192 ELSE (first_byte - 128) / 4 END) <> 6 THEN
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

-- --- finding and disclosing ---------------------------------------------------

CREATE FUNCTION dcep.find_wallets(kind text, value text) RETURNS SETOF dcep.wallet_id
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_wallets dcep.wallet_id[];
BEGIN
    PERFORM dcep.normal_identifier(kind, value);
    SELECT COALESCE(array_agg(w.wallet ORDER BY w.wallet), '{}') INTO found_wallets
      FROM (SELECT dcep.identifier_hash(i.code, find_wallets.kind, find_wallets.value) AS hash
              FROM dcep.institution AS i WHERE i.kind = 'operator') AS h
      JOIN dcep.wallet_identifier AS w ON w.hash = h.hash
     WHERE dcep.caller_sees(w.wallet);
    IF dcep.current_case() IS NOT NULL THEN
        PERFORM dcep.enter_act(dcep.require_authority(NULL, ARRAY['supervisor', 'central_bank']), nextval('dcep.act_id_seq'),
                               'find_wallets', dcep.current_case(), jsonb_build_object('kind', find_wallets.kind, 'wallets', found_wallets));
    END IF;
    RETURN QUERY SELECT unnest(found_wallets);
END
$$;
COMMENT ON FUNCTION dcep.find_wallets(text, text) IS
'Wallets that were opened with this user_id, phone, email, id_document or bank_account, however it is spelt; closed ones too. An operator finds its own; a supervisor, and the central bank, what it sees within its case, and the look-up is entered as an act. By index; one keyed hash an operator. Errors: 22004, 22023, 42501, 55000';

CREATE FUNCTION dcep.order_disclosure(wallet dcep.wallet_id, case_no text, valid_until timestamptz, institution integer DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    o dcep.disclosure_order;
BEGIN
    IF wallet IS NULL OR valid_until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'wallet and valid_until must not be null';
    END IF;
    o.authority := dcep.require_authority(institution, ARRAY['supervisor', 'central_bank']);
    PERFORM dcep.require_case_no(case_no);
    o.ordered_at := clock_timestamp();
    IF valid_until <= o.ordered_at OR NOT isfinite(valid_until) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'an order for disclosure must end in the future',
            DETAIL = format('It would end at %s.', valid_until);
    END IF;
    IF o.authority <> 1 AND NOT EXISTS (
        SELECT FROM dcep.agreement AS g
         WHERE g.supervisor = o.authority AND g.operator = dcep.institution(order_disclosure.wallet) AND g.shows_wallets
           AND g.valid_from <= o.ordered_at AND o.ordered_at < g.valid_until) THEN
        PERFORM dcep.keep_refusal('LG220', 'order outside the supervisor''s agreement', o.authority,
                                  format('order disclosure, case %s, of wallet %s', case_no, wallet));
        RAISE EXCEPTION USING ERRCODE = 'LG220', MESSAGE = 'order outside the supervisor''s agreement',
            DETAIL = format('Supervisor %s has no agreement in force with institution %s that shows wallets.',
                            lpad(o.authority::text, 4, '0'), lpad(dcep.institution(wallet)::text, 4, '0')),
            HINT = 'Both parties sign one with dcep.agree().';
    END IF;
    o.wallet := (dcep.require_wallet(wallet)).id;
    o.case_no := order_disclosure.case_no;
    o.by_role := session_user;
    o.valid_until := order_disclosure.valid_until;
    o.id := nextval('dcep.act_id_seq');
    PERFORM dcep.enter_act(o.authority, o.id, 'order_disclosure', o.case_no, to_jsonb(o));
    INSERT INTO dcep.disclosure_order SELECT o.*;
    RETURN o.id;
END
$$;
COMMENT ON FUNCTION dcep.order_disclosure(dcep.wallet_id, text, timestamptz, integer) IS
'Orders, until a time, that an identity officer be given who is behind a wallet, and returns the order''s id; entered as an act. By a supervisor whose agreement with the wallet''s operator shows wallets, or by the central bank. Outside the agreements refused, and on record in dcep.refusal. Errors: 22004, 22023, 42501, 55000, LG220, LG305';

CREATE FUNCTION dcep.disclose(wallet dcep.wallet_id, case_no text,
                              OUT act bigint, OUT version integer, OUT key_id text, OUT entered_at timestamptz, OUT ciphertext bytea)
    RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    found_order bigint;
    given record;
BEGIN
    PERFORM dcep.require_authority(1, ARRAY['central_bank']);
    IF wallet IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'wallet must not be null';
    END IF;
    PERFORM dcep.require_case_no(case_no);
    SELECT o.id INTO found_order FROM dcep.disclosure_order AS o
     WHERE o.wallet = disclose.wallet AND o.case_no = disclose.case_no AND o.by_role <> session_user
       AND o.ordered_at <= clock_timestamp() AND clock_timestamp() < o.valid_until
     ORDER BY o.id DESC LIMIT 1;
    IF NOT FOUND THEN
        PERFORM dcep.keep_refusal('LG220', 'no order allows this disclosure', 1,
                                  format('disclose, case %s, wallet %s', case_no, wallet));
        RAISE EXCEPTION USING ERRCODE = 'LG220', MESSAGE = 'no order allows this disclosure',
            DETAIL = format('Wallet %s, case "%s": no order of somebody else''s is in force.', wallet, case_no),
            HINT = 'A supervisor or the central bank orders it with dcep.order_disclosure(); who ordered it does not look.';
    END IF;
    -- A later request brings what the earlier ones did not: the holder is in all of them.
    SELECT max(i.version) AS version, encode(sha256(string_agg(i.ciphertext, '' ORDER BY i.version)), 'hex') AS sha256 INTO given
      FROM dcep.identity AS i WHERE i.wallet = disclose.wallet;
    disclose.act := nextval('dcep.act_id_seq');
    PERFORM dcep.enter_act(1, disclose.act, 'disclose', disclose.case_no,
        jsonb_build_object('wallet', disclose.wallet, 'order', found_order, 'version', given.version, 'sha256', given.sha256));
    RETURN QUERY
        SELECT disclose.act, i.version, k.key_id, i.entered_at, i.ciphertext
          FROM (VALUES (disclose.wallet)) AS w (id)
          LEFT JOIN dcep.identity AS i ON i.wallet = w.id AND i.version <= given.version
          LEFT JOIN dcep.identity_key AS k ON k.number = i.key_number
         ORDER BY i.version;
END
$$;
COMMENT ON FUNCTION dcep.disclose(dcep.wallet_id, text) IS
'Gives who is behind a wallet, as it was encrypted to the authentication centre''s key, a row for each request that brought identification (the opening, then changes of class), and enters that as an act: who looked, when, under which order, at how many versions and their digest. Needs an order of dcep.order_disclosure() in force for this wallet and case, by another role. One row whose version, key_id, entered_at and ciphertext are NULL where nothing is on record, which is entered too. Without an order refused, and on record in dcep.refusal. By an identity officer of the central bank. Errors: 22004, 22023, 42501, 55000, LG220';

CREATE VIEW dcep.disclosures AS
    SELECT a.id AS act, a.entered_at AS disclosed_at, a.by_role AS officer, a.case_no, o.wallet, o.id AS order_id, o.authority,
           o.by_role AS ordered_by, o.ordered_at, (a.body::jsonb ->> 'version')::integer AS version
      FROM dcep.act AS a JOIN dcep.disclosure_order AS o ON o.id = (a.body::jsonb ->> 'order')::bigint
     WHERE a.kind = 'disclose' AND (dcep.sees_institution(1) OR dcep.sees_institution(o.authority));
COMMENT ON VIEW dcep.disclosures IS
'Look-ups of who is behind a wallet: which officer, when, in which case, under whose order. For the central bank all, for a supervisor those under its own orders';

ALTER TABLE dcep.disclosure_order ENABLE ROW LEVEL SECURITY;
CREATE POLICY see_own ON dcep.disclosure_order FOR SELECT USING (dcep.sees_institution(authority) OR dcep.sees_institution(1));
