-- Agreements and orders: what supervisors may do, and do.

-- --- agreements --------------------------------------------------------------

CREATE FUNCTION dcep.order_kinds() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY['no_debit', 'no_credit', 'freeze', 'hold_amount', 'freeze_coins', 'cap_payment', 'cap_day', 'count_day',
                 'bar_counterparty', 'time_window', 'no_redeem']
$$;
COMMENT ON FUNCTION dcep.order_kinds() IS 'The kinds of order, in the order of their numbers';

CREATE FUNCTION dcep.require_members(what text, given text[], known text[]) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown_member text;
BEGIN
    SELECT COALESCE(g, 'NULL') INTO unknown_member FROM unnest(given) AS g WHERE g IS NULL OR g <> ALL (known) ORDER BY g LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('unknown %s "%s"', what, unknown_member),
            HINT = format('Known are %s.', array_to_string(known, ', '));
    END IF;
    RETURN ARRAY(SELECT DISTINCT g FROM unnest(given) AS g ORDER BY g);
END
$$;
COMMENT ON FUNCTION dcep.require_members(text, text[], text[]) IS 'Internal: a list without repetitions, in order, of known members, or an error (22023)';

-- Times in UTC, so that the two parties sign the same text whatever the time zones of their sessions.
CREATE FUNCTION dcep.agreement_terms(supervisor integer, operator integer, kinds text[], visibility text[], valid tstzrange) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT jsonb_build_object('supervisor', supervisor, 'operator', operator,
        'kinds', to_jsonb(dcep.require_members('kind of order', kinds, dcep.order_kinds())),
        'visibility', to_jsonb(dcep.require_members('visibility', visibility, ARRAY['wallets', 'transfers'])),
        'valid_from', COALESCE(lower(valid), '-infinity'), 'valid_until', COALESCE(upper(valid), 'infinity'))
$$;
COMMENT ON FUNCTION dcep.agreement_terms(integer, integer, text[], text[], tstzrange) IS 'Internal: what parties of an agreement sign. Errors: 22023';

CREATE FUNCTION dcep.enter_agreement(terms jsonb, act bigint) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO dcep.agreement AS g
    VALUES ((terms ->> 'supervisor')::smallint, (terms ->> 'operator')::smallint, terms -> 'visibility' ?| ARRAY['wallets', 'transfers'],
            terms -> 'visibility' ? 'transfers', (terms ->> 'valid_from')::timestamptz, (terms ->> 'valid_until')::timestamptz,
            ARRAY(SELECT jsonb_array_elements_text(terms -> 'kinds')), act)
    ON CONFLICT ON CONSTRAINT agreement_pkey DO UPDATE
       SET shows_wallets = EXCLUDED.shows_wallets, shows_transfers = EXCLUDED.shows_transfers,
           valid_from = EXCLUDED.valid_from, valid_until = EXCLUDED.valid_until, kinds = EXCLUDED.kinds, act = EXCLUDED.act
$$;
COMMENT ON FUNCTION dcep.enter_agreement(jsonb, bigint) IS 'Internal: makes terms effective that both parties have signed';

-- The caller holds the parties' advisory lock, so that who comes second sees the first.
CREATE FUNCTION dcep.conclude_agreement(terms jsonb, party integer, act_id bigint) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other dcep.act;
BEGIN
    SELECT * INTO other FROM dcep.act AS a
     WHERE a.institution = (terms ->> 'supervisor')::integer + (terms ->> 'operator')::integer - party AND a.kind = 'agree'
       AND a.body::jsonb -> 'supervisor' = terms -> 'supervisor' AND a.body::jsonb -> 'operator' = terms -> 'operator'
     ORDER BY a.seq DESC LIMIT 1;
    IF terms IS DISTINCT FROM other.body::jsonb - 'told' THEN
        RETURN false;
    END IF;
    PERFORM dcep.enter_agreement(terms, act_id);
    PERFORM dcep.post_message(e.node, 'agreed', jsonb_build_object('acts', ARRAY[act_id, other.id]))
       FROM dcep.elsewhere((terms ->> 'operator')::integer) AS e (node) WHERE e.node IS NOT NULL;
    RETURN true;
END
$$;
COMMENT ON FUNCTION dcep.conclude_agreement(jsonb, integer, bigint) IS
'Internal: makes terms effective that one party signs where the other has signed the same last, and tells the operator''s node, if it has one; were they?';

