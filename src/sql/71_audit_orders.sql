-- The auditor on orders: are they what was signed, and did every payment obey those that were in force?
--
-- A payment asks for orders at the time of its created_at, under its payer's lock (control.c, rules.c).  An order was
-- in force from when its act was entered, for by then the payments that began before were over, or from its own
-- beginning where that came later; and until its end, or the act that lifted it.  Between that act and its commit
-- payments obey still, which is no violation.  Rules that are asked of recoveries and consolidations: see each check.
-- All of it trusts created_at to be in order with entered_at, as the server's clock is.

-- Orders as they were signed, and in effect as they stand.
CREATE FUNCTION dcep.audit_orders(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH standing AS (
        SELECT e.* FROM dcep.control_order AS o CROSS JOIN LATERAL dcep.effects_of(o) AS e
         WHERE NOT EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = o.id))
    SELECT 'act: ' || d.defect, d.institution, NULL::dcep.wallet_id, NULL::bigint, format('act %s: %s', d.act, d.detail)
      FROM dcep.verify_acts() AS d
    UNION ALL
    SELECT 'order without act', o.supervisor, NULL, NULL, format('order %s is not what its act says', o.id)
      FROM dcep.control_order AS o LEFT JOIN dcep.act AS a ON a.id = o.id
     CROSS JOIN LATERAL (SELECT dcep.order_signer(o)) AS s (signer)
     CROSS JOIN LATERAL (SELECT CASE WHEN dcep.elsewhere(s.signer) IS NULL THEN '{}'
                                     ELSE '{wallets,amounts,coins}' END::text[]) AS f (here)
     -- What an order that came from the registry bears on was found here: see dcep.audit_told().
     WHERE (a.kind, a.institution, a.body::jsonb - '{target,told}'::text[] - f.here) IS DISTINCT FROM
           ('impose', s.signer, jsonb_strip_nulls(to_jsonb(o)) - f.here)
    UNION ALL
    SELECT 'act without order', a.institution, NULL, NULL, format('act %s imposed an order that is not there', a.id)
      FROM dcep.act AS a
     WHERE a.kind = 'impose' AND NOT EXISTS (SELECT FROM dcep.control_order AS o WHERE o.id = a.id)
       AND NOT EXISTS (SELECT FROM dcep.told_act AS t WHERE t.act = a.id AND t.state = 'failed')
    UNION ALL
    SELECT 'lift without act', o.supervisor, NULL, NULL, format('the lifting of order %s is not what its act says', l.order_id)
      FROM dcep.control_lift AS l
      LEFT JOIN dcep.control_order AS o ON o.id = l.order_id
      LEFT JOIN dcep.act AS a ON a.id = l.act
      LEFT JOIN dcep.told_act AS t ON t.act = l.act AND t.receiver = dcep.own_institution()
     -- What another node has held is given back after it was ordered.
     CROSS JOIN LATERAL (SELECT a.kind = 'recover' AND EXISTS (SELECT FROM dcep.told_act AS n WHERE n.act = l.order_id
                                                                  AND n.receiver <> dcep.own_institution())) AS r (is_later)
     WHERE a.id IS NULL OR a.kind NOT IN ('lift', 'recover') OR (a.body::jsonb ->> 'order')::bigint <> l.order_id
        OR (l.lifted_at > COALESCE(t.at, a.entered_at) AND NOT r.is_later)
        OR (a.kind = 'recover' AND 2 > (SELECT count(DISTINCT v.authority) FROM dcep.recovery AS v WHERE v.order_id = l.order_id))
        OR (a.kind = 'lift' AND (a.institution NOT IN (o.supervisor, dcep.order_signer(o)) OR a.body::jsonb ->> 'reason' IS DISTINCT FROM l.reason))
    UNION ALL
    SELECT 'act without lift', a.institution, NULL, NULL, format('act %s lifted an order that is not on record as lifted', a.id)
      FROM dcep.act AS a
     WHERE a.kind = 'lift' AND NOT EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.act = a.id)
       -- Nor was it in effect where the node could not do it, or had given back what it held.
       AND NOT EXISTS (SELECT FROM dcep.told_act AS t WHERE t.act = a.id AND t.state = 'failed')
       AND NOT EXISTS (SELECT FROM dcep.told_act AS t
                        WHERE t.act = (a.body::jsonb ->> 'order')::bigint AND t.receiver = dcep.own_institution() AND t.state = 'recovered')
    UNION ALL
    SELECT 'effect missing', s.supervisor, CASE WHEN s.target > 0 THEN s.target::dcep.wallet_id END, NULL,
           format('order %s is not in effect as it stands', s.order_id)
      FROM (SELECT * FROM standing EXCEPT SELECT * FROM dcep.control_effect) AS s
    UNION ALL
    SELECT 'effect without order', s.supervisor, CASE WHEN s.target > 0 THEN s.target::dcep.wallet_id END, NULL,
           format('something is in effect that order %s does not say', s.order_id)
      FROM (SELECT * FROM dcep.control_effect EXCEPT SELECT * FROM standing) AS s
    UNION ALL
    SELECT 'effect not looked at', w.institution, w.id, NULL, 'its flags do not say whether orders bear on it'
      FROM dcep.touched(since) AS w
     WHERE (w.flags & 4 <> 0) <> EXISTS (SELECT FROM dcep.control_effect AS e WHERE e.target = w.id::bigint)
    UNION ALL
    SELECT 'effect not looked at', e.supervisor, NULL, NULL, format('order %s on a class is not marked', e.order_id)
      FROM dcep.control_effect AS e
     WHERE e.target < 0 AND NOT EXISTS (SELECT FROM dcep.controlled_class AS c WHERE c.target = e.target)
    UNION ALL
    SELECT 'order on unknown wallet', o.supervisor, u.wallet, NULL, format('order %s bears on a wallet that does not exist', o.id)
      FROM dcep.control_order AS o CROSS JOIN LATERAL unnest(o.wallets) AS u (wallet)
     WHERE NOT EXISTS (SELECT FROM dcep.wallet AS w WHERE w.id = u.wallet) AND dcep.elsewhere(dcep.institution(u.wallet)) IS NULL
    UNION ALL
    SELECT 'recovery without order', NULL, t.payer, t.id, 'no act of two authorities names it'
      FROM dcep.journal(since) AS t
     -- What came from another node, and by whose order a node recovers what it holds for others: dcep.audit_recoveries().
     WHERE t.kind = 'recover' AND dcep.is_here(t.payer)
       AND NOT EXISTS (SELECT FROM dcep.act AS a
                        WHERE a.kind = 'recover' AND a.body::jsonb -> 'transfers' @> to_jsonb(t.id)
                          AND (SELECT count(*) FROM dcep.recovery AS v
                                WHERE v.order_id = (a.body::jsonb ->> 'order')::bigint) = 2);
