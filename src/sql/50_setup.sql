-- Setting a ledger up: institutions, keys, roles, reserves, issuance.
-- Functions that need more than their caller run as the extension's owner,
-- with a pinned search_path, and ask first who called.

CREATE FUNCTION dcep.require_institution(code integer, kind text DEFAULT NULL) RETURNS dcep.institution
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_institution dcep.institution;
BEGIN
    IF code IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'institution must not be null';
    END IF;
    SELECT * INTO found_institution FROM dcep.institution AS i WHERE i.code = require_institution.code;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('institution %s does not exist',
                             CASE WHEN code BETWEEN 0 AND 9999 THEN lpad(code::text, 4, '0') ELSE code::text END),
            HINT = 'Enroll it first with dcep.enroll_institution().';
    END IF;
    IF kind IS NOT NULL AND found_institution.kind <> kind THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('institution %s is not of kind %s', lpad(code::text, 4, '0'), kind),
            DETAIL = format('It is of kind %s.', found_institution.kind);
    END IF;
    RETURN found_institution;
END
$$;
COMMENT ON FUNCTION dcep.require_institution(integer, text) IS 'An institution by code, or an error (22004, 22023)';

-- Makes the wallet rows of a new wallet; used by open_wallet() and for vaults.
CREATE FUNCTION dcep.add_wallet(institution integer, class integer, form text, parent dcep.wallet_id, holder text)
    RETURNS dcep.wallet_id
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_wallet dcep.wallet_id;
BEGIN
    SELECT dcep.allot_number(add_wallet.institution, nextval('dcep.wallet_number_seq'), s.number_secret)
      INTO STRICT new_wallet
      FROM dcep.institution_secret AS s WHERE s.code = add_wallet.institution;
    INSERT INTO dcep.wallet (id, institution, class, form, parent, holder, flags)
    VALUES (new_wallet, add_wallet.institution, add_wallet.class, add_wallet.form, add_wallet.parent, add_wallet.holder,
            CASE add_wallet.holder WHEN 'organisation' THEN 32 ELSE 0 END);
    INSERT INTO dcep.wallet_chain (wallet) VALUES (new_wallet);
    INSERT INTO dcep.wallet_event (wallet, event, class) VALUES (new_wallet, 'open', add_wallet.class);
    RETURN new_wallet;
END
$$;
COMMENT ON FUNCTION dcep.add_wallet(integer, integer, text, dcep.wallet_id, text) IS
'Internal: a wallet with a freshly allotted number, its chain and its first event';

CREATE FUNCTION dcep.allot_number(institution integer, counter bigint, secret bytea) RETURNS dcep.wallet_id
    LANGUAGE C IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'dcep_allot_number';
COMMENT ON FUNCTION dcep.allot_number(integer, bigint, bytea) IS
'Internal: the wallet number of a counter value, by a permutation keyed with the institution''s secret';

CREATE FUNCTION dcep.pgcrypto_schema() RETURNS name
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pgcrypto'
$$;
COMMENT ON FUNCTION dcep.pgcrypto_schema() IS 'Internal: the schema that pgcrypto has been installed in';

