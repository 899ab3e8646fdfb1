-- Fraud across nodes: a payment that is reported on the registry is followed to every node that its money went to, and held there.
--
-- The registry asks the node that has the money to follow it: a payment's own, or of one across the payee's, or the
-- payer's where it was returned.  The node holds what is there and tells of each payment across by which some of the money
-- left, with the share of its amount.  The registry, which knows that payment, asks the node that it went to, which goes on from
-- the transfer that credited it, and answers in turn.  Every message adds up to the share that it answers, to the minor unit, and no payment is followed for more
-- than its amount: so what became of the money is known node by node, no node can make it more, and it comes to an end.
--
-- Locks: wallets, then the tables of cases, then lines, in the order of their peers.

-- --- the report ------------------------------------------------------------------

CREATE FUNCTION dcep.report_terms(c dcep.fraud_case) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT jsonb_build_object('report', c.report, 'origin', c.origin, 'transfer', c.transfer, 'amount', c.amount, 'method', c.method, 'valid_until', c.valid_until)
$$;
COMMENT ON FUNCTION dcep.report_terms(dcep.fraud_case) IS 'Internal: what a supervisor signs who reports a payment on the registry';

-- Whoever freezes a customer's money at another node's word must be able to show by whose.
CREATE FUNCTION dcep.carried_act_defect(carried jsonb, kind text, supervisor integer) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN (a.kind, a.institution) IS DISTINCT FROM (carried_act_defect.kind, carried_act_defect.supervisor::smallint)
                THEN 'it is not an act of that kind of the supervisor'
                ELSE dcep.act_defect(a.institution, a.seq, a.prev_hash, a.id, a.entered_at, a.kind, a.by_role, a.case_no, a.body,
                                     a.suite, a.key_number, a.hash, a.signature) END
      FROM jsonb_populate_record(NULL::dcep.act, carried) AS a
$$;
COMMENT ON FUNCTION dcep.carried_act_defect(jsonb, text, integer) IS
'Internal: what is wrong with a supervisor''s act that a message carries; NULL where nothing is';

CREATE FUNCTION dcep.require_report(c dcep.fraud_case) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    act dcep.act := jsonb_populate_record(NULL::dcep.act, c.act::jsonb);
    wrong text := dcep.carried_act_defect(c.act::jsonb, 'report_fraud', c.supervisor);
BEGIN
    IF (act.body::jsonb -> 'amount') = 'null' THEN
        -- The payment's node has said it since.
        c.amount := NULL;
    END IF;
    IF wrong IS NULL AND (act.case_no, act.body::jsonb) IS DISTINCT FROM (c.case_no, dcep.report_terms(c)) THEN
        wrong := 'it says something else';
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM dcep.message_wrong(format('The report is not what a supervisor has signed: %s.', wrong));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_report(dcep.fraud_case) IS 'Internal: a report is what its supervisor has signed. Errors: LG701';

-- The registry: a case begins.
CREATE FUNCTION dcep.begin_case(o dcep.control_order, origin integer, transfer bigint, amount bigint, method text) RETURNS dcep.fraud_case
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c dcep.fraud_case;
    act_id bigint := nextval('dcep.act_id_seq');
BEGIN
    c.report := o.id;
    c.origin := begin_case.origin;
    c.transfer := begin_case.transfer;
    c.amount := begin_case.amount;
    c.method := begin_case.method;
    c.supervisor := o.supervisor;
    c.case_no := o.case_no;
    c.valid_until := o.valid_until;
    PERFORM dcep.enter_act(o.supervisor, act_id, 'report_fraud', o.case_no, dcep.report_terms(c));
    SELECT to_jsonb(a)::text INTO STRICT c.act FROM dcep.act AS a WHERE a.id = act_id;
    INSERT INTO dcep.fraud_case SELECT c.*;
    -- What the registry cannot know the node says: it begins there.
    INSERT INTO dcep.claim_account (claim, institution, given)
    VALUES (c.report, CASE WHEN c.amount IS NULL THEN c.origin ELSE 1 END, COALESCE(c.amount, 0));
    RETURN c;
END
$$;
COMMENT ON FUNCTION dcep.begin_case(dcep.control_order, integer, bigint, bigint, text) IS
'Internal: enters the case of a report, with the act that its messages carry; amount NULL where the payment''s node is to say it. Errors: 55000';

-- --- following, on the node where the money is --------------------------------------

