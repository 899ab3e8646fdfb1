-- Recovery across nodes: what nodes hold for a report is given back to whom it belongs, by order of two authorities.
--
-- Both order it on the registry.  Their signed acts travel to each node that holds something of it, and each verifies
-- them for itself, lifts its holds and pays: to a wallet of its own, or across by a payment of kind recover, of which it
-- has told the registry before.  What comes back is held again.  So a report can be recovered several times, one round
-- after the other; each act says of which round it is, and is good for that one alone.
--
-- While money of a report is still being followed, nothing of it is recovered: what is recovered would be followed, too.
--
-- Locks on the registry: agreements, the authority's act chain, the case, lines.  On nodes as in 79_nodes_trace.

-- --- two authorities, on the registry --------------------------------------------

CREATE FUNCTION dcep.recovery_round(order_id bigint) RETURNS integer
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 1 + count(*)::integer
      FROM (SELECT r.round FROM dcep.recovery AS r WHERE r.order_id = recovery_round.order_id GROUP BY r.round HAVING count(*) = 2) AS whole
$$;
COMMENT ON FUNCTION dcep.recovery_round(bigint) IS 'Internal: of which recovery of an order the next order of an authority is, from 1 on';

CREATE FUNCTION dcep.recovery_terms(report bigint, round integer, payee dcep.wallet_id) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('order', report, 'round', round, 'payee', payee::text)
$$;
COMMENT ON FUNCTION dcep.recovery_terms(bigint, integer, dcep.wallet_id) IS 'Internal: what an authority signs that orders a recovery across nodes';

-- What is agreed stays so until the nodes have been told: each hears of both in this order.
CREATE FUNCTION dcep.check_case_agreements(o dcep.control_order, authorities integer[], payee dcep.wallet_id) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    authority integer;
BEGIN
    FOREACH authority IN ARRAY authorities LOOP
        CONTINUE WHEN authority IN (1, o.supervisor);
        PERFORM pg_advisory_xact_lock_shared(3294, authority * 10000 + l.peer) FROM dcep.line AS l ORDER BY l.peer;
        PERFORM dcep.check_agreements(authority, o.kind,
            ARRAY(SELECT a.institution FROM dcep.fraud_account AS a WHERE a.report = o.id AND a.held > 0),
            format('recover under order %s for %s', o.id, payee));
    END LOOP;
END
$$;
COMMENT ON FUNCTION dcep.check_case_agreements(dcep.control_order, integer[], dcep.wallet_id) IS
'Internal: do the agreements of other supervisors than the report''s cover the nodes that hold its money? Errors: LG220';