-- Enrolls an institution with its secret, its vault and, for an operator, its reserve account.
CREATE FUNCTION dcep.add_institution(code integer, name text, kind text, elsewhere boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_secret bytea;
BEGIN
    IF elsewhere THEN
        -- Its vault, and its keys, come with the line to its node.
        INSERT INTO dcep.institution (code, name, kind, is_here)
        VALUES (add_institution.code, add_institution.name, add_institution.kind, false);
        IF kind = 'operator' AND dcep.own_institution() = 1 THEN
            INSERT INTO dcep.reserve_account (institution) VALUES (add_institution.code);
        END IF;
        RETURN;
    END IF;
    EXECUTE format('SELECT %I.gen_random_bytes(32)', dcep.pgcrypto_schema()) INTO new_secret;
    IF kind = 'supervisor' THEN
        INSERT INTO dcep.institution (code, name, kind) VALUES (add_institution.code, add_institution.name, 'supervisor');
        RETURN;
    END IF;
    INSERT INTO dcep.institution_secret (code, number_secret) VALUES (add_institution.code, new_secret);
    INSERT INTO dcep.institution (code, name, kind, vault)
    VALUES (add_institution.code, add_institution.name, add_institution.kind,
            dcep.add_wallet(add_institution.code, 0, 'vault', NULL, 'institution'));
    IF kind = 'operator' THEN
        INSERT INTO dcep.reserve_account (institution) VALUES (add_institution.code);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.add_institution(integer, text, text, boolean) IS 'Internal: an institution with all that belongs to it; of one whose wallets another node keeps, what is kept here';

-- Class limits as published for the e-CNY, in yuan; the ledger's exponent makes minor units of them. More than one
-- anonymous wallet a phone would multiply their limits.
CREATE FUNCTION dcep.add_default_classes(exponent integer) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands, max_wallets)
    SELECT c.class, '2020-01-01', c.name, c.max_balance * s.unit, c.max_payment * s.unit, c.max_day * s.unit,
           c.max_year * s.unit, c.demands::text[], c.max_wallets::smallint
      FROM (VALUES (0, 'vault', NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, '{}', 0),
                   (1, 'on site: ID, phone, bank account', NULL, NULL, NULL, NULL, '{on_site,id_document,phone,bank_account}', 0),
                   (2, 'remote: ID, phone, bank account', 500000, 50000, 100000, NULL, '{id_document,phone,bank_account}', 0),
                   (3, 'remote: ID, phone', 20000, 5000, 10000, NULL, '{id_document,phone}', 0),
                   (4, 'anonymous: phone or e-mail', 10000, 2000, 5000, 50000, '{phone|email}', 1))
               AS c (class, name, max_balance, max_payment, max_day, max_year, demands, max_wallets),
           (SELECT pg_catalog.power(10::numeric, exponent)::bigint) AS s (unit)
$$;
COMMENT ON FUNCTION dcep.add_default_classes(integer) IS 'Internal: the five classes, valid from 2020-01-01';

