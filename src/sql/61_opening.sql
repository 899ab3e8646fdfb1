-- Opening wallets.  A request brings identification; two verdicts say which
-- classes it opens, one on authentication data (what the class table demands and
-- the request brings), one on behaviour data (which wallets the person, phone or
-- e-mail has already).  An operator's policies can add reasons against a class and
-- take none away, so that the class table holds whatever they say.
--
-- What one person may have one of is kept by a unique key (dcep.identity_slot),
-- not by counting: two openings at once, in any isolation level, find each other there.
-- Lock order: the parent's row of dcep.wallet, slots in the order of their key.

CREATE FUNCTION dcep.identification() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY['user_id', 'phone', 'email', 'id_document', 'bank_account', 'on_site']
$$;
COMMENT ON FUNCTION dcep.identification() IS 'What a class can demand of an opening request';

CREATE FUNCTION dcep.classes_now() RETURNS SETOF dcep.wallet_class
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT ON (c.class) c.* FROM dcep.wallet_class AS c, dcep.ledger AS l
     WHERE c.class > 0 AND c.valid_from <= (clock_timestamp() AT TIME ZONE l.timezone)::date
     ORDER BY c.class, c.valid_from DESC
$$;
COMMENT ON FUNCTION dcep.classes_now() IS 'Internal: the classes that wallets can have today, one row each';

-- --- the request ---------------------------------------------------------------