END
$$;
COMMENT ON FUNCTION dcep.audit_orders(bigint) IS 'Orders and liftings are what signed acts say, payments look at just those that stand, and no money was recovered without two authorities';

-- --- who had to obey what ----------------------------------------------------

CREATE FUNCTION dcep.orders_in_force(OUT order_id bigint, OUT kind text, OUT target bigint, OUT coin bigint, OUT amount bigint,
                                     OUT counterparty bigint, OUT from_second integer, OUT until_second integer,
                                     OUT from_time timestamptz, OUT until_time timestamptz) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id, o.kind, e.target, e.coin, e.amount, e.counterparty, e.from_second, e.until_second, i.from_time, i.until_time
      FROM dcep.control_order AS o
      JOIN dcep.act AS a ON a.id = o.id
      LEFT JOIN dcep.control_lift AS l ON l.order_id = o.id
      LEFT JOIN dcep.act AS f ON f.id = l.act
      -- What came from the registry holds from when it was done here.
      LEFT JOIN dcep.told_act AS t ON t.act = o.id
      LEFT JOIN dcep.told_act AS u ON u.act = l.act
     CROSS JOIN LATERAL (SELECT GREATEST(o.valid_from, COALESCE(t.at, a.entered_at)),
                                LEAST(o.valid_until, COALESCE(u.at, f.entered_at, l.lifted_at))) AS i (from_time, until_time)
     CROSS JOIN LATERAL dcep.effects_of(o) AS e
     WHERE i.from_time < i.until_time
