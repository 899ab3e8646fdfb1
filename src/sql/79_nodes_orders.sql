-- Orders and agreements across nodes: official acts that another node is told of.
--
-- An act stays what it is: an entry in its institution's own chain, signed with its own key. A node that is told of some
-- of them cannot follow that chain, for the acts between are nobody's business there. So each carries, inside what is
-- hashed and signed, a second link: which node is told, the how manieth it is told of, and the hash of the one before.
-- The receiver, too, then sees that none is missing and none was changed, whatever the registry or its own superuser do.
--
-- Locks: the parties' advisory lock (agreements), the told chain, the act chain, the line.

CREATE FUNCTION dcep.lock_told_chain(institution integer, receiver integer) RETURNS dcep.told_chain
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chain dcep.told_chain;
BEGIN
    INSERT INTO dcep.told_chain VALUES (lock_told_chain.institution, lock_told_chain.receiver, 0, decode(repeat('00', 32), 'hex'))
    ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT chain FROM dcep.told_chain AS c
     WHERE c.institution = lock_told_chain.institution AND c.receiver = lock_told_chain.receiver FOR UPDATE;
    RETURN chain;
END
$$;
COMMENT ON FUNCTION dcep.lock_told_chain(integer, integer) IS
'Internal: the end of the chain of an institution''s acts that a node is told of, locked until the transaction ends';

CREATE FUNCTION dcep.extend_told_chain(chain dcep.told_chain, act dcep.act, state text) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE dcep.told_chain AS c SET seq = c.seq + 1, head = act.hash
     WHERE c.institution = chain.institution AND c.receiver = chain.receiver;
    INSERT INTO dcep.told_act (act, institution, receiver, state) VALUES (act.id, chain.institution, chain.receiver, extend_told_chain.state)
$$;
COMMENT ON FUNCTION dcep.extend_told_chain(dcep.told_chain, dcep.act, text) IS
'Internal: adds an act to the chain of those that a node is told of';

-- --- the registry: an order goes out ----------------------------------------------

-- Which node keeps what an order is to bear on; what is not understood is refused as if it were for this database.
CREATE FUNCTION dcep.node_of_target(target jsonb) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shape text;
    node integer;
BEGIN
    IF dcep.own_institution() IS DISTINCT FROM 1 OR jsonb_typeof(target) IS DISTINCT FROM 'object' THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(k, ' ' ORDER BY k) INTO shape FROM jsonb_object_keys(target) AS k;
    node := CASE WHEN shape IN ('wallet', 'holder') THEN dcep.elsewhere(dcep.institution((target ->> shape)::dcep.wallet_id))
                 WHEN shape IN ('class operator', 'coins operator') THEN dcep.elsewhere((target ->> 'operator')::integer) END;
    -- A wallet of an institution whose node nobody has heard of does not exist.
    IF shape IN ('wallet', 'holder') AND NOT EXISTS (SELECT FROM dcep.line AS l WHERE l.peer = node) THEN
        RETURN NULL;
    END IF;
    RETURN node;
END
$$;
COMMENT ON FUNCTION dcep.node_of_target(jsonb) IS
'Internal: the operator on whose node an order with this target bears; NULL where it bears on this database, or is not understood. Errors: 22P02';

-- As far as the registry knows what the order bears on: the node finds the rest, and says in its answer what.
CREATE FUNCTION dcep.bear_on_node(o dcep.control_order, target jsonb, amount bigint) RETURNS dcep.control_order
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF target ? 'coins' THEN
        IF jsonb_typeof(target -> 'coins') <> 'array' OR jsonb_array_length(target -> 'coins') NOT BETWEEN 1 AND 1000 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'an order freezes from 1 to 1000 coins';
        END IF;
        o.coins := ARRAY(SELECT DISTINCT c::bigint FROM jsonb_array_elements_text(target -> 'coins') AS c ORDER BY 1);
        o.wallets := '{}';
    ELSIF target ? 'class' THEN
        o.operator := (target ->> 'operator')::smallint;
        o.class := (target ->> 'class')::smallint;
        IF o.class IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'an order on a class names it';
        END IF;
    ELSE
        o.wallets := ARRAY[COALESCE(target ->> 'wallet', target ->> 'holder')::dcep.wallet_id];
    END IF;
    PERFORM dcep.check_order_terms(o.kind, o.coins, amount, o.counterparty, o.daily_from, o.daily_until);
    IF o.kind = 'hold_amount' AND o.class IS NULL THEN
        o.amounts := ARRAY[bear_on_node.amount];
    ELSE
        o.amount := bear_on_node.amount;
    END IF;
    RETURN o;