CREATE FUNCTION dcep.field_defect(field text, value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN field IN ('class', 'requested_class') THEN
            CASE WHEN jsonb_typeof(value) <> 'number' OR value #>> '{}' !~ '^[0-9]{1,4}$' THEN 'It is a number of dcep.wallet_class.' END
        WHEN field = 'on_site' THEN CASE WHEN jsonb_typeof(value) <> 'boolean' THEN 'It is true or false.' END
        WHEN field = 'limits' THEN CASE WHEN jsonb_typeof(value) <> 'object' THEN 'It is an object of max_payment, max_day, max_year and max_balance.' END
        WHEN field = 'form' THEN CASE WHEN value #>> '{}' NOT IN ('software', 'hardware') THEN 'A wallet is software or hardware.' END
        WHEN field = 'holder' THEN CASE WHEN value #>> '{}' NOT IN ('person', 'organisation') THEN 'A holder is a person or an organisation.' END
        WHEN jsonb_typeof(value) <> 'string' OR length(value #>> '{}') NOT BETWEEN 1 AND 4000 THEN 'It is a text.' END
$$;
COMMENT ON FUNCTION dcep.field_defect(text, jsonb) IS 'Internal: what is wrong with a field of a request; NULL where nothing is. It never repeats the value, which may be an identity';

CREATE FUNCTION dcep.read_request(request jsonb, known text[]) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    field text;
    defect text;
BEGIN
    IF jsonb_typeof(request) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the opening request must be a JSON object';
    END IF;
    SELECT f INTO field FROM jsonb_object_keys(request) AS f WHERE f <> ALL (known) ORDER BY f LIMIT 1;
    IF field IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the opening request has an unknown field "%s"', field),
            DETAIL = format('Known are %s.', array_to_string(known, ', '));
    END IF;
    request := jsonb_strip_nulls(request);
    SELECT e.key, dcep.field_defect(e.key, e.value) INTO field, defect FROM jsonb_each(request) AS e
     WHERE dcep.field_defect(e.key, e.value) IS NOT NULL ORDER BY e.key LIMIT 1;
    IF defect IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('invalid %s in the request', field), DETAIL = defect;
    END IF;
    IF request ? 'class' AND request ? 'requested_class' AND request -> 'class' <> request -> 'requested_class' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the request asks for two classes',
            DETAIL = 'class is short for requested_class.';
    END IF;
    RETURN request;
END
$$;
COMMENT ON FUNCTION dcep.read_request(jsonb, text[]) IS 'Internal: a request that has been checked, without nulls. Errors: 22023';

CREATE FUNCTION dcep.requested_class(request jsonb) RETURNS integer
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(request ->> 'requested_class', request ->> 'class')::integer
$$;
COMMENT ON FUNCTION dcep.requested_class(jsonb) IS 'Internal: the class that a request asks for; NULL where it leaves the choice';

CREATE FUNCTION dcep.brought(request jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(array_agg(e.key ORDER BY e.key), '{}') FROM jsonb_each(request) AS e
     WHERE e.key = ANY (dcep.identification()) AND e.value <> 'false'
$$;
COMMENT ON FUNCTION dcep.brought(jsonb) IS 'Internal: names of the identification that a request brings';

CREATE FUNCTION dcep.identifiers(institution integer, request jsonb, wallet dcep.wallet_id)
    RETURNS TABLE (kind text, hash bytea)
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.key, dcep.identifier_hash(identifiers.institution, e.key, e.value #>> '{}') FROM jsonb_each(request) AS e
     WHERE e.key IN ('user_id', 'id_document', 'phone', 'email')
    UNION
    SELECT i.kind, i.hash FROM dcep.wallet_identifier AS i WHERE i.wallet = identifiers.wallet
$$;
COMMENT ON FUNCTION dcep.identifiers(integer, jsonb, dcep.wallet_id) IS
'Internal: keyed hashes of who a request is from, with what is on record of the wallet where there is one already';

-- --- the verdicts --------------------------------------------------------------

CREATE FUNCTION dcep.judge_authentication(brought text[], holder text) RETURNS jsonb
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_object_agg(c.class, to_jsonb(
               ARRAY(SELECT d FROM unnest(c.demands) AS d WHERE NOT string_to_array(d, '|') && brought)
               || CASE WHEN holder = 'organisation' AND NOT c.is_real_name THEN ARRAY['real_name'] ELSE '{}' END))
      FROM dcep.classes_now() AS c
$$;
COMMENT ON FUNCTION dcep.judge_authentication(text[], text) IS
'Internal: for each class what it demands and a request does not bring; real_name, where an organisation would open an anonymous one';

CREATE FUNCTION dcep.judge_behaviour(institution integer, request jsonb, holder text, wallet dcep.wallet_id) RETURNS jsonb
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    WITH taken AS (
        SELECT i.kind, s.scope, count(*) AS wallets
          FROM dcep.identifiers(institution, request, wallet) AS i
          JOIN dcep.identity_slot AS s ON s.institution = judge_behaviour.institution AND s.hash = i.hash
           AND s.wallet IS DISTINCT FROM judge_behaviour.wallet
         GROUP BY i.kind, s.scope)
    SELECT jsonb_object_agg(c.class, to_jsonb(ARRAY(
               SELECT 'has_real_name_wallet'
                WHERE c.is_real_name AND holder = 'person' AND EXISTS (SELECT FROM taken AS t WHERE t.scope = 0)
               UNION ALL
               SELECT 'wallets_of_' || t.kind FROM taken AS t
                WHERE t.scope = c.class AND c.max_wallets > 0 AND t.wallets >= c.max_wallets)))
      FROM dcep.classes_now() AS c
$$;
COMMENT ON FUNCTION dcep.judge_behaviour(integer, jsonb, text, dcep.wallet_id) IS
'Internal: for each class what speaks against it in the wallets that the person, phone or e-mail has already';

CREATE FUNCTION dcep.caller_owns(function regprocedure) RETURNS boolean
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_caller_owns';
COMMENT ON FUNCTION dcep.caller_owns(regprocedure) IS
'Internal: inside a SECURITY DEFINER function, has its caller the rights of this function''s owner?';

CREATE FUNCTION dcep.judge(function text, role name, institution integer, request jsonb) RETURNS jsonb
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_judge';
COMMENT ON FUNCTION dcep.judge(text, name, integer, jsonb) IS
'Internal: what an opening policy answers, run as a role and for nobody else. Errors: 42704 no such role, 42501, 42883, and the policy''s own';

CREATE FUNCTION dcep.ask_policy(institution integer, kind text, request jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    policy dcep.opening_policy;
    function text;
    answer jsonb;
BEGIN
    SELECT * INTO policy FROM dcep.opening_policy AS p
     WHERE p.institution = ask_policy.institution AND p.kind = ask_policy.kind;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    function := format('%I.%I', policy.function_schema, policy.function_name);
    IF NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = to_regprocedure(function || '(integer, jsonb)')
                      AND pg_get_userbyid(p.proowner) = policy.owner) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('opening policy %s is gone, or has another owner', function),
            DETAIL = format('It was registered as %s''s.', policy.owner), HINT = 'Register it again with dcep.set_opening_policy().';
    END IF;
    answer := dcep.judge(function, policy.owner, institution, request);
    IF jsonb_typeof(answer) IS DISTINCT FROM 'object'
       OR EXISTS (SELECT FROM jsonb_each(answer) AS c WHERE c.key !~ '^[0-9]{1,4}$' OR jsonb_typeof(c.value) <> 'array')
       OR EXISTS (SELECT FROM jsonb_each(answer) AS c, jsonb_array_elements(c.value) AS r
                   WHERE jsonb_typeof(r) <> 'string' OR r #>> '{}' !~ '^[a-z][a-z_]{0,62}$') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('opening policy %s gives no verdict', function),
            DETAIL = 'A verdict is an object of arrays, as in {"3": [], "2": ["low_score"]}: for each class reasons against it, in small letters and underscores.';
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION dcep.ask_policy(integer, text, jsonb) IS
'Internal: what an operator''s policy has against each class; NULL where it has none. Errors: 22023, 42704, 55000, and the policy''s own';

-- A policy adds reasons and takes none away; a class of which it says nothing it refuses.
CREATE FUNCTION dcep.add_policy(verdict jsonb, policy jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN policy IS NULL THEN verdict
                ELSE (SELECT jsonb_object_agg(v.key, v.value || COALESCE(policy -> v.key, '["policy"]')) FROM jsonb_each(verdict) AS v) END
$$;
COMMENT ON FUNCTION dcep.add_policy(jsonb, jsonb) IS 'Internal: a verdict with what the operator''s policy adds to it';

CREATE FUNCTION dcep.verdicts(institution integer, request jsonb, brought text[], holder text, wallet dcep.wallet_id,
                              OUT authentication jsonb, OUT behaviour jsonb, OUT policies text[])
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shown jsonb := request || jsonb_strip_nulls(jsonb_build_object('holder', holder, 'wallet', wallet));
BEGIN
    authentication := dcep.add_policy(dcep.judge_authentication(brought, holder), dcep.ask_policy(institution, 'authentication', shown));
    behaviour := dcep.add_policy(dcep.judge_behaviour(institution, request, holder, wallet), dcep.ask_policy(institution, 'behaviour', shown));
    policies := ARRAY(SELECT format('%I.%I', p.function_schema, p.function_name) FROM dcep.opening_policy AS p
                       WHERE p.institution = verdicts.institution ORDER BY p.kind);
END
$$;
COMMENT ON FUNCTION dcep.verdicts(integer, jsonb, text[], text, dcep.wallet_id) IS
'Internal: both verdicts on a request, the operator''s policies included, and which those were';

-- --- the class -----------------------------------------------------------------

CREATE FUNCTION dcep.reason_text(class integer, reasons jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(' ', 'Class ' || class || ' demands ' || string_agg(replace(r, '|', ' or '), ', ' ORDER BY n)
                              FILTER (WHERE split_part(r, '|', 1) = ANY (dcep.identification())) || '.',
      string_agg(CASE
        WHEN split_part(r, '|', 1) = ANY (dcep.identification()) THEN NULL
        WHEN r = 'real_name' THEN format('Class %s is anonymous, and not for organisations.', class)
        WHEN r = 'has_real_name_wallet' THEN 'The person has an open real-name wallet at this institution.'
        WHEN r LIKE 'wallets\_of\_%' THEN format('The %s has as many open wallets of class %s at this institution as it may.', substr(r, 12), class)
        ELSE format('The institution''s policy has against class %s: %s.', class, r) END, ' ' ORDER BY n))
      FROM jsonb_array_elements_text(reasons) WITH ORDINALITY AS u (r, n)
$$;
COMMENT ON FUNCTION dcep.reason_text(integer, jsonb) IS 'Internal: reasons of verdicts as sentences; NULL where there is none';

CREATE FUNCTION dcep.not_qualified(detail text, hint text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'LG601', MESSAGE = 'opening request does not qualify for the class', DETAIL = detail, HINT = hint;
END
$$;
COMMENT ON FUNCTION dcep.not_qualified(text, text) IS 'Internal: raises LG601';

CREATE FUNCTION dcep.choose_class(wanted integer, authentication jsonb, behaviour jsonb) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chosen integer;
    against text;
BEGIN
    IF wanted IS NOT NULL AND NOT COALESCE(authentication ? wanted::text, false) THEN
        PERFORM dcep.not_qualified(format('Class %s cannot be opened.', wanted),
                                   'The classes that can be opened are those of dcep.wallet_class but 0.');
    END IF;
    SELECT min(a.key::integer) INTO chosen FROM jsonb_each(authentication) AS a
     WHERE a.value || (behaviour -> a.key) = '[]' AND a.key = COALESCE(wanted::text, a.key);
    IF chosen IS NULL THEN
        SELECT string_agg(dcep.reason_text(a.key::integer, a.value || (behaviour -> a.key)), ' ' ORDER BY a.key::integer) INTO against
          FROM jsonb_each(authentication) AS a WHERE a.key = COALESCE(wanted::text, a.key);
        PERFORM dcep.not_qualified(COALESCE(against, 'No class can be opened today.'), 'Bring what is missing, or ask for another class; dcep.assess_opening() shows all verdicts.');
    END IF;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION dcep.choose_class(integer, jsonb, jsonb) IS
'Internal: the class that both verdicts allow, the one wanted or else the lowest number. Errors: LG601';

-- --- places --------------------------------------------------------------------

-- Takes the first free place of a row of them. A place that another transaction is taking is waited for.
CREATE FUNCTION dcep.take_slot(wallet dcep.wallet_id, scope integer, hash bytea, places integer) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place integer;
BEGIN
    SELECT min(g.n) INTO place
      FROM generate_series(1, 1 + (SELECT count(*) FROM dcep.identity_slot AS s
                                    WHERE s.institution = dcep.institution(take_slot.wallet)
                                      AND s.scope = take_slot.scope AND s.hash = take_slot.hash)) AS g (n)
     WHERE NOT EXISTS (SELECT FROM dcep.identity_slot AS s
                        WHERE s.institution = dcep.institution(take_slot.wallet)
                          AND s.scope = take_slot.scope AND s.hash = take_slot.hash AND s.slot = g.n);
    WHILE places = 0 OR place <= places LOOP
        INSERT INTO dcep.identity_slot (institution, scope, hash, slot, wallet)
        VALUES (dcep.institution(take_slot.wallet), take_slot.scope, take_slot.hash, place, take_slot.wallet)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN true;
        END IF;
        place := place + 1;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION dcep.take_slot(dcep.wallet_id, integer, bytea, integer) IS
'Internal: takes a place for a wallet in dcep.identity_slot, of so many (0: any number); false where all are taken';

CREATE FUNCTION dcep.take_slots(wallet dcep.wallet_id) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
BEGIN
    DELETE FROM dcep.identity_slot AS s WHERE s.wallet = take_slots.wallet;
    FOR place IN
        SELECT c.class, s.scope, i.hash, s.places, s.reason
          FROM dcep.wallet AS w
          JOIN dcep.classes_now() AS c ON c.class = w.class
          JOIN dcep.wallet_identifier AS i ON i.wallet = w.id
         CROSS JOIN LATERAL (
            SELECT 0 AS scope, 1 AS places, 'has_real_name_wallet' AS reason
             WHERE i.kind IN ('user_id', 'id_document') AND c.is_real_name AND w.holder = 'person'
            UNION ALL
            SELECT c.class, c.max_wallets, 'wallets_of_' || i.kind WHERE i.kind IN ('phone', 'email')) AS s
         WHERE w.id = take_slots.wallet GROUP BY 1, 2, 3, 4, 5 ORDER BY s.scope, i.hash
    LOOP
        IF NOT dcep.take_slot(wallet, place.scope, place.hash, place.places) THEN
            PERFORM dcep.not_qualified(dcep.reason_text(place.class, to_jsonb(ARRAY[place.reason])),
                                       'Another opening came first; dcep.assess_opening() shows all verdicts.');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION dcep.take_slots(dcep.wallet_id) IS
'Internal: takes the places that a wallet needs by its class, by what is on record of its holder; gives back those that it had. Errors: LG601';

-- --- calls ---------------------------------------------------------------------

CREATE FUNCTION dcep.require_operator(institution integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM dcep.require_institution(institution, 'operator');
    IF NOT dcep.caller_acts_for(institution) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied to open a wallet at institution %s', lpad(institution::text, 4, '0')),
            HINT = 'A role opens wallets at the institution that it is bound to.';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_operator(integer) IS
'Internal, inside a SECURITY DEFINER function: its caller must act for this operator. Errors: 22004, 22023, 42501';

CREATE FUNCTION dcep.opening_fields() RETURNS text[]
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY['class', 'requested_class', 'name'] || dcep.identification() || ARRAY['holder', 'form', 'device_key', 'parent', 'limits']
$$;
COMMENT ON FUNCTION dcep.opening_fields() IS 'Internal: what an opening request can have';

-- What identifies the holder goes to the identity's own tables, and nowhere else.
CREATE FUNCTION dcep.record_holder(wallet dcep.wallet_id, request jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF request ?| ARRAY['user_id', 'name', 'phone', 'email', 'id_document', 'bank_account'] THEN
        PERFORM dcep.record_identity(wallet, request);
        PERFORM dcep.take_slots(wallet);
    END IF;
    IF request ? 'device_key' THEN
        PERFORM dcep.add_device_key(wallet, request ->> 'device_key');
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.record_holder(dcep.wallet_id, jsonb) IS
'Internal: records who holds a wallet, as far as the request says. Errors: LG601, and those of dcep.record_identity() and dcep.add_device_key()';

CREATE FUNCTION dcep.assess_opening(institution integer, request jsonb)
    RETURNS TABLE (class integer, qualifies boolean, authentication text[], behaviour text[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    verdicts record;
BEGIN
    IF institution IS NULL OR request IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'institution and request must not be null';
    END IF;
    PERFORM dcep.require_operator(institution);
    request := dcep.read_request(request, dcep.opening_fields());
    verdicts := dcep.verdicts(institution, request, dcep.brought(request), COALESCE(request ->> 'holder', 'person'), NULL);
    RETURN QUERY
    SELECT a.key::integer, a.value || (verdicts.behaviour -> a.key) = '[]',
           ARRAY(SELECT jsonb_array_elements_text(a.value)), ARRAY(SELECT jsonb_array_elements_text(verdicts.behaviour -> a.key))
      FROM jsonb_each(verdicts.authentication) AS a ORDER BY a.key::integer;
END
$$;
COMMENT ON FUNCTION dcep.assess_opening(integer, jsonb) IS
'What dcep.open_wallet() would decide: for each class the reasons against it, by authentication data and by behaviour data, the operator''s policies included; it qualifies where there is none. Opens and keeps nothing. By the operator. Errors: 22004, 22023, 42501, and those of policies';

CREATE FUNCTION dcep.open_wallet(institution integer, request jsonb) RETURNS dcep.wallet_id
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder text;
    verdicts record;
    new_class integer;
    new_wallet dcep.wallet_id;
BEGIN
    IF institution IS NULL OR request IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'institution and request must not be null';
    END IF;
    PERFORM dcep.require_operator(institution);
    request := dcep.read_request(request, dcep.opening_fields());
    IF request ? 'parent' THEN
        RETURN dcep.open_sub_wallet(institution, request);
    END IF;
    holder := COALESCE(request ->> 'holder', 'person');
    verdicts := dcep.verdicts(institution, request, dcep.brought(request), holder, NULL);
    new_class := dcep.choose_class(dcep.requested_class(request), verdicts.authentication, verdicts.behaviour);
    new_wallet := dcep.add_wallet(institution, new_class, COALESCE(request ->> 'form', 'software'), NULL, holder);
    INSERT INTO dcep.opening (wallet, requested_class, class, brought, authentication, behaviour, policies)
    VALUES (new_wallet, dcep.requested_class(request), new_class, dcep.brought(request), verdicts.authentication,
            verdicts.behaviour, verdicts.policies);
    PERFORM dcep.record_holder(new_wallet, request);
    IF request ? 'limits' THEN
        PERFORM dcep.change_limits(new_wallet, request -> 'limits', true);
    END IF;
    RETURN new_wallet;
END
$$;
COMMENT ON FUNCTION dcep.open_wallet(integer, jsonb) IS
'Opens a wallet at an operator. The request, a JSON object, brings user_id, name, phone, email, id_document, bank_account, on_site (true), and may say requested_class (or class; else the lowest number that it qualifies for), holder (person, organisation), form (software, hardware), device_key, limits; or parent, limits and form for a sub-wallet. Both verdicts are kept in dcep.opening. By the operator. Errors: 42501, 22004, 22023, 55000, LG601; of a parent LG305, LG306';

CREATE FUNCTION dcep.set_opening_policy(institution integer, kind text, function regprocedure) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    policy pg_proc;
BEGIN
    IF institution IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'institution must not be null';
    END IF;
    PERFORM dcep.require_institution(institution, 'operator');
    IF NOT dcep.caller_acts_for(institution) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied to set the opening policy of institution %s', lpad(institution::text, 4, '0')),
            HINT = 'A role sets policies of the institution that it is bound to.';
    END IF;
    IF kind IS NULL OR kind NOT IN ('behaviour', 'authentication') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('invalid kind "%s"', COALESCE(kind, 'NULL')),
            DETAIL = 'A policy is for behaviour or for authentication.';
    END IF;
    DELETE FROM dcep.opening_policy AS p WHERE p.institution = set_opening_policy.institution AND p.kind = set_opening_policy.kind;
    IF function IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT policy FROM pg_proc AS p WHERE p.oid = function;
    IF policy.prokind <> 'f' OR policy.proretset OR policy.prorettype <> 'jsonb'::regtype
       OR policy.pronargs <> 2 OR policy.proargtypes[0] <> 'integer'::regtype OR policy.proargtypes[1] <> 'jsonb'::regtype THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('%s is no opening policy', function),
            DETAIL = 'It is a function of an institution''s code and a request: (integer, jsonb) returning jsonb.';
    END IF;
    IF NOT dcep.caller_owns(function) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('must be owner of function %s', function),
            DETAIL = 'A policy runs with the rights of its owner.';
    END IF;
    INSERT INTO dcep.opening_policy (institution, kind, function_schema, function_name, owner)
    SELECT set_opening_policy.institution, set_opening_policy.kind, n.nspname, policy.proname, pg_get_userbyid(policy.proowner)
      FROM pg_namespace AS n WHERE n.oid = policy.pronamespace;
END
$$;
COMMENT ON FUNCTION dcep.set_opening_policy(integer, text, regprocedure) IS
'Registers an operator''s own function(institution integer, request jsonb) returning jsonb for the verdict on behaviour or authentication; NULL removes it. It answers with reasons against each class, as in {"3": [], "2": ["low_score"]}; it can add reasons and take none away. Runs as its owner, who alone can register it. By the operator. Errors: 22004, 22023, 42501';

CREATE FUNCTION dcep.require_customer(wallet dcep.wallet_id) RETURNS dcep.wallet
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_wallet dcep.wallet;
BEGIN
    IF wallet IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'wallet must not be null';
    END IF;
    PERFORM dcep.require_own(wallet, 'A role changes and closes wallets of the institution that it is bound to.');
    PERFORM FROM dcep.wallet AS w JOIN dcep.wallet AS p ON p.id = w.parent WHERE w.id = require_customer.wallet FOR NO KEY UPDATE OF p;
    SELECT * INTO found_wallet FROM dcep.wallet AS w WHERE w.id = require_customer.wallet FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG305', MESSAGE = 'wallet does not exist', DETAIL = format('Wallet %s.', wallet);
    END IF;
    IF found_wallet.class = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'wallet is a vault',
            DETAIL = format('Wallet %s is an institution''s own.', wallet);
    END IF;
    IF found_wallet.status = 'closed' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG306', MESSAGE = 'wallet is closed', DETAIL = format('Wallet %s.', wallet);
    END IF;
    RETURN found_wallet;
END
$$;
COMMENT ON FUNCTION dcep.require_customer(dcep.wallet_id) IS
'Internal, inside a SECURITY DEFINER function: an open wallet of a customer of the caller''s, its row locked, and its parent''s before. Errors: 22004, 42501, 55000, LG305, LG306';

-- Does a wallet of this class hold no more than it may, and its family have limits of its own where the class has some?
CREATE FUNCTION dcep.require_fit(wallet dcep.wallet_id, new_class integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member record;
    detail text;
BEGIN
    FOR member IN
        SELECT w.id, dcep.held_now(w.id) AS held, n.max_balance, n.given_balance, n.max_day, n.given_day, n.max_year, n.given_year
          FROM dcep.wallet AS w CROSS JOIN LATERAL dcep.limits_before_sharing(w.id) AS n
         WHERE require_fit.wallet IN (w.id, w.parent) AND w.status = 'open' ORDER BY w.id
    LOOP
        detail := CASE
            WHEN member.held > member.max_balance - member.given_balance
            THEN format('Wallet %s holds %s, class %s lets it hold %s.', member.id, member.held, new_class, GREATEST(member.max_balance - member.given_balance, 0))
            WHEN member.given_day > member.max_day OR member.given_year > member.max_year
            THEN format('Sub-wallets of wallet %s have limits that add up to more than class %s allows.', member.id, new_class) END;
        IF detail IS NOT NULL THEN
            PERFORM dcep.not_qualified(detail, 'Pay money out, or lower the limits of sub-wallets, first.');
        END IF;
    END LOOP;
    SELECT format('Sub-wallet %s has no %s, which class %s limits.', w.id, k.name, new_class) INTO detail
      FROM dcep.wallet AS w CROSS JOIN LATERAL dcep.own_limits(w.id) AS o CROSS JOIN LATERAL dcep.limits_before_sharing(w.parent) AS n
     CROSS JOIN LATERAL (VALUES ('max_day', o.max_day, n.max_day), ('max_year', o.max_year, n.max_year),
                                ('max_balance', o.max_balance, n.max_balance)) AS k (name, own, of_parent)
     WHERE w.parent = require_fit.wallet AND w.status = 'open' AND k.own IS NULL AND k.of_parent IS NOT NULL ORDER BY w.id, k.name LIMIT 1;
    IF detail IS NOT NULL THEN
        PERFORM dcep.not_qualified(detail, 'Give it one with dcep.set_limits() first.');
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_fit(dcep.wallet_id, integer) IS
'Internal: a wallet that has just got another class, and its sub-wallets, must fit into it. Errors: LG601';

CREATE FUNCTION dcep.change_class(wallet dcep.wallet_id, request jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_wallet dcep.wallet := dcep.require_customer(wallet);
    all_brought text[];
    verdicts record;
    new_class integer;
BEGIN
    IF request IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'request must not be null';
    END IF;
    request := dcep.read_request(request, ARRAY['class', 'requested_class', 'name'] || dcep.identification());
    IF found_wallet.parent IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'a sub-wallet has the class of its parent',
            DETAIL = format('The parent of wallet %s is %s.', wallet, found_wallet.parent), HINT = 'Change the class of the parent.';
    END IF;
    IF dcep.requested_class(request) IS NULL THEN
        PERFORM dcep.not_qualified('The request names no wallet class.', 'Name one, as in {"class": 2}.');
    END IF;
    IF dcep.requested_class(request) = found_wallet.class THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('wallet is of class %s already', found_wallet.class);
    END IF;
    all_brought := ARRAY(SELECT b FROM dcep.opening AS o, unnest(o.brought) AS b WHERE o.wallet = change_class.wallet
                          UNION SELECT unnest(dcep.brought(request)) ORDER BY 1);
    verdicts := dcep.verdicts(found_wallet.institution, request, all_brought, found_wallet.holder, wallet);
    new_class := dcep.choose_class(dcep.requested_class(request), verdicts.authentication, verdicts.behaviour);
    -- Payments that begin now see that something is changing and are refused; those under way are waited for.
    UPDATE dcep.wallet AS w SET class = new_class WHERE w.id = change_class.wallet;
    UPDATE dcep.wallet AS w SET class = new_class WHERE w.parent = change_class.wallet AND w.status = 'open';
    PERFORM dcep.await_payments();
    PERFORM dcep.share_limits(wallet, dcep.own_limits(wallet));
    PERFORM dcep.require_fit(wallet, new_class);
    INSERT INTO dcep.wallet_event (wallet, event, class)
    SELECT w.id, 'class', new_class FROM dcep.wallet AS w
     WHERE change_class.wallet IN (w.id, w.parent) AND w.status = 'open' ORDER BY w.id;
    INSERT INTO dcep.opening (wallet, requested_class, class, brought, authentication, behaviour, policies)
    VALUES (change_class.wallet, new_class, new_class, all_brought, verdicts.authentication, verdicts.behaviour, verdicts.policies);
    PERFORM dcep.record_holder(wallet, request);
    PERFORM dcep.take_slots(wallet);
END
$$;
COMMENT ON FUNCTION dcep.change_class(dcep.wallet_id, jsonb) IS
'Gives a wallet another class, higher or lower, and its sub-wallets with it. The request names the class and brings what it demands beyond what the wallet''s earlier requests brought. Refused where the wallet holds more than the class allows. Waits for running payments. By the operator. Errors: 22004, 22023, 42501, 55000 (a vault, a sub-wallet), LG305, LG306, LG601';

CREATE FUNCTION dcep.close_wallet(wallet dcep.wallet_id, exchange_out boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_wallet dcep.wallet := dcep.require_customer(wallet);
    held bigint;
BEGIN
    IF exchange_out IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'exchange_out must not be null';
    END IF;
    IF dcep.open_below(wallet) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'wallet has open sub-wallets',
            DETAIL = format('Wallet %s has %s.', wallet, dcep.open_below(wallet)), HINT = 'Close them first.';
    END IF;
    -- Payments that begin now see that something is changing and are refused; those under way are waited for,
    -- before this transaction pays itself: who waits for payments must not be one that is waited for.
    UPDATE dcep.wallet AS w SET flags = w.flags WHERE w.id = close_wallet.wallet;
    PERFORM dcep.await_payments();
    held := dcep.held_now(wallet);
    IF held > 0 AND exchange_out THEN
        PERFORM dcep.pay_kind('exchange_out', wallet, dcep.vault(found_wallet.institution), held, NULL);
    ELSIF held > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'wallet is not empty',
            DETAIL = format('Wallet %s holds %s.', wallet, held),
            HINT = 'Pay its balance out first, or close it with exchange_out => true.';
    END IF;
    UPDATE dcep.wallet AS w SET status = 'closed', closed_at = clock_timestamp() WHERE w.id = close_wallet.wallet;
    INSERT INTO dcep.wallet_event (wallet, event, class) VALUES (close_wallet.wallet, 'close', found_wallet.class);
    DELETE FROM dcep.identity_slot AS s WHERE s.wallet = close_wallet.wallet;
    PERFORM dcep.share_limits(found_wallet.parent, dcep.own_limits(found_wallet.parent));
END
$$;
COMMENT ON FUNCTION dcep.close_wallet(dcep.wallet_id, boolean) IS
'Closes a wallet for good; its history stays. It must be empty, or exchange_out is true: then what it holds goes to its operator''s vault, under the wallet''s limits. Waits for running payments. By its operator. Errors: 22004, 42501, 55000 (not empty, a vault, open sub-wallets), LG305, LG306; with exchange_out those of a payment';