$$;
COMMENT ON FUNCTION dcep.orders_in_force() IS
'Internal: what each order had in effect on each of its targets, those of lifted and expired orders included, and from when until when payments had to obey it';

CREATE FUNCTION dcep.passes_orders(kind dcep.transfer_kind, payer dcep.wallet_id) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN kind IN ('return', 'consolidate') OR (kind = 'recover' AND dcep.is_here(payer));
COMMENT ON FUNCTION dcep.passes_orders(dcep.transfer_kind, dcep.wallet_id) IS
'Internal: does no order on its payee stand against a payment of this kind? A recovery that comes from another node is a payment like any';

-- The orders of a target change at a few moments. Between two of them they are the same for all payments, and of orders
-- alike the strictest is enough: so each payment meets one row a kind, however many orders there were before and after.
-- How many rows that makes the planner cannot know; taking them for few it would join by
-- target alone, and compare each payment with each turn.
CREATE FUNCTION dcep.orders_on_payments(kinds text[], since bigint, OUT transfer bigint, OUT wallet dcep.wallet_id, OUT is_payer boolean, OUT kind text,
                                        OUT strictest bigint, OUT total numeric, OUT from_second integer, OUT until_second integer,
                                        OUT order_id bigint) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET enable_mergejoin = off
    SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH ruled AS MATERIALIZED (SELECT r.* FROM dcep.orders_in_force() AS r WHERE r.kind = ANY (kinds)),
    turn AS MATERIALIZED (
        SELECT r.target, r.from_time AS at FROM ruled AS r UNION SELECT r.target, r.until_time FROM ruled AS r),
    standing AS (
        SELECT t.target, t.at, r.kind, r.from_second, r.until_second, min(r.amount) AS strictest, sum(r.amount) AS total,
               (array_agg(r.order_id ORDER BY r.amount, r.order_id))[1] AS order_id
          FROM turn AS t JOIN ruled AS r ON r.target = t.target AND r.from_time <= t.at AND t.at < r.until_time
         GROUP BY t.target, t.at, r.kind, r.from_second, r.until_second),
    target AS (SELECT r.target, bool_or(r.kind IN ('no_credit', 'freeze')) AS binds_payee FROM ruled AS r GROUP BY r.target),
    bound AS (
        SELECT t.target, t.binds_payee, w.id AS wallet
          FROM target AS t JOIN dcep.wallet AS w ON w.id = CASE WHEN t.target > 0 THEN t.target::dcep.wallet_id END
        UNION ALL
        SELECT t.target, t.binds_payee, w.id FROM target AS t JOIN dcep.wallet AS w ON dcep.class_target(w.institution, w.class) = t.target),
    met AS (
        SELECT b.target, p.created_at AS at, NULL::timestamptz AS turned, p.id AS transfer, b.wallet, true AS is_payer
          FROM bound AS b JOIN dcep.journal(since) AS p ON p.payer = b.wallet WHERE p.kind <> 'recover'
        UNION ALL
        SELECT b.target, p.created_at, NULL, p.id, b.wallet, false
          FROM bound AS b JOIN dcep.journal(since) AS p ON p.payee = b.wallet WHERE b.binds_payee AND NOT dcep.passes_orders(p.kind, p.payer)
        UNION ALL
        SELECT t.target, t.at, t.at, NULL, NULL, NULL FROM turn AS t),
    placed AS (
        SELECT m.*, max(m.turned) OVER (PARTITION BY m.target ORDER BY m.at, m.turned NULLS LAST ROWS UNBOUNDED PRECEDING) AS last_turn
          FROM met AS m)
    SELECT p.transfer, p.wallet, p.is_payer, s.kind, s.strictest, s.total, s.from_second, s.until_second, s.order_id
      FROM placed AS p JOIN standing AS s ON s.target = p.target AND s.at = p.last_turn
     WHERE p.transfer IS NOT NULL AND (p.is_payer OR s.kind IN ('no_credit', 'freeze'));
