-- Recovery across nodes: what nodes hold for a claim is given back to whom it belongs, by order of two authorities.
--
-- A claim is a report of stolen money, which several nodes may hold, or an order by which a supervisor holds money of one
-- node.  Both authorities order its recovery on the registry.  Their signed acts travel to each node that holds something of it, and each verifies
-- them for itself, lifts its holds and pays: to a wallet of its own, or across by a payment of kind recover, of which it
-- has told the registry before.  What comes back is held again.  So a claim can be recovered several times, one round
-- after the other; each act says of which round it is, and is good for that one alone.  A report goes on until its
-- supervisor lifts it; an order, of which nothing is held or under way any more, is lifted by the act that ordered it last.
--
-- While money of a report is still being followed on some nodes, what others hold, of which nothing is under way there, can be
-- recovered.  A share that comes later to a node that has given something back is not followed to whom that belongs.
--
-- Locks on the registry: agreements, the order, what its node was told, the authority's act chain, the case, accounts, lines.  On nodes as in 79_nodes_trace.

-- --- claims ------------------------------------------------------------------------

-- On the node and on the registry alike: of an order, once the node has it in effect.
CREATE VIEW dcep.claim AS
    SELECT c.report AS id, true AS is_report, c.supervisor, 'hold_amount' AS kind, c.case_no, '-infinity'::timestamptz AS valid_from, c.valid_until,
           c.lifted_at IS NOT NULL AS is_lifted
      FROM dcep.fraud_case AS c
    UNION ALL
    SELECT o.id, false, o.supervisor, o.kind, o.case_no, o.valid_from, o.valid_until,
           EXISTS (SELECT FROM dcep.act AS a
                    WHERE a.institution = o.supervisor AND a.kind = 'lift' AND (a.body::jsonb ->> 'order')::bigint = o.id)
      FROM dcep.control_order AS o JOIN dcep.told_act AS t ON t.act = o.id
     WHERE o.kind IN ('hold_amount', 'freeze_coins') AND o.class IS NULL AND t.state IN ('in effect', 'recovered');
COMMENT ON VIEW dcep.claim IS 'Internal: by what nodes hold money that can be given back: reports of dcep.report_payment(), and orders of dcep.impose() that a node has in effect on wallets or coins. id (the order on the registry), is_report, supervisor, kind (hold_amount, freeze_coins), case_no, valid_from and valid_until (exclusive), is_lifted (by its supervisor)';

-- No more than there can be of money: an order may name the largest number, for each of several wallets.
CREATE FUNCTION dcep.sum_held(amounts bigint[]) RETURNS bigint
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT LEAST(sum(a), 9223372036854775807)::bigint FROM unnest(amounts) AS a
$$;
COMMENT ON FUNCTION dcep.sum_held(bigint[]) IS
'Internal: what an order holds, minor units, 9223372036854775807 at most; NULL of no amounts';