-- What a trace found, as it is told; what has left is noted.  Of a payment no more is passed on than its amount: where
-- several shares have met in one, rounding, or a method's convention, may say more.
CREATE FUNCTION dcep.tell_ends(c dcep.fraud_case, ends dcep.stolen_end[]) RETURNS jsonb
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        SELECT g.transfer, g.tainted, LEAST(g.tainted, p.amount - COALESCE(s.share, 0))::bigint AS share
          FROM (SELECT e.transfer, sum(e.tainted) AS tainted FROM unnest(ends) AS e WHERE e.fate = 'left' GROUP BY e.transfer) AS g
          JOIN dcep.crossing AS p ON p.origin = dcep.own_institution() AND p.transfer = g.transfer
          LEFT JOIN dcep.fraud_share AS s ON (s.report, s.origin, s.transfer, s.institution) = (c.report, p.origin, p.transfer, 1::smallint)),
    noted AS (
        INSERT INTO dcep.fraud_share AS s (report, origin, transfer, institution, share)
        SELECT c.report, dcep.own_institution(), g.transfer, 1, g.share FROM gone AS g WHERE g.share > 0
        ON CONFLICT ON CONSTRAINT fraud_share_pkey DO UPDATE SET share = s.share + excluded.share)
    SELECT jsonb_build_object(
               'held', COALESCE(sum(e.tainted) FILTER (WHERE e.fate = 'held'), 0),
               'at_institution', COALESCE(sum(e.tainted) FILTER (WHERE e.fate = 'at_institution'), 0),
               'outside', COALESCE(sum(e.tainted) FILTER (WHERE e.fate = 'outside'), 0)
                          + COALESCE((SELECT sum(g.tainted - g.share) FROM gone AS g), 0),
               'redeemed', COALESCE(sum(e.tainted) FILTER (WHERE e.fate = 'redeemed'), 0),
               'left', COALESCE((SELECT jsonb_agg(jsonb_build_object('transfer', g.transfer, 'share', g.share) ORDER BY g.transfer)
                                   FROM gone AS g WHERE g.share > 0), '[]'))
      FROM unnest(ends) AS e
$$;
COMMENT ON FUNCTION dcep.tell_ends(dcep.fraud_case, dcep.stolen_end[]) IS
'Internal: what a trace for a case has found, as messages tell it; what left this node is noted';

CREATE FUNCTION dcep.add_to_account(claim bigint, institution integer, told jsonb) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE dcep.claim_account AS a
       SET held = a.held + (told ->> 'held')::bigint, at_institution = a.at_institution + (told ->> 'at_institution')::bigint,
           outside = a.outside + (told ->> 'outside')::bigint, redeemed = a.redeemed + (told ->> 'redeemed')::bigint
     WHERE a.claim = add_to_account.claim AND a.institution = add_to_account.institution
$$;
COMMENT ON FUNCTION dcep.add_to_account(bigint, integer, jsonb) IS 'Internal: adds what a node has found to its account of a claim';

-- Notes that a node is to follow more of a payment, and returns how much it was to follow before.
CREATE FUNCTION dcep.add_share(c dcep.fraud_case, paid dcep.crossing, institution integer, share bigint) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whole bigint;
BEGIN
    IF share IS NULL OR share <= 0 OR share > paid.amount THEN
        PERFORM dcep.message_wrong('The share is not within the payment''s amount.');
    END IF;
    INSERT INTO dcep.fraud_share AS s (report, origin, transfer, institution, share)
    VALUES (c.report, paid.origin, paid.transfer, add_share.institution, add_share.share)
    ON CONFLICT ON CONSTRAINT fraud_share_pkey DO UPDATE SET share = s.share + excluded.share
     WHERE s.share <= paid.amount - excluded.share
    RETURNING s.share INTO whole;
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('The payment was followed for its whole amount before.');
    END IF;
    RETURN whole - share;
END
$$;
COMMENT ON FUNCTION dcep.add_share(dcep.fraud_case, dcep.crossing, integer, bigint) IS
'Internal: notes which part of a payment a node is asked to follow for a case, no more than its amount; returns the part before. Errors: LG701';

