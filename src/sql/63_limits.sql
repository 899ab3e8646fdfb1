-- Limits of a wallet's own, and sub-wallets.  What a sub-wallet may pay in a day
-- or year, or hold, is taken off its parent's: so a family never pays or holds
-- more than its class allows, and no payment looks at more than one wallet.
--
-- What is given is written down from today on, from tomorrow and from next year:
-- what a sub-wallet used up before it was closed or set lower comes back then.
--
-- Lock order: the parent's row of dcep.wallet, the sub-wallet's, then payments
-- are waited for.

CREATE FUNCTION dcep.ledger_day() RETURNS date
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (clock_timestamp() AT TIME ZONE l.timezone)::date FROM dcep.ledger AS l
$$;
COMMENT ON FUNCTION dcep.ledger_day() IS 'Internal: the day by which a payment would be measured right now';

CREATE FUNCTION dcep.own_limits(wallet dcep.wallet_id) RETURNS dcep.wallet_limit
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.* FROM dcep.wallet_limit AS o
     WHERE o.wallet = own_limits.wallet AND o.valid_from <= dcep.ledger_day()
     ORDER BY o.valid_from DESC, o.decided_at DESC LIMIT 1
$$;
COMMENT ON FUNCTION dcep.own_limits(dcep.wallet_id) IS 'Internal: the row of dcep.wallet_limit that stands today; NULLs where there is none';

CREATE FUNCTION dcep.class_limits(wallet dcep.wallet_id, OUT max_balance bigint, OUT max_payment bigint, OUT max_day bigint, OUT max_year bigint)
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN w.holder <> 'organisation' THEN c.max_balance END, c.max_payment, c.max_day, c.max_year
      FROM dcep.wallet AS w JOIN dcep.classes_now() AS c ON c.class = w.class WHERE w.id = class_limits.wallet
$$;
COMMENT ON FUNCTION dcep.class_limits(dcep.wallet_id) IS 'Internal: what a wallet''s class allows it today; NULL is no limit. An organisation''s balance has no cap';

CREATE FUNCTION dcep.limits_before_sharing(wallet dcep.wallet_id, OUT max_balance bigint, OUT max_payment bigint, OUT max_day bigint,
                                           OUT max_year bigint, OUT given_balance bigint, OUT given_day bigint, OUT given_year bigint)
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT LEAST(c.max_balance, o.max_balance), LEAST(c.max_payment, o.max_payment), LEAST(c.max_day, o.max_day),
           LEAST(c.max_year, o.max_year), COALESCE(o.given_balance, 0), COALESCE(o.given_day, 0), COALESCE(o.given_year, 0)
      FROM dcep.class_limits(wallet) AS c, dcep.own_limits(wallet) AS o
$$;
COMMENT ON FUNCTION dcep.limits_before_sharing(dcep.wallet_id) IS
'Internal: the smaller of a wallet''s and its class''s limits today, and what of them its sub-wallets were given';

CREATE FUNCTION dcep.limits(wallet dcep.wallet_id, OUT max_balance bigint, OUT max_payment bigint, OUT max_day bigint, OUT max_year bigint)
    RETURNS SETOF record
    LANGUAGE sql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT GREATEST(n.max_balance - n.given_balance, CASE WHEN n.max_balance IS NOT NULL THEN 0 END), n.max_payment,
           GREATEST(n.max_day - n.given_day, CASE WHEN n.max_day IS NOT NULL THEN 0 END),
           GREATEST(n.max_year - n.given_year, CASE WHEN n.max_year IS NOT NULL THEN 0 END)
      FROM dcep.limits_before_sharing(wallet) AS n
     WHERE dcep.caller_sees(wallet) AND EXISTS (SELECT FROM dcep.wallet AS w WHERE w.id = limits.wallet)
$$;
COMMENT ON FUNCTION dcep.limits(dcep.wallet_id) IS
'What limits a wallet today, minor units, NULL is no limit: its class''s and its own, less what its sub-wallets have. No row of a wallet that does not exist or that the caller may not see. By operators, and supervisors and the central bank within a case';

-- --- what sub-wallets have -----------------------------------------------------

CREATE FUNCTION dcep.given_limits(wallet dcep.wallet_id, day date, but dcep.wallet_id,
                                  OUT balance bigint, OUT day_sum bigint, OUT year_sum bigint)
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT LEAST(COALESCE(sum(CASE w.status WHEN 'open' THEN o.max_balance END), 0), 9223372036854775807)::bigint,
           LEAST(COALESCE(sum(GREATEST(CASE w.status WHEN 'open' THEN o.max_day END,
                                       CASE c.day WHEN given_limits.day THEN c.day_spent END)), 0), 9223372036854775807)::bigint,
           LEAST(COALESCE(sum(GREATEST(CASE w.status WHEN 'open' THEN o.max_year END,
                                       CASE WHEN isfinite(c.day) AND extract(year FROM c.day) = extract(year FROM given_limits.day)
                                            THEN c.year_spent END)), 0), 9223372036854775807)::bigint
      FROM dcep.wallet AS w
      JOIN dcep.wallet_chain AS c ON c.wallet = w.id
     CROSS JOIN LATERAL dcep.own_limits(w.id) AS o
     WHERE w.parent = given_limits.wallet AND w.id IS DISTINCT FROM but