CREATE FUNCTION dcep.agree(supervisor integer, operator integer, kinds text[], visibility text[] DEFAULT '{}',
                           valid tstzrange DEFAULT '(,)') RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    party integer;
    other_node integer := CASE WHEN dcep.own_institution() = 1 THEN dcep.elsewhere(operator) ELSE 1 END;
    terms jsonb;
    act_id bigint;
BEGIN
    IF supervisor IS NULL OR operator IS NULL OR kinds IS NULL OR visibility IS NULL OR valid IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'arguments of agree must not be null';
    END IF;
    PERFORM dcep.require_institution(supervisor, 'supervisor');
    PERFORM dcep.require_institution(operator, 'operator');
    IF dcep.caller_acts_for(supervisor) = dcep.caller_acts_for(operator) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'permission denied to sign this agreement',
            DETAIL = format('The role "%s" acts for %s of the parties.', session_user,
                            CASE WHEN dcep.caller_acts_for(supervisor) THEN 'both' ELSE 'neither' END),
            HINT = 'Each party signs with a role that is bound to it alone.';
    END IF;
    IF isempty(valid) OR upper(valid) <= clock_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the agreement would never hold',
            DETAIL = format('It is valid during %s.', valid);
    END IF;
    party := CASE WHEN dcep.caller_acts_for(supervisor) THEN supervisor ELSE operator END;
    terms := dcep.agreement_terms(supervisor, operator, kinds, visibility, valid);
    -- Both parties may be signing at once: who comes second must see the first.
    PERFORM pg_advisory_xact_lock(3294, supervisor * 10000 + operator);
    act_id := nextval('dcep.act_id_seq');
    IF other_node IS NULL THEN
        PERFORM dcep.enter_act(party, act_id, 'agree', NULL, terms);
    ELSE
        PERFORM dcep.tell_act(party, other_node, act_id, 'agree', NULL, terms);
    END IF;
    -- Between nodes the registry says what is effective.
    RETURN dcep.own_institution() = 1 AND dcep.conclude_agreement(terms, party, act_id);
END
$$;
COMMENT ON FUNCTION dcep.agree(integer, integer, text[], text[], tstzrange) IS
'Signs terms between a supervisor and an operator: which kinds of order it may impose there, and what it sees while it has a case open (wallets; transfers, which include wallets). Effective, and true, once both have signed the same terms last; until then what both signed before goes on. No kinds and no visibility end it. An operator with a node of its own signs there, the supervisor on the registry, which makes it effective and tells the node; the operator''s call returns false. By a role of either party. Errors: 22004, 22023, 42501, 55000';

-- --- orders ------------------------------------------------------------------

-- What an order bears on: the wallets, in order; or the class of an operator; with the coins that it freezes.
CREATE FUNCTION dcep.resolve_target(target jsonb, OUT wallets dcep.wallet_id[], OUT operator integer, OUT class integer,
                                    OUT coins bigint[], OUT amounts bigint[])
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shape text;
    head_wallet dcep.wallet_id;