CREATE FUNCTION dcep.lock_claim(claim bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM dcep.fraud_case AS f WHERE f.report = lock_claim.claim FOR UPDATE;
    PERFORM FROM dcep.claim_account AS a WHERE a.claim = lock_claim.claim ORDER BY a.institution FOR UPDATE;
END
$$;
COMMENT ON FUNCTION dcep.lock_claim(bigint) IS 'Internal: locks a claim and what has become of its money until the transaction ends';

-- Called where a node has answered that it has an order of the registry in effect.
CREATE FUNCTION dcep.open_account(order_id bigint, node integer, amounts bigint[]) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO dcep.claim_account (claim, institution, given, held)
    SELECT c.id, node, dcep.sum_held(amounts), dcep.sum_held(amounts) FROM dcep.claim AS c WHERE c.id = order_id
$$;
COMMENT ON FUNCTION dcep.open_account(bigint, integer, bigint[]) IS
'Internal: the account of what a node holds by an order, where it is one that holds money in wallets';

-- Where an order's money is where it belongs, or is not there, the order has done its work.
CREATE FUNCTION dcep.end_claim(claim bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = end_claim.claim)
       OR EXISTS (SELECT FROM dcep.fraud_case AS f WHERE f.report = end_claim.claim)
       OR EXISTS (SELECT FROM dcep.claim_account AS a
                   WHERE a.claim = end_claim.claim AND a.given > a.at_institution + a.outside + a.recovered) THEN
        RETURN;
    END IF;
    PERFORM dcep.lift_order(end_claim.claim, max(r.act), 'recovered')
       FROM dcep.recovery AS r WHERE r.order_id = end_claim.claim AND r.round < dcep.recovery_round(end_claim.claim);
END
$$;
COMMENT ON FUNCTION dcep.end_claim(bigint) IS
'Internal: lifts an order of which a node holds nothing any more and nothing is under way, by the act that ordered its last recovery; a report goes on';

-- --- two authorities, on the registry --------------------------------------------

CREATE FUNCTION dcep.recovery_round(order_id bigint) RETURNS integer
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 1 + count(*)::integer
      FROM (SELECT r.round FROM dcep.recovery AS r WHERE r.order_id = recovery_round.order_id GROUP BY r.round HAVING count(*) = 2) AS whole
$$;
COMMENT ON FUNCTION dcep.recovery_round(bigint) IS 'Internal: of which recovery of an order the next order of an authority is, from 1 on';

CREATE FUNCTION dcep.recovery_terms(claim bigint, round integer, payee dcep.wallet_id) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('order', claim, 'round', round, 'payee', payee::text)
$$;
COMMENT ON FUNCTION dcep.recovery_terms(bigint, integer, dcep.wallet_id) IS 'Internal: what an authority signs that orders a recovery across nodes';

-- What is agreed stays so until the nodes have been told: each hears of both in this order.
CREATE FUNCTION dcep.check_claim_agreements(o dcep.control_order, authorities integer[], payee dcep.wallet_id) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    authority integer;
BEGIN
    FOREACH authority IN ARRAY authorities LOOP
        CONTINUE WHEN authority IN (1, o.supervisor);
        PERFORM pg_advisory_xact_lock_shared(3294, authority * 10000 + l.peer) FROM dcep.line AS l ORDER BY l.peer;
        PERFORM dcep.check_agreements(authority, o.kind,
            ARRAY(SELECT a.institution FROM dcep.claim_account AS a WHERE a.claim = o.id AND a.held > 0),
            format('recover under order %s for %s', o.id, payee));
    END LOOP;
END
$$;
COMMENT ON FUNCTION dcep.check_claim_agreements(dcep.control_order, integer[], dcep.wallet_id) IS
'Internal: do the agreements of other supervisors than the claim''s cover the nodes that hold its money? Errors: LG220';

-- A node that is to follow more, has been told to give back what it holds, or has something on its way may hold by now what
-- the registry does not know of: it waits for a later round.
CREATE FUNCTION dcep.ready_accounts(claim bigint) RETURNS SETOF dcep.claim_account
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.* FROM dcep.claim_account AS a
     WHERE a.claim = ready_accounts.claim AND a.held > 0
       AND NOT EXISTS (SELECT FROM dcep.fraud_share AS s WHERE (s.report, s.institution) = (a.claim, a.institution) AND s.answered < s.share)
       AND NOT EXISTS (SELECT FROM dcep.claim_recovery AS r WHERE (r.claim, r.institution, r.state) = (a.claim, a.institution, 'sent'))
       AND NOT EXISTS (SELECT FROM dcep.claim_payment AS p WHERE (p.claim, p.origin) = (a.claim, a.institution) AND NOT p.ended)
     ORDER BY a.institution
$$;
COMMENT ON FUNCTION dcep.ready_accounts(bigint) IS
'Internal: on the registry, the nodes that hold something for a claim and have nothing of it under way: what they hold is known';

-- Is there something to recover, and may it be now? is_second: with this order the money moves.
CREATE FUNCTION dcep.check_claim_money(claim bigint, is_second boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    under_way bigint;
BEGIN
    IF EXISTS (SELECT FROM dcep.ready_accounts(claim)) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM dcep.claim_recovery AS r WHERE r.claim = check_claim_money.claim AND r.state = 'sent') THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'a recovery under this order is under way',
            DETAIL = 'The nodes that hold the money have not answered.';
    END IF;
    SELECT sum(a.given - a.held - a.at_institution - a.outside - a.redeemed - a.passed - a.recovered) INTO under_way
      FROM dcep.claim_account AS a WHERE a.claim = check_claim_money.claim;
    IF is_second AND under_way > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the money is still under way',
            DETAIL = format('Of order %s %s is under way.', claim, under_way), HINT = 'dcep.fraud_status() says where.';
    ELSIF COALESCE(under_way, 0) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'nothing is held that could be recovered',
            DETAIL = format('Order %s.', claim), HINT = 'dcep.fraud_status() says what has become of the money.';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.check_claim_money(bigint, boolean) IS 'Internal: can what is held for a claim be recovered now? Errors: 55000';

-- An order that its node has not put into effect holds nothing.
CREATE FUNCTION dcep.check_in_effect(o dcep.control_order) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told dcep.told_act;
BEGIN
    SELECT * INTO told FROM dcep.told_act AS t WHERE t.act = o.id;
    IF told.state NOT IN ('in effect', 'recovered') THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'order is not in force',
            DETAIL = format('Order %s. Node %s %s.', o.id, lpad(told.receiver::text, 4, '0'),
                            CASE told.state WHEN 'failed' THEN 'could not put it into effect: ' || told.reason ELSE 'has not answered yet' END),
            HINT = 'dcep.order_status says what has become of it.';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.check_in_effect(dcep.control_order) IS
'Internal: has the node that keeps what an order bears on put it into effect? Errors: 55000';

-- The registry redeems what comes to the central bank's vault.
CREATE FUNCTION dcep.require_recoverer(payee dcep.wallet_id) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF payee = dcep.vault(1) OR NOT (dcep.is_here(payee) OR EXISTS (SELECT FROM dcep.line AS l WHERE l.peer = dcep.institution(payee))) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG305', MESSAGE = 'wallet does not exist', DETAIL = format('Wallet %s.', payee),
            HINT = 'What nodes hold is given back to a wallet of an operator.';
    ELSIF dcep.is_here(payee) THEN
        PERFORM dcep.require_wallet(payee);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_recoverer(dcep.wallet_id) IS
'Internal: is this a wallet of a node, or of an operator whose wallets the registry keeps? Which wallets there are only their nodes know. Errors: LG305';

CREATE FUNCTION dcep.check_claim_recovery(o dcep.control_order, authority integer, payee dcep.wallet_id, round integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first integer;
BEGIN
    PERFORM dcep.check_recoverable(o);
    PERFORM dcep.check_in_effect(o);
    PERFORM dcep.require_recoverer(payee);
    SELECT r.authority INTO first FROM dcep.recovery AS r WHERE r.order_id = o.id AND r.round = check_claim_recovery.round;
    PERFORM dcep.check_claim_agreements(o, array_remove(ARRAY[first, authority], NULL), payee);
    PERFORM dcep.check_second_authority(o, authority, payee, round);
    PERFORM dcep.check_claim_money(o.id, first IS NOT NULL);
END
$$;
COMMENT ON FUNCTION dcep.check_claim_recovery(dcep.control_order, integer, dcep.wallet_id, integer) IS
'Internal: may this authority order this recovery of what nodes hold now? Errors: 22023, 42501, 55000, LG220, LG305';

CREATE FUNCTION dcep.send_recovery(claim bigint, round integer, payee dcep.wallet_id) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    acts jsonb := (SELECT jsonb_agg(to_jsonb(a) ORDER BY a.id) FROM dcep.recovery AS r JOIN dcep.act AS a ON a.id = r.act
                    WHERE r.order_id = claim AND r.round = send_recovery.round);
    holder dcep.claim_account;
    total bigint := 0;
BEGIN
    PERFORM dcep.lock_lines();
    FOR holder IN SELECT * FROM dcep.ready_accounts(claim) LOOP
        INSERT INTO dcep.claim_recovery (claim, round, institution, payee, amount, state)
        VALUES (holder.claim, send_recovery.round, holder.institution, send_recovery.payee, holder.held, 'sent');
        PERFORM dcep.post_message(holder.institution, 'recover', jsonb_build_object('claim', claim, 'round', round, 'acts', acts));
        total := total + holder.held;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION dcep.send_recovery(bigint, integer, dcep.wallet_id) IS
'Internal: tells the nodes that hold money of a claim, and have nothing of it under way, what two authorities have ordered; the sum that they hold. Errors: 55000';

-- Called by dcep.recover(), which has locked the order.
CREATE FUNCTION dcep.recover_across(o dcep.control_order, authority integer, payee dcep.wallet_id) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    round integer := dcep.recovery_round(o.id);
    act_id bigint := nextval('dcep.act_id_seq');
BEGIN
    -- Whoever lifts the claim takes these in this order: its node hears of what comes first before the other.
    PERFORM FROM dcep.told_chain AS c JOIN dcep.told_act AS t ON t.institution = c.institution AND t.receiver = c.receiver
      WHERE t.act = o.id FOR UPDATE OF c;
    PERFORM FROM dcep.act_chain AS h WHERE h.institution = recover_across.authority FOR UPDATE;
    PERFORM dcep.lock_claim(o.id);
    PERFORM dcep.check_claim_recovery(o, authority, payee, round);
    PERFORM dcep.enter_act(authority, act_id, 'recover', o.case_no, dcep.recovery_terms(o.id, round, payee));
    INSERT INTO dcep.recovery (order_id, authority, payee, act, round)
    VALUES (o.id, authority, payee, act_id, round);
    IF dcep.recovery_round(o.id) = round THEN
        RETURN NULL;
    END IF;
    RETURN dcep.send_recovery(o.id, round, payee);
END
$$;
COMMENT ON FUNCTION dcep.recover_across(dcep.control_order, integer, dcep.wallet_id) IS
'Internal: dcep.recover() of what nodes hold for a claim. Errors: 22023, 42501, 55000, LG220, LG305';

-- --- a node that holds ---------------------------------------------------------------

-- What two acts that are carried must be. Which agreements there were is another question.
CREATE FUNCTION dcep.recovery_defect(c dcep.claim, round integer, payee dcep.wallet_id, acts jsonb) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    carried jsonb;
    act dcep.act;
    authorities smallint[] := ARRAY[]::smallint[];
    wrong text;
BEGIN
    IF jsonb_typeof(acts) IS DISTINCT FROM 'array' THEN
        RETURN 'no act orders it';
    END IF;
    FOR carried IN SELECT jsonb_array_elements(acts) LOOP
        act := jsonb_populate_record(NULL::dcep.act, carried);
        wrong := dcep.carried_act_defect(carried, 'recover', act.institution);
        IF wrong IS NULL AND NOT EXISTS (SELECT FROM dcep.institution AS i WHERE i.code = act.institution AND i.kind IN ('supervisor', 'central_bank')) THEN
            wrong := 'its institution recovers nothing';
        ELSIF wrong IS NULL AND (act.case_no, act.body::jsonb) IS DISTINCT FROM (c.case_no, dcep.recovery_terms(c.id, round, payee)) THEN
            wrong := 'it orders something else';
        END IF;
        IF wrong IS NOT NULL THEN
            RETURN format('act %s: %s', act.id, wrong);
        END IF;
        authorities := authorities || act.institution;
    END LOOP;
    RETURN CASE WHEN cardinality(authorities) <> 2 OR authorities[1] = authorities[2] THEN 'two authorities must order it'
                WHEN c.supervisor <> ALL (authorities) THEN 'the supervisor whose claim it is must be one of the two' END;
END
$$;
COMMENT ON FUNCTION dcep.recovery_defect(dcep.claim, integer, dcep.wallet_id, jsonb) IS
'Internal: what is wrong with the acts by which two authorities order a recovery for a wallet; NULL where nothing is. Errors: 22P02 and the like where they are no acts at all';

CREATE FUNCTION dcep.require_recovery(c dcep.claim, round integer, payee dcep.wallet_id, acts jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := dcep.recovery_defect(c, round, payee, acts);
BEGIN
    IF wrong IS NOT NULL THEN
        PERFORM dcep.message_wrong(format('The recovery is not what two authorities have signed: %s.', wrong));
    END IF;
    IF EXISTS (SELECT FROM jsonb_populate_recordset(NULL::dcep.act, acts) AS a
                WHERE a.institution NOT IN (1, c.supervisor)
                  AND NOT EXISTS (SELECT FROM dcep.agreement AS g WHERE g.supervisor = a.institution AND g.operator = dcep.own_institution()
                                     AND c.kind = ANY (g.kinds))) THEN
        PERFORM dcep.message_wrong('The recovery is outside what a supervisor and this operator have signed.');
    END IF;
    IF round < 1 OR EXISTS (SELECT FROM dcep.claim_recovery AS r WHERE r.claim = c.id AND r.round >= require_recovery.round) THEN
        PERFORM dcep.message_wrong('It was ordered before.');
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_recovery(dcep.claim, integer, dcep.wallet_id, jsonb) IS
'Internal: a recovery is what two authorities have signed, who may, and is new. Errors: LG701';

-- The supervisor's order itself, as long as it stands, and what this node has imposed since.
CREATE FUNCTION dcep.standing_holds(claim bigint) RETURNS SETOF dcep.control_order
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.* FROM dcep.control_order AS o
     WHERE (o.id = standing_holds.claim OR o.id IN (SELECT h.order_id FROM dcep.claim_hold AS h WHERE h.claim = standing_holds.claim))
       AND NOT EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = o.id)
     ORDER BY o.id
$$;
COMMENT ON FUNCTION dcep.standing_holds(bigint) IS 'Internal: by which orders this node holds money for a claim';

-- One hold: the operator's act says that it does as it was told. What the payee has itself stays there.
CREATE FUNCTION dcep.pay_hold(c dcep.claim, hold dcep.control_order, round integer, payee dcep.wallet_id, acts jsonb) RETURNS bigint[]
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    act_id bigint := nextval('dcep.act_id_seq');
    transfers bigint[];
BEGIN
    PERFORM dcep.lift_order(hold.id, act_id, 'recovered');
    transfers := dcep.give_back(hold.id, payee);
    INSERT INTO dcep.recovery (order_id, authority, payee, act)
    SELECT hold.id, a.institution, pay_hold.payee, a.id FROM jsonb_populate_recordset(NULL::dcep.act, acts) AS a;
    PERFORM dcep.enter_act(dcep.own_institution(), act_id, 'recover', c.case_no,
        dcep.recovery_terms(hold.id, round, payee) || jsonb_build_object('claim', c.id, 'transfers', to_jsonb(transfers)));
    RETURN transfers;
END
$$;
COMMENT ON FUNCTION dcep.pay_hold(dcep.claim, dcep.control_order, integer, dcep.wallet_id, jsonb) IS
'Internal: lifts one hold of a claim and pays what it held to whom it belongs; the transfers. Errors: 22023, 54000, 55000, LG207 (frozen coins), LG305, LG306';

-- What became of all that was held: it is here, has left, or was not there any more.
CREATE FUNCTION dcep.pay_holds(c dcep.claim, round integer, payee dcep.wallet_id, acts jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hold dcep.control_order;
    transfers bigint[] := ARRAY[]::bigint[];
    held bigint := 0;
    here bigint := 0;
    gone jsonb;
    paid bigint;
BEGIN
    FOR hold IN SELECT * FROM dcep.standing_holds(c.id) LOOP
        here := here + COALESCE((SELECT LEAST(h.amount, dcep.held_now(payee)) FROM dcep.held_under(hold) AS h WHERE h.wallet = payee AND h.amount > 0), 0);
        transfers := transfers || dcep.pay_hold(c, hold, round, payee, acts);
        held := held + dcep.sum_held(hold.amounts);
    END LOOP;
    INSERT INTO dcep.claim_payment (origin, transfer, claim, round, amount)
    SELECT p.origin, p.transfer, c.id, pay_holds.round, p.amount FROM dcep.crossing AS p
     WHERE p.origin = dcep.own_institution() AND p.transfer = ANY (transfers);
    SELECT COALESCE(sum(t.amount), 0), here + COALESCE(sum(t.amount) FILTER (WHERE dcep.is_here(t.payee)), 0),
           COALESCE(jsonb_agg(jsonb_build_object('transfer', t.id, 'amount', t.amount) ORDER BY t.id) FILTER (WHERE NOT dcep.is_here(t.payee)), '[]')
      INTO paid, here, gone FROM dcep.transfer AS t WHERE t.id = ANY (transfers);
    RETURN jsonb_build_object('held', held, 'here', here, 'left', gone,
                              'missing', held - here - CASE WHEN dcep.is_here(payee) THEN 0 ELSE paid END);
END
$$;
COMMENT ON FUNCTION dcep.pay_holds(dcep.claim, integer, dcep.wallet_id, jsonb) IS
'Internal: lifts what this node holds for a claim, pays it to whom it belongs, and returns what to tell of it. Errors: 22023, 54000, 55000, LG207 (frozen coins), LG305, LG306';

CREATE FUNCTION dcep.note_recovery(c dcep.claim, round integer, payee dcep.wallet_id, held bigint, told jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO dcep.claim_recovery (claim, round, institution, payee, amount, state, missing, sqlstate, reason)
    VALUES (c.id, note_recovery.round, dcep.own_institution(), note_recovery.payee, note_recovery.held,
            CASE WHEN told ? 'sqlstate' THEN 'failed' ELSE 'paid' END, COALESCE((told ->> 'missing')::bigint, 0), told ->> 'sqlstate', told ->> 'reason');
    PERFORM dcep.note_recovered(c.id);
    PERFORM dcep.post_message(1, 'recovered', told || jsonb_build_object('claim', c.id, 'round', round, 'held', held));
END
$$;
COMMENT ON FUNCTION dcep.note_recovery(dcep.claim, integer, dcep.wallet_id, bigint, jsonb) IS
'Internal: notes what has become of a recovery on this node, and tells the registry. Errors: 55000';

CREATE FUNCTION dcep.note_recovered(claim bigint) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE dcep.told_act AS t SET state = 'recovered'
     WHERE t.act = note_recovered.claim AND t.state = 'in effect'
       AND EXISTS (SELECT FROM dcep.claim_recovery AS r WHERE r.claim = note_recovered.claim AND r.state = 'paid')
$$;
COMMENT ON FUNCTION dcep.note_recovered(bigint) IS 'Internal: of an order that its node has given back it is on record that it is not in effect any more';

-- What this node can do about a recovery that is as it should be.
CREATE FUNCTION dcep.try_recovery(c dcep.claim, round integer, payee dcep.wallet_id, acts jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF c.valid_from > clock_timestamp() OR c.valid_until <= clock_timestamp() THEN
        -- It is not by this node's clock, though it was by the registry's.
        RETURN jsonb_build_object('sqlstate', '55000', 'reason', 'order is not in force');
    END IF;
    RETURN dcep.pay_holds(c, round, payee, acts);
EXCEPTION WHEN SQLSTATE 'LG305' OR SQLSTATE 'LG306' OR SQLSTATE 'LG207' OR invalid_parameter_value OR program_limit_exceeded THEN
    -- A wallet of this node that cannot be paid, coins that another order has frozen, or too many of them: all stays held.
    RETURN jsonb_build_object('sqlstate', SQLSTATE, 'reason', SQLERRM);
END
$$;
COMMENT ON FUNCTION dcep.try_recovery(dcep.claim, integer, dcep.wallet_id, jsonb) IS
'Internal: pays what this node holds for a claim, and returns what to tell of it: what was paid, or why all stays held. Errors: 55000';

CREATE FUNCTION dcep.take_recover(body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c dcep.claim;
    acts jsonb := body -> 'acts';
    round integer := (body ->> 'round')::integer;
    payee dcep.wallet_id := ((acts -> 0 ->> 'body')::jsonb ->> 'payee')::dcep.wallet_id;
    held bigint;
BEGIN
    SELECT * INTO c FROM dcep.claim AS f WHERE f.id = (body ->> 'claim')::bigint AND NOT f.is_lifted;
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('There is no such report or order that was not lifted.');
    END IF;
    PERFORM dcep.require_recovery(c, round, payee, acts);
    SELECT dcep.sum_held(array_agg(a.amount)) INTO held FROM dcep.standing_holds(c.id) AS o CROSS JOIN LATERAL unnest(o.amounts) AS a (amount);
    IF held IS NULL THEN
        PERFORM dcep.message_wrong('Nothing is held for it.');
    END IF;
    PERFORM dcep.note_recovery(c, round, payee, held, dcep.try_recovery(c, round, payee, acts));
END
$$;
COMMENT ON FUNCTION dcep.take_recover(jsonb) IS
'Internal: takes the message that two authorities have ordered what this node holds for a claim to be given back, and answers. Errors: LG701, 55000';

-- As it was held before: by amount, or the coin that has come back.
CREATE FUNCTION dcep.hold_again(c dcep.claim, paid dcep.crossing, wallet dcep.wallet_id) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o dcep.control_order;
BEGIN
    o.supervisor := c.supervisor;
    o.kind := c.kind;
    o.case_no := c.case_no;
    o.valid_until := c.valid_until;
    o.wallets := ARRAY[wallet];
    o.amounts := ARRAY[paid.amount];
    o.coins := CASE WHEN c.kind = 'freeze_coins' THEN ARRAY[paid.local_transfer * 2] END;
    o.fraud := CASE WHEN c.is_report THEN paid.local_transfer END;
    PERFORM dcep.hold_for_claim(o, c.id, paid);
END
$$;
COMMENT ON FUNCTION dcep.hold_again(dcep.claim, dcep.crossing, dcep.wallet_id) IS
'Internal: holds what has come back of a recovery, in the wallet that it came back to';

-- Called where a payment that has left this node has ended.
CREATE FUNCTION dcep.end_recovery(ended dcep.crossing) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p dcep.claim_payment;
    c dcep.claim;
    back_to dcep.wallet_id;
    fate text;
BEGIN
    UPDATE dcep.claim_payment AS f SET ended = true WHERE f.origin = end_recovery.ended.origin AND f.transfer = end_recovery.ended.transfer
    RETURNING * INTO p;
    IF NOT FOUND OR ended.state = 'settled' THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT c FROM dcep.claim AS f WHERE f.id = p.claim;
    SELECT t.payee INTO STRICT back_to FROM dcep.transfer AS t WHERE t.id = ended.local_transfer;
    -- The hold that was lifted goes on, whatever was agreed since; unless the supervisor has lifted the claim.
    fate := CASE WHEN back_to <> ended.payer THEN 'at_institution'
                 WHEN NOT c.is_lifted AND c.valid_until > clock_timestamp() THEN 'held' ELSE 'outside' END;
    IF fate = 'held' THEN
        PERFORM dcep.hold_again(c, ended, back_to);
    END IF;
    PERFORM dcep.post_message(1, 'held_again', '{"held": 0, "at_institution": 0, "outside": 0, "redeemed": 0, "left": []}'
                              || jsonb_build_object('claim', c.id, 'transfer', p.transfer, fate, ended.amount));
END
$$;
COMMENT ON FUNCTION dcep.end_recovery(dcep.crossing) IS
'Internal: a recovery that has left this node has arrived, or come back, where it is held again and the registry told. Errors: 55000';

-- --- the registry is answered ----------------------------------------------------------

CREATE FUNCTION dcep.require_recovered(r dcep.claim_recovery, told jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    left_parts numeric[] := ARRAY(SELECT (l ->> 'amount')::numeric FROM jsonb_array_elements(told -> 'left') AS l);
    parts numeric[] := ARRAY[(told ->> 'here')::numeric, (told ->> 'missing')::numeric] || left_parts;
BEGIN
    IF EXISTS (SELECT FROM unnest(parts) AS p WHERE p IS NULL OR p < 0 OR p <> trunc(p))
       OR (SELECT sum(p) FROM unnest(parts) AS p) IS DISTINCT FROM r.amount::numeric THEN
        PERFORM dcep.message_wrong(format('What was recovered does not add up to the %s that were held.', r.amount));
    END IF;
    IF (dcep.institution(r.payee) = r.institution AND cardinality(left_parts) > 0)
       OR (dcep.institution(r.payee) <> r.institution AND parts[1] > 0) THEN
        PERFORM dcep.message_wrong('It did not go to whom it belongs.');
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_recovered(dcep.claim_recovery, jsonb) IS
'Internal: what a node tells of a recovery adds up to what it held, and went where it should. Errors: LG701';

CREATE FUNCTION dcep.take_recovered(sender integer, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    has_failed boolean := body ? 'sqlstate';
    r dcep.claim_recovery;
BEGIN
    PERFORM dcep.lock_claim((body ->> 'claim')::bigint);
    SELECT * INTO r FROM dcep.claim_recovery AS f
     WHERE (f.claim, f.round, f.institution, f.state) = ((body ->> 'claim')::bigint, (body ->> 'round')::integer, sender::smallint, 'sent')
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('The sender was not asked to recover that.');
    ELSIF NOT has_failed THEN
        PERFORM dcep.require_recovered(r, body);
    END IF;
    UPDATE dcep.claim_recovery AS f
       SET state = CASE WHEN has_failed THEN 'failed' ELSE 'paid' END, sqlstate = body ->> 'sqlstate', reason = body ->> 'reason',
           missing = CASE WHEN has_failed THEN 0 ELSE (body ->> 'missing')::bigint END
     WHERE (f.claim, f.round, f.institution) = (r.claim, r.round, r.institution);
    IF has_failed THEN
        RETURN;
    END IF;
    UPDATE dcep.claim_account AS a
       SET held = a.held - r.amount, recovered = a.recovered + (body ->> 'here')::bigint, outside = a.outside + (body ->> 'missing')::bigint
     WHERE a.claim = r.claim AND a.institution = r.institution;
    INSERT INTO dcep.claim_payment (origin, transfer, claim, round, amount)
    SELECT r.institution, (l ->> 'transfer')::bigint, r.claim, r.round, (l ->> 'amount')::bigint FROM jsonb_array_elements(body -> 'left') AS l;
    PERFORM dcep.note_recovered(r.claim);
    PERFORM dcep.end_claim(r.claim);
END
$$;
COMMENT ON FUNCTION dcep.take_recovered(integer, jsonb) IS
'Internal: takes the answer of a node that was told of a recovery. Errors: LG701, 23505 (a payment that it told of before)';

-- The registry lets a payment of kind recover pass that it was told of, and no other.
CREATE FUNCTION dcep.require_recovery_payment(paid dcep.crossing) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM dcep.claim_payment AS p
                     JOIN dcep.claim_recovery AS r ON (r.claim, r.round, r.institution) = (p.claim, p.round, p.origin)
                    WHERE (p.origin, p.transfer, p.amount, r.payee) = (paid.origin, paid.transfer, paid.amount, paid.payee)) THEN
        PERFORM dcep.message_wrong('No two authorities have ordered this recovery.');
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_recovery_payment(dcep.crossing) IS
'Internal: a payment of kind recover is one that two authorities have ordered and its node has told of. Errors: LG701';

CREATE FUNCTION dcep.settle_recovery(paid dcep.crossing) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p dcep.claim_payment;
BEGIN
    UPDATE dcep.claim_payment AS f SET ended = true WHERE (f.origin, f.transfer) = (paid.origin, paid.transfer) RETURNING * INTO STRICT p;
    UPDATE dcep.claim_account AS a SET recovered = a.recovered + p.amount WHERE (a.claim, a.institution) = (p.claim, p.origin);
    PERFORM dcep.end_claim(p.claim);
END
$$;
COMMENT ON FUNCTION dcep.settle_recovery(dcep.crossing) IS 'Internal: a recovery has arrived: it is accounted for on the registry';

CREATE FUNCTION dcep.take_held_again(sender integer, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p dcep.claim_payment;
BEGIN
    PERFORM dcep.lock_claim((body ->> 'claim')::bigint);
    UPDATE dcep.claim_payment AS f SET ended = true
     WHERE (f.origin, f.transfer, f.claim) = (sender::smallint, (body ->> 'transfer')::bigint, (body ->> 'claim')::bigint) AND NOT f.ended
       AND EXISTS (SELECT FROM dcep.crossing AS x WHERE (x.origin, x.transfer, x.state) = (f.origin, f.transfer, 'returned'))
    RETURNING * INTO p;
    IF NOT FOUND OR body -> 'left' IS DISTINCT FROM '[]' OR body -> 'redeemed' IS DISTINCT FROM '0' OR body ? 'returned' THEN
        PERFORM dcep.message_wrong('No recovery of that claim has come back to the sender.');
    END IF;
    PERFORM dcep.require_sum(body, p.amount);
    PERFORM dcep.add_to_account(p.claim, sender, body);
    PERFORM dcep.end_claim(p.claim);
END
$$;
COMMENT ON FUNCTION dcep.take_held_again(integer, jsonb) IS
'Internal: takes the message that a recovery has come back to the node that held the money, and is held there again. Errors: LG701';

-- --- the audit ------------------------------------------------------------------------------

-- Messages of recoveries that were posted, or taken.
CREATE FUNCTION dcep.recovery_messages(OUT sender smallint, OUT receiver smallint, OUT kind text, OUT claim bigint, OUT round integer, OUT body jsonb)
    RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.sender, m.receiver, m.kind, (b.body ->> 'claim')::bigint, (b.body ->> 'round')::integer, b.body
      FROM dcep.message AS m LEFT JOIN dcep.line AS n ON n.peer = m.sender
     CROSS JOIN LATERAL (SELECT m.body::jsonb) AS b (body)
     WHERE m.kind IN ('recover', 'recovered', 'held_again') AND (m.sender = dcep.own_institution() OR m.number <= n.taken)
$$;
COMMENT ON FUNCTION dcep.recovery_messages() IS 'Internal: messages of recoveries that this node has posted or taken';

-- The registry: what nodes have answered that they hold by orders, and what has become of it, as their messages say.
CREATE FUNCTION dcep.order_accounts(OUT claim bigint, OUT institution smallint, OUT given bigint, OUT held numeric, OUT at_institution numeric,
                                    OUT outside numeric) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH said AS MATERIALIZED (SELECT * FROM dcep.recovery_messages())
    SELECT a.id, a.node, a.given, a.given - r.paid + r.again, r.at_institution, r.outside
      FROM (SELECT c.id, m.sender AS node,
                   dcep.sum_held(ARRAY(SELECT jsonb_array_elements_text(m.body::jsonb -> 'order' -> 'amounts')::bigint)) AS given
              FROM dcep.message AS m JOIN dcep.line AS n ON n.peer = m.sender AND m.number <= n.taken
              JOIN dcep.claim AS c ON c.id = (m.body::jsonb ->> 'act')::bigint
             WHERE m.kind = 'act_done' AND m.body::jsonb ->> 'state' = 'in effect' AND NOT c.is_report) AS a
     CROSS JOIN LATERAL (
        SELECT COALESCE(sum((s.body ->> 'held')::numeric) FILTER (WHERE s.kind = 'recovered'), 0),
               COALESCE(sum((s.body ->> 'held')::numeric) FILTER (WHERE s.kind = 'held_again'), 0),
               COALESCE(sum((s.body ->> 'at_institution')::numeric) FILTER (WHERE s.kind = 'held_again'), 0),
               COALESCE(sum((s.body ->> CASE s.kind WHEN 'recovered' THEN 'missing' ELSE 'outside' END)::numeric), 0)
          FROM said AS s
         WHERE (s.claim, s.sender) = (a.id, a.node) AND s.kind <> 'recover' AND NOT s.body ? 'sqlstate') AS r (paid, again, at_institution, outside)
$$;
COMMENT ON FUNCTION dcep.order_accounts() IS
'Internal: on the registry, what the accounts of orders that hold money of nodes should be, as the nodes'' messages say; minor units';

CREATE FUNCTION dcep.audit_order_accounts(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                          OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH account AS (
        SELECT a.* FROM dcep.claim_account AS a WHERE NOT EXISTS (SELECT FROM dcep.fraud_case AS f WHERE f.report = a.claim))
    SELECT 'claim account', COALESCE(a.institution, e.institution), NULL::dcep.wallet_id, NULL::bigint,
           format('order %s: %s of %s is held, messages say %s of %s', COALESCE(a.claim, e.claim), COALESCE(a.held, 0), COALESCE(a.given, 0),
                  COALESCE(e.held, 0), COALESCE(e.given, 0))
      FROM account AS a FULL JOIN dcep.order_accounts() AS e ON (e.claim, e.institution) = (a.claim, a.institution)
     WHERE dcep.own_institution() = 1
       AND (a.given, a.held, a.at_institution, a.outside, a.redeemed, a.passed) IS DISTINCT FROM (e.given, e.held, e.at_institution, e.outside, 0, 0)
    UNION ALL
    SELECT 'claim account', a.institution, NULL, NULL,
           format('order %s is %s as recovered, %s of it is held or under way', a.claim, CASE WHEN l.act IS NULL THEN 'not lifted' ELSE 'lifted' END, u.amount)
      FROM account AS a
      LEFT JOIN (SELECT l.order_id, l.act FROM dcep.control_lift AS l JOIN dcep.act AS t ON t.id = l.act WHERE t.kind = 'recover') AS l
        ON l.order_id = a.claim
     CROSS JOIN LATERAL (SELECT a.given - a.at_institution - a.outside - a.recovered) AS u (amount)
     WHERE (l.act IS NOT NULL) <> (u.amount = 0)
       AND (l.act IS NOT NULL OR NOT EXISTS (SELECT FROM dcep.control_lift AS o WHERE o.order_id = a.claim));
END
$$;
COMMENT ON FUNCTION dcep.audit_order_accounts() IS
'Registry: what has become of the money that nodes hold by orders is what their messages say; an order is lifted as recovered just where nothing of it is held or under way any more';

CREATE FUNCTION dcep.audit_recoveries(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                      OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    own smallint := dcep.own_institution();
BEGIN
    RETURN QUERY
    WITH said AS MATERIALIZED (SELECT * FROM dcep.recovery_messages()),
    -- Of each hold that was recovered here, what the operator has signed.
    done AS (
        SELECT a.id, a.body::jsonb AS body, (a.body::jsonb ->> 'order')::bigint AS hold, (a.body::jsonb ->> 'claim')::bigint AS claim,
               (a.body::jsonb ->> 'round')::integer AS round, (a.body::jsonb ->> 'payee')::dcep.wallet_id AS payee
          FROM dcep.act AS a WHERE a.kind = 'recover' AND a.institution = own AND a.body::jsonb ? 'claim'),
    paid AS (SELECT d.*, t.id AS transfer, t.kind, t.payer, t.payee AS paid_to, t.amount
               FROM done AS d CROSS JOIN LATERAL jsonb_array_elements_text(d.body -> 'transfers') AS e (id)
               JOIN dcep.transfer AS t ON t.id = e.id::bigint),
    arrived AS (
        SELECT p.claim, p.origin, sum(p.amount) AS amount FROM dcep.claim_payment AS p JOIN dcep.crossing AS x USING (origin, transfer)
         WHERE x.state = 'settled' GROUP BY 1, 2)
    SELECT 'recovery', r.institution, NULL::dcep.wallet_id, NULL::bigint, format('round %s under order %s: %s', r.round, r.claim, d.wrong)
      FROM dcep.claim_recovery AS r
      LEFT JOIN dcep.claim AS c ON c.id = r.claim
      LEFT JOIN said AS s ON (s.kind, s.receiver, s.claim, s.round) = ('recover', r.institution, r.claim, r.round)
      LEFT JOIN said AS w ON (w.kind, w.sender, w.claim, w.round) = ('recovered', r.institution, r.claim, r.round)
     CROSS JOIN LATERAL (SELECT CASE
               WHEN s.body IS NULL THEN 'no message tells of it'
               WHEN w.body IS NULL AND r.state <> 'sent' THEN 'no message answers it'
               WHEN w.body IS NOT NULL AND (r.state, r.amount, r.missing, r.sqlstate, r.reason) IS DISTINCT FROM
                    (CASE WHEN w.body ? 'sqlstate' THEN 'failed' ELSE 'paid' END, (w.body ->> 'held')::bigint,
                     COALESCE((w.body ->> 'missing')::bigint, 0), w.body ->> 'sqlstate', w.body ->> 'reason') THEN 'messages say something else'
               ELSE COALESCE(dcep.recovery_defect(c, r.round, r.payee, s.body -> 'acts'),
                             CASE WHEN own = 1 AND s.body -> 'acts' IS DISTINCT FROM
                                       (SELECT jsonb_agg(to_jsonb(a) ORDER BY a.id) FROM dcep.recovery AS v JOIN dcep.act AS a
                                            ON a.id = v.act AND a.institution = v.authority AND v.payee = r.payee
                                         WHERE (v.order_id, v.round) = (r.claim, r.round))
                                  THEN 'the authorities have not ordered it here' END) END) AS d (wrong)
     WHERE d.wrong IS NOT NULL
    UNION ALL
    SELECT 'recovery', CASE WHEN s.kind = 'recover' THEN s.receiver ELSE s.sender END, NULL, NULL,
           format('round %s under order %s, which a message tells of, is not on record', s.round, s.claim)
      FROM said AS s WHERE s.kind <> 'held_again' AND NOT EXISTS (SELECT FROM dcep.claim_recovery AS r
           WHERE (r.claim, r.round, r.institution) = (s.claim, s.round, CASE WHEN s.kind = 'recover' THEN s.receiver ELSE s.sender END))
    UNION ALL
    -- On a node: what was paid out of a hold, and by whose order.
    SELECT 'recovery', own, NULL, NULL, format('act %s recovers what order %s held: no two authorities have ordered it', d.id, d.hold)
      FROM done AS d
      LEFT JOIN said AS s ON (s.kind, s.receiver, s.claim, s.round) = ('recover', own, d.claim, d.round)
     WHERE NOT EXISTS (SELECT FROM dcep.claim_recovery AS r
                        WHERE (r.claim, r.round, r.institution, r.payee, r.state) = (d.claim, d.round, own, d.payee, 'paid'))
        OR (NOT EXISTS (SELECT FROM dcep.claim_hold AS h WHERE (h.order_id, h.claim) = (d.hold, d.claim))
            AND NOT EXISTS (SELECT FROM dcep.claim AS c WHERE c.id = d.claim AND c.id = d.hold AND NOT c.is_report))
        OR (SELECT array_agg((v.authority, v.payee, v.act)::text ORDER BY v.act) FROM dcep.recovery AS v WHERE v.order_id = d.hold)
           IS DISTINCT FROM
           (SELECT array_agg((a.institution, d.payee, a.id)::text ORDER BY a.id) FROM jsonb_populate_recordset(NULL::dcep.act, s.body -> 'acts') AS a)
    UNION ALL
    SELECT 'recovery without order', own, p.payer, p.transfer, format('it is not what order %s held for wallet %s', p.hold, p.payee)
      FROM paid AS p
     WHERE (p.kind, p.paid_to) IS DISTINCT FROM ('recover', p.payee)
        OR NOT EXISTS (SELECT FROM dcep.control_order AS o CROSS JOIN LATERAL unnest(o.wallets, o.amounts) AS w (wallet, amount)
                        WHERE o.id = p.hold AND w.wallet = p.payer HAVING p.amount <= sum(w.amount))
    UNION ALL
    SELECT 'recovery', v.authority, NULL, NULL, format('no act of this node says that it recovers what order %s held', v.order_id)
      FROM dcep.recovery AS v
     WHERE dcep.elsewhere(v.authority) IS NOT NULL AND NOT EXISTS (SELECT FROM done AS d WHERE d.hold = v.order_id)
    UNION ALL
    -- Payments across: each was told of before it passed the registry; its payee's node takes what the registry has let pass.
    SELECT 'recovery without order', x.origin, x.payer, x.transfer, format('node %s has told of no such recovery for wallet %s', x.origin, x.payee)
      FROM dcep.crossing AS x
      LEFT JOIN dcep.claim_payment AS p USING (origin, transfer)
      LEFT JOIN dcep.claim_recovery AS r ON (r.claim, r.round, r.institution) = (p.claim, p.round, p.origin)
     WHERE x.kind = 'recover' AND own IN (1, x.origin) AND (p.amount, r.payee) IS DISTINCT FROM (x.amount, x.payee)
    UNION ALL
    SELECT 'recovery without order', own, t.payer, t.id, 'no message brings a recovery'
      FROM dcep.transfer AS t
     WHERE own <> 1 AND t.kind = 'recover' AND NOT dcep.is_here(t.payer)
       AND NOT EXISTS (SELECT FROM dcep.crossing AS x JOIN dcep.message AS m ON m.sender = 1 AND m.receiver = own AND m.kind = 'credit'
                         AND (m.body::jsonb ->> 'origin', m.body::jsonb ->> 'transfer') = (x.origin::text, x.transfer::text)
                        WHERE x.local_transfer = t.id AND m.body::jsonb ->> 'kind' = 'recover')
    UNION ALL
    SELECT 'recovery without order', own, t.payer, t.id, 'no node has made this recovery for its payee'
      FROM dcep.transfer AS t
     WHERE own = 1 AND t.kind = 'recover' AND NOT dcep.is_here(t.payer)
       AND NOT EXISTS (SELECT FROM dcep.crossing AS x
                        WHERE (x.local_transfer, x.kind, x.payee, x.state) = (t.id, 'recover', t.payee, 'settled') AND x.origin <> 1)
    UNION ALL
    SELECT 'recovery', p.origin, NULL, p.transfer, format('no message of node %s tells of this payment of %s', p.origin, p.amount)
      FROM dcep.claim_payment AS p
     WHERE NOT EXISTS (SELECT FROM said AS s WHERE (s.kind, s.sender, s.claim, s.round) = ('recovered', p.origin, p.claim, p.round)
                          AND s.body -> 'left' @> jsonb_build_array(jsonb_build_object('transfer', p.transfer, 'amount', p.amount)))
    UNION ALL
    SELECT 'recovery', a.institution, NULL, NULL, format('under order %s %s is recovered, messages say %s', a.claim, a.recovered, f.amount)
      FROM dcep.claim_account AS a
      LEFT JOIN arrived AS v ON (v.claim, v.origin) = (a.claim, a.institution)
     CROSS JOIN LATERAL (SELECT COALESCE(v.amount, 0)
                                + COALESCE((SELECT sum((s.body ->> 'here')::bigint) FROM said AS s
                                             WHERE (s.kind, s.sender, s.claim) = ('recovered', a.institution, a.claim)), 0)) AS f (amount)
     WHERE a.recovered <> f.amount
    UNION ALL
    -- The registry: an authority's order is its act.
    SELECT 'recovery', v.authority, NULL, NULL, format('no act orders what is on record as ordered under order %s', v.order_id)
      FROM dcep.recovery AS v
      LEFT JOIN dcep.act AS a ON (a.id, a.institution, a.kind) = (v.act, v.authority, 'recover')
     WHERE dcep.elsewhere(v.authority) IS NULL
       AND (a.body::jsonb ->> 'order', a.body::jsonb ->> 'payee', COALESCE((a.body::jsonb ->> 'round')::integer, 1))
           IS DISTINCT FROM (v.order_id::text, v.payee::text, v.round);
END
$$;
COMMENT ON FUNCTION dcep.audit_recoveries() IS
'Recoveries: every order of an authority is its act; across nodes two authorities have signed each, as the messages that tell of it bear out, each payment is one that its node has told of and is out of what was held, and what is recovered adds up';