$$;
COMMENT ON FUNCTION dcep.given_limits(dcep.wallet_id, date, dcep.wallet_id) IS
'Internal: what the sub-wallets of a wallet, all but one, have of its limits or have used up on a day and in its year';

-- Writes down a wallet's own limits, and what its sub-wallets have of them. Nothing, where there is nothing to say.
CREATE FUNCTION dcep.share_limits(wallet dcep.wallet_id, own dcep.wallet_limit) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date := dcep.ledger_day();
    of_class record;
    shares boolean;
BEGIN
    SELECT * INTO of_class FROM dcep.class_limits(wallet);
    shares := EXISTS (SELECT FROM dcep.wallet AS w WHERE w.parent = share_limits.wallet)
        AND COALESCE(of_class.max_balance, of_class.max_day, of_class.max_year, own.max_balance, own.max_day, own.max_year) IS NOT NULL;
    IF wallet IS NULL OR NOT (shares OR COALESCE(own.max_balance, own.max_payment, own.max_day, own.max_year) IS NOT NULL
                              OR EXISTS (SELECT FROM dcep.wallet_limit AS o WHERE o.wallet = share_limits.wallet)) THEN
        RETURN;
    END IF;
    UPDATE dcep.wallet AS w SET flags = w.flags | 16 WHERE w.id = share_limits.wallet AND w.flags & 16 = 0;
    INSERT INTO dcep.wallet_limit (wallet, valid_from, given_balance, given_day, given_year, max_balance, max_payment, max_day, max_year)
    SELECT share_limits.wallet, d.day, g.balance, g.day_sum, g.year_sum,
           own.max_balance, own.max_payment, own.max_day, own.max_year
      FROM (SELECT DISTINCT u.day FROM unnest(ARRAY[today, today + 1, make_date(extract(year FROM today)::integer + 1, 1, 1)]) AS u (day)
             WHERE shares OR u.day = today) AS d
     CROSS JOIN LATERAL dcep.given_limits(wallet, d.day, NULL) AS g;
END
$$;
COMMENT ON FUNCTION dcep.share_limits(dcep.wallet_id, dcep.wallet_limit) IS
'Internal: enters a wallet''s own limits and what its sub-wallets have of its limits, from today on';

-- --- setting limits ------------------------------------------------------------