BEGIN
    IF jsonb_typeof(target) IS DISTINCT FROM 'object' THEN
        shape := '';
    ELSE
        SELECT string_agg(k, ' ' ORDER BY k) INTO shape FROM jsonb_object_keys(target) AS k;
    END IF;
    IF shape = 'coins' AND jsonb_typeof(target -> 'coins') <> 'array' THEN
        shape := '';
    END IF;
    CASE shape
        WHEN 'wallet' THEN
            wallets := ARRAY[(dcep.require_wallet((target ->> 'wallet')::dcep.wallet_id)).id];
        WHEN 'holder' THEN
            -- The family of a wallet: whoever holds it holds the wallets under it and beside it.
            WITH RECURSIVE up AS (
                SELECT w.id, w.parent FROM dcep.wallet AS w
                 WHERE w.id = (dcep.require_wallet((target ->> 'holder')::dcep.wallet_id)).id
                UNION ALL
                SELECT w.id, w.parent FROM up AS u JOIN dcep.wallet AS w ON w.id = u.parent)
            SELECT u.id INTO STRICT head_wallet FROM up AS u WHERE u.parent IS NULL;
            WITH RECURSIVE family AS (
                SELECT head_wallet AS id
                UNION ALL
                SELECT w.id FROM family AS f JOIN dcep.wallet AS w ON w.parent = f.id)
            SELECT array_agg(f.id ORDER BY f.id) INTO wallets FROM family AS f;
        WHEN 'class operator' THEN
            operator := (target ->> 'operator')::integer;
            class := (target ->> 'class')::integer;
            PERFORM dcep.require_institution(operator, 'operator');
            IF NOT EXISTS (SELECT FROM dcep.wallet_class AS c WHERE c.class = resolve_target.class) THEN
                RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('wallet class %s does not exist', class),
                    HINT = 'dcep.wallet_class has those that there are.';
            END IF;
        WHEN 'coins' THEN
            SELECT array_agg(DISTINCT c ORDER BY c) INTO coins
              FROM (SELECT (jsonb_array_elements_text(target -> 'coins'))::bigint) AS t (c);
            IF cardinality(coins) IS NULL OR cardinality(coins) > 1000 THEN
                RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'an order freezes from 1 to 1000 coins',
                    DETAIL = format('The target names %s.', COALESCE(cardinality(coins), 0));
            END IF;
            SELECT array_agg(l.owner ORDER BY n), array_agg(l.amount ORDER BY n) INTO wallets, amounts
              FROM unnest(coins) WITH ORDINALITY AS u (coin, n)
              LEFT JOIN LATERAL (
                  SELECT CASE u.coin & 1 WHEN 0 THEN t.payee ELSE t.payer END AS owner,
                         CASE u.coin & 1 WHEN 0 THEN t.amount ELSE t.change END AS amount
                    FROM dcep.transfer AS t WHERE t.id = u.coin >> 1) AS c ON true
              LEFT JOIN dcep.coin AS l ON (l.owner, l.amount, l.id) = (c.owner, c.amount, u.coin);
            IF array_position(wallets, NULL) IS NOT NULL THEN
                RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'coin is not live',
                    DETAIL = format('Coin %s.', coins[array_position(wallets, NULL)]),
                    HINT = 'dcep.trace_forward() says where its value is now.';
            END IF;
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the target of an order is not understood',
                HINT = 'It is {"wallet": "..."}, {"holder": "..."} for a wallet and all of its family, {"operator": code, "class": class}, {"coins": [id, ...]}, or {"operator": code, "coins": [id, ...]} where the operator has a node of its own.';
    END CASE;
END
$$;
COMMENT ON FUNCTION dcep.resolve_target(jsonb) IS
'Internal: the wallets, class and coins of a target, or an error (22023, 22P02, LG305). wallets are those of the coins, one each, where coins are given';

