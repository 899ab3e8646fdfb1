-- Nodes: operators that keep their wallets in databases of their own, and the registry, which is the central bank's
-- and through which alone they reach each other.  What one node tells another is a message: numbered, chained and
-- signed like an official act.  Logical replication carries messages; any other carrier would do.  Each is taken
-- once, in its order, and what it asks for is done in the same transaction.

CREATE FUNCTION dcep.minted_coin(coin bigint) RETURNS dcep.signed_coin
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_minted_coin';
COMMENT ON FUNCTION dcep.minted_coin(bigint) IS
'Internal: the signed coin of an id, verified, whatever became of it since. Errors: LG101-LG103';

CREATE FUNCTION dcep.enter_delivery(kind text, payer bigint, payee bigint, amount bigint, key text, memo text, message dcep.message) RETURNS bigint
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_enter_delivery';
COMMENT ON FUNCTION dcep.enter_delivery(text, bigint, bigint, bigint, text, text, dcep.message) IS
'Internal: enters a payment of a wallet that another node keeps, and returns its transfer; NULL where its key had been used for the same. message: the registry''s, that asks for it, which dcep-signer is shown; NULL on the registry. Errors: those of dcep.transfer()';

-- message has no default: one of a row's type would keep an upgrade from altering the table.
CREATE FUNCTION dcep.deliver(kind text, payer dcep.wallet_id, payee dcep.wallet_id, amount bigint, key text, memo text,
                             message dcep.message) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The payer is another node's wallet, but has a chain here, of what it has paid to wallets of this node.
    INSERT INTO dcep.wallet_chain (wallet) VALUES (payer) ON CONFLICT DO NOTHING;
    RETURN dcep.enter_delivery(kind, payer::bigint, payee::bigint, amount, key, memo, message);
END
$$;
COMMENT ON FUNCTION dcep.deliver(text, dcep.wallet_id, dcep.wallet_id, bigint, text, text, dcep.message) IS
'Internal: dcep.enter_delivery(), for a payer that may not have a chain here yet';

-- --- posting ------------------------------------------------------------------

CREATE FUNCTION dcep.post_message(receiver integer, kind text, body jsonb, made_at timestamptz DEFAULT clock_timestamp()) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    line dcep.line;
    signed record;
BEGIN
    -- The line's row is the lock: messages to one node are numbered in the order in which they commit.
    SELECT * INTO line FROM dcep.line AS l WHERE l.peer = receiver FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('there is no line to node %s', lpad(receiver::text, 4, '0')),
            HINT = 'Connect the two nodes with dcep.join().';
    END IF;
    SELECT * INTO STRICT signed
      FROM dcep.sign_act(own, line.posted + 1, line.posted_head, receiver, made_at, 'message ' || kind, session_user,
                         lpad(receiver::text, 4, '0'), body::text);
    INSERT INTO dcep.message (sender, receiver, number, kind, body, by_role, made_at, suite, key_number, prev_hash, hash, signature)
    VALUES (own, post_message.receiver, line.posted + 1, post_message.kind, body::text, session_user, post_message.made_at, signed.suite,
            signed.key_number, line.posted_head, signed.hash, signed.signature);
    UPDATE dcep.line AS l SET posted = l.posted + 1, posted_head = signed.hash WHERE l.peer = receiver;
    RETURN line.posted + 1;
END
$$;
COMMENT ON FUNCTION dcep.post_message(integer, text, jsonb, timestamptz) IS
'Internal: posts a message to a node that there is a line to, signed with the key of that time, and returns its number. Errors: 55000';

-- Whoever tells several nodes of something takes all lines first, in this order.
CREATE FUNCTION dcep.lock_lines() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM dcep.line AS l ORDER BY l.peer FOR UPDATE;
END
$$;
COMMENT ON FUNCTION dcep.lock_lines() IS 'Internal: locks the lines to all nodes until the transaction ends, for who may post messages to several';