-- Is there something to recover, and may it be now? is_second: with this order the money moves.
CREATE FUNCTION dcep.check_case_money(report bigint, is_second boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    money record;
BEGIN
    IF EXISTS (SELECT FROM dcep.fraud_recovery AS r WHERE r.report = check_case_money.report AND r.state = 'sent') THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'a recovery of this report is under way',
            DETAIL = 'Not all nodes that hold the money have answered.';
    END IF;
    SELECT COALESCE(sum(a.held), 0) AS held,
           sum(a.given - a.held - a.at_institution - a.outside - a.redeemed - a.passed - a.recovered) AS under_way INTO money
      FROM dcep.fraud_account AS a WHERE a.report = check_case_money.report;
    IF is_second AND money.under_way > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the money is still being followed',
            DETAIL = format('Of report %s %s is under way.', report, money.under_way), HINT = 'dcep.fraud_status() says where.';
    ELSIF money.held = 0 AND (is_second OR COALESCE(money.under_way, 0) = 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'nothing is held that could be recovered',
            DETAIL = format('Report %s.', report), HINT = 'dcep.fraud_status() says what has become of the money.';
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.check_case_money(bigint, boolean) IS 'Internal: can what is held for a report be recovered now? Errors: 55000';

CREATE FUNCTION dcep.check_case_recovery(o dcep.control_order, authority integer, payee dcep.wallet_id, round integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first integer;
BEGIN
    PERFORM dcep.check_recoverable(o);
    IF NOT EXISTS (SELECT FROM dcep.line AS l WHERE l.peer = dcep.institution(payee)) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG305', MESSAGE = 'wallet does not exist', DETAIL = format('Wallet %s.', payee),
            HINT = 'What nodes hold is given back to a wallet of one of them.';
    END IF;
    SELECT r.authority INTO first FROM dcep.recovery AS r WHERE r.order_id = o.id AND r.round = check_case_recovery.round;
    PERFORM dcep.check_case_agreements(o, array_remove(ARRAY[first, authority], NULL), payee);
    PERFORM dcep.check_second_authority(o, authority, payee, round);
    PERFORM dcep.check_case_money(o.id, first IS NOT NULL);
END
$$;
COMMENT ON FUNCTION dcep.check_case_recovery(dcep.control_order, integer, dcep.wallet_id, integer) IS
'Internal: may this authority order this recovery of what nodes hold now? Errors: 22023, 42501, 55000, LG220, LG305';

CREATE FUNCTION dcep.send_recovery(c dcep.fraud_case, round integer, payee dcep.wallet_id) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    acts jsonb := (SELECT jsonb_agg(to_jsonb(a) ORDER BY a.id) FROM dcep.recovery AS r JOIN dcep.act AS a ON a.id = r.act
                    WHERE r.order_id = c.report AND r.round = send_recovery.round);
    holder dcep.fraud_account;
    total bigint := 0;
BEGIN
    PERFORM dcep.lock_lines();
    FOR holder IN SELECT a.* FROM dcep.fraud_account AS a WHERE a.report = c.report AND a.held > 0 ORDER BY a.institution LOOP
        INSERT INTO dcep.fraud_recovery (report, round, institution, payee, amount, state)
        VALUES (c.report, send_recovery.round, holder.institution, send_recovery.payee, holder.held, 'sent');
        PERFORM dcep.post_message(holder.institution, 'recover', jsonb_build_object('report', c.report, 'round', round, 'acts', acts));
        total := total + holder.held;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION dcep.send_recovery(dcep.fraud_case, integer, dcep.wallet_id) IS
'Internal: tells the nodes that hold money of a report what two authorities have ordered; the sum that they hold. Errors: 55000';

-- Called by dcep.recover(), which has locked the order.
CREATE FUNCTION dcep.recover_across(o dcep.control_order, authority integer, payee dcep.wallet_id) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    round integer := dcep.recovery_round(o.id);
    act_id bigint := nextval('dcep.act_id_seq');
    c dcep.fraud_case;
BEGIN
    -- Whoever lifts the report takes the two in this order.
    PERFORM FROM dcep.act_chain AS h WHERE h.institution = recover_across.authority FOR UPDATE;
    SELECT * INTO STRICT c FROM dcep.fraud_case AS f WHERE f.report = o.id FOR UPDATE;
    PERFORM dcep.check_case_recovery(o, authority, payee, round);
    PERFORM dcep.enter_act(authority, act_id, 'recover', o.case_no, dcep.recovery_terms(o.id, round, payee));
    INSERT INTO dcep.recovery (order_id, authority, payee, act, round)
    VALUES (o.id, authority, payee, act_id, round);
    IF dcep.recovery_round(o.id) = round THEN
        RETURN NULL;
    END IF;
    RETURN dcep.send_recovery(c, round, payee);
END
$$;
COMMENT ON FUNCTION dcep.recover_across(dcep.control_order, integer, dcep.wallet_id) IS
'Internal: dcep.recover() of what nodes hold for a report. Errors: 22023, 42501, 55000, LG220, LG305';

-- --- a node that holds ---------------------------------------------------------------

-- What two acts that are carried must be. Which agreements there were is another question.
CREATE FUNCTION dcep.recovery_defect(c dcep.fraud_case, round integer, payee dcep.wallet_id, acts jsonb) RETURNS text
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
        ELSIF wrong IS NULL AND (act.case_no, act.body::jsonb) IS DISTINCT FROM (c.case_no, dcep.recovery_terms(c.report, round, payee)) THEN
            wrong := 'it orders something else';
        END IF;
        IF wrong IS NOT NULL THEN
            RETURN format('act %s: %s', act.id, wrong);
        END IF;
        authorities := authorities || act.institution;
    END LOOP;
    RETURN CASE WHEN cardinality(authorities) <> 2 OR authorities[1] = authorities[2] THEN 'two authorities must order it'
                WHEN c.supervisor <> ALL (authorities) THEN 'the supervisor who reported it must be one of the two' END;
END
$$;
COMMENT ON FUNCTION dcep.recovery_defect(dcep.fraud_case, integer, dcep.wallet_id, jsonb) IS
'Internal: what is wrong with the acts by which two authorities order a recovery for a wallet; NULL where nothing is. Errors: 22P02 and the like where they are no acts at all';

CREATE FUNCTION dcep.require_recovery(c dcep.fraud_case, round integer, payee dcep.wallet_id, acts jsonb) RETURNS void
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
                                     AND 'hold_amount' = ANY (g.kinds))) THEN
        PERFORM dcep.message_wrong('The recovery is outside what a supervisor and this operator have signed.');
    END IF;
    IF round < 1 OR EXISTS (SELECT FROM dcep.fraud_recovery AS r WHERE r.report = c.report AND r.round >= require_recovery.round) THEN
        PERFORM dcep.message_wrong('It was ordered before.');
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_recovery(dcep.fraud_case, integer, dcep.wallet_id, jsonb) IS
'Internal: a recovery is what two authorities have signed, who may, and is new. Errors: LG701';

CREATE FUNCTION dcep.standing_holds(report bigint) RETURNS SETOF dcep.control_order
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.* FROM dcep.fraud_hold AS h JOIN dcep.control_order AS o ON o.id = h.order_id
     WHERE h.report = standing_holds.report AND NOT EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = o.id)
     ORDER BY o.id
