-- Stolen money: held wherever it has gone, and given back by order of two authorities.

CREATE TYPE dcep.stolen_end AS (
    fate        text,
    wallet      dcep.wallet_id,
    institution smallint,
    transfer    bigint,
    tainted     bigint
);
COMMENT ON TYPE dcep.stolen_end IS 'Internal: where stolen value is: fate (held: in a client''s wallet where it can be held; at_institution; outside the supervisor''s agreements, or lost; redeemed; left: on its way to another node or there), wallet, its institution, the transfer that minted the coin, how much (minor units)';

-- Where a part of a transfer's value is, coin by coin. Poisoned sums are more than was stolen: no more than that is
-- taken, and what is here before what is not.
CREATE FUNCTION dcep.stolen_coins(transfer bigint, part_from bigint, part bigint, method text, last_ones bigint[],
                                  OUT wallet dcep.wallet_id, OUT minted_by bigint, OUT state text, OUT tainted bigint) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH ends AS (
        SELECT e.*, part - COALESCE(sum(e.tainted) OVER (ORDER BY e.state <> 'live', e.coin ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    0) AS missing
          FROM dcep.trace_ends(stolen_coins.transfer, stolen_coins.part_from, stolen_coins.part, stolen_coins.method, stolen_coins.last_ones) AS e)
    SELECT e.wallet, e.coin / 2, e.state, LEAST(e.tainted, e.missing)::bigint FROM ends AS e WHERE LEAST(e.tainted, e.missing) > 0
$$;
COMMENT ON FUNCTION dcep.stolen_coins(bigint, bigint, bigint, text, bigint[]) IS
'Internal: the rows of dcep.trace_ends(), no more than the part in all. Errors: 22023, 54000';

-- What another node has returned goes on from where it came back. What was given back meanwhile has ended where it
-- belongs: the wallet that gave it still owes as much, as far as it has it.
CREATE FUNCTION dcep.stolen_value(transfer bigint, part_from bigint, part bigint, method text, supervisor integer, given_back bigint[] DEFAULT '{}')
    RETURNS SETOF dcep.stolen_end
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT o.holder AS wallet, s.minted_by, CASE s.state WHEN 'stopped' THEN 'live' ELSE s.state END AS state, s.tainted,
               c.state AS crossing, c.local_transfer AS back, w.class
          FROM dcep.stolen_coins(transfer, part_from, part, method, given_back) AS s
         CROSS JOIN LATERAL (SELECT CASE s.state WHEN 'stopped' THEN (SELECT t.payer FROM dcep.transfer AS t WHERE t.id = s.minted_by)
                                                 ELSE s.wallet END) AS o (holder)
          LEFT JOIN dcep.wallet AS w ON w.id = o.holder
          LEFT JOIN dcep.crossing AS c ON s.state NOT IN ('live', 'stopped') AND c.origin = dcep.own_institution() AND c.transfer = s.minted_by
    LOOP
        IF found.crossing = 'returned' THEN
            RETURN QUERY SELECT * FROM dcep.stolen_value(found.back, 0, found.tainted, method, supervisor, given_back);
        ELSE
            RETURN NEXT (CASE WHEN found.state = 'live' AND found.class = 0 THEN 'at_institution'
                              WHEN found.state = 'live' AND dcep.is_agreed(supervisor, dcep.institution(found.wallet), 'hold_amount') THEN 'held'
                              WHEN found.state = 'elsewhere' OR (found.state = 'redeemed' AND found.crossing = 'pending') THEN 'left'
                              WHEN found.state = 'redeemed' THEN 'redeemed' ELSE 'outside' END,
                         found.wallet, dcep.institution(found.wallet), found.minted_by, found.tainted)::dcep.stolen_end;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION dcep.stolen_value(bigint, bigint, bigint, text, integer, bigint[]) IS
'Internal: where a part of the value of a transfer''s payee coin is now, and what can be held of it for a supervisor; what was returned to this node is followed on, what the transfers given_back paid is looked for in their payers'' wallets. Errors: 22023, 54000';

-- Follows, holds on, and follows again until nothing has moved on meanwhile. Each wallet that is reached
-- is touched, so that payments which begin now are refused, and those under way are waited for.
CREATE FUNCTION dcep.follow_stolen(transfer bigint, part_from bigint, part bigint, method text, supervisor integer, given_back bigint[] DEFAULT '{}')
    RETURNS dcep.stolen_end[]
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ends dcep.stolen_end[];
    found_wallets dcep.wallet_id[];
    reached dcep.wallet_id[] := ARRAY[]::dcep.wallet_id[];
BEGIN
    LOOP
        ends := ARRAY(SELECT s FROM dcep.stolen_value(transfer, part_from, part, method, supervisor, given_back) AS s);
        found_wallets := ARRAY(SELECT DISTINCT e.wallet FROM unnest(ends) AS e WHERE e.fate = 'held');
        EXIT WHEN found_wallets <@ reached;
        PERFORM FROM dcep.wallet AS w WHERE w.id = ANY (found_wallets) ORDER BY w.id FOR NO KEY UPDATE;
        UPDATE dcep.wallet AS w SET flags = w.flags WHERE w.id = ANY (found_wallets) AND w.id <> ALL (reached);
        PERFORM dcep.lock_wallet(u.w) FROM unnest(found_wallets) AS u (w) WHERE u.w <> ALL (reached);
        reached := reached || found_wallets;
    END LOOP;
    RETURN ends;
END
$$;
COMMENT ON FUNCTION dcep.follow_stolen(bigint, bigint, bigint, text, integer, bigint[]) IS
'Internal: dcep.stolen_value(), with the wallets in which it can be held locked. Errors: 22023, 40P01, 54000';

CREATE FUNCTION dcep.held_wallets(ends dcep.stolen_end[], OUT wallets dcep.wallet_id[], OUT amounts bigint[])
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(array_agg(h.wallet ORDER BY h.wallet), '{}'), COALESCE(array_agg(h.amount ORDER BY h.wallet), '{}')
      FROM (SELECT e.wallet, sum(e.tainted)::bigint AS amount FROM unnest(ends) AS e WHERE e.fate = 'held' GROUP BY e.wallet) AS h
$$;
COMMENT ON FUNCTION dcep.held_wallets(dcep.stolen_end[]) IS 'Internal: what is to be held, by wallet';

CREATE FUNCTION dcep.report_fraud(transfer bigint, case_no text, method text DEFAULT 'haircut', supervisor integer DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o dcep.control_order;
    earlier bigint;
    stolen bigint;
    ends dcep.stolen_end[];
    outside text;
    has_left boolean;
BEGIN
    IF transfer IS NULL OR method IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'transfer and method must not be null';
    END IF;
    o.imposed_at := clock_timestamp();
    o.supervisor := dcep.require_authority(supervisor, ARRAY['supervisor']);
    PERFORM dcep.require_case_no(case_no);
    SELECT t.amount INTO stolen FROM dcep.transfer AS t WHERE t.id = report_fraud.transfer;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('transfer %s does not exist', transfer);
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = 'money cannot be followed with an old snapshot',
            DETAIL = 'It may have moved on since the transaction began.', HINT = 'Use the isolation level read committed.';
    END IF;
    SELECT r.id INTO earlier FROM dcep.control_order AS r
     WHERE r.fraud = report_fraud.transfer AND r.supervisor = o.supervisor AND r.valid_until > clock_timestamp()
       AND NOT EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = r.id);
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'this transfer has been reported already',
            DETAIL = format('Order %s holds what was found of it.', earlier);
    END IF;
    ends := dcep.follow_stolen(transfer, 0, stolen, method, o.supervisor);
    SELECT h.wallets, h.amounts INTO o.wallets, o.amounts FROM dcep.held_wallets(ends) AS h;
    SELECT string_agg(format('%s at institution %s%s', s.amount, lpad(s.institution::text, 4, '0'),
                             CASE s.fate WHEN 'at_institution' THEN ' itself' ELSE '' END), ', ' ORDER BY s.institution, s.fate DESC) INTO outside
      FROM (SELECT e.institution, e.fate, sum(e.tainted) AS amount FROM unnest(ends) AS e
             WHERE e.fate IN ('at_institution', 'outside') GROUP BY 1, 2) AS s;
    has_left := EXISTS (SELECT FROM unnest(ends) AS e WHERE e.fate = 'left');
    IF o.wallets = '{}' THEN
        IF outside IS NOT NULL THEN
            PERFORM dcep.keep_refusal('LG220', 'the money is outside the supervisor''s agreements', o.supervisor,
                                      format('report fraud, case %s, of transfer %s', case_no, transfer));
        END IF;
        RAISE EXCEPTION USING ERRCODE = CASE WHEN outside IS NULL THEN '55000' ELSE 'LG220' END,
            MESSAGE = CASE WHEN outside IS NULL THEN 'nothing of the money is left' ELSE 'the money is outside the supervisor''s agreements' END,
            DETAIL = COALESCE('There is ' || outside || '.', CASE WHEN has_left THEN 'Other nodes have it.' ELSE 'It has been redeemed.' END),
            HINT = 'dcep.trace_forward() shows where it went.';
    ELSIF outside IS NOT NULL THEN
        RAISE WARNING USING MESSAGE = 'not all of the money is held', DETAIL = format('There is also %s.', outside),
            HINT = 'What institutions hold themselves was exchanged: ask them for the account. For others sign an agreement.';
    END IF;
    o.kind := 'hold_amount';
    o.case_no := report_fraud.case_no;
    o.valid_from := clock_timestamp();
    o.valid_until := 'infinity';
    o.fraud := transfer;
    RETURN dcep.enter_order(o);
END
$$;
COMMENT ON FUNCTION dcep.report_fraud(bigint, text, text, integer) IS
'Holds the value that a transfer moved to its payee, wherever it is now among wallets of the supervisor''s agreements (hold_amount), by an order whose id it returns; other money of these wallets stays free. Methods: haircut, fifo, poison (no more than the amount). What sits in vaults or outside agreements is named in a warning. Of nodes, dcep.report_payment() reports a payment on the registry. By a supervisor, in read committed. Can deadlock with payments (40P01): repeat. Errors: 0A000, 22004, 22023, 42501, 54000, 55000 (reported already, nothing left), LG220';

-- Of frozen coins, those that are still there.
CREATE FUNCTION dcep.held_under(o dcep.control_order, OUT wallet dcep.wallet_id, OUT amount bigint) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.wallet, sum(CASE WHEN o.coins IS NULL OR c.id IS NOT NULL THEN o.amounts[w.n] END)::bigint
      FROM unnest(o.wallets) WITH ORDINALITY AS w (wallet, n)
      LEFT JOIN dcep.coin AS c ON (c.owner, c.amount, c.id) = (w.wallet, o.amounts[w.n], o.coins[w.n])
     GROUP BY w.wallet ORDER BY w.wallet
$$;
COMMENT ON FUNCTION dcep.held_under(dcep.control_order) IS
'Internal: what an order (hold_amount, freeze_coins) holds of each of its wallets, whether or not the wallet has that much; minor units';

-- Pays what an order holds of a wallet to whom it belongs.
CREATE FUNCTION dcep.give_back(order_id bigint, payee dcep.wallet_id) RETURNS bigint[]
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o dcep.control_order;
    held record;
    paid bigint;
    transfers bigint[] := ARRAY[]::bigint[];
BEGIN
    SELECT * INTO STRICT o FROM dcep.control_order AS c WHERE c.id = give_back.order_id;
    FOR held IN SELECT h.wallet, h.amount FROM dcep.held_under(o) AS h WHERE h.wallet <> give_back.payee ORDER BY h.wallet LOOP
        PERFORM dcep.lock_wallet(held.wallet);
        held.amount := LEAST(held.amount, dcep.held_now(held.wallet));
        CONTINUE WHEN COALESCE(held.amount, 0) = 0;
        INSERT INTO dcep.transfer (kind, payer, payee, amount, memo)
        VALUES ('recover', held.wallet, give_back.payee, held.amount, format('recovered under order %s', o.id))
        RETURNING id INTO paid;
        transfers := transfers || paid;
    END LOOP;
    RETURN transfers;
END
$$;
COMMENT ON FUNCTION dcep.give_back(bigint, dcep.wallet_id) IS 'Internal: the transfers of a recovery';

CREATE FUNCTION dcep.check_recoverable(o dcep.control_order) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF o.wallets IS NULL OR o.kind NOT IN ('hold_amount', 'freeze_coins') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('nothing can be recovered under an order of kind %s', o.kind),
            HINT = 'Money is recovered that hold_amount or freeze_coins keeps in wallets.';
    END IF;
    IF o.valid_from > clock_timestamp() OR o.valid_until <= clock_timestamp() OR EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = o.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'order is not in force', DETAIL = format('Order %s.', o.id);
    END IF;
    IF dcep.own_institution() <> 1 AND EXISTS (SELECT FROM dcep.claim AS c WHERE c.id = o.id AND NOT c.is_report
                                                UNION ALL SELECT FROM dcep.claim_hold AS h WHERE h.order_id = o.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = 'what this order holds is recovered on the registry',
            DETAIL = format('Order %s.', o.id), HINT = 'Two authorities order it there with dcep.recover(), and this node is told.';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.check_recoverable(dcep.control_order) IS
'Internal: is this an order under which money can be recovered here? Errors: 0A000 (on a node: what the registry has told it to hold), 22023, 55000';

CREATE FUNCTION dcep.check_second_authority(o dcep.control_order, authority integer, payee dcep.wallet_id, round integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other dcep.recovery;
BEGIN
    SELECT * INTO other FROM dcep.recovery AS r WHERE r.order_id = o.id AND r.round = check_second_authority.round;
    IF other.authority = authority THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'a second authority must order the recovery',
            DETAIL = format('Institution %s has ordered it already.', lpad(authority::text, 4, '0'));
    ELSIF other.payee <> payee THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the authorities do not agree on whom the money belongs to',
            DETAIL = format('Institution %s ordered it for wallet %s.', lpad(other.authority::text, 4, '0'), other.payee);
    ELSIF other.authority IS NOT NULL AND o.supervisor NOT IN (authority, other.authority) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the supervisor who imposed the order must be one of the two',
            DETAIL = format('Order %s is of supervisor %s.', o.id, lpad(o.supervisor::text, 4, '0'));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.check_second_authority(dcep.control_order, integer, dcep.wallet_id, integer) IS
'Internal: where another authority has ordered the same recovery, do the two go together? Errors: 42501, 55000';

CREATE FUNCTION dcep.check_recovery(o dcep.control_order, authority integer, payee dcep.wallet_id) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM dcep.check_recoverable(o);
    PERFORM dcep.require_wallet(payee);
    IF authority NOT IN (1, o.supervisor) THEN
        PERFORM dcep.check_agreements(authority, o.kind, ARRAY(SELECT DISTINCT dcep.institution(w) FROM unnest(o.wallets) AS w),
            format('recover under order %s for %s', o.id, payee));
    END IF;
    PERFORM dcep.check_second_authority(o, authority, payee, 1);
END
$$;
COMMENT ON FUNCTION dcep.check_recovery(dcep.control_order, integer, dcep.wallet_id) IS
'Internal: may this authority order this recovery now? Errors: 0A000, 22023, 42501, 55000, LG220, LG305';

CREATE FUNCTION dcep.recover(order_id bigint, payee dcep.wallet_id, institution integer DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    authority integer;
    o dcep.control_order;
    act_id bigint;
    transfers bigint[] := ARRAY[]::bigint[];
    recovered bigint;
BEGIN
    IF order_id IS NULL OR payee IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'order and payee must not be null';
    END IF;
    authority := dcep.require_authority(institution, ARRAY['supervisor', 'central_bank']);
    SELECT * INTO o FROM dcep.control_order AS c WHERE c.id = recover.order_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('order %s does not exist', order_id);
    END IF;
    IF dcep.own_institution() = 1 AND EXISTS (SELECT FROM dcep.fraud_case AS f WHERE f.report = o.id
                                               UNION ALL SELECT FROM dcep.told_act AS t WHERE t.act = o.id) THEN
        RETURN dcep.recover_across(o, authority, payee);
    END IF;
    PERFORM dcep.check_recovery(o, authority, payee);
    act_id := nextval('dcep.act_id_seq');
    INSERT INTO dcep.recovery (order_id, authority, payee, act) VALUES (o.id, authority, recover.payee, act_id);
    IF (SELECT count(*) FROM dcep.recovery AS r WHERE r.order_id = o.id) = 2 THEN
        PERFORM dcep.lift_order(o.id, act_id, 'recovered');
        transfers := dcep.give_back(o.id, payee);
        SELECT COALESCE(sum(t.amount), 0) INTO recovered FROM dcep.transfer AS t WHERE t.id = ANY (transfers);
    END IF;
    PERFORM dcep.enter_act(authority, act_id, 'recover', o.case_no,
                           jsonb_build_object('order', o.id, 'payee', payee::text, 'transfers', to_jsonb(transfers)));
    RETURN recovered;
END
$$;
COMMENT ON FUNCTION dcep.recover(bigint, dcep.wallet_id, integer) IS
'Orders that the money under an order (hold_amount, freeze_coins) be given to a wallet. The first of two authorities gets NULL; with the second, for the same wallet, the money moves by transfers of kind recover, the order is lifted, and the sum is returned. One of the two is the supervisor who imposed it, the other the central bank or a supervisor whose agreements cover the wallets. No limit or other order stands against it. On the registry also of what nodes hold, by an order or for a report of dcep.report_payment(): those that have nothing of it under way are told, and the sum that they hold at most is returned; what a payee''s node cannot credit comes back and is held again, and can be recovered anew; dcep.fraud_status() says what has arrived. Errors: 0A000 (on a node, of what the registry has told it to hold), 22004, 22023, 42501, 55000, LG220, LG305, LG306';