-- Called at the end of the statement that paid (src/crossing.c). No line is locked: payments that leave do not wait
-- for each other.  Their messages are numbered later, in whatever order they are posted.
CREATE FUNCTION dcep.send_payments(transfers bigint[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    sent bigint;
BEGIN
    INSERT INTO dcep.crossing (origin, transfer, kind, payer, payee, amount, posted_at, waits)
    SELECT own, t.id, t.kind, t.payer, t.payee, t.amount, t.created_at, true
      FROM dcep.transfer AS t JOIN dcep.line AS l ON l.peer = CASE own WHEN 1 THEN dcep.institution(t.payee) ELSE 1 END
     WHERE t.id = ANY (send_payments.transfers);
    GET DIAGNOSTICS sent = ROW_COUNT;
    IF sent <> cardinality(transfers) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'there is no line to the node of a payee',
            HINT = 'Connect the two nodes with dcep.join().';
    END IF;
    IF own = 1 THEN
        PERFORM dcep.move_holding(s.receiver, s.amount)
           FROM (SELECT dcep.institution(c.payee) AS receiver, sum(c.amount)::bigint AS amount FROM dcep.crossing AS c
                  WHERE c.origin = 1 AND c.transfer = ANY (send_payments.transfers) GROUP BY 1 ORDER BY 1) AS s;
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.send_payments(bigint[]) IS
'Internal: sends payments whose payees other nodes keep on their way: their messages are posted by dcep.post_payments() once they have committed. Errors: 55000';

CREATE FUNCTION dcep.post_payments(most integer) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    paid dcep.transfer;
    posted bigint[] := ARRAY[]::bigint[];
BEGIN
    FOR paid IN SELECT t.* FROM (SELECT c.transfer FROM dcep.crossing AS c WHERE c.waits ORDER BY c.transfer LIMIT most) AS w
                  JOIN dcep.transfer AS t ON t.id = w.transfer ORDER BY t.id LOOP
        -- An operator reaches others through the registry alone.
        PERFORM dcep.post_message(CASE own WHEN 1 THEN dcep.institution(paid.payee) ELSE 1 END, CASE own WHEN 1 THEN 'credit' ELSE 'pay' END,
            jsonb_build_object('origin', own, 'transfer', paid.id, 'kind', paid.kind, 'payer', paid.payer, 'payee', paid.payee,
                               'amount', paid.amount, 'memo', paid.memo,
                               'coin', CASE WHEN paid.kind <> 'redeem' THEN dcep.minted_coin(paid.id * 2) END));
        posted := posted || paid.id;
    END LOOP;
    UPDATE dcep.crossing AS c SET waits = false WHERE c.origin = own AND c.transfer = ANY (posted);
    RETURN cardinality(posted);
END
$$;
COMMENT ON FUNCTION dcep.post_payments(integer) IS
'Internal: posts the messages of payments that have left and wait for that, up to a number of them, and returns how many. The table dcep.line is locked. Errors: 55000, LG101-LG103';

-- --- the registry's books -------------------------------------------------------

CREATE FUNCTION dcep.move_holding(institution integer, amount bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE dcep.holding AS h SET amount = h.amount + move_holding.amount WHERE h.institution = move_holding.institution
       AND h.amount + move_holding.amount >= 0;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG702', MESSAGE = 'operator pays more than it holds',
            DETAIL = format('Institution %s, amount %s, registered holding %s.', lpad(institution::text, 4, '0'), -amount,
                            (SELECT h.amount FROM dcep.holding AS h WHERE h.institution = move_holding.institution));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.move_holding(integer, bigint) IS
'Internal: adds to what the registry has on record that an operator''s wallets hold. Errors: LG702 (below zero)';

-- --- what messages ask for: one function a kind ----------------------------------

CREATE FUNCTION dcep.message_wrong(detail text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'LG701', MESSAGE = 'message cannot be right', DETAIL = message_wrong.detail;
END
$$;
COMMENT ON FUNCTION dcep.message_wrong(text) IS 'Internal: raises LG701: an honest node sends no such message';

CREATE FUNCTION dcep.require_coin(paid dcep.crossing, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    coin dcep.signed_coin := dcep.check((body ->> 'coin')::dcep.signed_coin);
BEGIN
    IF (dcep.issuer(coin), dcep.owner(coin), dcep.amount(coin), dcep.coin_id(coin))
       IS DISTINCT FROM (paid.origin, paid.payee, paid.amount, paid.transfer * 2) THEN
        PERFORM dcep.message_wrong('The coin is not that of the payment.');
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.require_coin(dcep.crossing, jsonb) IS
'Internal: a message carries the coin that its payment has minted. Errors: LG701, LG101-LG103';

-- The registry: a payment has left an operator's node.
CREATE FUNCTION dcep.take_pay(sender integer, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    paid dcep.crossing;
    refused text;
    reason text;
    receiver integer;
BEGIN
    paid := jsonb_populate_record(NULL::dcep.crossing, body);
    paid.origin := sender;
    IF dcep.institution(paid.payer) <> sender OR paid.amount <= 0 OR paid.kind NOT IN ('transfer', 'redeem', 'recover')
       OR (paid.kind = 'redeem') <> (paid.payee = dcep.vault(1)) THEN
        PERFORM dcep.message_wrong('The payment is not the sender''s to make.');
    END IF;
    IF paid.kind <> 'redeem' THEN
        PERFORM dcep.require_coin(paid, body);
    END IF;
    IF paid.kind = 'recover' THEN
        PERFORM dcep.require_recovery_payment(paid);
    END IF;
    INSERT INTO dcep.crossing (origin, transfer, kind, payer, payee, amount, posted_at)
    VALUES (sender, paid.transfer, paid.kind, paid.payer, paid.payee, paid.amount, clock_timestamp()) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('The coin was sent before.');
    END IF;
    -- Wallets and reserves are locked before holdings, and these before lines, here and where the central bank issues.
    SELECT t.refused, t.reason, t.receiver INTO refused, reason, receiver FROM dcep.pass_on(paid, body) AS t;
    IF refused IS NOT NULL THEN
        PERFORM dcep.return_payment(dcep.end_crossing(sender, paid.transfer, 'returned', refused, reason));
        RETURN;
    END IF;
    PERFORM dcep.move_holding(sender, -paid.amount);
    IF receiver = sender THEN
        PERFORM dcep.settle_payment(sender, paid.transfer);
    ELSE
        PERFORM dcep.post_message(receiver, 'credit', body || jsonb_build_object('origin', sender));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.take_pay(integer, jsonb) IS
'Internal: takes the message that a payment has left an operator''s node. Errors: LG701, LG702, LG101-LG103';

-- What becomes of a payment at the registry: what is redeemed is destroyed here, what is given back to a wallet of this
-- database is credited here, all else goes on to the payee's node.
CREATE FUNCTION dcep.pass_on(paid dcep.crossing, body jsonb, OUT refused text, OUT reason text, OUT receiver integer)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target smallint := dcep.institution(paid.payee);
BEGIN
    IF paid.kind = 'redeem' OR (paid.kind = 'recover' AND dcep.is_here(paid.payee)) THEN
        -- What the reserve, the payee or its operator's signer refuses is refused here.
        BEGIN
            UPDATE dcep.crossing AS c
               SET local_transfer = dcep.deliver(paid.kind::text, paid.payer, paid.payee, paid.amount,
                                                 format('%s:%s', paid.origin, paid.transfer), body ->> 'memo', NULL)
             WHERE c.origin = paid.origin AND c.transfer = paid.transfer;
            receiver := paid.origin;
        EXCEPTION WHEN SQLSTATE 'LG201' OR SQLSTATE 'LG202' OR SQLSTATE 'LG206' OR SQLSTATE 'LG208' OR SQLSTATE 'LG305' OR SQLSTATE 'LG306'
                    OR SQLSTATE 'LG311' OR SQLSTATE 'LG312' OR numeric_value_out_of_range THEN
            refused := SQLSTATE;
            reason := SQLERRM;
        END;
    ELSIF EXISTS (SELECT FROM dcep.institution AS i WHERE i.code = target AND i.status <> 'active') THEN
        refused := 'LG202';
        reason := 'payee may not receive: its institution is suspended';
    ELSIF target = paid.origin OR NOT EXISTS (SELECT FROM dcep.line AS l WHERE l.peer = target) THEN
        refused := 'LG305';
        reason := 'wallet does not exist';
    ELSIF EXISTS (SELECT FROM dcep.line AS l WHERE l.peer = target AND l.status <> 'open') THEN
        refused := 'LG202';
        reason := 'payee may not receive: its node is quarantined';
    ELSE
        receiver := target;
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.pass_on(dcep.crossing, jsonb) IS
'Internal: which node is to be told of a payment that has come to the registry: the payee''s, or of what ends here the payer''s; why not, where it goes no further';

CREATE FUNCTION dcep.end_crossing(origin integer, transfer bigint, state text, sqlstate text, reason text) RETURNS dcep.crossing
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended dcep.crossing;
BEGIN
    UPDATE dcep.crossing AS c
       SET state = end_crossing.state, sqlstate = end_crossing.sqlstate, reason = end_crossing.reason, ended_at = clock_timestamp()
     WHERE c.origin = end_crossing.origin AND c.transfer = end_crossing.transfer AND c.state = 'pending'
    RETURNING * INTO ended;
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('There is no such payment under way.');
    END IF;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION dcep.end_crossing(integer, bigint, text, text, text) IS
'Internal: ends a payment that was under way. Errors: LG701 (there is none)';

-- The registry: a payment is where it should be, which its payer's node is told.
CREATE FUNCTION dcep.settle_payment(origin integer, transfer bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended dcep.crossing := dcep.end_crossing(origin, transfer, 'settled', NULL, NULL);
BEGIN
    IF ended.kind = 'recover' THEN
        PERFORM dcep.settle_recovery(ended);
    END IF;
    IF origin <> 1 THEN
        PERFORM dcep.post_message(origin, 'settled', jsonb_build_object('origin', origin, 'transfer', transfer));
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.settle_payment(integer, bigint) IS
'Internal: ends a payment that has arrived, and tells its payer''s node. Errors: LG701 (none under way)';

-- The registry: a payment goes back to its payer's node.
CREATE FUNCTION dcep.return_payment(ended dcep.crossing) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.post_message(ended.origin, 'returned',
                             jsonb_build_object('origin', ended.origin, 'transfer', ended.transfer, 'payer', ended.payer,
                                                'payee', ended.payee, 'amount', ended.amount, 'sqlstate', ended.sqlstate,
                                                'reason', ended.reason))
$$;
COMMENT ON FUNCTION dcep.return_payment(dcep.crossing) IS
'Internal: tells a payer''s node that its payment comes back, and why';

CREATE FUNCTION dcep.give_back(origin integer, transfer bigint, sqlstate text, reason text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended dcep.crossing := dcep.end_crossing(origin, transfer, 'returned', sqlstate, reason);
BEGIN
    IF ended.origin = 1 THEN
        -- An issue that the operator's node cannot take: what was issued is redeemed, and the reserve has it back.
        UPDATE dcep.crossing AS c
           SET local_transfer = dcep.deliver('redeem', ended.payee, ended.payer, ended.amount, format('return of %s', ended.transfer),
                                             ended.reason, NULL)
         WHERE c.origin = ended.origin AND c.transfer = ended.transfer;
        PERFORM dcep.move_holding(dcep.institution(ended.payee), -ended.amount);
        RETURN;
    END IF;
    PERFORM dcep.move_holding(ended.origin, ended.amount);
    PERFORM dcep.return_payment(ended);
END
$$;
COMMENT ON FUNCTION dcep.give_back(integer, bigint, text, text) IS
'Internal: takes a payment back that the payee''s node has declined. Errors: LG701';

-- The registry: the payee's node has the money, or will not have it.
CREATE FUNCTION dcep.take_answer(sender integer, kind text, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    paid dcep.crossing;
BEGIN
    SELECT * INTO paid FROM dcep.crossing AS c
     WHERE c.origin = (body ->> 'origin')::smallint AND c.transfer = (body ->> 'transfer')::bigint;
    IF NOT FOUND OR dcep.institution(paid.payee) <> sender OR paid.kind = 'redeem' THEN
        PERFORM dcep.message_wrong('The payment was not for the sender.');
    END IF;
    IF kind = 'declined' THEN
        PERFORM dcep.give_back(paid.origin, paid.transfer, body ->> 'sqlstate', body ->> 'reason');
        RETURN;
    END IF;
    IF paid.origin <> 1 THEN
        PERFORM dcep.move_holding(sender, paid.amount);
    END IF;
    PERFORM dcep.settle_payment(paid.origin, paid.transfer);
END
$$;
COMMENT ON FUNCTION dcep.take_answer(integer, text, jsonb) IS
'Internal: takes the answer of the payee''s node, accepted or declined. Errors: LG701';

-- The payee's node: a payment has come.
CREATE FUNCTION dcep.take_credit(message dcep.message) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    body jsonb := message.body::jsonb;
    paid dcep.crossing := jsonb_populate_record(NULL::dcep.crossing, body);
    answer jsonb := jsonb_build_object('origin', paid.origin, 'transfer', paid.transfer);
BEGIN
    PERFORM dcep.require_coin(paid, body);
    BEGIN
        paid.local_transfer := dcep.deliver(paid.kind::text, paid.payer, paid.payee, paid.amount,
                                                   format('%s:%s', paid.origin, paid.transfer), body ->> 'memo', message);
    EXCEPTION WHEN SQLSTATE 'LG305' OR SQLSTATE 'LG306' OR SQLSTATE 'LG202' OR SQLSTATE 'LG206' OR SQLSTATE 'LG208'
                OR invalid_parameter_value THEN
        PERFORM dcep.post_message(1, 'declined', answer || jsonb_build_object('sqlstate', SQLSTATE, 'reason', SQLERRM));
        RETURN;
    END;
    INSERT INTO dcep.crossing (origin, transfer, kind, payer, payee, amount, posted_at, state, ended_at, local_transfer)
    VALUES (paid.origin, paid.transfer, paid.kind, paid.payer, paid.payee, paid.amount, clock_timestamp(), 'settled',
            clock_timestamp(), paid.local_transfer);
    PERFORM dcep.post_message(1, 'accepted', answer || jsonb_build_object('local_transfer', paid.local_transfer));
END
$$;
COMMENT ON FUNCTION dcep.take_credit(dcep.message) IS
'Internal: takes a payment to a wallet of this node, or declines it with the reason. Errors: LG701, LG101-LG103; LG311, LG312 (the signer)';

-- The payer's node: what it has paid is where it should be, or comes back.
CREATE FUNCTION dcep.take_end(message dcep.message) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    body jsonb := message.body::jsonb;
    said dcep.crossing := jsonb_populate_record(NULL::dcep.crossing, body);
    ended dcep.crossing := dcep.end_crossing(dcep.own_institution(), said.transfer, message.kind, said.sqlstate, said.reason);
    key text := format('return of %s', ended.transfer);
    memo text := format('%s: %s', body ->> 'sqlstate', body ->> 'reason');
    back bigint;
BEGIN
    IF message.kind = 'settled' THEN
        IF ended.kind = 'recover' THEN
            PERFORM dcep.end_recovery(ended);
        END IF;
        RETURN;
    ELSIF (said.origin, said.payer, said.payee, said.amount) IS DISTINCT FROM (ended.origin, ended.payer, ended.payee, ended.amount) THEN
        PERFORM dcep.message_wrong('It is not the payment that left.');
    END IF;
    BEGIN
        back := dcep.deliver('return', ended.payee, ended.payer, ended.amount, key, memo, message);
    EXCEPTION WHEN SQLSTATE 'LG306' THEN
        -- The payer has closed its wallet meanwhile: its operator keeps the money for it.
        back := dcep.deliver('return', ended.payee, dcep.vault(ended.origin), ended.amount, key, memo, message);
    END;
    UPDATE dcep.crossing AS c SET local_transfer = back WHERE c.origin = ended.origin AND c.transfer = ended.transfer RETURNING * INTO ended;
    IF ended.kind = 'recover' THEN
        PERFORM dcep.end_recovery(ended);
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.take_end(dcep.message) IS
'Internal: takes the end of a payment that this node has made: settled, or returned, which gives the payer its money back. Errors: LG701; LG311, LG312 (the signer)';

-- Who takes part, and with which keys: from the registry to all, and each operator''s own to the registry.
CREATE FUNCTION dcep.take_institution(body jsonb) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- Of this node itself the registry decides one thing: whether it is suspended.
    UPDATE dcep.institution AS i SET status = body ->> 'status'
     WHERE i.code = (body ->> 'code')::smallint AND i.code = dcep.own_institution();
    INSERT INTO dcep.institution (code, name, kind, status, vault, enrolled_at, is_here)
    SELECT n.code, n.name, n.kind, n.status, n.vault, n.enrolled_at, false
      FROM jsonb_populate_record(NULL::dcep.institution, body) AS n WHERE n.code <> dcep.own_institution()
    ON CONFLICT (code) DO UPDATE SET name = excluded.name, status = excluded.status, vault = excluded.vault
$$;
COMMENT ON FUNCTION dcep.take_institution(jsonb) IS 'Internal: enters an institution as the registry has it';

-- The columns are named: a key of another version lacks those that this one has added, which have their defaults.
CREATE FUNCTION dcep.enter_key(key dcep.signing_key) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO dcep.signing_key (institution, number, suite, public_key, valid_from, valid_until, revoked_at, revocation_reason)
    VALUES (key.institution, key.number, key.suite, key.public_key, key.valid_from, key.valid_until, key.revoked_at, key.revocation_reason)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION dcep.enter_key(dcep.signing_key) IS 'Internal: enters a key of another node; false where one with its institution and number is here already';

CREATE FUNCTION dcep.take_key(sender integer, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    key dcep.signing_key := jsonb_populate_record(NULL::dcep.signing_key, body);
BEGIN
    IF sender <> 1 AND key.institution <> sender THEN
        PERFORM dcep.message_wrong('The key is not the sender''s.');
    END IF;
    IF key.institution = own THEN
        RETURN;
    END IF;
    IF dcep.enter_key(key) THEN
        RETURN;
    END IF;
    -- A key that is there never becomes another one, and a revocation is never taken back.
    UPDATE dcep.signing_key AS k
       SET revoked_at = LEAST(k.revoked_at, key.revoked_at), revocation_reason = COALESCE(key.revocation_reason, k.revocation_reason),
           valid_until = LEAST(k.valid_until, key.valid_until)
     WHERE (k.institution, k.number, k.suite, k.public_key) = (key.institution, key.number, key.suite, key.public_key);
    IF NOT FOUND THEN
        PERFORM dcep.message_wrong('Another key has that number.');
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.take_key(integer, jsonb) IS 'Internal: enters a key of another node, or its revocation. Errors: LG701';

-- An operator's node: the central bank restricts a wallet, or releases it.
CREATE FUNCTION dcep.take_restriction(kind text, body jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM dcep.restrict_wallet((body ->> 'wallet')::dcep.wallet_id, body ->> 'direction', body ->> 'reason', kind = 'freeze');
EXCEPTION WHEN SQLSTATE 'LG305' THEN
    -- There is no such wallet: nothing to restrict, and nothing wrong with the message.
    RETURN;
END
$$;
COMMENT ON FUNCTION dcep.take_restriction(text, jsonb) IS
'Internal: freezes or releases a wallet of this node, as the central bank has ordered on the registry';

-- Tells the other nodes what has changed here: the registry all of them, an operator the registry its own keys.
CREATE FUNCTION dcep.tell_nodes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own smallint := dcep.own_institution();
    body jsonb := to_jsonb(NEW);
    about smallint := (body ->> 'institution')::smallint;
    is_next boolean;
BEGIN
    IF TG_TABLE_NAME = 'institution' THEN
        IF own = 1 THEN
            PERFORM dcep.post_message(l.peer, 'institution', body) FROM dcep.line AS l ORDER BY l.peer;
        END IF;
    ELSIF own = 1 OR about = own THEN
        is_next := TG_OP = 'INSERT' AND about = own;
        BEGIN
            -- Whom the others know already vouches for the new key: it is told of with the key before it.
            PERFORM dcep.post_message(l.peer, 'key', body,
                                      CASE WHEN is_next THEN (body ->> 'valid_from')::timestamptz - interval '1 microsecond' ELSE clock_timestamp() END)
               FROM dcep.line AS l WHERE l.peer <> about ORDER BY l.peer;
        EXCEPTION WHEN object_not_in_prerequisite_state THEN
            -- Without a next key a node whose key was lost would never sign again.
            IF NOT is_next THEN
                RAISE;
            END IF;
            RAISE WARNING USING MESSAGE = 'other nodes are not told of the new key', DETAIL = format('No key before it can sign that: %s.', SQLERRM),
                HINT = CASE own WHEN 1 THEN 'Have dcep.join() called again on the node of every operator.'
                                ELSE 'Have dcep.join() called again on the registry.' END || ' Messages wait there until then.';
        END;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION dcep.tell_nodes() IS 'Trigger: tells the nodes that there is a line to of an institution or a key';

-- --- taking messages -------------------------------------------------------------

CREATE FUNCTION dcep.message_defect(message dcep.message, head bytea) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN message.prev_hash <> head THEN 'it does not follow the message before it'
                ELSE dcep.act_defect(message.sender, message.number, message.prev_hash, message.receiver, message.made_at,
                                     'message ' || message.kind, message.by_role, lpad(message.receiver::text, 4, '0'), message.body,
                                     message.suite, message.key_number, message.hash, message.signature) END
$$;
COMMENT ON FUNCTION dcep.message_defect(dcep.message, bytea) IS
'Internal: what is wrong with a message''s link to the one before it, whose hash is head, with its hash or its signature; NULL where nothing is';

CREATE FUNCTION dcep.message_kinds() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY['pay', 'credit', 'accepted', 'declined', 'settled', 'returned', 'freeze', 'unfreeze', 'act', 'act_done', 'agreed', 'trace',
                 'traced', 'release', 'recover', 'recovered', 'held_again', 'key', 'institution']
$$;
COMMENT ON FUNCTION dcep.message_kinds() IS
'Internal: the kinds of messages that this version knows. One of another kind waits, and all after it on its line, until this node is upgraded';

CREATE FUNCTION dcep.do_message(message dcep.message) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    body jsonb := message.body::jsonb;
    is_registry boolean := dcep.own_institution() = 1;
BEGIN
    CASE
        WHEN message.kind = 'pay' AND is_registry THEN PERFORM dcep.take_pay(message.sender, body);
        WHEN message.kind IN ('accepted', 'declined') AND is_registry THEN PERFORM dcep.take_answer(message.sender, message.kind, body);
        WHEN message.kind = 'act' THEN PERFORM dcep.take_act(message.sender, body);
        WHEN message.kind = 'act_done' AND is_registry THEN PERFORM dcep.take_act_done(message.sender, body);
        WHEN message.kind = 'agreed' AND NOT is_registry THEN PERFORM dcep.take_agreed(body);
        WHEN message.kind = 'key' THEN PERFORM dcep.take_key(message.sender, body);
        WHEN message.kind = 'credit' AND NOT is_registry THEN PERFORM dcep.take_credit(message);
        WHEN message.kind IN ('settled', 'returned') AND NOT is_registry THEN PERFORM dcep.take_end(message);
        WHEN message.kind IN ('freeze', 'unfreeze') AND NOT is_registry THEN PERFORM dcep.take_restriction(message.kind, body);
        WHEN message.kind = 'institution' AND NOT is_registry THEN PERFORM dcep.take_institution(body);
        WHEN message.kind = 'traced' AND is_registry THEN PERFORM dcep.take_traced(message.sender, body);
        WHEN message.kind = 'trace' AND NOT is_registry THEN PERFORM dcep.take_trace(body);
        WHEN message.kind = 'recover' AND NOT is_registry THEN PERFORM dcep.take_recover(body);
        WHEN message.kind = 'recovered' AND is_registry THEN PERFORM dcep.take_recovered(message.sender, body);
        WHEN message.kind = 'held_again' AND is_registry THEN PERFORM dcep.take_held_again(message.sender, body);
        WHEN message.kind = 'release' AND NOT is_registry THEN PERFORM dcep.take_release(body);
        ELSE PERFORM dcep.message_wrong(format('A node of this kind takes no message "%s".', message.kind));
    END CASE;
END
$$;
COMMENT ON FUNCTION dcep.do_message(dcep.message) IS 'Internal: does what a message asks for. Errors: LG702, LG701, LG101-LG103, and of its content 22P02 and the like';

CREATE FUNCTION dcep.quarantine(peer integer, message dcep.message, sqlstate text, reason text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO dcep.evidence (sender, receiver, number, kind, body, by_role, made_at, suite, key_number, prev_hash, hash, signature, sqlstate, reason)
    VALUES (message.sender, message.receiver, message.number, message.kind, message.body, message.by_role, message.made_at,
            message.suite, message.key_number, message.prev_hash, message.hash, message.signature, quarantine.sqlstate,
            quarantine.reason);
    UPDATE dcep.line AS l SET status = 'quarantined', reason = quarantine.reason WHERE l.peer = quarantine.peer;
    RAISE WARNING 'node % is quarantined', lpad(peer::text, 4, '0') USING DETAIL = reason;
END
$$;
COMMENT ON FUNCTION dcep.quarantine(integer, dcep.message, text, text) IS
'Internal: keeps a message that cannot be right as evidence, and takes no more from its sender';

-- One message, the next of a line. What it asks for is done, or the line stops; never half of it.
CREATE FUNCTION dcep.take_message(message dcep.message, line dcep.line) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
    because text;
BEGIN
    -- Its key will be told of, by a message before this one that has not come, or by dcep.join(); or the sender has a later
    -- version than this node, and waits for it.
    IF message.kind <> ALL (dcep.message_kinds())
       OR NOT EXISTS (SELECT FROM dcep.signing_key AS k WHERE k.institution = message.sender AND k.number = message.key_number) THEN
        RETURN false;
    END IF;
    wrong := dcep.message_defect(message, line.taken_head);
    IF wrong IS NOT NULL THEN
        PERFORM dcep.quarantine(line.peer, message, 'LG101', wrong);
        RETURN true;
    END IF;
    BEGIN
        PERFORM dcep.do_message(message);
    EXCEPTION
        -- What is no fault of the message is tried again; what our own signer refuses is none.
        WHEN transaction_rollback OR insufficient_resources OR operator_intervention OR system_error
          OR object_not_in_prerequisite_state OR lock_not_available OR internal_error OR SQLSTATE 'LG311' OR SQLSTATE 'LG312' THEN
            RAISE;
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS because = PG_EXCEPTION_DETAIL;
            PERFORM dcep.quarantine(line.peer, message, SQLSTATE, concat_ws(': ', SQLERRM, NULLIF(because, '')));
            RETURN true;
    END;
    UPDATE dcep.line AS l SET taken = message.number, taken_head = message.hash WHERE l.peer = line.peer;
    RETURN true;
END
$$;
COMMENT ON FUNCTION dcep.take_message(dcep.message, dcep.line) IS 'Internal: takes the next message of a line; false where it cannot be taken yet';

-- Messages of a line, one after the other, in one go.
CREATE FUNCTION dcep.take_together(line dcep.line, most integer) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    message dcep.message;
    head bytea := line.taken_head;
    last bigint := line.taken;
BEGIN
    FOR message IN SELECT m.* FROM dcep.message AS m
                    WHERE m.sender = line.peer AND m.receiver = dcep.own_institution() AND m.number > line.taken ORDER BY m.number LIMIT most LOOP
        EXIT WHEN message.number <> last + 1 OR message.kind <> ALL (dcep.message_kinds());
        IF dcep.message_defect(message, head) IS NOT NULL THEN
            PERFORM dcep.message_wrong('It is looked at once more, by itself.');
        END IF;
        PERFORM dcep.do_message(message);
        head := message.hash;
        last := message.number;
    END LOOP;
    UPDATE dcep.line AS l SET taken = last, taken_head = head WHERE l.peer = line.peer;
    RETURN last - line.taken;
END
$$;
COMMENT ON FUNCTION dcep.take_together(dcep.line, integer) IS
'Internal: takes the next messages of a line, up to a number of them, and returns how many: all, or an error and none of them. Errors: those of dcep.do_message(), LG701 (a defect)';

-- The next message of a line by itself, which is refused where it cannot be right.
CREATE FUNCTION dcep.take_next(peer integer) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    line dcep.line;
    message dcep.message;
BEGIN
    SELECT * INTO STRICT line FROM dcep.line AS l WHERE l.peer = take_next.peer;
    SELECT * INTO STRICT message FROM dcep.message AS m
     WHERE m.sender = line.peer AND m.receiver = dcep.own_institution() AND m.number = line.taken + 1;
    RETURN dcep.take_message(message, line)::integer;
END
$$;
COMMENT ON FUNCTION dcep.take_next(integer) IS
'Internal: takes, or refuses, the next message of a line that has one, and returns 1; 0 where it cannot be taken yet. Errors: those of dcep.take_message()';

-- It waits for no lock: a payment may hold it that waits for one of those that the messages before have taken.
CREATE FUNCTION dcep.take_messages(peer integer, most integer) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '10ms' AS $$
DECLARE
    line dcep.line;
    share integer := most;
BEGIN
    SELECT * INTO STRICT line FROM dcep.line AS l WHERE l.peer = take_messages.peer;
    WHILE share > 0 LOOP
        BEGIN
            RETURN dcep.take_together(line, share);
        EXCEPTION WHEN OTHERS THEN
            -- It is one of them; those before it are taken without it.
            RAISE DEBUG 'not all of % messages of node % can be taken', share, lpad(peer::text, 4, '0') USING DETAIL = SQLERRM;
            share := share / 2;
        END;
    END LOOP;
    BEGIN
        RETURN dcep.take_next(peer);
    EXCEPTION WHEN OTHERS THEN
        -- It has its turn when there is nothing else to do.
        RETURN 0;
    END;
END
$$;
COMMENT ON FUNCTION dcep.take_messages(integer, integer) IS
'Internal: takes messages of a line that has some, up to a number of them, and returns how many: those before the first that cannot be taken with others, or that one by itself; none where it would have to wait for a lock';

CREATE FUNCTION dcep.work_messages(most integer DEFAULT 1000) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    done bigint := 0;
    taken bigint;
    sources smallint[];
    source smallint;
    stuck smallint[] := ARRAY[]::smallint[];
BEGIN
    IF most IS NULL OR most < 1 THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN most IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
            MESSAGE = 'most must be 1 or more';
    END IF;
    -- One at a time. The lines themselves are locked after the wallets.
    LOCK TABLE dcep.line IN SHARE UPDATE EXCLUSIVE MODE;
    -- Each line gets its share, and each is the first now and then.
    sources := ARRAY(SELECT l.peer FROM dcep.line AS l WHERE l.status = 'open' AND EXISTS
                        (SELECT FROM dcep.message AS m
                          WHERE m.sender = l.peer AND m.receiver = dcep.own_institution() AND m.number = l.taken + 1)
                      ORDER BY random());
    FOREACH source IN ARRAY sources LOOP
        EXIT WHEN done >= most;
        taken := dcep.take_messages(source, GREATEST(1, most / cardinality(sources)));
        done := done + taken;
        IF taken = 0 THEN
            stuck := stuck || source;
        END IF;
    END LOOP;
    IF done < most THEN
        done := done + dcep.post_payments((most - done)::integer);
    END IF;
    FOREACH source IN ARRAY stuck LOOP
        -- As long as this transaction has done nothing it holds up nobody, and may wait for a lock.
        EXIT WHEN done > 0;
        done := dcep.take_next(source);
    END LOOP;
    RETURN done;
END
$$;
COMMENT ON FUNCTION dcep.work_messages(integer) IS
'Takes messages of other nodes that have come, in their order, and posts those of payments that have left, up to a number of them all, and returns how many. Done by the worker as they come. By the central bank, or by the operator whose node this is. Errors: 22004, 22023; 55000, LG311, LG312 where this node, or its signer, cannot do its part yet (it is tried again)';

CREATE FUNCTION dcep.wake_worker() RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_wake_worker';
COMMENT ON FUNCTION dcep.wake_worker() IS 'Internal: has the worker, where there is one, look for messages once this transaction has committed';

-- A message that came before is dropped: a subscription that was made anew brings all of them again.
CREATE FUNCTION dcep.message_arrives() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before dcep.message;
BEGIN
    SELECT * INTO before FROM dcep.message AS m
     WHERE m.sender = NEW.sender AND m.receiver = NEW.receiver AND m.number = NEW.number;
    IF NOT FOUND THEN
        IF NEW.receiver = dcep.own_institution() THEN
            PERFORM dcep.wake_worker();
        END IF;
        RETURN NEW;
    END IF;
    -- What a later version has added to the table was not sent, and may differ.
    IF (before.made_at, before.key_number, before.suite, before.kind, before.body, before.by_role, before.prev_hash, before.hash, before.signature)
       IS DISTINCT FROM (NEW.made_at, NEW.key_number, NEW.suite, NEW.kind, NEW.body, NEW.by_role, NEW.prev_hash, NEW.hash, NEW.signature) THEN
        PERFORM dcep.quarantine(NEW.sender, NEW, 'LG402', 'its sender has sent another message under the same number: its past was changed');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION dcep.message_arrives() IS
'Trigger: a message that is there already is not entered again; another one under its number is evidence';

CREATE TRIGGER message_arrives BEFORE INSERT ON dcep.message FOR EACH ROW EXECUTE FUNCTION dcep.message_arrives();
ALTER TABLE dcep.message ENABLE ALWAYS TRIGGER message_arrives;
CREATE TRIGGER tell_nodes AFTER INSERT OR UPDATE ON dcep.institution FOR EACH ROW EXECUTE FUNCTION dcep.tell_nodes();
CREATE TRIGGER tell_nodes AFTER INSERT OR UPDATE ON dcep.signing_key FOR EACH ROW EXECUTE FUNCTION dcep.tell_nodes();

-- --- joining ----------------------------------------------------------------------

CREATE FUNCTION dcep.node_facts() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
               'ledger', (SELECT to_jsonb(l) FROM dcep.ledger AS l),
               'institution', (SELECT to_jsonb(i) FROM dcep.institution AS i WHERE i.code = dcep.own_institution()),
               'keys', (SELECT jsonb_agg(to_jsonb(k) ORDER BY k.number) FROM dcep.signing_key AS k
                         WHERE k.institution = dcep.own_institution()))
$$;
COMMENT ON FUNCTION dcep.node_facts() IS 'What another node must know of this one before the first message: its ledger, its institution and its public keys';

CREATE FUNCTION dcep.add_keys(keys jsonb) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT dcep.enter_key(k) FROM jsonb_array_elements(keys) AS j, jsonb_populate_record(NULL::dcep.signing_key, j) AS k
$$;
COMMENT ON FUNCTION dcep.add_keys(jsonb) IS 'Internal: enters keys of another node that are not here yet';

-- The other node's facts were brought by whoever connects the two; from then on its messages speak for it.
CREATE FUNCTION dcep.open_line(facts jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own dcep.ledger;
    other dcep.ledger := jsonb_populate_record(NULL::dcep.ledger, facts -> 'ledger');
    peer dcep.institution := jsonb_populate_record(NULL::dcep.institution, facts -> 'institution');
BEGIN
    SELECT * INTO STRICT own FROM dcep.ledger;
    IF (own.currency, own.exponent, own.timezone) IS DISTINCT FROM (other.currency, other.exponent, other.timezone) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the two nodes keep different ledgers',
            DETAIL = format('This one counts %s with %s digits, days of %s; the other %s with %s, days of %s.', own.currency, own.exponent,
                            own.timezone, other.currency, other.exponent, other.timezone);
    ELSIF (own.institution = 1) = (other.institution = 1) OR facts -> 'keys' = 'null' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'a line runs between the registry and the node of an operator',
            DETAIL = format('The nodes are of institutions %s and %s.', lpad(own.institution::text, 4, '0'), lpad(other.institution::text, 4, '0'));
    ELSIF own.institution = 1 AND NOT EXISTS (SELECT FROM dcep.institution AS i WHERE i.code = other.institution AND NOT i.is_here) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('institution %s has no node of its own', lpad(other.institution::text, 4, '0')),
            HINT = 'Enroll it with dcep.enroll_institution(code, name, kind, elsewhere => true).';
    END IF;
    IF EXISTS (SELECT FROM dcep.line AS l WHERE l.peer = other.institution) THEN
        PERFORM dcep.add_keys(facts -> 'keys');
        RETURN;
    END IF;
    IF own.institution = 1 THEN
        -- Its name and status are the registry's to say.
        UPDATE dcep.institution AS i SET vault = peer.vault WHERE i.code = peer.code;
        INSERT INTO dcep.holding (institution, amount) VALUES (peer.code, 0);
    ELSE
        UPDATE dcep.institution AS i SET name = peer.name, vault = peer.vault WHERE i.code = 1;
    END IF;
    PERFORM dcep.add_keys(facts -> 'keys');
    INSERT INTO dcep.line (peer) VALUES (peer.code);
    IF own.institution = 1 THEN
        -- What the newcomer has to know of the others.
        PERFORM dcep.post_message(peer.code, 'institution', to_jsonb(i)) FROM dcep.institution AS i WHERE i.code NOT IN (1, peer.code)
         ORDER BY i.code;
        PERFORM dcep.post_message(peer.code, 'key', to_jsonb(k)) FROM dcep.signing_key AS k WHERE k.institution NOT IN (1, peer.code)
         ORDER BY k.institution, k.number;
    END IF;
END
$$;
COMMENT ON FUNCTION dcep.open_line(jsonb) IS
'Internal: opens the line to a node, by its dcep.node_facts(). Errors: 55000';

CREATE FUNCTION dcep.transfer_status(transfer bigint, OUT state text, OUT sqlstate text, OUT reason text, OUT at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(c.state, 'settled'), c.sqlstate, c.reason, COALESCE(c.ended_at, c.posted_at, t.created_at)
      FROM dcep.transfer AS t
      LEFT JOIN dcep.crossing AS c ON c.origin = dcep.own_institution() AND c.transfer = t.id
     WHERE t.id = transfer_status.transfer AND (dcep.caller_sees(t.payer) OR (t.kind <> 'token' AND dcep.caller_sees(t.payee)))
$$;
COMMENT ON FUNCTION dcep.transfer_status(bigint) IS
'What has become of a payment made here: settled; pending: on its way to the node of its payee; returned: the payer has it back, with what it was refused with. NULLs where there is none for the caller';

CREATE VIEW dcep.instructions AS
    SELECT (m.body::jsonb ->> 'origin')::smallint AS origin, (m.body::jsonb ->> 'transfer')::bigint AS transfer,
           CASE m.kind WHEN 'pay' THEN 1 WHEN 'credit' THEN 2 WHEN 'accepted' THEN 3 WHEN 'declined' THEN 3 ELSE 4 END AS priority,
           CASE m.kind WHEN 'pay' THEN 'consume and mint' WHEN 'credit' THEN 're-assign' WHEN 'accepted' THEN 'credit'
                       WHEN 'declined' THEN 'decline' WHEN 'returned' THEN 'return' ELSE 'acknowledge' END AS action,
           m.sender AS institution, m.made_at, m.sender, m.receiver, m.number, m.prev_hash, m.hash
      FROM dcep.message AS m WHERE m.kind IN ('pay', 'credit', 'accepted', 'declined', 'settled', 'returned')
     ORDER BY 1, 2, 3, m.made_at;
COMMENT ON VIEW dcep.instructions IS
'Execution instructions of payments across nodes, as far as this node took part: per payment in the order of priority, each with the hash-linked message that carried it. Read backwards they lead the money back. For the central bank and auditors';