CREATE FUNCTION dcep.create_ledger(currency text, exponent integer, timezone text, central_bank_name text,
                                   institution integer DEFAULT 1, institution_name text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF currency IS NULL OR exponent IS NULL OR timezone IS NULL OR central_bank_name IS NULL OR institution IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'arguments of create_ledger must not be null';
    END IF;
    IF EXISTS (SELECT FROM dcep.ledger) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'this database has a ledger already',
            DETAIL = format('Its currency is %s.', (SELECT l.currency FROM dcep.ledger AS l)),
            HINT = 'One database holds one ledger; create another database for another one.';
    END IF;
    IF currency !~ '^[A-Z]{3}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('invalid currency "%s"', currency),
            DETAIL = 'A currency is three capital letters of ISO 4217.';
    END IF;
    IF exponent NOT BETWEEN 0 AND 12 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('invalid exponent %s', exponent),
            DETAIL = 'The number of decimal digits of a minor unit is between 0 and 12.';
    END IF;
    IF central_bank_name = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the central bank must have a name';
    END IF;
    IF institution NOT BETWEEN 1 AND 9999 OR (institution > 1 AND COALESCE(institution_name, '') = '') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'invalid institution',
            DETAIL = 'An institution has a code from 1 to 9999 and a name; 1 is the central bank, whose name is its own argument.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_timezone_names AS t WHERE t.name = create_ledger.timezone) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('invalid time zone "%s"', timezone),
            HINT = 'Use a name out of pg_timezone_names, such as Asia/Shanghai.';
    END IF;
    INSERT INTO dcep.ledger (currency, exponent, timezone, institution)
    VALUES (create_ledger.currency, create_ledger.exponent, create_ledger.timezone, create_ledger.institution);
    INSERT INTO dcep.log_state DEFAULT VALUES;
    PERFORM dcep.add_default_classes(create_ledger.exponent);
    PERFORM dcep.add_institution(1, central_bank_name, 'central_bank', create_ledger.institution > 1);
    IF create_ledger.institution > 1 THEN
        PERFORM dcep.add_institution(create_ledger.institution, institution_name, 'operator');
        PERFORM setval('dcep.act_id_seq', dcep.act_ids_after(create_ledger.institution));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.create_ledger(text, integer, text, text, integer, text) IS
'Creates the ledger of this database: currency (ISO 4217), decimal digits of its minor unit (0-12), time zone in which the days of limits begin, name of the central bank, which becomes institution 0001 with its issuance vault. A database that is the node of one operator names that, too: its code and name; dcep.join() connects it with the central bank''s. Once a database; by a superuser. Errors: 22004, 22023, 55000';

CREATE FUNCTION dcep.enroll_institution(code integer, name text, kind text, elsewhere boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF code IS NULL OR name IS NULL OR kind IS NULL OR elsewhere IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'code, name, kind and elsewhere must not be null';
    END IF;
    IF elsewhere AND (kind <> 'operator' OR dcep.own_institution() <> 1) OR dcep.own_institution() <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'institution cannot be enrolled here',
            DETAIL = 'The central bank enrolls institutions, on its own node; an operator''s node has that operator alone.';
    END IF;
    IF NOT EXISTS (SELECT FROM dcep.ledger) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'this database has no ledger yet',
            HINT = 'Create it with dcep.create_ledger().';
    END IF;
    IF code NOT BETWEEN 1 AND 9999 OR name = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'invalid institution',
            DETAIL = 'An institution has a code from 1 to 9999 and a name.';
    END IF;
    IF kind NOT IN ('operator', 'supervisor') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('invalid kind "%s"', kind),
            DETAIL = 'An institution is enrolled as operator or supervisor; the central bank is there from the start.';
    END IF;
    IF EXISTS (SELECT FROM dcep.institution AS i WHERE i.code = enroll_institution.code) THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation',
            MESSAGE = format('institution %s is enrolled already', lpad(code::text, 4, '0'));
    END IF;
    PERFORM dcep.add_institution(code, name, kind, elsewhere);
END
$$;
COMMENT ON FUNCTION dcep.enroll_institution(integer, text, text, boolean) IS
'Enrolls an operator (with vault and reserve account) or a supervisor. Of an operator whose wallets are elsewhere, on a node of its own, the reserve account alone is kept here. By the central bank. Errors: 22004, 22023, 23505, 55000';

CREATE FUNCTION dcep.suspend_institution(code integer, suspended boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM dcep.require_institution(code, 'operator');
    IF suspended IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'suspended must not be null';
    END IF;
    UPDATE dcep.institution AS i SET status = CASE WHEN suspended THEN 'suspended' ELSE 'active' END
     WHERE i.code = suspend_institution.code;
END
$$;
COMMENT ON FUNCTION dcep.suspend_institution(integer, boolean) IS
'Suspends an operator, or lifts the suspension: statements that begin after the commit refuse its wallets as payers (LG201) and payees (LG202). By the central bank. Errors: 22004, 22023';

CREATE FUNCTION dcep.generate_key(code integer, suite text, kind text DEFAULT 'file') RETURNS integer
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_generate_key';
COMMENT ON FUNCTION dcep.generate_key(integer, text, text) IS
'Makes a key pair (ed25519, sm2 or p256) for an institution and returns its number; the institution signs with it from now on, and what older keys signed stays good. Kind file: the private key is a PEM file, mode 0600, in dcep.key_directory. Kind pkcs11: a token''s key that the file CODE.p11 there names by its pkcs11: URI is taken over. Kind process: dcep-signer, whose socket the file CODE.socket there names, makes and keeps the key, and signs what its quota allows. By the central bank or the institution. Errors: 22004, 42501, 22023, 55000, LG312 (kind file or pkcs11, where dcep-signer keeps the key before it of a node), file errors';

CREATE FUNCTION dcep.signer_status()
    RETURNS TABLE (institution integer, number integer, kind text, counter bigint, head bytea, statement bigint,
                   minted bigint, mint_limit bigint, paid_out bigint, payout_limit bigint)
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_signer_status';
COMMENT ON FUNCTION dcep.signer_status() IS
'How each institution''s present key signs: kind (file, pkcs11, process), and of a process how far its log is (number and hash of the last record), which quota statement is in force (NULL: none), and what counts against its limits in minor units (a limit is NULL where there is none). Of a process that is not there that is all NULL; kind is NULL where the key''s file is missing. By the central bank: all; by others: their own. Errors: 55000 (a key''s file cannot be used, a process answers otherwise than it should)';

CREATE FUNCTION dcep.generate_secret() RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_generate_secret';
COMMENT ON FUNCTION dcep.generate_secret() IS
'Makes the ledger''s secret, 32 random bytes in a file of dcep.key_directory, mode 0600, under which identifiers are hashed. Else it is made when it is first needed. Back the file up: it is in no dump. By the central bank. Errors: 55000 (no ledger, or it has one already), 25006, file errors';

CREATE FUNCTION dcep.secret_mac(purpose text, data bytea) RETURNS bytea
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_secret_mac_sql';
COMMENT ON FUNCTION dcep.secret_mac(text, bytea) IS
'Internal: HMAC-SHA-256 under the ledger''s secret of the purpose, a zero byte and the data. Errors: 55000 (no ledger, or the secret''s file is lost or wrong)';

CREATE FUNCTION dcep.revoke_key(code integer, number integer, reason text, revoked_at timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF code IS NULL OR number IS NULL OR reason IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'code, number and reason must not be null';
    END IF;
    -- No payment is under way while the key is revoked, so that none signs with it afterwards.
    LOCK TABLE dcep.transfer, dcep.reserve_entry IN SHARE ROW EXCLUSIVE MODE;
    UPDATE dcep.signing_key AS k
       SET revoked_at = LEAST(k.revoked_at, COALESCE(revoke_key.revoked_at, clock_timestamp())),
           revocation_reason = COALESCE(k.revocation_reason || '; ', '') || reason
     WHERE k.institution = revoke_key.code AND k.number = revoke_key.number;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG102', MESSAGE = 'signing key is not known to this ledger',
            DETAIL = format('Institution %s, key %s.', lpad(code::text, 4, '0'), number);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.revoke_key(integer, integer, text, timestamptz) IS
'Revokes a key as of a time (now where none is given): what it signed at or after that time is refused (LG103), what it signed before stands. A revocation is never taken back; a second one can only make it earlier. Waits for running payments. By the central bank. Errors: 22004, LG102';

CREATE FUNCTION dcep.grant_institution(role name, code integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_kind text := (dcep.require_institution(code)).kind;
BEGIN
    IF role IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role must not be null';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('role "%s" does not exist', role),
            HINT = 'Create it first with CREATE ROLE.';
    END IF;
    IF EXISTS (SELECT FROM dcep.institution_role AS b
                WHERE b.role = grant_institution.role AND b.institution <> grant_institution.code) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('role "%s" is bound to another institution', role),
            HINT = 'Release it first with dcep.revoke_institution().';
    END IF;
    INSERT INTO dcep.institution_role (role, institution)
    VALUES (grant_institution.role, grant_institution.code) ON CONFLICT DO NOTHING;
    EXECUTE format('GRANT %I TO %I', 'dcep_' || found_kind, role);
END
$$;
COMMENT ON FUNCTION dcep.grant_institution(name, integer) IS
'Lets a database role act for an institution: binds it and makes it a member of dcep_central_bank, dcep_operator or dcep_supervisor. A role acts for one institution. By a superuser. Errors: 22004, 22023, 42704, 55000';

CREATE FUNCTION dcep.revoke_institution(role name) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old_kind text;
BEGIN
    IF role IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role must not be null';
    END IF;
    DELETE FROM dcep.institution_role AS b USING dcep.institution AS i
     WHERE b.role = revoke_institution.role AND i.code = b.institution
    RETURNING i.kind INTO old_kind;
    IF old_kind IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('role "%s" is bound to no institution', role);
    END IF;
    EXECUTE format('REVOKE %I FROM %I', 'dcep_' || old_kind, role);
END
$$;
COMMENT ON FUNCTION dcep.revoke_institution(name) IS
'Ends what dcep.grant_institution() began. By a superuser. Errors: 22004, 42704';

CREATE FUNCTION dcep.vault(code integer) RETURNS dcep.wallet_id
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_vault';
COMMENT ON FUNCTION dcep.vault(integer) IS
'An institution''s own wallet: the central bank''s issuance vault, or an operator''s vault. Errors: 22004, 22023';

CREATE FUNCTION dcep.deposit_reserve(code integer, amount bigint, reference text DEFAULT NULL) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_deposit_reserve';
COMMENT ON FUNCTION dcep.deposit_reserve(integer, bigint, text) IS
'Records that an operator has paid into its reserve account at the central bank (minor units). By the central bank. Errors: 42501, 22004, 22003, 22023, LG304';

CREATE FUNCTION dcep.withdraw_reserve(code integer, amount bigint, reference text DEFAULT NULL) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_withdraw_reserve';
COMMENT ON FUNCTION dcep.withdraw_reserve(integer, bigint, text) IS
'Records that an operator has taken out reserve that covers nothing issued (minor units). By the central bank. Errors: 42501, 22004, 22023, LG304, LG310';

-- Inserts a transfer and returns its receipt; with a key, the first one's.
CREATE FUNCTION dcep.pay_kind(kind dcep.transfer_kind, payer dcep.wallet_id, payee dcep.wallet_id, amount bigint, key text)
    RETURNS dcep.receipt
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    paid bigint;
BEGIN
    INSERT INTO dcep.transfer (kind, payer, payee, amount, key)
    VALUES (pay_kind.kind, pay_kind.payer, pay_kind.payee, pay_kind.amount, pay_kind.key)
    RETURNING id INTO paid;
    IF NOT FOUND THEN
        SELECT t.id INTO STRICT paid FROM dcep.transfer AS t WHERE t.payer = pay_kind.payer AND t.key = pay_kind.key;
    END IF;
    RETURN dcep.receipt_of(paid);
END
$$;
COMMENT ON FUNCTION dcep.pay_kind(dcep.transfer_kind, dcep.wallet_id, dcep.wallet_id, bigint, text) IS
'Internal: one transfer of a kind';

CREATE FUNCTION dcep.issue(code integer, amount bigint, key text DEFAULT NULL) RETURNS dcep.receipt
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.pay_kind('issue', dcep.vault(1), dcep.vault(code), amount, key)
$$;
COMMENT ON FUNCTION dcep.issue(integer, bigint, text) IS
'Issues currency (minor units) to an operator''s vault and debits its reserve by the same amount. By the central bank. Errors: 42501, 22004, 22023, LG304, LG302, LG202, LG310';

CREATE FUNCTION dcep.redeem(code integer, amount bigint, key text DEFAULT NULL) RETURNS dcep.receipt
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.pay_kind('redeem', dcep.vault(code), dcep.vault(1), amount, key)
$$;
COMMENT ON FUNCTION dcep.redeem(integer, bigint, text) IS
'Takes currency (minor units) out of an operator''s vault, destroys it and credits its reserve by the same amount. By the operator. Errors: 42501, 22004, 22023, LG304, LG302, LG201, LG301, LG101-LG103';