CREATE FUNCTION dcep.require_case_no(case_no text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF COALESCE(case_no, '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a case number is required',
            HINT = 'Give the case number or the legal basis.';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_case_no(text) IS 'Internal: an error (22023) where an order has no case number';

-- A kind takes what it needs and nothing else.
CREATE FUNCTION dcep.check_order_terms(kind text, coins bigint[], amount bigint, counterparty dcep.wallet_id, daily_from time,
                                       daily_until time) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    needs text[] := CASE WHEN kind IN ('hold_amount', 'cap_payment', 'cap_day', 'count_day') THEN ARRAY['amount']
                         WHEN kind = 'freeze_coins' THEN ARRAY['coins as its target']
                         WHEN kind = 'bar_counterparty' THEN ARRAY['counterparty']
                         WHEN kind = 'time_window' THEN ARRAY['daily_from', 'daily_until'] ELSE '{}' END;
    wrong text;
BEGIN
    SELECT format(CASE WHEN p.given THEN 'an order of kind %s takes no %s' ELSE 'an order of kind %s needs %s' END, kind, p.name)
      INTO wrong
      FROM (VALUES ('amount', amount IS NOT NULL), ('coins as its target', coins IS NOT NULL),
                   ('counterparty', counterparty IS NOT NULL), ('daily_from', daily_from IS NOT NULL),
                   ('daily_until', daily_until IS NOT NULL)) AS p (name, given)
     WHERE p.given <> (p.name = ANY (needs)) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = wrong;
    END IF;
    IF amount < 0 OR (kind = 'hold_amount' AND amount = 0) OR (kind = 'count_day' AND amount > 2147483647) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('amount out of range for an order of kind %s', kind),
            DETAIL = format('The amount is %s.', amount);
    END IF;
    IF daily_from = daily_until THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the time window is empty',
            DETAIL = format('It begins and ends at %s.', daily_from);
    END IF;
    IF dcep.elsewhere(dcep.institution(counterparty)) IS NULL AND counterparty IS NOT NULL THEN
        PERFORM dcep.require_wallet(counterparty);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.check_order_terms(text, bigint[], bigint, dcep.wallet_id, time, time) IS
'Internal: refuses terms that a kind of order does not take, or lacks (22023, LG305)';

CREATE FUNCTION dcep.class_target(institution integer, class integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN -(institution * 10000::bigint + class) - 1;
COMMENT ON FUNCTION dcep.class_target(integer, integer) IS 'Internal: the target of orders on a class of an operator''s wallets, in dcep.control_effect';

-- The row of payments' own table for an order, one a wallet, coin or class.
CREATE FUNCTION dcep.effects_of(o dcep.control_order) RETURNS SETOF dcep.control_effect
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.target, o.id, t.coin, o.valid_from, o.valid_until,
           COALESCE(t.amount, o.amount, 0), COALESCE(o.counterparty::bigint, 0),
           COALESCE(EXTRACT(epoch FROM o.daily_from)::integer, 0), COALESCE(EXTRACT(epoch FROM o.daily_until)::integer, 0),
           array_position(dcep.order_kinds(), o.kind)::smallint, o.supervisor
      FROM (SELECT w.wallet::bigint, COALESCE(o.coins[w.n], 0), o.amounts[w.n]
              FROM unnest(o.wallets) WITH ORDINALITY AS w (wallet, n)
             WHERE dcep.elsewhere(dcep.institution(w.wallet)) IS NULL
            UNION ALL
            SELECT dcep.class_target(o.operator, o.class), 0, NULL
             WHERE o.class IS NOT NULL AND dcep.elsewhere(o.operator) IS NULL) AS t (target, coin, amount)
$$;
COMMENT ON FUNCTION dcep.effects_of(dcep.control_order) IS 'Internal: the rows of dcep.control_effect that an order has until it is lifted: in this database, not on other nodes';

-- What a supervisor has ordered on another node is entered here by the operator whose node this is.
CREATE FUNCTION dcep.order_signer(o dcep.control_order) RETURNS smallint
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM dcep.claim_hold AS h WHERE h.order_id = o.id) THEN dcep.own_institution() ELSE o.supervisor END
$$;
COMMENT ON FUNCTION dcep.order_signer(dcep.control_order) IS
'Internal: whose act imposed an order: the supervisor''s, or that of the operator whose node was told of it';

-- Marks wallets whose orders have changed, so that payments look; each row is touched, so that payments under way see that it changes.
CREATE FUNCTION dcep.mark_controlled(wallets dcep.wallet_id[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM dcep.wallet AS w WHERE w.id = ANY (wallets) ORDER BY w.id FOR NO KEY UPDATE;
    UPDATE dcep.wallet AS w
       SET flags = w.flags & ~4 | CASE WHEN EXISTS (SELECT FROM dcep.control_effect AS e WHERE e.target = w.id::bigint)
                                      THEN 4 ELSE 0 END
     WHERE w.id = ANY (wallets);
END
$$;
COMMENT ON FUNCTION dcep.mark_controlled(dcep.wallet_id[]) IS 'Internal: flags of wallets whose orders have changed';

-- Puts a new order into effect: payments that began before are over, or wait, when this returns.
-- Where the order bears on credits, any payment that is under way may be one; else only payers' own.
-- Never both in turn: who waits for payments must not hold a payer's lock.
CREATE FUNCTION dcep.put_into_effect(o dcep.control_order) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO dcep.control_effect SELECT * FROM dcep.effects_of(o);
    IF o.class IS NOT NULL THEN
        INSERT INTO dcep.controlled_class SELECT o.operator, o.class, e.target FROM dcep.effects_of(o) AS e
        ON CONFLICT DO NOTHING;
        RETURN;
    END IF;
    PERFORM dcep.mark_controlled(o.wallets);
    IF o.kind IN ('no_credit', 'freeze', 'bar_counterparty') THEN
        PERFORM dcep.await_payments();
    ELSE
        PERFORM dcep.lock_wallet(w) FROM unnest(o.wallets) AS w GROUP BY w ORDER BY w;
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.put_into_effect(dcep.control_order) IS 'Internal: what payments see of an order';

CREATE FUNCTION dcep.is_agreed(supervisor integer, operator integer, kind text) RETURNS boolean
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM dcep.agreement AS g
                    WHERE g.supervisor = is_agreed.supervisor AND g.operator = is_agreed.operator AND is_agreed.kind = ANY (g.kinds)
                      AND g.valid_from <= clock_timestamp() AND clock_timestamp() < g.valid_until)
$$;
COMMENT ON FUNCTION dcep.is_agreed(integer, integer, text) IS
'Internal: is there an agreement in force right now that covers this kind of order?';

-- Is every operator that an order bears on within the supervisor's agreements? What was attempted goes on record where not.
CREATE FUNCTION dcep.check_agreements(supervisor integer, kind text, operators integer[], attempt text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    outside integer;
BEGIN
    SELECT u.code INTO outside FROM unnest(operators) AS u (code)
     WHERE NOT dcep.is_agreed(supervisor, u.code, kind)
     ORDER BY u.code LIMIT 1;
    IF FOUND THEN
        PERFORM dcep.keep_refusal('LG220', 'order outside the supervisor''s agreement', supervisor, attempt);
        RAISE EXCEPTION USING ERRCODE = 'LG220', MESSAGE = 'order outside the supervisor''s agreement',
            DETAIL = format('Supervisor %s has no agreement in force with institution %s that covers %s.',
                            lpad(supervisor::text, 4, '0'), lpad(outside::text, 4, '0'), kind),
            HINT = 'Both parties sign one with dcep.agree().';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.check_agreements(integer, text, integer[], text) IS 'Internal: LG220 where an order is outside the supervisor''s agreements, which goes on record';

-- Records an order that has been checked, and puts it into effect.
CREATE FUNCTION dcep.enter_order(o dcep.control_order) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    o.id := nextval('dcep.act_id_seq');
    PERFORM dcep.put_into_effect(o);
    PERFORM dcep.enter_act(o.supervisor, o.id, 'impose', o.case_no, jsonb_strip_nulls(to_jsonb(o)));
    INSERT INTO dcep.control_order SELECT o.*;
    RETURN o.id;
END
$$;
COMMENT ON FUNCTION dcep.enter_order(dcep.control_order) IS 'Internal: records an order, as an act too, and puts it into effect';

-- What an order of this database bears on; kind, counterparty and times are there already.
CREATE FUNCTION dcep.bear_on(o dcep.control_order, target jsonb, amount bigint) RETURNS dcep.control_order
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_target record;
BEGIN
    SELECT * INTO STRICT found_target FROM dcep.resolve_target(target);
    PERFORM dcep.check_order_terms(o.kind, found_target.coins, amount, o.counterparty, o.daily_from, o.daily_until);
    o.operator := CASE WHEN found_target.class IS NOT NULL THEN found_target.operator END;
    o.class := found_target.class;
    o.wallets := found_target.wallets;
    o.coins := found_target.coins;
    o.amounts := CASE WHEN o.kind = 'hold_amount' THEN ARRAY(SELECT bear_on.amount FROM unnest(found_target.wallets))
                      ELSE found_target.amounts END;
    o.amount := CASE WHEN o.kind <> 'hold_amount' OR o.class IS NOT NULL THEN bear_on.amount END;
    RETURN o;
END
$$;
COMMENT ON FUNCTION dcep.bear_on(dcep.control_order, jsonb, bigint) IS
'Internal: an order with the wallets, class and coins of its target, and its amount. Errors: 22023, 22P02, LG305';

CREATE FUNCTION dcep.impose(kind text, target jsonb, case_no text, amount bigint DEFAULT NULL,
                            counterparty dcep.wallet_id DEFAULT NULL, daily_from time DEFAULT NULL, daily_until time DEFAULT NULL,
                            valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT 'infinity',
                            supervisor integer DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o dcep.control_order;
    attempt text := format('impose %s, case %s, on %s', kind, case_no, target);
    node integer;
BEGIN
    IF kind IS NULL OR target IS NULL OR valid_until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'kind, target and valid_until must not be null';
    END IF;
    o.supervisor := dcep.require_authority(supervisor, ARRAY['supervisor']);
    PERFORM dcep.require_members('kind of order', ARRAY[kind], dcep.order_kinds());
    PERFORM dcep.require_case_no(case_no);
    o.kind := impose.kind;
    o.case_no := impose.case_no;
    o.counterparty := impose.counterparty;
    o.daily_from := impose.daily_from;
    o.daily_until := impose.daily_until;
    node := dcep.node_of_target(target);
    o := CASE WHEN node IS NULL THEN dcep.bear_on(o, target, amount) ELSE dcep.bear_on_node(o, target, amount) END;
    o.imposed_at := clock_timestamp();
    o.valid_from := COALESCE(impose.valid_from, o.imposed_at);
    o.valid_until := impose.valid_until;
    IF o.valid_from >= impose.valid_until OR impose.valid_until <= clock_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the order would end before it begins',
            DETAIL = format('It is valid from %s until %s.', o.valid_from, impose.valid_until);
    END IF;
    IF node IS NOT NULL THEN
        -- What is agreed stays so until the order has gone out: its node hears of both in this order.
        PERFORM pg_advisory_xact_lock_shared(3294, o.supervisor * 10000 + node);
        PERFORM dcep.check_agreements(o.supervisor, kind, ARRAY[node], attempt);
        RETURN dcep.send_order(o, target, node);
    END IF;
    PERFORM dcep.check_agreements(o.supervisor, kind,
        ARRAY(SELECT o.operator WHERE o.class IS NOT NULL UNION SELECT dcep.institution(w) FROM unnest(o.wallets) AS w), attempt);
    IF o.class IS NOT NULL THEN
        -- No payment is under way: any may be of a wallet of the class.
        LOCK TABLE dcep.transfer IN SHARE ROW EXCLUSIVE MODE;
    END IF;
    RETURN dcep.enter_order(o);
END
$$;
COMMENT ON FUNCTION dcep.impose(text, jsonb, text, bigint, dcep.wallet_id, time, time, timestamptz, timestamptz, integer) IS
'Imposes an order and returns its id; once committed, no payment that starts later passes it. The target is {"wallet": "…"}, {"holder": "…"} (a wallet and its family), {"operator": code, "class": class} or {"coins": [id, …]}. What an operator''s node keeps is ordered on the registry, coins by {"operator": code, "coins": [id, …]}: the order takes effect when the node has the message, and dcep.order_status shows its answer. amount: what is held of each wallet, the cap, or the payments a day. valid_from is now unless given, valid_until never. By a supervisor within its agreements; waits for payments of the wallets. Errors: 22004, 22023, 22P02, 42501, 55000, LG220, LG305';

CREATE FUNCTION dcep.lift_order(order_id bigint, act_id bigint, reason text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o dcep.control_order;
BEGIN
    SELECT * INTO STRICT o FROM dcep.control_order AS c WHERE c.id = lift_order.order_id;
    IF o.class IS NOT NULL THEN
        LOCK TABLE dcep.transfer IN SHARE ROW EXCLUSIVE MODE;
    END IF;
    INSERT INTO dcep.control_lift VALUES (lift_order.order_id, act_id, clock_timestamp(), lift_order.reason)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'order has been lifted already',
            DETAIL = format('Order %s.', lift_order.order_id);
    END IF;
    DELETE FROM dcep.control_effect AS e
     WHERE (e.target, e.order_id, e.coin) IN (SELECT f.target, f.order_id, f.coin FROM dcep.effects_of(o) AS f);
    DELETE FROM dcep.controlled_class AS c
     WHERE c.institution = o.operator AND c.class = o.class
       AND NOT EXISTS (SELECT FROM dcep.control_effect AS e WHERE e.target = c.target);
    PERFORM dcep.mark_controlled(o.wallets);
END
$$;
COMMENT ON FUNCTION dcep.lift_order(bigint, bigint, text) IS 'Internal: takes an order out of effect. Errors: 55000';

CREATE FUNCTION dcep.lift(order_id bigint, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o dcep.control_order;
    act_id bigint;
    node integer;
BEGIN
    IF order_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'order must not be null';
    END IF;
    IF COALESCE(reason, '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a reason is required';
    END IF;
    SELECT * INTO o FROM dcep.control_order AS c WHERE c.id = lift.order_id;
    IF NOT FOUND OR NOT dcep.caller_acts_for(o.supervisor) THEN
        PERFORM dcep.keep_refusal('42501', 'permission denied for order', 0, format('lift order %s', order_id));
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('permission denied for order %s', order_id),
            DETAIL = 'It does not exist, or another supervisor imposed it.',
            HINT = 'The supervisor who imposed an order lifts it.';
    END IF;
    act_id := nextval('dcep.act_id_seq');
    PERFORM dcep.lift_order(order_id, act_id, reason);
    SELECT t.receiver INTO node FROM dcep.told_act AS t WHERE t.act = order_id;
    IF node IS NULL THEN
        PERFORM dcep.enter_act(o.supervisor, act_id, 'lift', o.case_no, jsonb_build_object('order', order_id, 'reason', reason));
    ELSE
        PERFORM dcep.tell_act(o.supervisor, node, act_id, 'lift', o.case_no, jsonb_build_object('order', order_id, 'reason', reason));
    END IF;
    PERFORM dcep.release_across(order_id, act_id);
END
$$;
COMMENT ON FUNCTION dcep.lift(bigint, text) IS
'Lifts an order; others on the same wallets go on. On the registry also one that another node keeps, as soon as the message comes there. By the supervisor who imposed it. Errors: 22004, 22023, 42501, 55000 (lifted already)';

CREATE VIEW dcep.order_status WITH (security_invoker = true) AS
    SELECT o.id, o.supervisor, o.kind, o.case_no,
           CASE WHEN l.order_id IS NOT NULL THEN 'lifted'
                WHEN o.valid_until <= pg_catalog.clock_timestamp() THEN 'expired'
                WHEN o.valid_from > pg_catalog.clock_timestamp() THEN 'awaited' ELSE 'in force' END AS status,
           o.imposed_at, o.valid_from, o.valid_until, l.lifted_at, l.reason AS lift_reason,
           COALESCE(t.wallets, o.wallets) AS wallets, o.operator, o.class, o.coins, o.amounts, o.amount, o.counterparty,
           o.daily_from, o.daily_until, o.fraud,
           t.receiver AS node, CASE WHEN u.state = 'lifted' THEN u.state ELSE t.state END AS node_state,
           COALESCE(u.at, t.at) AS node_at, t.sqlstate AS node_sqlstate, t.reason AS node_reason
      FROM dcep.control_order AS o
      LEFT JOIN dcep.control_lift AS l ON l.order_id = o.id
      LEFT JOIN dcep.told_act AS t ON t.act = o.id
      LEFT JOIN dcep.told_act AS u ON u.act = l.act;
COMMENT ON VIEW dcep.order_status IS
'Orders, as their supervisor, the operators of their wallets and the central bank see them, with their status: awaited, in force, expired, lifted; and of one that went from the registry to a node, which, and whether it is sent, in effect or lifted there since when, recovered (given back by dcep.recover(), and in effect until then), or failed with what';

-- --- who sees orders ---------------------------------------------------------

CREATE FUNCTION dcep.sees_order(order_id bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM dcep.control_order AS o
         WHERE o.id = order_id
           AND (dcep.caller_acts_for(o.supervisor) OR dcep.caller_acts_for(1) OR dcep.caller_acts_for(o.operator)
                OR EXISTS (SELECT FROM unnest(o.wallets) AS w WHERE dcep.caller_acts_for(dcep.institution(w)))))
$$;
COMMENT ON FUNCTION dcep.sees_order(bigint) IS 'May the calling role see an order: its supervisor, the central bank, and operators on whose wallets it bears?';

DO $$
DECLARE
    policy record;
BEGIN
    FOR policy IN
        SELECT * FROM (VALUES
            ('act', 'dcep.sees_institution(institution) OR dcep.sees_institution(1)'),
            ('agreement', 'dcep.sees_institution(supervisor) OR dcep.sees_institution(operator) OR dcep.sees_institution(1)'),
            ('control_order', 'dcep.sees_order(id)'),
            ('control_lift', 'dcep.sees_order(order_id)'),
            ('told_act', 'dcep.sees_institution(institution) OR dcep.sees_institution(receiver) OR dcep.sees_institution(1)'),
            ('recovery', 'dcep.sees_order(order_id)')) AS p (tab, visible)
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE dcep.%I ENABLE ROW LEVEL SECURITY', policy.tab);
        EXECUTE pg_catalog.format('CREATE POLICY see_own ON dcep.%I FOR SELECT USING (%s)', policy.tab, policy.visible);
    END LOOP;
END
$$;