END
$$;
COMMENT ON FUNCTION dcep.bear_on_node(dcep.control_order, jsonb, bigint) IS
'Internal: an order on what another node keeps, as the registry knows it: the wallet that its target names, the class, the coins. Errors: 22023, 22P02, LG305';

CREATE FUNCTION dcep.tell_act(institution integer, receiver integer, act_id bigint, kind text, case_no text, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chain dcep.told_chain := dcep.lock_told_chain(institution, receiver);
    act dcep.act;
BEGIN
    PERFORM dcep.enter_act(institution, act_id, kind, case_no,
        body || jsonb_build_object('told', jsonb_build_object('to', receiver, 'seq', chain.seq + 1, 'prev', encode(chain.head, 'hex'))));
    SELECT * INTO STRICT act FROM dcep.act AS a WHERE a.id = act_id;
    PERFORM dcep.extend_told_chain(chain, act, 'sent');
    PERFORM dcep.post_message(receiver, 'act', to_jsonb(act));
END
$$;
COMMENT ON FUNCTION dcep.tell_act(integer, integer, bigint, text, text, jsonb) IS
'Internal: enters an act and tells another node of it. Errors: 55000 (no line, no key)';

CREATE FUNCTION dcep.send_order(o dcep.control_order, target jsonb, node integer) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    o.id := nextval('dcep.act_id_seq');
    INSERT INTO dcep.control_order SELECT o.*;
    PERFORM dcep.tell_act(o.supervisor, node, o.id, 'impose', o.case_no,
                          jsonb_strip_nulls(to_jsonb(o)) || jsonb_build_object('target', target));
    RETURN o.id;
END
$$;
COMMENT ON FUNCTION dcep.send_order(dcep.control_order, jsonb, integer) IS
'Internal: records an order that has been checked, and sends it to the node that keeps what it bears on. Errors: 55000';

-- --- the node that is told ---------------------------------------------------------

-- What an act that came must be: for this node, next in its chain, signed by its institution.
CREATE FUNCTION dcep.require_told_act(act dcep.act, chain dcep.told_chain) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told jsonb := act.body::jsonb -> 'told';
    wrong text;
BEGIN
    IF (told ->> 'to', told ->> 'seq', told ->> 'prev')
       IS DISTINCT FROM (chain.receiver::text, (chain.seq + 1)::text, encode(chain.head, 'hex')) THEN
        PERFORM dcep.message_wrong('The act does not follow the one that was told before it.');
    END IF;
    wrong := dcep.act_defect(act.institution, act.seq, act.prev_hash, act.id, act.entered_at, act.kind, act.by_role, act.case_no,
                             act.body, act.suite, act.key_number, act.hash, act.signature);
    IF wrong IS NOT NULL THEN
        PERFORM dcep.message_wrong(format('The act does not verify: %s.', wrong));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_told_act(dcep.act, dcep.told_chain) IS
'Internal: an act that another node tells of is next in its chain, and signed by its institution. Errors: LG701';

CREATE FUNCTION dcep.take_act(sender integer, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    act dcep.act := jsonb_populate_record(NULL::dcep.act, body);
    chain dcep.told_chain;
BEGIN
    IF num_nulls(act.id, act.institution, act.seq, act.entered_at, act.suite, act.key_number, act.kind, act.by_role, act.body,
                 act.prev_hash, act.hash, act.signature) > 0
       OR NOT (CASE WHEN own = 1 THEN act.institution = sender AND act.kind = 'agree'
                    ELSE act.kind IN ('agree', 'impose', 'lift')
                         AND EXISTS (SELECT FROM dcep.institution AS i
                                      WHERE i.code = act.institution AND i.kind = 'supervisor' AND NOT i.is_here) END) THEN
        PERFORM dcep.message_wrong('The act is not the sender''s to tell.');
    END IF;
    IF act.id NOT BETWEEN dcep.act_ids_after(sender) + 1 AND dcep.act_ids_after(sender) + 99999999999999 THEN
        -- It would stand in the way of an act that has, or is to have, that id here.
        PERFORM dcep.message_wrong('The act has an id that another node gives.');
    END IF;
    chain := dcep.lock_told_chain(act.institution, own);
    PERFORM dcep.require_told_act(act, chain);
    INSERT INTO dcep.act SELECT act.*;
    PERFORM dcep.extend_told_chain(chain, act, 'taken');
    CASE WHEN act.kind = 'impose' THEN PERFORM dcep.take_order(act);
         WHEN act.kind = 'lift' THEN PERFORM dcep.take_lift(act);
         WHEN own = 1 THEN PERFORM dcep.take_agreement(act);
         ELSE NULL;
    END CASE;
END
$$;
COMMENT ON FUNCTION dcep.take_act(integer, jsonb) IS
'Internal: takes an official act that another node tells of: an order, its lifting, or one party''s agreement. Errors: LG701';

CREATE FUNCTION dcep.answer_act(act_id bigint, state text, sqlstate text, reason text, done jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    done_at timestamptz := clock_timestamp();
BEGIN
    UPDATE dcep.told_act AS t
       SET state = answer_act.state, at = done_at, sqlstate = answer_act.sqlstate, reason = answer_act.reason WHERE t.act = act_id;
    PERFORM dcep.post_message(1, 'act_done', jsonb_build_object('act', act_id, 'state', state, 'at', done_at, 'sqlstate', sqlstate,
                                                                'reason', reason, 'order', done));
END
$$;
COMMENT ON FUNCTION dcep.answer_act(bigint, text, text, text, jsonb) IS
'Internal: tells the registry what has become of an act here: the order as it is in effect, or what stood against it';

-- An order of the registry, before it is known whether there is what it bears on.
CREATE FUNCTION dcep.told_order(act dcep.act) RETURNS dcep.control_order
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    body jsonb := act.body::jsonb;
    target jsonb := body -> 'target';
    o dcep.control_order := jsonb_populate_record(NULL::dcep.control_order, body - '{target,told}'::text[]);
BEGIN
    IF (o.id, o.supervisor, o.case_no) IS DISTINCT FROM (act.id, act.institution, act.case_no) OR o.fraud IS NOT NULL
       OR (o.kind = ANY (dcep.order_kinds()) AND o.valid_from < o.valid_until AND o.imposed_at <= act.entered_at) IS NOT true
       OR COALESCE((target ->> 'operator')::integer, dcep.institution(COALESCE(target ->> 'wallet', target ->> 'holder')::dcep.wallet_id))
          IS DISTINCT FROM own THEN
        PERFORM dcep.message_wrong('The order is not one for this node.');
    END IF;
    IF NOT EXISTS (SELECT FROM dcep.agreement AS g WHERE g.supervisor = o.supervisor AND g.operator = own AND o.kind = ANY (g.kinds)) THEN
        PERFORM dcep.message_wrong('The order is outside what the two parties have signed.');
    END IF;
    RETURN o;
END
$$;
COMMENT ON FUNCTION dcep.told_order(dcep.act) IS
'Internal: the order that an act of a supervisor on the registry imposes on this node. Errors: LG701 (an honest registry tells of no such order)';

CREATE FUNCTION dcep.take_order(act dcep.act) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    target jsonb := act.body::jsonb -> 'target';
    o dcep.control_order := dcep.told_order(act);
BEGIN
    BEGIN
        o := dcep.bear_on(o, CASE WHEN target ? 'coins' THEN target - 'operator' ELSE target END, COALESCE(o.amount, o.amounts[1]));
    EXCEPTION WHEN SQLSTATE 'LG305' OR invalid_parameter_value THEN
        PERFORM dcep.answer_act(act.id, 'failed', SQLSTATE, SQLERRM, NULL);
        RETURN;
    END;
    IF o.class IS NOT NULL THEN
        -- As dcep.impose() does: any payment that is under way may be of a wallet of the class.
        LOCK TABLE dcep.transfer IN SHARE ROW EXCLUSIVE MODE;
    END IF;
    PERFORM dcep.put_into_effect(o);
    INSERT INTO dcep.control_order SELECT o.*;
    PERFORM dcep.answer_act(act.id, 'in effect', NULL, NULL, jsonb_strip_nulls(to_jsonb(o)));
END
$$;
COMMENT ON FUNCTION dcep.take_order(dcep.act) IS
'Internal: puts an order of the registry into effect, or answers why it cannot be (no such wallet, class or live coin). Waits for payments, as dcep.impose() does. Errors: LG701';

CREATE FUNCTION dcep.take_lift(act dcep.act) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lifted_order bigint := (act.body::jsonb ->> 'order')::bigint;
    because text := act.body::jsonb ->> 'reason';
    told dcep.told_act;
BEGIN
    SELECT t.* INTO told FROM dcep.told_act AS t
     WHERE t.act = lifted_order AND t.institution = act.institution AND t.state IN ('in effect', 'recovered', 'failed')
       AND CASE t.state WHEN 'recovered' THEN 1 = (SELECT count(*) FROM dcep.act AS a WHERE a.institution = act.institution AND a.kind = 'lift'
                                                      AND (a.body::jsonb ->> 'order')::bigint = t.act)
                        ELSE NOT EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = t.act) END;
    IF NOT FOUND OR because IS NULL THEN
        PERFORM dcep.message_wrong('There is no such order to lift.');
    END IF;
    IF told.state = 'failed' THEN
        PERFORM dcep.answer_act(act.id, 'failed', told.sqlstate, told.reason, NULL);
        RETURN;
    END IF;
    IF told.state = 'recovered' THEN
        -- What it held was given back; some of it may have come back since.
        PERFORM dcep.release_holds(lifted_order, act.case_no, because);
    ELSE
        PERFORM dcep.lift_order(lifted_order, act.id, because);
    END IF;
    PERFORM dcep.answer_act(act.id, 'lifted', NULL, NULL, NULL);
END
$$;
COMMENT ON FUNCTION dcep.take_lift(dcep.act) IS
'Internal: lifts an order that came from the registry, as its supervisor has there. Errors: LG701';

-- The registry has both signatures under the same terms: this node has them, too.
CREATE FUNCTION dcep.take_agreed(body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    acts bigint[] := ARRAY(SELECT jsonb_array_elements_text(body -> 'acts')::bigint);
    theirs dcep.act;
    ours dcep.act;
BEGIN
    SELECT a.* INTO theirs FROM dcep.act AS a WHERE a.id = ANY (acts) AND a.institution <> own AND a.kind = 'agree';
    SELECT a.* INTO ours FROM dcep.act AS a WHERE a.id = ANY (acts) AND a.institution = own AND a.kind = 'agree';
    IF (theirs.body::jsonb - 'told' = ours.body::jsonb - 'told' AND (theirs.body::jsonb ->> 'supervisor')::integer = theirs.institution)
       IS NOT true
       OR EXISTS (SELECT FROM dcep.act AS a WHERE a.institution = theirs.institution AND a.kind = 'agree' AND a.seq > theirs.seq) THEN
        PERFORM dcep.message_wrong('The two parties have not signed the same terms last.');
    END IF;
    PERFORM dcep.enter_agreement(ours.body::jsonb - 'told', acts[1]);
END
$$;
COMMENT ON FUNCTION dcep.take_agreed(jsonb) IS
'Internal: takes the registry''s word that an agreement of this operator is effective, which both signatures must bear out. Errors: LG701';

-- --- the registry is answered -------------------------------------------------------

CREATE FUNCTION dcep.take_agreement(act dcep.act) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    terms jsonb := act.body::jsonb - 'told';
    supervisor integer := (terms ->> 'supervisor')::integer;
BEGIN
    IF NOT EXISTS (SELECT FROM dcep.institution AS i WHERE i.code = supervisor AND i.kind = 'supervisor')
       OR (terms ->> 'operator')::integer IS DISTINCT FROM act.institution THEN
        PERFORM dcep.message_wrong('The agreement is not the sender''s to sign.');
    END IF;
    PERFORM pg_advisory_xact_lock(3294, supervisor * 10000 + act.institution);
    PERFORM dcep.conclude_agreement(terms, act.institution, act.id);
END
$$;
COMMENT ON FUNCTION dcep.take_agreement(dcep.act) IS
'Internal: takes what an operator has signed on its node; effective where the supervisor has signed the same here last. Errors: LG701';

-- Which wallets a target means, and what coins are worth, the node says; each wallet is held for what the supervisor has said.
CREATE FUNCTION dcep.are_amounts_of(done jsonb, ordered jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN ordered ->> 'kind' = 'freeze_coins'
                THEN jsonb_array_length(done -> 'amounts') = jsonb_array_length(done -> 'coins')
                     AND jsonb_array_length(done -> 'wallets') = jsonb_array_length(done -> 'coins')
                     AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(done -> 'amounts') AS a WHERE a::bigint <= 0)
                WHEN ordered ->> 'kind' = 'hold_amount' AND ordered ? 'wallets'
                THEN done -> 'amounts' = (SELECT jsonb_agg(ordered #> '{amounts,0}') FROM jsonb_array_elements(done -> 'wallets'))
                ELSE true END
$$;
COMMENT ON FUNCTION dcep.are_amounts_of(jsonb, jsonb) IS
'Internal: does an order that a node says it has in effect hold of each wallet what was ordered, and of coins one amount each?';

-- Is what the node says it has in effect the order that the supervisor has signed?
CREATE FUNCTION dcep.is_answer_to(done jsonb, act dcep.act, sender integer) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(
        done - '{wallets,amounts,coins}'::text[] = act.body::jsonb - '{target,told,wallets,amounts,coins}'::text[]
        AND (done -> 'coins') IS NOT DISTINCT FROM (act.body::jsonb -> 'coins')
        AND dcep.are_amounts_of(done, act.body::jsonb)
        AND COALESCE(done -> 'wallets' @> (act.body::jsonb -> 'wallets'), NOT act.body::jsonb ? 'wallets')
        AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(COALESCE(done -> 'wallets', '[]')) AS w
                         WHERE dcep.institution(w::dcep.wallet_id) <> sender), false)
$$;
COMMENT ON FUNCTION dcep.is_answer_to(jsonb, dcep.act, integer) IS
'Internal: is an order that a node says it has in effect the one that it was told of?';

CREATE FUNCTION dcep.take_act_done(sender integer, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer dcep.told_act := jsonb_populate_record(NULL::dcep.told_act, body);
    done dcep.control_order := jsonb_populate_record(NULL::dcep.control_order, NULLIF(body -> 'order', 'null'));
    act dcep.act;
BEGIN
    SELECT a.* INTO act FROM dcep.told_act AS t JOIN dcep.act AS a ON a.id = t.act
     WHERE t.act = answer.act AND t.receiver = sender AND t.state = 'sent';
    IF NOT FOUND OR answer.at IS NULL
       OR (answer.state IN (CASE act.kind WHEN 'impose' THEN 'in effect' WHEN 'lift' THEN 'lifted' END, 'failed')) IS NOT true
       OR (answer.state = 'failed') <> (answer.sqlstate IS NOT NULL)
       OR (answer.state = 'in effect' AND NOT dcep.is_answer_to(body -> 'order', act, sender)) THEN
        PERFORM dcep.message_wrong('The answer is not one to an act that the sender was told of.');
    END IF;
    UPDATE dcep.told_act AS t
       SET state = answer.state, at = answer.at, sqlstate = answer.sqlstate, reason = answer.reason,
           wallets = done.wallets
     WHERE t.act = answer.act;
    IF answer.state = 'in effect' THEN
        PERFORM dcep.open_account(act.id, sender, done.amounts);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.take_act_done(integer, jsonb) IS
'Internal: takes the answer of a node to an order or its lifting. Errors: LG701';

-- --- the audit ------------------------------------------------------------------------

-- Messages are chained and signed by their senders, which dcep.audit_nodes() verifies; here: do acts, orders and states say the same?
CREATE FUNCTION dcep.audit_told(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    own smallint := dcep.own_institution();
    zeros bytea := decode(repeat('00', 32), 'hex');
BEGIN
    RETURN QUERY
    WITH told AS (
        SELECT a.*, (a.body::jsonb #>> '{told,to}')::smallint AS receiver, (a.body::jsonb #>> '{told,seq}')::bigint AS number,
               a.body::jsonb #>> '{told,prev}' AS link
          FROM dcep.act AS a WHERE a.body::jsonb ? 'told'),
    linked AS (
        SELECT t.*, row_number() OVER w AS place, lag(t.hash, 1, zeros) OVER w AS hash_before
          FROM told AS t WINDOW w AS (PARTITION BY t.institution, t.receiver ORDER BY t.number)),
    said AS (
        SELECT m.sender, m.receiver, m.number, m.kind, m.body::jsonb AS body
          FROM dcep.message AS m LEFT JOIN dcep.line AS n ON n.peer = m.sender
         WHERE m.kind IN ('act', 'act_done') AND (m.sender = own OR m.number <= n.taken)),
    answer AS (
        SELECT (s.body ->> 'act')::bigint AS act, s.sender, s.body, jsonb_populate_record(NULL::dcep.told_act, s.body) AS a
          FROM said AS s WHERE s.kind = 'act_done')
    SELECT 'told act', l.institution, NULL::dcep.wallet_id, NULL::bigint, format('act %s does not follow the one that node %s was told of before it', l.id, l.receiver)
      FROM linked AS l WHERE l.number <> l.place OR l.link <> encode(l.hash_before, 'hex')
    UNION ALL
    SELECT 'told act', COALESCE(c.institution, e.institution), NULL, NULL,
           format('the end of what node %s was told is not the last of these acts', COALESCE(c.receiver, e.receiver))
      FROM (SELECT DISTINCT ON (t.institution, t.receiver) t.* FROM told AS t ORDER BY t.institution, t.receiver, t.number DESC) AS e
      FULL JOIN dcep.told_chain AS c ON c.institution = e.institution AND c.receiver = e.receiver
     WHERE (c.seq, c.head) IS DISTINCT FROM (e.number, e.hash) AND (c.seq > 0 OR e.number IS NOT NULL)
    UNION ALL
    SELECT 'told act', (s.body ->> 'institution')::smallint, NULL, NULL,
           format('act %s is not as message %s of node %s to node %s tells it', s.body ->> 'id', s.number, s.sender, s.receiver)
      FROM said AS s LEFT JOIN dcep.act AS a ON a.id = (s.body ->> 'id')::bigint
     WHERE s.kind = 'act' AND jsonb_populate_record(NULL::dcep.act, s.body) IS DISTINCT FROM a
    UNION ALL
    SELECT 'told act', a.institution, NULL, NULL, format('no message tells of act %s', a.id)
      FROM dcep.act AS a
     WHERE (a.body::jsonb ? 'told' OR dcep.elsewhere(a.institution) IS NOT NULL)
       AND NOT EXISTS (SELECT FROM said AS s WHERE s.kind = 'act' AND (s.body ->> 'id')::bigint = a.id)
    UNION ALL
    SELECT 'told act', COALESCE(t.institution, s.institution), NULL, NULL, format('act %s is on record as %s, messages say %s', COALESCE(t.id, s.act), s.state, x.state)
      FROM told AS t
      FULL JOIN dcep.told_act AS s ON s.act = t.id
      LEFT JOIN answer AS w ON w.act = t.id AND w.sender = t.receiver
     -- What was given back since: see dcep.audit_recoveries().
     CROSS JOIN LATERAL (SELECT CASE WHEN (w.a).state = 'in effect'
                                          AND EXISTS (SELECT FROM dcep.claim_recovery AS r WHERE r.claim = w.act AND r.state = 'paid') THEN 'recovered'
                                     WHEN w.act IS NOT NULL THEN (w.a).state WHEN t.receiver <> own THEN 'sent'
                                     WHEN t.kind = 'agree' THEN 'taken' END) AS x (state)
     WHERE (s.institution, s.receiver, s.state, s.at, s.sqlstate, s.reason)
           IS DISTINCT FROM (t.institution, t.receiver, x.state, (w.a).at, (w.a).sqlstate, (w.a).reason)
    UNION ALL
    SELECT 'told act', o.supervisor, NULL, NULL, format('order %s is not what the registry was answered', w.act)
      FROM answer AS w LEFT JOIN dcep.control_order AS o ON o.id = w.act
     WHERE w.sender = own AND (w.a).state = 'in effect' AND w.body -> 'order' IS DISTINCT FROM jsonb_strip_nulls(to_jsonb(o))
    UNION ALL
    SELECT 'told act', g.supervisor, NULL, NULL, format('the agreement with institution %s is not what both have signed', g.operator)
      FROM dcep.agreement AS g
     WHERE 2 > (SELECT count(DISTINCT a.institution) FROM dcep.act AS a
                 WHERE a.kind = 'agree' AND a.institution IN (g.supervisor, g.operator)
                   AND (a.body::jsonb ->> 'supervisor', a.body::jsonb ->> 'operator') = (g.supervisor::text, g.operator::text)
                   AND a.body::jsonb -> 'kinds' = to_jsonb(g.kinds)
                   AND ((a.body::jsonb ->> 'valid_from')::timestamptz, (a.body::jsonb ->> 'valid_until')::timestamptz)
                       = (g.valid_from, g.valid_until));
END
$$;
COMMENT ON FUNCTION dcep.audit_told() IS
'Acts that nodes told each other of: none is missing between two, each is as its message tells it and has become of it what the messages say; orders in effect are what the registry was answered; agreements are what both parties signed';