-- Several shares may be found in one coin, by poison above all: no more is held than there is.
CREATE FUNCTION dcep.cap_held(c dcep.fraud_case, ends dcep.stolen_end[]) RETURNS dcep.stolen_end[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH capped AS (
        SELECT h.wallet, h.amount, GREATEST(LEAST(h.amount, dcep.held_now(h.wallet) - COALESCE(b.amount, 0)), 0)::bigint AS room
          FROM dcep.held_wallets(ends) AS f CROSS JOIN LATERAL unnest(f.wallets, f.amounts) AS h (wallet, amount)
          LEFT JOIN (SELECT e.target, sum(e.amount) AS amount
                       FROM dcep.control_effect AS e
                      WHERE e.order_id IN (SELECT o.order_id FROM dcep.claim_hold AS o WHERE o.claim = c.report)
                      GROUP BY e.target) AS b ON b.target = h.wallet::bigint)
    SELECT array_agg(ROW(e.fate, e.wallet, e.institution, e.transfer, e.tainted)::dcep.stolen_end) FROM (
        SELECT u.fate, u.wallet, u.institution, u.transfer, u.tainted FROM unnest(ends) AS u WHERE u.fate <> 'held'
        UNION ALL
        SELECT k.fate, k.wallet, dcep.institution(k.wallet), NULL, k.amount
          FROM (SELECT 'held', p.wallet, p.room FROM capped AS p
                UNION ALL SELECT 'outside', p.wallet, p.amount - p.room FROM capped AS p) AS k (fate, wallet, amount)
         WHERE k.amount > 0) AS e (fate, wallet, institution, transfer, tainted)
$$;
COMMENT ON FUNCTION dcep.cap_held(dcep.fraud_case, dcep.stolen_end[]) IS
'Internal: what was found in wallets, no more of each than it holds less what is held there for the case already; the rest is not held';

-- From now on, for what a payment has brought: what is held, of whom and until when is said already.
CREATE FUNCTION dcep.hold_for_claim(o dcep.control_order, claim bigint, paid dcep.crossing) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    o.id := nextval('dcep.act_id_seq');
    o.imposed_at := clock_timestamp();
    o.valid_from := o.imposed_at;
    PERFORM dcep.put_into_effect(o);
    -- The supervisor's key is not here: the operator signs that it does as it was told.
    PERFORM dcep.enter_act(dcep.own_institution(), o.id, 'impose', o.case_no, jsonb_strip_nulls(to_jsonb(o)));
    INSERT INTO dcep.control_order SELECT o.*;
    INSERT INTO dcep.claim_hold VALUES (o.id, hold_for_claim.claim, paid.origin, paid.transfer);
END
$$;
COMMENT ON FUNCTION dcep.hold_for_claim(dcep.control_order, bigint, dcep.crossing) IS
'Internal: imposes an order of this node by which it holds money for a claim. Errors: 55000';

-- The hold, by the terms of the report.
CREATE FUNCTION dcep.hold_for_case(c dcep.fraud_case, paid dcep.crossing, ends dcep.stolen_end[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o dcep.control_order;
BEGIN
    SELECT h.wallets, h.amounts INTO o.wallets, o.amounts FROM dcep.held_wallets(ends) AS h;
    IF o.wallets = '{}' THEN
        RETURN;
    END IF;
    o.supervisor := c.supervisor;
    o.kind := 'hold_amount';
    o.case_no := c.case_no;
    o.valid_until := c.valid_until;
    o.fraud := paid.local_transfer;
    PERFORM dcep.hold_for_claim(o, c.report, paid);
END
$$;
COMMENT ON FUNCTION dcep.hold_for_case(dcep.fraud_case, dcep.crossing, dcep.stolen_end[]) IS
'Internal: imposes the hold of a case on what was found of it here';

-- The registry must know a payment before it is told that stolen money has left by it.
CREATE FUNCTION dcep.post_before(ends dcep.stolen_end[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last bigint;
    waiting bigint;
BEGIN
    SELECT max(c.transfer) INTO last FROM unnest(ends) AS e JOIN dcep.crossing AS c ON c.origin = dcep.own_institution() AND c.transfer = e.transfer
     WHERE e.fate = 'left' AND c.waits;
    LOOP
        -- They are posted in the order of their numbers.
        SELECT count(*) INTO waiting FROM dcep.crossing AS c WHERE c.waits AND c.transfer <= last;
        EXIT WHEN waiting = 0;
        PERFORM dcep.post_payments(LEAST(waiting, 1000000)::integer);
    END LOOP;
END
$$;
COMMENT ON FUNCTION dcep.post_before(dcep.stolen_end[]) IS
'Internal: posts the messages of payments by which stolen money has left, where they wait for that, and of those made before. The table dcep.line is locked. Errors: 55000, LG101-LG103';

-- By which payments this node has given back what it held for a claim.
CREATE FUNCTION dcep.given_back(claim bigint) RETURNS bigint[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT t.id::bigint FROM dcep.claim_hold AS h
                   JOIN dcep.control_lift AS l ON l.order_id = h.order_id
                   JOIN dcep.act AS a ON a.id = l.act AND a.kind = 'recover'
                  CROSS JOIN LATERAL jsonb_array_elements_text(a.body::jsonb -> 'transfers') AS t (id)
                  WHERE h.claim = given_back.claim)
$$;
COMMENT ON FUNCTION dcep.given_back(bigint) IS 'Internal: the transfers by which this node has given back what it held for a report';

-- Goes on from the transfer that a payment across has made here. What cannot be followed to its end is not held.
CREATE FUNCTION dcep.follow_share(c dcep.fraud_case, paid dcep.crossing, part_from bigint, share bigint) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ends dcep.stolen_end[];
    -- Whose agreements count: nobody's, where nothing is to be held any more.
    supervisor integer := CASE WHEN c.lifted_at IS NULL AND c.valid_until > clock_timestamp() THEN c.supervisor END;
BEGIN
    BEGIN
        ends := dcep.cap_held(c, dcep.follow_stolen(paid.local_transfer, part_from, share, c.method, supervisor, dcep.given_back(c.report)));
        PERFORM dcep.hold_for_case(c, paid, ends);
    EXCEPTION WHEN program_limit_exceeded THEN
        ends := ARRAY[ROW('outside', NULL, NULL, NULL, share)::dcep.stolen_end];
    END;
    PERFORM dcep.post_before(ends);
    RETURN dcep.tell_ends(c, ends);
END
$$;
COMMENT ON FUNCTION dcep.follow_share(dcep.fraud_case, dcep.crossing, bigint, bigint) IS
'Internal: follows a share of a payment across, holds what it finds, and returns what to tell of it';

-- The payment that was reported on the registry, and of which that knows nothing.
CREATE FUNCTION dcep.take_first(c dcep.fraud_case) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    paid dcep.crossing;
    answer jsonb := jsonb_build_object('report', c.report, 'origin', c.origin, 'transfer', c.transfer);
BEGIN
    IF c.origin IS DISTINCT FROM dcep.own_institution() OR c.amount IS NOT NULL THEN
        PERFORM dcep.message_wrong('The payment is not one of this node.');
    END IF;
    SELECT c.origin, t.id, t.amount, t.id INTO paid.origin, paid.transfer, paid.amount, paid.local_transfer
      FROM dcep.transfer AS t WHERE t.id = c.transfer;
    IF paid.transfer IS NULL THEN
        UPDATE dcep.fraud_case AS f SET refused = 'there is no such transfer' WHERE f.report = c.report;
        PERFORM dcep.post_message(1, 'traced', answer || '{"refused": "there is no such transfer"}');
        RETURN;
    END IF;
    PERFORM dcep.post_message(1, 'traced', dcep.follow_share(c, paid, 0, paid.amount) || answer || jsonb_build_object('share', paid.amount));
END
$$;
COMMENT ON FUNCTION dcep.take_first(dcep.fraud_case) IS
'Internal: begins to follow a payment of this node that was reported on the registry, or answers that there is none. Errors: LG701';

-- A node of an operator: it is to follow what a payment across has brought here, or back here.
CREATE FUNCTION dcep.take_trace(body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    c dcep.fraud_case := jsonb_populate_record(NULL::dcep.fraud_case, body -> 'case');
    share bigint := (body ->> 'share')::bigint;
    paid dcep.crossing;
    told jsonb;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'money cannot be followed with an old snapshot',
            HINT = 'Take messages in the isolation level read committed.';
    END IF;
    PERFORM dcep.require_report(c);
    c.lifted_at := NULL;
    c.refused := NULL;
    INSERT INTO dcep.fraud_case SELECT c.* ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT c FROM dcep.fraud_case AS f WHERE f.report = c.report;
    IF share IS NULL THEN
        PERFORM dcep.take_first(c);
        RETURN;
    END IF;
    SELECT * INTO paid FROM dcep.crossing AS p WHERE p.origin = (body ->> 'origin')::smallint AND p.transfer = (body ->> 'transfer')::bigint;
    IF paid.origin IS NULL AND (body ->> 'origin')::smallint <> own THEN
        -- It was declined, or it would be here: it is where it came from.
        told := jsonb_build_object('held', 0, 'at_institution', 0, 'outside', 0, 'redeemed', 0, 'returned', share, 'left', '[]'::jsonb);
    ELSIF paid.local_transfer IS NULL THEN
        PERFORM dcep.message_wrong('The payment is not here.');
    ELSE
        told := dcep.follow_share(c, paid, dcep.add_share(c, paid, own, share), share);
    END IF;
    PERFORM dcep.post_message(1, 'traced', told || jsonb_build_object(
        'report', c.report, 'origin', body -> 'origin', 'transfer', body -> 'transfer', 'share', share));
END
$$;
COMMENT ON FUNCTION dcep.take_trace(jsonb) IS
'Internal: takes the message that a payment which came here, or came back here, has brought stolen money: follows and holds it, and answers. Errors: LG701, 55000';

-- --- the registry: passing on ---------------------------------------------------------

-- Which node has what a payment across has moved; NULL where it was destroyed.
CREATE FUNCTION dcep.has_now(paid dcep.crossing) RETURNS smallint
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN paid.state = 'returned' THEN NULLIF(paid.origin, 1) WHEN paid.kind <> 'redeem' THEN dcep.institution(paid.payee)::smallint END
$$;
COMMENT ON FUNCTION dcep.has_now(dcep.crossing) IS 'Internal: which node has what a payment across has moved, or will have it; NULL where it was redeemed';

CREATE FUNCTION dcep.pass_share(c dcep.fraud_case, sender integer, paid dcep.crossing, share bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target smallint := dcep.has_now(paid);
    -- What was given back to a wallet of the registry's own database is followed no further.
    goes_on boolean := EXISTS (SELECT FROM dcep.line AS l WHERE l.peer = target) AND c.lifted_at IS NULL AND c.refused IS NULL;
BEGIN
    PERFORM dcep.add_share(c, paid, CASE WHEN goes_on THEN target ELSE 1 END, share);
    UPDATE dcep.claim_account AS a
       SET passed = a.passed + CASE WHEN goes_on THEN share ELSE 0 END,
           redeemed = a.redeemed + CASE WHEN target IS NULL THEN share ELSE 0 END,
           outside = a.outside + CASE WHEN target IS NOT NULL AND NOT goes_on THEN share ELSE 0 END,
           given = a.given + CASE WHEN goes_on AND target = sender THEN share ELSE 0 END
     WHERE a.claim = c.report AND a.institution = sender;
    IF NOT goes_on THEN
        RETURN;
    END IF;
    IF target <> sender THEN
        INSERT INTO dcep.claim_account AS a (claim, institution, given) VALUES (c.report, target, share)
        ON CONFLICT ON CONSTRAINT claim_account_pkey DO UPDATE SET given = a.given + excluded.given;
    END IF;
    PERFORM dcep.post_message(target, 'trace', jsonb_build_object('case', to_jsonb(c), 'origin', paid.origin, 'transfer', paid.transfer,
                                                                  'share', share));
END
$$;
COMMENT ON FUNCTION dcep.pass_share(dcep.fraud_case, integer, dcep.crossing, bigint) IS
'Internal: has the node that a payment across went to follow a share of it, unless it was redeemed, or nothing of the case is followed any more. Errors: LG701';

CREATE FUNCTION dcep.require_sum(told jsonb, share bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts numeric[] := ARRAY(SELECT (told ->> p)::numeric FROM unnest(ARRAY['held', 'at_institution', 'outside', 'redeemed']) AS p
                             UNION ALL SELECT COALESCE((told ->> 'returned')::numeric, 0)
                             UNION ALL SELECT (l ->> 'share')::numeric FROM jsonb_array_elements(told -> 'left') AS l);
BEGIN
    IF EXISTS (SELECT FROM unnest(parts) AS p WHERE p IS NULL OR p < 0 OR p <> trunc(p))
       OR (SELECT sum(p) FROM unnest(parts) AS p) IS DISTINCT FROM share::numeric THEN
        PERFORM dcep.message_wrong(format('What was found does not add up to the share of %s.', share));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_sum(jsonb, bigint) IS 'Internal: what a node tells of a share adds up to it. Errors: LG701';

-- What a node has found of a share: it goes to the node's account, and what left is passed on.
CREATE FUNCTION dcep.take_answer_of_case(c dcep.fraud_case, sender integer, share bigint, told jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone record;
    paid dcep.crossing;
BEGIN
    PERFORM dcep.require_sum(told, share);
    PERFORM dcep.add_to_account(c.report, sender, told);
    -- Several may be told of it.
    PERFORM dcep.lock_lines();
    FOR gone IN SELECT (l ->> 'transfer')::bigint AS transfer, (l ->> 'share')::bigint AS share
                  FROM jsonb_array_elements(told -> 'left') AS l ORDER BY 1 LOOP
        SELECT * INTO paid FROM dcep.crossing AS p WHERE p.origin = sender AND p.transfer = gone.transfer;
        IF NOT FOUND THEN
            PERFORM dcep.message_wrong('The sender has made no such payment.');
        END IF;
        PERFORM dcep.pass_share(c, sender, paid, gone.share);
    END LOOP;
END
$$;
COMMENT ON FUNCTION dcep.take_answer_of_case(dcep.fraud_case, integer, bigint, jsonb) IS
'Internal: enters what a node has found of a share, and passes on what has left it. Errors: LG701';

-- Was the sender asked for what it tells of? Where it was asked how much there is, it says so.
CREATE FUNCTION dcep.note_answer(INOUT c dcep.fraud_case, sender integer, body jsonb)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part bigint := (body ->> 'share')::bigint;
BEGIN
    IF c.amount IS NULL AND c.refused IS NULL
       AND (c.origin, c.transfer) = (sender::smallint, (body ->> 'transfer')::bigint) AND (part > 0) IS DISTINCT FROM (body ? 'refused') THEN
        UPDATE dcep.fraud_case AS f SET amount = part, refused = body ->> 'refused' WHERE f.report = c.report
        RETURNING * INTO c;
        UPDATE dcep.claim_account AS a SET given = COALESCE(part, 0) WHERE a.claim = c.report AND a.institution = sender;
        RETURN;
    END IF;
    UPDATE dcep.fraud_share AS s SET answered = s.answered + part
     WHERE (s.report, s.origin, s.transfer, s.institution)
           = (c.report, (body ->> 'origin')::smallint, (body ->> 'transfer')::bigint, sender::smallint)
       AND part > 0 AND s.answered <= s.share - part AND NOT body ? 'refused';
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('The sender was not asked to follow that much of this payment.');
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.note_answer(dcep.fraud_case, integer, jsonb) IS
'Internal: notes how much of what a node was asked to follow it has; the case as it is then. Errors: LG701 (it was not asked for that)';

CREATE FUNCTION dcep.take_traced(sender integer, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    returned bigint := COALESCE((body ->> 'returned')::bigint, 0);
    c dcep.fraud_case;
    paid dcep.crossing;
BEGIN
    SELECT * INTO c FROM dcep.fraud_case AS f WHERE f.report = (body ->> 'report')::bigint FOR UPDATE;
    c := dcep.note_answer(c, sender, body);
    IF body ? 'refused' THEN
        RETURN;
    END IF;
    PERFORM dcep.take_answer_of_case(c, sender, (body ->> 'share')::bigint, body);
    IF returned = 0 THEN
        RETURN;
    END IF;
    SELECT * INTO paid FROM dcep.crossing AS p
     WHERE (p.origin, p.transfer, p.state) = ((body ->> 'origin')::smallint, (body ->> 'transfer')::bigint, 'returned') AND p.origin <> sender;
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('The payment was not returned.');
    END IF;
    PERFORM dcep.pass_share(c, sender, paid, returned);
END
$$;
COMMENT ON FUNCTION dcep.take_traced(integer, jsonb) IS 'Internal: takes the answer of a node that was asked to follow a share. Errors: LG701';

-- --- lifting ---------------------------------------------------------------------------

-- Called by dcep.lift(): all nodes that were asked to follow the report lift what they hold for it.
CREATE FUNCTION dcep.release_across(order_id bigint, act_id bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c dcep.fraud_case;
BEGIN
    UPDATE dcep.fraud_case AS f SET lifted_at = clock_timestamp() WHERE f.report = release_across.order_id AND f.lifted_at IS NULL
    RETURNING * INTO c;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM dcep.lock_lines();
    PERFORM dcep.post_message(a.institution, 'release', jsonb_build_object('report', c.report, 'act', (SELECT to_jsonb(t) FROM dcep.act AS t WHERE t.id = act_id)))
       FROM dcep.claim_account AS a WHERE a.claim = c.report AND a.institution <> 1 ORDER BY a.institution;
END
$$;
COMMENT ON FUNCTION dcep.release_across(bigint, bigint) IS
'Internal: where an order that is lifted was a report on the registry, has the nodes lift their holds. Errors: 55000';

CREATE FUNCTION dcep.release_holds(claim bigint, case_no text, reason text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hold bigint;
    act_id bigint;
BEGIN
    FOR hold IN
        SELECT h.order_id FROM dcep.claim_hold AS h
         WHERE h.claim = release_holds.claim
           AND NOT EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = h.order_id) ORDER BY h.order_id
    LOOP
        act_id := nextval('dcep.act_id_seq');
        PERFORM dcep.lift_order(hold, act_id, reason);
        PERFORM dcep.enter_act(dcep.own_institution(), act_id, 'lift', case_no, jsonb_build_object('order', hold, 'reason', reason));
    END LOOP;
END
$$;
COMMENT ON FUNCTION dcep.release_holds(bigint, text, text) IS 'Internal: lifts what this node has held for a claim by orders of its own, as the supervisor has lifted that';

-- A node of an operator: the supervisor has lifted what it had reported.
CREATE FUNCTION dcep.take_release(body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c dcep.fraud_case;
    wrong text;
BEGIN
    UPDATE dcep.fraud_case AS f SET lifted_at = clock_timestamp() WHERE f.report = (body ->> 'report')::bigint AND f.lifted_at IS NULL
    RETURNING * INTO c;
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('There is no such report that was not lifted.');
    END IF;
    wrong := COALESCE(dcep.carried_act_defect(body -> 'act', 'lift', c.supervisor),
                      CASE WHEN ((body -> 'act' ->> 'body')::jsonb ->> 'order')::bigint IS DISTINCT FROM c.report
                           THEN 'it lifts another order' END);
    IF wrong IS NOT NULL THEN
        PERFORM dcep.message_wrong(format('The supervisor has not lifted it: %s.', wrong));
    END IF;
    PERFORM dcep.release_holds(c.report, c.case_no, (body -> 'act' ->> 'body')::jsonb ->> 'reason');
END
$$;
COMMENT ON FUNCTION dcep.take_release(jsonb) IS 'Internal: takes the message that a supervisor has lifted what it had reported. Errors: LG701';

-- --- for supervisors ----------------------------------------------------------------------

-- Whom to ask first about a payment that is reported on the registry: it knows where those across have gone.
CREATE FUNCTION dcep.begin_to_follow(c dcep.fraud_case, paid dcep.crossing) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM dcep.lock_lines();
    IF paid.origin IS NOT NULL THEN
        PERFORM dcep.pass_share(c, 1, paid, paid.amount);
    ELSE
        PERFORM dcep.post_message(c.origin, 'trace', jsonb_build_object('case', to_jsonb(c), 'origin', c.origin, 'transfer', c.transfer,
                                                                        'share', NULL));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.begin_to_follow(dcep.fraud_case, dcep.crossing) IS
'Internal: has a node follow a payment that was reported on the registry: the one that a payment across went to, else its own. Errors: 55000';

CREATE FUNCTION dcep.check_payment_report(origin integer, transfer bigint, case_no text, method text, supervisor integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    earlier bigint;
BEGIN
    PERFORM dcep.require_case_no(case_no);
    PERFORM dcep.require_members('method of tracing', ARRAY[method], ARRAY['poison', 'haircut', 'fifo']);
    IF NOT EXISTS (SELECT FROM dcep.line AS l WHERE l.peer = check_payment_report.origin AND dcep.own_institution() = 1) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('no payment of node %s can be reported here', lpad(origin::text, 4, '0')),
            DETAIL = 'On the registry payments are reported of nodes that it has a line to.',
            HINT = 'A payment in this database is reported with dcep.report_fraud().';
    END IF;
    -- Two reports of one payment must see each other.
    PERFORM pg_advisory_xact_lock(3295, supervisor);
    SELECT f.report INTO earlier FROM dcep.fraud_case AS f
     WHERE (f.origin, f.transfer, f.supervisor) = (check_payment_report.origin, check_payment_report.transfer, check_payment_report.supervisor)
       AND f.lifted_at IS NULL AND f.refused IS NULL AND f.valid_until > clock_timestamp();
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'this transfer has been reported already',
            DETAIL = format('Report %s follows it.', earlier);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.check_payment_report(integer, bigint, text, text, integer) IS
'Internal: may this payment of a node be reported on the registry? Errors: 22023, 55000';

CREATE FUNCTION dcep.report_payment(origin integer, transfer bigint, case_no text, method text DEFAULT 'haircut', supervisor integer DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o dcep.control_order;
    paid dcep.crossing;
BEGIN
    IF origin IS NULL OR transfer IS NULL OR method IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'origin, transfer and method must not be null';
    END IF;
    o.imposed_at := clock_timestamp();
    o.supervisor := dcep.require_authority(supervisor, ARRAY['supervisor']);
    PERFORM dcep.check_payment_report(origin, transfer, case_no, method, o.supervisor);
    SELECT * INTO paid FROM dcep.crossing AS p WHERE (p.origin, p.transfer) = (report_payment.origin, report_payment.transfer);
    o.kind := 'hold_amount';
    o.case_no := report_payment.case_no;
    o.valid_from := clock_timestamp();
    o.valid_until := 'infinity';
    -- The registry has no wallets of customers: others hold under orders of their own.
    o.wallets := '{}';
    o.amounts := '{}';
    o.id := dcep.enter_order(o);
    PERFORM dcep.begin_to_follow(dcep.begin_case(o, origin, transfer, paid.amount, method), paid);
    RETURN o.id;
END
$$;
COMMENT ON FUNCTION dcep.report_payment(integer, bigint, text, text, integer) IS
'Reports a payment of another node, on the registry: by the institution whose node it was made on, and its transfer there. The node that has the money follows and holds it, within the supervisor''s agreements as they are known there, and so on from node to node. Returns an order''s id, for dcep.fraud_status() and dcep.lift(). Methods: haircut, fifo, poison. By a supervisor. Errors: 22004, 22023, 42501, 55000 (no such node, reported already)';

CREATE FUNCTION dcep.fraud_status(claim bigint, OUT institution smallint, OUT held bigint, OUT under_way bigint, OUT at_institution bigint,
                                  OUT outside bigint, OUT redeemed bigint, OUT recovered bigint) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.institution, a.held, a.given - a.held - a.at_institution - a.outside - a.redeemed - a.passed - a.recovered,
           a.at_institution, a.outside, a.redeemed, a.recovered
      FROM dcep.control_order AS o JOIN dcep.claim_account AS a ON a.claim = o.id
     WHERE o.id = fraud_status.claim AND (dcep.caller_acts_for(o.supervisor) OR dcep.caller_acts_for(1))
       AND (a.institution <> 1 OR a.redeemed > 0 OR a.outside > 0)
     ORDER BY a.institution
$$;
COMMENT ON FUNCTION dcep.fraud_status(bigint) IS
'What has become of a payment that was reported with dcep.report_payment(), node by node, minor units: held; under way, or not followed yet; in the operator''s own wallets; not held (outside the supervisor''s agreements, followed no further, not there any more when it was to be recovered); redeemed; recovered, that is held by this node, given back, and arrived. All columns of all rows add up to the amount reported, once its node has said how much that is. Of an order (hold_amount, freeze_coins) that a node has in effect on wallets or coins, likewise: what it holds at most (9223372036854775807 where it names more), and what has become of that by dcep.recover(). For the supervisor whose report or order it is, and the central bank';

-- --- the way back ---------------------------------------------------------------------------

CREATE FUNCTION dcep.crossing_of(local_transfer bigint, OUT origin smallint, OUT transfer bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.origin, c.transfer FROM dcep.crossing AS c
     WHERE c.local_transfer = crossing_of.local_transfer AND dcep.own_institution() <> 1
$$;
COMMENT ON FUNCTION dcep.crossing_of(bigint) IS
'Internal: which payment across a transfer of this node has credited, or, where it is of this node, given back; NULLs for others';

CREATE FUNCTION dcep.trace_origins(transfer bigint, OUT depth integer, OUT minted_by bigint, OUT amount bigint, OUT origin smallint,
                                   OUT origin_transfer bigint) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.depth, b.minted_by, b.amount, o.origin, o.transfer
      FROM dcep.trace_back(trace_origins.transfer, NULL, 1000000) AS b
     CROSS JOIN LATERAL dcep.crossing_of(b.minted_by) AS o
     WHERE o.origin IS NOT NULL ORDER BY b.depth, b.minted_by
$$;
COMMENT ON FUNCTION dcep.trace_origins(bigint) IS
'The rows of dcep.trace_back() at which the trace goes on at another node: what came by a payment across, with the node that it was made on and its transfer there; where that is this node, it was returned, and dcep.trace_origins() of it goes on. Rights and errors as there';

CREATE FUNCTION dcep.trace_payment(origin integer, transfer bigint, OUT step integer, OUT institution smallint, OUT action text,
                                   OUT made_at timestamptz, OUT sender smallint, OUT receiver smallint, OUT number bigint, OUT hash bytea,
                                   OUT ask text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF dcep.current_case() IS NULL
       OR NOT EXISTS (SELECT FROM dcep.institution AS i WHERE i.kind IN ('central_bank', 'supervisor') AND dcep.caller_acts_for(i.code)) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'permission denied to trace payments across nodes',
            DETAIL = 'The central bank and supervisors trace, within a case.', HINT = 'dcep.open_case() opens one.';
    END IF;
    RETURN QUERY
    SELECT row_number() OVER w::integer, i.institution, i.action, i.made_at, i.sender, i.receiver, i.number, i.hash,
           CASE i.action
               WHEN 'consume and mint' THEN format('on node %s: SELECT * FROM dcep.trace_origins(%s)', lpad(i.institution::text, 4, '0'), i.transfer)
               WHEN 'credit' THEN format('on node %s: SELECT * FROM dcep.trace_forward(%s)', lpad(i.institution::text, 4, '0'),
                                         m.body::jsonb ->> 'local_transfer')
               WHEN 'return' THEN format('on node %s: SELECT * FROM dcep.trace_forward((SELECT id FROM dcep.transfer WHERE key = %L))',
                                         lpad(i.receiver::text, 4, '0'), format('return of %s', i.transfer)) END
      FROM dcep.instructions AS i
      JOIN dcep.message AS m ON (m.sender, m.receiver, m.number) = (i.sender, i.receiver, i.number)
     WHERE i.origin = trace_payment.origin AND i.transfer = trace_payment.transfer
    WINDOW w AS (ORDER BY i.priority DESC, i.made_at DESC)
     ORDER BY 1;
END
$$;
COMMENT ON FUNCTION dcep.trace_payment(integer, bigint) IS
'The way of a payment across nodes backwards, on the registry: by the node that it was made on and its transfer there; each step with the message that carried it, and with what is to be asked of the node next: where the money went from there, and, of the payer''s, which payments across it came from, whose way is asked for in turn. Names no wallet and no amount. By the central bank and supervisors, within a case. Errors: 42501';