$$;
COMMENT ON FUNCTION dcep.standing_holds(bigint) IS 'Internal: by which orders this node holds money for a report';

-- One hold: the operator's act says that it does as it was told. What the payee has itself stays there.
CREATE FUNCTION dcep.pay_hold(c dcep.fraud_case, hold bigint, round integer, payee dcep.wallet_id, acts jsonb) RETURNS bigint[]
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    act_id bigint := nextval('dcep.act_id_seq');
    transfers bigint[];
BEGIN
    PERFORM dcep.lift_order(hold, act_id, 'recovered');
    transfers := dcep.give_back(hold, payee);
    INSERT INTO dcep.recovery (order_id, authority, payee, act)
    SELECT hold, a.institution, pay_hold.payee, a.id FROM jsonb_populate_recordset(NULL::dcep.act, acts) AS a;
    PERFORM dcep.enter_act(dcep.own_institution(), act_id, 'recover', c.case_no,
        dcep.recovery_terms(hold, round, payee) || jsonb_build_object('report', c.report, 'transfers', to_jsonb(transfers)));
    RETURN transfers;
END
$$;
COMMENT ON FUNCTION dcep.pay_hold(dcep.fraud_case, bigint, integer, dcep.wallet_id, jsonb) IS
'Internal: lifts one hold of a report and pays what it held to whom it belongs; the transfers. Errors: 22023, 54000, 55000, LG207 (frozen coins), LG305, LG306';

-- What became of all that was held: it is here, has left, or was not there any more.
CREATE FUNCTION dcep.pay_holds(c dcep.fraud_case, round integer, payee dcep.wallet_id, acts jsonb) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hold dcep.control_order;
    transfers bigint[] := ARRAY[]::bigint[];
    held bigint := 0;
    here bigint := 0;
    gone jsonb;
    paid bigint;
BEGIN
    FOR hold IN SELECT * FROM dcep.standing_holds(c.report) LOOP
        transfers := transfers || dcep.pay_hold(c, hold.id, round, payee, acts);
        SELECT held + sum(w.amount), here + COALESCE(sum(w.amount) FILTER (WHERE w.wallet = pay_holds.payee), 0) INTO held, here
          FROM unnest(hold.wallets, hold.amounts) AS w (wallet, amount);
    END LOOP;
    INSERT INTO dcep.fraud_payment (origin, transfer, report, round, amount)
    SELECT p.origin, p.transfer, c.report, pay_holds.round, p.amount FROM dcep.crossing AS p
     WHERE p.origin = dcep.own_institution() AND p.transfer = ANY (transfers);
    SELECT COALESCE(sum(t.amount), 0), here + COALESCE(sum(t.amount) FILTER (WHERE dcep.is_here(t.payee)), 0),
           COALESCE(jsonb_agg(jsonb_build_object('transfer', t.id, 'amount', t.amount) ORDER BY t.id) FILTER (WHERE NOT dcep.is_here(t.payee)), '[]')
      INTO paid, here, gone FROM dcep.transfer AS t WHERE t.id = ANY (transfers);
    RETURN jsonb_build_object('held', held, 'here', here, 'left', gone,
                              'missing', held - here - CASE WHEN dcep.is_here(payee) THEN 0 ELSE paid END);
