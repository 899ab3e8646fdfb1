-- Stolen money: held wherever it has gone, and given back by order of two authorities.

-- What is left of a transfer's value in clients' wallets, wallet by wallet, and
-- what has gone into vaults or was redeemed. Poisoned sums are more than was stolen: no more than that is held.
CREATE FUNCTION dcep.stolen_value(transfer bigint, method text, OUT wallet dcep.wallet_id, OUT institution smallint,
                                  OUT is_house boolean, OUT tainted bigint) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH live AS (
        SELECT l.wallet, l.institution, w.class = 0 AS is_house, l.tainted,
               t.amount - COALESCE(sum(l.tainted) OVER (ORDER BY l.coin ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS missing
          FROM dcep.trace_live(stolen_value.transfer, stolen_value.method) AS l
          JOIN dcep.wallet AS w ON w.id = l.wallet
          JOIN dcep.transfer AS t ON t.id = stolen_value.transfer)
    SELECT l.wallet, l.institution, l.is_house, sum(LEAST(l.tainted, l.missing))::bigint
      FROM live AS l WHERE LEAST(l.tainted, l.missing) > 0 GROUP BY 1, 2, 3 ORDER BY 1
$$;
COMMENT ON FUNCTION dcep.stolen_value(bigint, text) IS
'Internal: where the value of a transfer''s payee coin is now, by wallet, no more than its amount in all; is_house says that it is an institution''s own wallet. Errors: 22023, 54000';

CREATE FUNCTION dcep.report_fraud(transfer bigint, case_no text, method text DEFAULT 'haircut', supervisor integer DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o dcep.control_order;
    earlier bigint;
    found_wallets dcep.wallet_id[];
    reached dcep.wallet_id[] := ARRAY[]::dcep.wallet_id[];
    outside text;
BEGIN
    IF transfer IS NULL OR method IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'transfer and method must not be null';
    END IF;
    o.imposed_at := clock_timestamp();
    o.supervisor := dcep.require_authority(supervisor, ARRAY['supervisor']);
    PERFORM dcep.require_case_no(case_no);
    IF NOT EXISTS (SELECT FROM dcep.transfer AS t WHERE t.id = report_fraud.transfer) THEN
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
    -- Follows, holds on, and follows again until nothing has moved on meanwhile. Each wallet that is reached
    -- is touched, so that payments which begin now are refused, and those under way are waited for.
    LOOP
        SELECT array_agg(s.wallet), array_agg(s.tainted) INTO found_wallets, o.amounts
          FROM dcep.stolen_value(transfer, method) AS s
         WHERE NOT s.is_house AND dcep.is_agreed(o.supervisor, s.institution, 'hold_amount');
        EXIT WHEN found_wallets IS NULL OR found_wallets <@ reached;
        PERFORM FROM dcep.wallet AS w WHERE w.id = ANY (found_wallets) ORDER BY w.id FOR NO KEY UPDATE;
        UPDATE dcep.wallet AS w SET flags = w.flags WHERE w.id = ANY (found_wallets) AND w.id <> ALL (reached);
        PERFORM dcep.lock_wallet(u.w) FROM unnest(found_wallets) AS u (w) WHERE u.w <> ALL (reached);
        reached := reached || found_wallets;
    END LOOP;
    SELECT string_agg(format('%s at institution %s%s', s.amount, lpad(s.institution::text, 4, '0'),
                             CASE WHEN s.is_house THEN ' itself' ELSE '' END), ', ' ORDER BY s.institution, s.is_house) INTO outside
      FROM (SELECT v.institution, v.is_house, sum(v.tainted) AS amount FROM dcep.stolen_value(transfer, method) AS v
             WHERE v.wallet <> ALL (COALESCE(found_wallets, '{}')) GROUP BY 1, 2) AS s;
    IF found_wallets IS NULL THEN
        IF outside IS NOT NULL THEN
            PERFORM dcep.keep_refusal('LG220', 'the money is outside the supervisor''s agreements', o.supervisor,
                                      format('report fraud, case %s, of transfer %s', case_no, transfer));
        END IF;
        RAISE EXCEPTION USING ERRCODE = CASE WHEN outside IS NULL THEN '55000' ELSE 'LG220' END,
            MESSAGE = CASE WHEN outside IS NULL THEN 'nothing of the money is left' ELSE 'the money is outside the supervisor''s agreements' END,
            DETAIL = COALESCE('There is ' || outside || '.', 'It has been redeemed.'),
            HINT = 'dcep.trace_forward() shows where it went.';
    ELSIF outside IS NOT NULL THEN
        RAISE WARNING USING MESSAGE = 'not all of the money is held', DETAIL = format('There is also %s.', outside),
            HINT = 'What institutions hold themselves was exchanged: ask them for the account. For others sign an agreement.';
    END IF;
    o.kind := 'hold_amount';
    o.case_no := report_fraud.case_no;
    o.valid_from := clock_timestamp();
    o.valid_until := 'infinity';
    o.wallets := found_wallets;
    o.fraud := transfer;
    RETURN dcep.enter_order(o);
END
$$;
COMMENT ON FUNCTION dcep.report_fraud(bigint, text, text, integer) IS
'Holds the value that a transfer moved to its payee, wherever it is now among wallets of the supervisor''s agreements (hold_amount), by an order whose id it returns; other money of these wallets stays free. Methods: haircut, fifo, poison (no more than the amount). What sits in vaults or outside agreements is named in a warning. By a supervisor, in read committed. Can deadlock with payments (40P01): repeat. Errors: 0A000, 22004, 22023, 42501, 54000, 55000 (reported already, nothing left), LG220';

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
    FOR held IN
        SELECT w.wallet, sum(CASE WHEN o.coins IS NULL OR c.id IS NOT NULL THEN o.amounts[w.n] END)::bigint AS amount
          FROM unnest(o.wallets) WITH ORDINALITY AS w (wallet, n)
          LEFT JOIN dcep.coin AS c ON (c.owner, c.amount, c.id) = (w.wallet, o.amounts[w.n], o.coins[w.n])
         WHERE w.wallet <> give_back.payee GROUP BY w.wallet ORDER BY w.wallet
    LOOP
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

CREATE FUNCTION dcep.check_recovery(o dcep.control_order, authority integer, payee dcep.wallet_id) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other dcep.recovery;
BEGIN
    IF o.wallets IS NULL OR o.kind NOT IN ('hold_amount', 'freeze_coins') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('nothing can be recovered under an order of kind %s', o.kind),
            HINT = 'Money is recovered that hold_amount or freeze_coins keeps in wallets.';
    END IF;
    IF o.valid_until <= clock_timestamp() OR EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = o.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'order is not in force', DETAIL = format('Order %s.', o.id);
    END IF;
    PERFORM dcep.require_wallet(payee);
    IF authority NOT IN (1, o.supervisor) THEN
        PERFORM dcep.check_agreements(authority, o.kind, ARRAY(SELECT DISTINCT dcep.institution(w) FROM unnest(o.wallets) AS w),
            format('recover under order %s for %s', o.id, payee));
    END IF;
    SELECT * INTO other FROM dcep.recovery AS r WHERE r.order_id = o.id;
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
COMMENT ON FUNCTION dcep.check_recovery(dcep.control_order, integer, dcep.wallet_id) IS
'Internal: may this authority order this recovery now? Errors: 22023, 42501, 55000, LG220, LG305';

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
    PERFORM dcep.check_recovery(o, authority, payee);
    act_id := nextval('dcep.act_id_seq');
    INSERT INTO dcep.recovery VALUES (o.id, authority, recover.payee, act_id);
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
'Orders that the money under an order (hold_amount, freeze_coins) be given to a wallet. The first of two authorities gets NULL; with the second, for the same wallet, the money moves by transfers of kind recover, the order is lifted, and the sum is returned. One of the two is the supervisor who imposed it, the other the central bank or a supervisor whose agreements cover the wallets. No limit or other order stands against it. Errors: 22004, 22023, 42501, 55000, LG220, LG305, LG306';