END
$$;
COMMENT ON FUNCTION dcep.orders_on_payments(text[], bigint) IS
'Internal: for each transfer but recoveries, and its payer, and of no_credit and freeze its payee, what orders of certain kinds (bar_counterparty and freeze_coins apart) were in force on that wallet or its class at the time: by kind, and by window, the smallest amount, the order that has it, and the sum of all amounts (minor units; payments, of count_day). A consolidation has a payer alone. Sorts the payments of the wallets concerned once';

-- --- what payments did -------------------------------------------------------

-- Restrictions are asked of consolidations too; what concerns dealings and limits is not.
CREATE FUNCTION dcep.audit_obedience(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                     OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH met AS (
        SELECT o.*, t.amount, t.kind AS transfer_kind, t.kind <> 'consolidate' AS moves_money,
               floor(EXTRACT(epoch FROM (t.created_at AT TIME ZONE l.timezone)::time)) AS second
          FROM dcep.orders_on_payments('{no_debit,no_credit,freeze,no_redeem,cap_payment,time_window}', since) AS o
          JOIN dcep.journal(since) AS t ON t.id = o.transfer, dcep.ledger AS l),
    bar AS MATERIALIZED (SELECT r.* FROM dcep.orders_in_force() AS r WHERE r.kind = 'bar_counterparty'),
    dealt AS (
        SELECT t.id, t.created_at, t.payer AS wallet, t.payee AS other
          FROM dcep.journal(since) AS t WHERE NOT dcep.passes_orders(t.kind, t.payer)
        UNION ALL
        SELECT t.id, t.created_at, t.payee, t.payer
          FROM dcep.journal(since) AS t WHERE NOT dcep.passes_orders(t.kind, t.payer))
    SELECT 'order violated: ' || m.kind, NULL::smallint, m.wallet, m.transfer, format('order %s forbade it', m.order_id)
      FROM met AS m
     WHERE CASE m.kind
               WHEN 'no_debit' THEN m.is_payer
               WHEN 'no_credit' THEN NOT m.is_payer
               WHEN 'freeze' THEN true
               WHEN 'no_redeem' THEN m.is_payer AND m.transfer_kind IN ('exchange_out', 'redeem')
               WHEN 'time_window' THEN m.is_payer AND m.moves_money
                    AND NOT CASE WHEN m.from_second <= m.until_second THEN m.second >= m.from_second AND m.second < m.until_second
                                 ELSE m.second >= m.from_second OR m.second < m.until_second END END
    UNION ALL
    SELECT 'order violated: cap_payment', NULL, m.wallet, m.transfer,
           format('order %s allowed %s a payment, it moved %s', m.order_id, m.strictest, m.amount)
      FROM met AS m WHERE m.kind = 'cap_payment' AND m.is_payer AND m.moves_money AND m.amount > m.strictest
    UNION ALL
    SELECT 'order violated: bar_counterparty', NULL, d.wallet, d.id, format('order %s barred the two from each other', b.order_id)
      FROM dealt AS d
      JOIN dcep.wallet AS w ON w.id = d.wallet
     CROSS JOIN LATERAL (VALUES (w.id::bigint), (dcep.class_target(w.institution, w.class))) AS g (target)
      JOIN bar AS b ON b.target = g.target AND b.counterparty = d.other::bigint
       AND d.created_at >= b.from_time AND d.created_at < b.until_time
     WHERE d.other IN (SELECT c.counterparty::dcep.wallet_id FROM bar AS c);
END
$$;
COMMENT ON FUNCTION dcep.audit_obedience(bigint) IS
'No payment was made against an order that forbade it, by itself: no_debit, no_credit, freeze, no_redeem, cap_payment, time_window, bar_counterparty';

CREATE FUNCTION dcep.audit_day_orders(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                      OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT 'order violated: ' || o.kind, NULL::smallint, u.payer, u.transfer,
           format('order %s allowed %s a day, by then it was %s', o.order_id, o.strictest,
                  CASE o.kind WHEN 'cap_day' THEN u.day_spent ELSE u.day_count END)
      FROM dcep.orders_on_payments('{cap_day,count_day}', since) AS o
      JOIN dcep.journal_usage(since) AS u ON u.transfer = o.transfer
     WHERE o.is_payer AND CASE o.kind WHEN 'cap_day' THEN u.day_spent ELSE u.day_count END > o.strictest;
END
$$;
COMMENT ON FUNCTION dcep.audit_day_orders(bigint) IS
'No payment was beyond what an order let its payer pay that day (cap_day), or how often (count_day); what was paid before the order counts, consolidations and recoveries do not';

-- How much the payer had is known but for one thing: a credit of about the same time may have come too late to count.
-- It is taken to have counted, so that nothing is reported which may have been right.  Debits are in order by seq.
CREATE FUNCTION dcep.audit_holds(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                 OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH frozen AS MATERIALIZED (
        SELECT r.*, r.target::dcep.wallet_id AS wallet FROM dcep.orders_in_force() AS r WHERE r.kind = 'freeze_coins'),
    consumed AS MATERIALIZED (
        SELECT t.id, t.kind, t.payer, t.seq, t.created_at, i.coin
          FROM (SELECT DISTINCT f.wallet FROM frozen AS f WHERE since IS NULL OR f.wallet IN (SELECT w.id FROM dcep.touched(since) AS w)) AS f
         CROSS JOIN LATERAL (SELECT * FROM dcep.transfer AS o WHERE o.payer = f.wallet OFFSET 0) AS t
         CROSS JOIN LATERAL unnest(t.inputs) AS i (coin)),
    held AS MATERIALIZED (
        SELECT o.transfer, o.wallet, sum(o.total) AS amount, min(o.order_id) AS order_id
          FROM dcep.orders_on_payments('{hold_amount}', since) AS o WHERE o.is_payer GROUP BY o.transfer, o.wallet),
    moved AS (
        SELECT m.*, CASE WHEN m.seq IS NULL THEN m.created_at
                         ELSE max(m.created_at) OVER (PARTITION BY m.wallet, m.seq IS NULL ORDER BY m.seq) END AS at
          FROM dcep.journal_movements(since) AS m WHERE m.wallet IN (SELECT h.wallet FROM held AS h)),
    had AS (
        SELECT m.*, sum(m.delta) OVER (PARTITION BY m.wallet ORDER BY m.at, m.seq NULLS FIRST ROWS UNBOUNDED PRECEDING) - m.delta AS balance
          FROM moved AS m),
    -- Coins that were frozen at the time, and still there.
    apart AS (
        SELECT c.transfer, sum(c.amount) AS amount
          FROM (SELECT DISTINCT h.transfer, f.coin, f.amount
                  FROM held AS h
                  JOIN dcep.journal(since) AS t ON t.id = h.transfer
                  JOIN frozen AS f ON f.wallet = h.wallet AND t.created_at >= f.from_time AND t.created_at < f.until_time
                 WHERE NOT EXISTS (SELECT FROM consumed AS s WHERE s.coin = f.coin AND s.payer = h.wallet AND s.seq < t.seq)) AS c
         GROUP BY c.transfer)
    SELECT 'order violated: freeze_coins', NULL::smallint, c.payer, c.id, format('order %s froze coin %s', f.order_id, c.coin)
      FROM consumed AS c
      JOIN frozen AS f ON f.coin = c.coin AND f.wallet = c.payer AND c.created_at >= f.from_time AND c.created_at < f.until_time
     WHERE c.kind <> 'recover' AND (since IS NULL OR c.id IN (SELECT dcep.transfers_since(since)))
    UNION ALL
    SELECT 'order violated: hold_amount', NULL, h.wallet, h.transfer,
           format('of %s at most, with %s held under order %s and others, it paid %s',
                  b.balance - COALESCE(a.amount, 0), h.amount, h.order_id, -b.delta)
      FROM held AS h
      JOIN had AS b ON b.transfer = h.transfer AND b.wallet = h.wallet AND b.seq IS NOT NULL
      LEFT JOIN apart AS a ON a.transfer = h.transfer
     WHERE b.balance - COALESCE(a.amount, 0) + b.delta < h.amount;
END
$$;
COMMENT ON FUNCTION dcep.audit_holds(bigint) IS
'After each payment the payer kept what orders held (hold_amount), frozen coins apart, and no frozen coin was consumed but by a recovery. A credit that came at about the same time counts as there';