END
$$;
COMMENT ON FUNCTION dcep.pay_holds(dcep.fraud_case, integer, dcep.wallet_id, jsonb) IS
'Internal: lifts what this node holds for a report, pays it to whom it belongs, and returns what to tell of it. Errors: 22023, 54000, 55000, LG207 (frozen coins), LG305, LG306';

CREATE FUNCTION dcep.note_recovery(c dcep.fraud_case, round integer, payee dcep.wallet_id, held bigint, told jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO dcep.fraud_recovery (report, round, institution, payee, amount, state, missing, sqlstate, reason)
    VALUES (c.report, note_recovery.round, dcep.own_institution(), note_recovery.payee, note_recovery.held,
            CASE WHEN told ? 'sqlstate' THEN 'failed' ELSE 'paid' END, COALESCE((told ->> 'missing')::bigint, 0), told ->> 'sqlstate', told ->> 'reason');
    PERFORM dcep.post_message(1, 'recovered', told || jsonb_build_object('report', c.report, 'round', round, 'held', held));
END
$$;
COMMENT ON FUNCTION dcep.note_recovery(dcep.fraud_case, integer, dcep.wallet_id, bigint, jsonb) IS
'Internal: notes what has become of a recovery on this node, and tells the registry. Errors: 55000';

CREATE FUNCTION dcep.take_recover(body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c dcep.fraud_case;
    acts jsonb := body -> 'acts';
    round integer := (body ->> 'round')::integer;
    payee dcep.wallet_id := ((acts -> 0 ->> 'body')::jsonb ->> 'payee')::dcep.wallet_id;
    held bigint;
    told jsonb;
BEGIN
    SELECT * INTO c FROM dcep.fraud_case AS f WHERE f.report = (body ->> 'report')::bigint AND f.lifted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('There is no such report that was not lifted.');
    END IF;
    PERFORM dcep.require_recovery(c, round, payee, acts);
    SELECT sum(a.amount) INTO held FROM dcep.standing_holds(c.report) AS o CROSS JOIN LATERAL unnest(o.amounts) AS a (amount);
    IF held IS NULL THEN
        PERFORM dcep.message_wrong('Nothing is held for this report.');
    END IF;
    BEGIN
        told := dcep.pay_holds(c, round, payee, acts);
    EXCEPTION WHEN SQLSTATE 'LG305' OR SQLSTATE 'LG306' OR SQLSTATE 'LG207' OR invalid_parameter_value OR program_limit_exceeded THEN
        -- A wallet of this node that cannot be paid, coins that another order has frozen, or too many of them: all stays held.
        told := jsonb_build_object('sqlstate', SQLSTATE, 'reason', SQLERRM);
    END;
    PERFORM dcep.note_recovery(c, round, payee, held, told);
END
$$;
COMMENT ON FUNCTION dcep.take_recover(jsonb) IS
'Internal: takes the message that two authorities have ordered what this node holds for a report to be given back, and answers. Errors: LG701, 55000';

-- Called where a payment that has left this node has ended.
CREATE FUNCTION dcep.end_recovery(ended dcep.crossing) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p dcep.fraud_payment;
    c dcep.fraud_case;
    back_to dcep.wallet_id;
    ends dcep.stolen_end[];
BEGIN
    UPDATE dcep.fraud_payment AS f SET ended = true WHERE f.origin = end_recovery.ended.origin AND f.transfer = end_recovery.ended.transfer
    RETURNING * INTO p;
    IF NOT FOUND OR ended.state = 'settled' THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT c FROM dcep.fraud_case AS f WHERE f.report = p.report;
    SELECT t.payee INTO STRICT back_to FROM dcep.transfer AS t WHERE t.id = ended.local_transfer;
    -- The hold that was lifted goes on, whatever was agreed since; unless the supervisor has lifted the report.
    ends := ARRAY[ROW(CASE WHEN back_to <> ended.payer THEN 'at_institution'
                           WHEN c.lifted_at IS NULL AND c.valid_until > clock_timestamp() THEN 'held' ELSE 'outside' END,
                      back_to, ended.origin, ended.local_transfer, ended.amount)::dcep.stolen_end];
    PERFORM dcep.hold_for_case(c, ended, ends);
    PERFORM dcep.post_message(1, 'held_again', dcep.tell_ends(c, ends) || jsonb_build_object('report', c.report, 'transfer', p.transfer));
END
$$;
COMMENT ON FUNCTION dcep.end_recovery(dcep.crossing) IS
'Internal: a recovery that has left this node has arrived, or come back, where it is held again and the registry told. Errors: 55000';

-- --- the registry is answered ----------------------------------------------------------

CREATE FUNCTION dcep.require_recovered(r dcep.fraud_recovery, told jsonb) RETURNS void
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
COMMENT ON FUNCTION dcep.require_recovered(dcep.fraud_recovery, jsonb) IS
'Internal: what a node tells of a recovery adds up to what it held, and went where it should. Errors: LG701';

CREATE FUNCTION dcep.take_recovered(sender integer, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    has_failed boolean := body ? 'sqlstate';
    r dcep.fraud_recovery;
BEGIN
    PERFORM FROM dcep.fraud_case AS f WHERE f.report = (body ->> 'report')::bigint FOR UPDATE;
    SELECT * INTO r FROM dcep.fraud_recovery AS f
     WHERE (f.report, f.round, f.institution, f.state) = ((body ->> 'report')::bigint, (body ->> 'round')::integer, sender::smallint, 'sent')
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('The sender was not asked to recover that.');
    ELSIF NOT has_failed THEN
        PERFORM dcep.require_recovered(r, body);
    END IF;
    UPDATE dcep.fraud_recovery AS f
       SET state = CASE WHEN has_failed THEN 'failed' ELSE 'paid' END, sqlstate = body ->> 'sqlstate', reason = body ->> 'reason',
           missing = CASE WHEN has_failed THEN 0 ELSE (body ->> 'missing')::bigint END
     WHERE (f.report, f.round, f.institution) = (r.report, r.round, r.institution);
    IF has_failed THEN
        RETURN;
    END IF;
    UPDATE dcep.fraud_account AS a
       SET held = a.held - r.amount, recovered = a.recovered + (body ->> 'here')::bigint, outside = a.outside + (body ->> 'missing')::bigint
     WHERE a.report = r.report AND a.institution = r.institution;
    INSERT INTO dcep.fraud_payment (origin, transfer, report, round, amount)
    SELECT r.institution, (l ->> 'transfer')::bigint, r.report, r.round, (l ->> 'amount')::bigint FROM jsonb_array_elements(body -> 'left') AS l;
END
$$;
COMMENT ON FUNCTION dcep.take_recovered(integer, jsonb) IS
'Internal: takes the answer of a node that was told of a recovery. Errors: LG701, 23505 (a payment that it told of before)';

-- The registry lets a payment of kind recover pass that it was told of, and no other.
CREATE FUNCTION dcep.require_recovery_payment(paid dcep.crossing) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM dcep.fraud_payment AS p
                     JOIN dcep.fraud_recovery AS r ON (r.report, r.round, r.institution) = (p.report, p.round, p.origin)
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
    p dcep.fraud_payment;
BEGIN
    UPDATE dcep.fraud_payment AS f SET ended = true WHERE (f.origin, f.transfer) = (paid.origin, paid.transfer) RETURNING * INTO STRICT p;
    UPDATE dcep.fraud_account AS a SET recovered = a.recovered + p.amount WHERE (a.report, a.institution) = (p.report, p.origin);
END
$$;
COMMENT ON FUNCTION dcep.settle_recovery(dcep.crossing) IS 'Internal: a recovery has arrived: it is accounted for on the registry';

CREATE FUNCTION dcep.take_held_again(sender integer, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c dcep.fraud_case;
    p dcep.fraud_payment;
BEGIN
    SELECT * INTO c FROM dcep.fraud_case AS f WHERE f.report = (body ->> 'report')::bigint FOR UPDATE;
    UPDATE dcep.fraud_payment AS f SET ended = true
     WHERE (f.origin, f.transfer, f.report) = (sender::smallint, (body ->> 'transfer')::bigint, c.report) AND NOT f.ended
       AND EXISTS (SELECT FROM dcep.crossing AS x WHERE (x.origin, x.transfer, x.state) = (f.origin, f.transfer, 'returned'))
    RETURNING * INTO p;
    IF NOT FOUND OR body -> 'left' IS DISTINCT FROM '[]' THEN
        PERFORM dcep.message_wrong('No recovery of that report has come back to the sender.');
    END IF;
    PERFORM dcep.require_sum(body, p.amount);
    PERFORM dcep.add_to_account(c, sender, body);
END
$$;
COMMENT ON FUNCTION dcep.take_held_again(integer, jsonb) IS
'Internal: takes the message that a recovery has come back to the node that held the money, and is held there again. Errors: LG701';

-- --- the audit ------------------------------------------------------------------------------

-- Messages of recoveries that were posted, or taken.
CREATE FUNCTION dcep.recovery_messages(OUT sender smallint, OUT receiver smallint, OUT kind text, OUT report bigint, OUT round integer, OUT body jsonb)
    RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.sender, m.receiver, m.kind, (b.body ->> 'report')::bigint, (b.body ->> 'round')::integer, b.body
      FROM dcep.message AS m LEFT JOIN dcep.line AS n ON n.peer = m.sender
     CROSS JOIN LATERAL (SELECT m.body::jsonb) AS b (body)
     WHERE m.kind IN ('recover', 'recovered', 'held_again') AND (m.sender = dcep.own_institution() OR m.number <= n.taken)
$$;
COMMENT ON FUNCTION dcep.recovery_messages() IS 'Internal: messages of recoveries that this node has posted or taken';

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
        SELECT a.id, a.body::jsonb AS body, (a.body::jsonb ->> 'order')::bigint AS hold, (a.body::jsonb ->> 'report')::bigint AS report,
               (a.body::jsonb ->> 'round')::integer AS round, (a.body::jsonb ->> 'payee')::dcep.wallet_id AS payee
          FROM dcep.act AS a WHERE a.kind = 'recover' AND a.institution = own AND a.body::jsonb ? 'report'),
    paid AS (SELECT d.*, t.id AS transfer, t.kind, t.payer, t.payee AS paid_to, t.amount
               FROM done AS d CROSS JOIN LATERAL jsonb_array_elements_text(d.body -> 'transfers') AS e (id)
               JOIN dcep.transfer AS t ON t.id = e.id::bigint),
    arrived AS (
        SELECT p.report, p.origin, sum(p.amount) AS amount FROM dcep.fraud_payment AS p JOIN dcep.crossing AS x USING (origin, transfer)
         WHERE x.state = 'settled' GROUP BY 1, 2)
    SELECT 'recovery', r.institution, NULL::dcep.wallet_id, NULL::bigint, format('round %s of report %s: %s', r.round, r.report, d.wrong)
      FROM dcep.fraud_recovery AS r
      LEFT JOIN dcep.fraud_case AS c ON c.report = r.report
      LEFT JOIN said AS s ON (s.kind, s.receiver, s.report, s.round) = ('recover', r.institution, r.report, r.round)
      LEFT JOIN said AS w ON (w.kind, w.sender, w.report, w.round) = ('recovered', r.institution, r.report, r.round)
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
                                         WHERE (v.order_id, v.round) = (r.report, r.round))
                                  THEN 'the authorities have not ordered it here' END) END) AS d (wrong)
     WHERE d.wrong IS NOT NULL
    UNION ALL
    SELECT 'recovery', CASE WHEN s.kind = 'recover' THEN s.receiver ELSE s.sender END, NULL, NULL,
           format('round %s of report %s, which a message tells of, is not on record', s.round, s.report)
      FROM said AS s WHERE s.kind <> 'held_again' AND NOT EXISTS (SELECT FROM dcep.fraud_recovery AS r
           WHERE (r.report, r.round, r.institution) = (s.report, s.round, CASE WHEN s.kind = 'recover' THEN s.receiver ELSE s.sender END))
    UNION ALL
    -- On a node: what was paid out of a hold, and by whose order.
    SELECT 'recovery', own, NULL, NULL, format('act %s recovers what order %s held: no two authorities have ordered it', d.id, d.hold)
      FROM done AS d
      LEFT JOIN said AS s ON (s.kind, s.receiver, s.report, s.round) = ('recover', own, d.report, d.round)
     WHERE NOT EXISTS (SELECT FROM dcep.fraud_recovery AS r
                        WHERE (r.report, r.round, r.institution, r.payee, r.state) = (d.report, d.round, own, d.payee, 'paid'))
        OR NOT EXISTS (SELECT FROM dcep.fraud_hold AS h WHERE (h.order_id, h.report) = (d.hold, d.report))
        OR (SELECT array_agg((v.authority, v.payee, v.act)::text ORDER BY v.act) FROM dcep.recovery AS v WHERE v.order_id = d.hold)
           IS DISTINCT FROM
           (SELECT array_agg((a.institution, d.payee, a.id)::text ORDER BY a.id) FROM jsonb_populate_recordset(NULL::dcep.act, s.body -> 'acts') AS a)
    UNION ALL
    SELECT 'recovery without order', own, p.payer, p.transfer, format('it is not what order %s held for wallet %s', p.hold, p.payee)
      FROM paid AS p
     WHERE (p.kind, p.paid_to) IS DISTINCT FROM ('recover', p.payee)
        OR NOT EXISTS (SELECT FROM dcep.control_order AS o CROSS JOIN LATERAL unnest(o.wallets, o.amounts) AS w (wallet, amount)
                        WHERE o.id = p.hold AND w.wallet = p.payer AND p.amount <= w.amount)
    UNION ALL
    -- Payments across: each was told of before it passed the registry; its payee's node takes what the registry has let pass.
    SELECT 'recovery without order', x.origin, x.payer, x.transfer, format('node %s has told of no such recovery for wallet %s', x.origin, x.payee)
      FROM dcep.crossing AS x
      LEFT JOIN dcep.fraud_payment AS p USING (origin, transfer)
      LEFT JOIN dcep.fraud_recovery AS r ON (r.report, r.round, r.institution) = (p.report, p.round, p.origin)
     WHERE x.kind = 'recover' AND own IN (1, x.origin) AND (p.amount, r.payee) IS DISTINCT FROM (x.amount, x.payee)
    UNION ALL
    SELECT 'recovery without order', own, t.payer, t.id, 'no message brings a recovery'
      FROM dcep.transfer AS t
     WHERE own <> 1 AND t.kind = 'recover' AND NOT dcep.is_here(t.payer)
       AND NOT EXISTS (SELECT FROM dcep.crossing AS x JOIN dcep.message AS m ON m.sender = 1 AND m.receiver = own AND m.kind = 'credit'
                         AND (m.body::jsonb ->> 'origin', m.body::jsonb ->> 'transfer') = (x.origin::text, x.transfer::text)
                        WHERE x.local_transfer = t.id AND m.body::jsonb ->> 'kind' = 'recover')
    UNION ALL
    SELECT 'recovery', p.origin, NULL, p.transfer, format('no message of node %s tells of this payment of %s', p.origin, p.amount)
      FROM dcep.fraud_payment AS p
     WHERE NOT EXISTS (SELECT FROM said AS s WHERE (s.kind, s.sender, s.report, s.round) = ('recovered', p.origin, p.report, p.round)
                          AND s.body -> 'left' @> jsonb_build_array(jsonb_build_object('transfer', p.transfer, 'amount', p.amount)))
    UNION ALL
    SELECT 'recovery', a.institution, NULL, NULL, format('of report %s %s is recovered, messages say %s', a.report, a.recovered, f.amount)
      FROM dcep.fraud_account AS a
      LEFT JOIN arrived AS v ON (v.report, v.origin) = (a.report, a.institution)
     CROSS JOIN LATERAL (SELECT COALESCE(v.amount, 0)
                                + COALESCE((SELECT sum((s.body ->> 'here')::bigint) FROM said AS s
                                             WHERE (s.kind, s.sender, s.report) = ('recovered', a.institution, a.report)), 0)) AS f (amount)
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