CREATE FUNCTION dcep.read_limits(limits jsonb, own dcep.wallet_limit) RETURNS dcep.wallet_limit
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    defect text;
BEGIN
    IF jsonb_typeof(limits) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'limits must be a JSON object';
    END IF;
    SELECT CASE WHEN e.key NOT IN ('max_balance', 'max_payment', 'max_day', 'max_year') THEN format('There is no limit "%s".', e.key)
                ELSE format('%s is %s.', e.key, e.value) END INTO defect
      FROM jsonb_each(limits) AS e
     WHERE e.key NOT IN ('max_balance', 'max_payment', 'max_day', 'max_year')
        OR NOT (e.value = 'null' OR (jsonb_typeof(e.value) = 'number' AND e.value #>> '{}' ~ '^[1-9][0-9]{0,17}$'))
     ORDER BY e.key LIMIT 1;
    IF defect IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'invalid limits', DETAIL = defect,
            HINT = 'Limits are max_balance, max_payment, max_day and max_year: minor units, or null for none.';
    END IF;
    RETURN jsonb_populate_record(own, limits);
END
$$;
COMMENT ON FUNCTION dcep.read_limits(jsonb, dcep.wallet_limit) IS 'Internal: own limits with what a request changes of them. Errors: 22023';

CREATE FUNCTION dcep.refuse_limit(name text, wanted bigint, allowed bigint, whose text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF wanted > allowed THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('limit is more than the %s', whose),
            DETAIL = format('%s would be %s; there is %s.', name, wanted, allowed);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.refuse_limit(text, bigint, bigint, text) IS 'Internal: refuses a limit that is more than what there is (22023)';

CREATE FUNCTION dcep.require_within_class(wallet dcep.wallet_id, own dcep.wallet_limit) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_class record := dcep.class_limits(wallet);
    given record := dcep.given_limits(wallet, dcep.ledger_day(), NULL);
    eager dcep.wallet_id;
BEGIN
    PERFORM dcep.refuse_limit(k.name, k.own, k.of_class, 'class''s')
       FROM (VALUES ('max_payment', own.max_payment, of_class.max_payment), ('max_day', own.max_day, of_class.max_day),
                    ('max_year', own.max_year, of_class.max_year), ('max_balance', own.max_balance, of_class.max_balance)) AS k (name, own, of_class);
    SELECT w.id INTO eager
      FROM dcep.wallet AS w CROSS JOIN LATERAL dcep.limits_before_sharing(w.id) AS n
     WHERE w.parent = require_within_class.wallet AND w.status = 'open' AND (own.max_payment < COALESCE(n.max_payment, own.max_payment + 1)
           OR (own.max_day IS NOT NULL AND n.max_day IS NULL) OR (own.max_year IS NOT NULL AND n.max_year IS NULL)
           OR (own.max_balance IS NOT NULL AND n.max_balance IS NULL)) ORDER BY w.id LIMIT 1;
    IF eager IS NOT NULL OR given.day_sum > own.max_day OR given.year_sum > own.max_year OR given.balance > own.max_balance THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'sub-wallets have more',
            DETAIL = CASE WHEN eager IS NOT NULL THEN format('Sub-wallet %s is not limited so.', eager)
                          ELSE format('They have %s a day, %s a year and %s of balance.', given.day_sum, given.year_sum, given.balance) END,
            HINT = 'Lower theirs first.';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_within_class(dcep.wallet_id, dcep.wallet_limit) IS
'Internal: a wallet''s own limits must be within its class''s, and leave its sub-wallets what they have. Errors: 22023, 55000';

CREATE FUNCTION dcep.require_within_parent(wallet dcep.wallet, own dcep.wallet_limit) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date := dcep.ledger_day();
    before dcep.wallet_limit := dcep.own_limits(wallet.id);
    parents record := dcep.limits_before_sharing(wallet.parent);
    others record := dcep.given_limits(wallet.parent, today, wallet.id);
    chain dcep.wallet_chain;
    part record;
BEGIN
    SELECT * INTO STRICT chain FROM dcep.wallet_chain AS c WHERE c.wallet = wallet.parent;
    PERFORM dcep.refuse_limit('max_payment', own.max_payment, parents.max_payment, 'parent''s');
    FOR part IN
        SELECT k.name, k.own, GREATEST(k.of_parent - k.of_others - COALESCE(k.used, 0), k.before, 0) AS bound
          FROM (VALUES
            ('max_day', own.max_day, before.max_day, parents.max_day, others.day_sum, CASE chain.day WHEN today THEN chain.day_spent END),
            ('max_year', own.max_year, before.max_year, parents.max_year, others.year_sum,
             CASE WHEN isfinite(chain.day) AND extract(year FROM chain.day) = extract(year FROM today) THEN chain.year_spent END),
            ('max_balance', own.max_balance, before.max_balance, parents.max_balance, others.balance, dcep.held_now(wallet.parent)))
            AS k (name, own, before, of_parent, of_others, used)
         WHERE k.of_parent IS NOT NULL
    LOOP
        IF part.own IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a sub-wallet needs a limit of its own where its parent has one',
                DETAIL = format('%s is missing; the parent has %s left.', part.name, part.bound),
                HINT = 'Give it in limits, as in {"limits": {"max_day": 10000}}.';
        END IF;
        PERFORM dcep.refuse_limit(part.name, part.own, part.bound, 'parent has left');
    END LOOP;
    IF dcep.held_now(wallet.id) > own.max_balance THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'wallet holds more than the limit',
            DETAIL = format('Wallet %s holds %s.', wallet.id, dcep.held_now(wallet.id)), HINT = 'Pay money out first.';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_within_parent(dcep.wallet, dcep.wallet_limit) IS
'Internal: a sub-wallet''s limits must be within what its parent has left of its own. Errors: 22023, 55000';

-- Keeps payments out of a family while its limits change, as far as they are measured by them.
CREATE FUNCTION dcep.quiesce(wallet dcep.wallet, is_new boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parents record;
BEGIN
    SELECT * INTO parents FROM dcep.limits_before_sharing(wallet.parent);
    UPDATE dcep.wallet AS w SET flags = w.flags WHERE w.id = wallet.id AND NOT is_new;
    IF COALESCE(parents.max_balance, parents.max_day, parents.max_year) IS NOT NULL THEN
        UPDATE dcep.wallet AS w SET flags = w.flags WHERE w.id = wallet.parent;
    ELSIF is_new THEN
        RETURN;
    END IF;
    PERFORM dcep.await_payments();
END
$$;
COMMENT ON FUNCTION dcep.quiesce(dcep.wallet, boolean) IS
'Internal: payments of a wallet, and of its parent if that has limits to share, are over or refused until the transaction ends; nobody pays a new wallet yet';

CREATE FUNCTION dcep.change_limits(wallet dcep.wallet_id, limits jsonb, is_new boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_wallet dcep.wallet := dcep.require_wallet(wallet);
    own dcep.wallet_limit := dcep.read_limits(limits, dcep.own_limits(wallet));
BEGIN
    PERFORM dcep.quiesce(found_wallet, is_new);
    IF found_wallet.parent IS NULL THEN
        PERFORM dcep.require_within_class(wallet, own);
    ELSE
        own.max_payment := COALESCE(own.max_payment, (dcep.own_limits(found_wallet.parent)).max_payment);
        PERFORM dcep.require_within_parent(found_wallet, own);
    END IF;
    PERFORM dcep.share_limits(wallet, own);
    PERFORM dcep.share_limits(found_wallet.parent, dcep.own_limits(found_wallet.parent));
END
$$;
COMMENT ON FUNCTION dcep.change_limits(dcep.wallet_id, jsonb, boolean) IS
'Internal: what dcep.set_limits() and openings have in common. Errors: 22023, 55000';

CREATE FUNCTION dcep.set_limits(wallet dcep.wallet_id, limits jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_wallet dcep.wallet := dcep.require_customer(wallet);
BEGIN
    IF limits IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'limits must not be null';
    END IF;
    PERFORM dcep.change_limits(wallet, limits, false);
    INSERT INTO dcep.wallet_event (wallet, event, class) VALUES (set_limits.wallet, 'limits', found_wallet.class);
END
$$;
COMMENT ON FUNCTION dcep.set_limits(dcep.wallet_id, jsonb) IS
'Sets limits of a wallet''s own, as in {"max_day": 10000}: max_payment, max_day, max_year, max_balance in minor units, null for none; what is not named stays. They are never more than the class''s; those of a sub-wallet are taken off what its parent has left. Waits for running payments. By the operator. Errors: 22004, 22023, 42501, 55000, LG305, LG306';

-- --- sub-wallets ---------------------------------------------------------------

CREATE FUNCTION dcep.open_below(wallet dcep.wallet_id) RETURNS integer
    LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'dcep_open_below';
COMMENT ON FUNCTION dcep.open_below(dcep.wallet_id) IS
'Internal: how many open sub-wallets a wallet has right now, those included that were opened after this transaction''s snapshot';

CREATE FUNCTION dcep.require_parent(institution integer, request jsonb) RETURNS dcep.wallet
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted dcep.wallet_id := (request ->> 'parent')::dcep.wallet_id;
    parent dcep.wallet;
    field text;
BEGIN
    SELECT f INTO field FROM jsonb_object_keys(request) AS f
     WHERE f NOT IN ('parent', 'limits', 'form', 'device_key', 'class', 'requested_class') ORDER BY f LIMIT 1;
    IF field IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a sub-wallet has the holder of its parent',
            DETAIL = format('The request brings %s.', field), HINT = 'Leave out what identifies the holder.';
    END IF;
    IF dcep.institution(wanted) <> institution THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the parent is a wallet of another institution',
            DETAIL = format('Wallet %s.', wanted);
    END IF;
    parent := dcep.require_customer(wanted);
    IF parent.parent IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the parent is itself a sub-wallet',
            DETAIL = format('The parent of wallet %s is %s.', wanted, parent.parent);
    END IF;
    IF COALESCE(dcep.requested_class(request), parent.class) <> parent.class THEN
        PERFORM dcep.not_qualified(format('A sub-wallet has the class of its parent, %s.', parent.class), 'Leave the class out.');
    END IF;
    IF NOT EXISTS (SELECT FROM dcep.classes_now() AS c WHERE c.class = parent.class AND 'sub_wallets' = ANY (c.services)) THEN
        PERFORM dcep.not_qualified(format('Class %s gives no sub-wallets.', parent.class),
                                   'Change the class of the parent first.');
    END IF;
    RETURN parent;
END
$$;
COMMENT ON FUNCTION dcep.require_parent(integer, jsonb) IS
'Internal: the wallet under which a request may open another, its row locked. Errors: 22023, 22P02, 42501, 55000, LG305, LG306, LG601';

CREATE FUNCTION dcep.open_sub_wallet(institution integer, request jsonb) RETURNS dcep.wallet_id
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent dcep.wallet := dcep.require_parent(institution, request);
    new_wallet dcep.wallet_id;
BEGIN
    new_wallet := dcep.add_wallet(institution, parent.class, COALESCE(request ->> 'form', 'software'), parent.id, parent.holder);
    PERFORM dcep.change_limits(new_wallet, COALESCE(request -> 'limits', '{}'), true);
    PERFORM dcep.record_holder(new_wallet, request);
    RETURN new_wallet;
END
$$;
COMMENT ON FUNCTION dcep.open_sub_wallet(integer, jsonb) IS
'Internal: a wallet under another, with its class, its holder and limits out of what it has left';
