-- Proof: chains, reserves, and the auditor that recomputes everything from the journal.

CREATE FUNCTION dcep.verify_chain(wallet dcep.wallet_id DEFAULT NULL, signatures boolean DEFAULT true,
                                  OUT defect text, OUT wallet_id dcep.wallet_id, OUT seq bigint, OUT transfer bigint,
                                  OUT detail text) RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_verify_chain';
COMMENT ON FUNCTION dcep.verify_chain(dcep.wallet_id, boolean) IS
'Verifies the hash chain of a wallet, or of all wallets: one row a defect (hash, signature, gap, link, head, orphan, damaged), none when sound. Without signatures it is about twenty times as fast. All chains: by auditors and the central bank; one: by whoever may see the wallet. Whose wallet a defect concerns is shown to those who may see it. Errors: 42501';

CREATE FUNCTION dcep.verify_reserves(OUT defect text, OUT institution smallint, OUT seq bigint, OUT transfer bigint,
                                     OUT detail text) RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_verify_reserves';
COMMENT ON FUNCTION dcep.verify_reserves() IS
'Verifies the chains of reserve entries: hash, signature, gap, link, balance, head; one row a defect. By auditors and the central bank. Errors: 42501';

-- --- the auditor's checks: each is a view of defects, empty when sound --------
-- Sums must not fail on whatever number an altered row has: GREATEST, << and numeric are there for that.

-- What was issued and not redeemed is in live coins, and was taken out of reserves.
CREATE FUNCTION dcep.audit_conservation(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                        OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH journal AS (
        SELECT COALESCE(sum(t.amount) FILTER (WHERE t.kind = 'issue'), 0) AS issued,
               COALESCE(sum(t.amount) FILTER (WHERE t.kind = 'redeem'), 0) AS redeemed
          FROM dcep.transfer AS t WHERE t.kind IN ('issue', 'redeem')),
    coins AS (SELECT COALESCE(sum(c.amount), 0) AS live FROM dcep.coin AS c),
    reserves AS (SELECT COALESCE(-sum(r.amount), 0) AS debits FROM dcep.reserve_entry AS r WHERE r.transfer IS NOT NULL)
    SELECT 'conservation', NULL::smallint, NULL::dcep.wallet_id, NULL::bigint,
           format('issued %s, redeemed %s, live coins %s, reserve debits %s', issued, redeemed, live, debits)
      FROM journal, coins, reserves
     WHERE issued - redeemed <> live OR issued - redeemed <> debits
$$;
COMMENT ON FUNCTION dcep.audit_conservation() IS 'issued - redeemed = live coins = reserve debits, over the whole ledger';

-- The same per operator, with what came from and went to wallets of others.
CREATE FUNCTION dcep.audit_operators(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                     OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH movement AS (
        SELECT m.code, sum(m.amount) AS held,
               sum(m.amount) FILTER (WHERE m.kind IN ('issue', 'redeem')) AS outstanding
          FROM (SELECT dcep.institution(t.payee) AS code, t.kind, t.amount FROM dcep.transfer AS t WHERE t.kind <> 'redeem'
                UNION ALL
                SELECT dcep.institution(t.payer), t.kind, -GREATEST(t.amount, -9223372036854775807) FROM dcep.transfer AS t WHERE t.kind <> 'issue') AS m
         GROUP BY m.code),
    coins AS (SELECT dcep.institution(c.owner) AS code, sum(c.amount) AS live FROM dcep.coin AS c GROUP BY 1),
    reserves AS (SELECT r.institution AS code, -sum(r.amount) AS debits
                   FROM dcep.reserve_entry AS r WHERE r.transfer IS NOT NULL GROUP BY 1)
    SELECT 'conservation of an operator', i.code, NULL::dcep.wallet_id, NULL::bigint,
           format('its wallets received and kept %s and hold %s; it was issued %s net and its reserve debited %s',
                  COALESCE(m.held, 0), COALESCE(c.live, 0), COALESCE(m.outstanding, 0), COALESCE(r.debits, 0))
      FROM dcep.institution AS i
      LEFT JOIN movement AS m ON m.code = i.code
      LEFT JOIN coins AS c ON c.code = i.code
      LEFT JOIN reserves AS r ON r.code = i.code
     WHERE COALESCE(m.held, 0) <> COALESCE(c.live, 0) OR COALESCE(m.outstanding, 0) <> COALESCE(r.debits, 0)
$$;
COMMENT ON FUNCTION dcep.audit_operators() IS 'Per operator: what its wallets received less what they paid = their live coins; issued - redeemed = reserve debits';

-- Live coins against the transfers that minted them.
CREATE FUNCTION dcep.audit_coins(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                 OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'live coin', dcep.institution(c.owner)::smallint, c.owner, c.id >> 1,
           CASE WHEN t.id IS NULL THEN format('coin %s was minted by no transfer', c.id)
                WHEN c.id & 1 = 0 AND t.kind = 'redeem' THEN format('coin %s would be a redemption''s', c.id)
                WHEN c.owner <> CASE c.id & 1 WHEN 0 THEN t.payee ELSE t.payer END
                THEN format('coin %s was minted for another wallet', c.id)
                ELSE format('coin %s has amount %s instead of %s', c.id, c.amount,
                            CASE c.id & 1 WHEN 0 THEN t.amount ELSE t.change END) END
      FROM dcep.coin AS c
      LEFT JOIN dcep.transfer AS t ON t.id = c.id >> 1
     WHERE t.id IS NULL
        OR c.amount <> CASE c.id & 1 WHEN 0 THEN t.amount ELSE t.change END
        OR c.owner <> CASE c.id & 1 WHEN 0 THEN t.payee ELSE t.payer END
        OR (c.id & 1 = 0 AND t.kind = 'redeem')
$$;
COMMENT ON FUNCTION dcep.audit_coins() IS 'Every live coin has its minting transfer, with the same owner and amount';

-- No coin is spent twice, or is spent and still there, or comes from nowhere.
CREATE FUNCTION dcep.audit_spends(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH input AS MATERIALIZED (
        SELECT t.id AS transfer, t.payer, i.coin FROM dcep.transfer AS t, unnest(t.inputs) AS i (coin))
    SELECT 'coin consumed twice', NULL::smallint, NULL::dcep.wallet_id, max(n.transfer),
           format('coin %s was consumed by transfers %s', n.coin, string_agg(n.transfer::text, ', ' ORDER BY n.transfer))
      FROM input AS n WHERE n.coin IN (SELECT d.coin FROM input AS d GROUP BY d.coin HAVING count(*) > 1) GROUP BY n.coin
    UNION ALL
    SELECT 'coin live and consumed', NULL, c.owner, n.transfer,
           format('coin %s is live and was consumed by transfer %s', c.id, n.transfer)
      FROM input AS n JOIN dcep.coin AS c ON c.id = n.coin
    UNION ALL
    SELECT 'foreign input', NULL, n.payer, n.transfer, format('coin %s was minted by no transfer', n.coin)
      FROM input AS n WHERE NOT EXISTS (SELECT FROM dcep.transfer AS m WHERE m.id = n.coin >> 1)
$$;
COMMENT ON FUNCTION dcep.audit_spends() IS 'No coin is consumed twice, or live and consumed; every coin consumed was minted';

-- Inputs belong to the payer and add up, and every coin ends once: live, or consumed.
CREATE FUNCTION dcep.audit_inputs(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH input AS MATERIALIZED (
        SELECT t.id AS transfer, t.payer, i.coin FROM dcep.transfer AS t, unnest(t.inputs) AS i (coin)),
    minted AS (
        SELECT n.transfer, n.payer, n.coin, m.id,
               CASE n.coin & 1 WHEN 0 THEN m.payee ELSE m.payer END AS owner,
               CASE WHEN n.coin & 1 = 1 THEN m.change WHEN m.kind = 'redeem' THEN 0 ELSE m.amount END AS amount
          FROM input AS n LEFT JOIN dcep.transfer AS m ON m.id = n.coin >> 1)
    SELECT 'foreign input', NULL::smallint, m.payer, m.transfer, format('coin %s did not belong to the payer', m.coin)
      FROM minted AS m WHERE m.owner <> m.payer OR m.amount <= 0
    UNION ALL
    SELECT 'unbalanced transfer', NULL, t.payer, t.id,
           format('inputs are worth %s, amount and change %s', COALESCE(s.total, 0), t.amount::numeric + t.change)
      FROM dcep.transfer AS t
      LEFT JOIN (SELECT m.transfer, sum(m.amount) AS total FROM minted AS m GROUP BY m.transfer) AS s ON s.transfer = t.id
     WHERE CASE t.kind WHEN 'issue' THEN t.change <> 0 OR s.total IS NOT NULL
                       ELSE COALESCE(s.total, 0) <> t.amount::numeric + t.change END
    UNION ALL
    SELECT 'consolidation', NULL, t.payer, t.id,
           format('kind %s, payer and payee are %s, %s coins consumed, change %s', t.kind,
                  CASE WHEN t.payer = t.payee THEN 'one' ELSE 'two' END, cardinality(t.inputs), t.change)
      FROM dcep.transfer AS t
     WHERE CASE t.kind WHEN 'consolidate' THEN t.payer <> t.payee OR t.change <> 0 OR cardinality(t.inputs) < 2
                       ELSE t.payer = t.payee END
    UNION ALL
    SELECT 'coin lost', NULL, l.owner, l.coin >> 1, format('coin %s is neither live nor consumed', l.coin)
      FROM (SELECT t.id << 1 AS coin, t.payee AS owner FROM dcep.transfer AS t WHERE t.kind <> 'redeem'
            UNION ALL
            SELECT (t.id << 1) | 1, t.payer FROM dcep.transfer AS t WHERE t.change > 0) AS l
     WHERE NOT EXISTS (SELECT FROM input AS n WHERE n.coin = l.coin)
       AND NOT EXISTS (SELECT FROM dcep.coin AS c WHERE c.id = l.coin)
$$;
COMMENT ON FUNCTION dcep.audit_inputs() IS 'No coin is lost; inputs belong to the payer and add up; a wallet pays itself in a consolidation alone';

-- Chains of payers and of reserves.
CREATE FUNCTION dcep.audit_chains(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'chain: ' || d.defect, NULL::smallint, d.wallet_id, d.transfer, d.detail FROM dcep.verify_chain() AS d
    UNION ALL
    SELECT 'reserve: ' || d.defect, d.institution, NULL, d.transfer, d.detail FROM dcep.verify_reserves() AS d
$$;
COMMENT ON FUNCTION dcep.audit_chains() IS 'dcep.verify_chain() with signatures, and dcep.verify_reserves()';

-- Every issue and redemption has its other side in the reserves, and the reverse.
CREATE FUNCTION dcep.audit_reserves(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                    OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'reserve counterpart', COALESCE(r.institution, t.institution), NULL::dcep.wallet_id,
           COALESCE(r.transfer, t.id),
           format('the transfer moves %s, the reserve entry %s',
                  CASE WHEN t.id IS NULL THEN 'nothing' ELSE format('%s of institution %s', t.amount, t.institution) END,
                  CASE WHEN r.transfer IS NULL THEN 'nothing' ELSE format('%s of institution %s', r.amount, r.institution) END)
      FROM (SELECT t.id, CASE t.kind WHEN 'issue' THEN -GREATEST(t.amount, -9223372036854775807) ELSE t.amount END AS amount,
                   dcep.institution(CASE t.kind WHEN 'issue' THEN t.payee ELSE t.payer END)::smallint AS institution
              FROM dcep.transfer AS t WHERE t.kind IN ('issue', 'redeem')) AS t
      FULL JOIN (SELECT r.* FROM dcep.reserve_entry AS r WHERE r.transfer IS NOT NULL) AS r ON r.transfer = t.id
     WHERE t.id IS NULL OR r.transfer IS NULL OR t.amount <> r.amount OR t.institution <> r.institution
    UNION ALL
    SELECT 'operator without reserve account', i.code, NULL, NULL, 'it has no row in dcep.reserve_account'
      FROM dcep.institution AS i
     WHERE i.kind = 'operator' AND NOT EXISTS (SELECT FROM dcep.reserve_account AS a WHERE a.institution = i.code)
$$;
COMMENT ON FUNCTION dcep.audit_reserves() IS 'Every issue and redemption has its reserve entry of the same amount and operator, and the reverse; every operator has a reserve account';

-- Limits of the class on the day of the payment, recomputed from the journal.
CREATE FUNCTION dcep.audit_limits(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH paid AS (
        SELECT t.id, t.seq, t.payer, t.amount, t.created_at, w.class,
               -- a chain's days never go back, whatever the clock did
               max((t.created_at AT TIME ZONE l.timezone)::date) OVER (PARTITION BY t.payer ORDER BY t.seq) AS day
          FROM dcep.transfer AS t JOIN dcep.wallet AS w ON w.id = t.payer, dcep.ledger AS l
         WHERE t.kind NOT IN ('consolidate', 'recover')),
    spent AS (
        SELECT p.*, sum(p.amount) OVER (PARTITION BY p.payer, p.day ORDER BY p.seq) AS day_spent,
               sum(p.amount) OVER (PARTITION BY p.payer, date_trunc('year', p.day) ORDER BY p.seq) AS year_spent,
               count(*) OVER (PARTITION BY p.payer, p.day ORDER BY p.seq) AS day_count,
               lead(p.seq) OVER (PARTITION BY p.payer ORDER BY p.seq) IS NULL AS is_last
          FROM paid AS p),
    -- A capped wallet is locked by whoever credits or debits it, so that its ids are in order.
    held AS (
        SELECT h.id, h.kind, h.wallet, h.delta, h.day, h.created_at, w.class, sum(h.delta) OVER (PARTITION BY h.wallet ORDER BY h.id) AS balance
          FROM (SELECT t.id, t.kind, t.payee AS wallet, t.amount AS delta, t.created_at,
                       (t.created_at AT TIME ZONE l.timezone)::date AS day
                  FROM dcep.transfer AS t, dcep.ledger AS l WHERE t.kind NOT IN ('redeem', 'consolidate')
                UNION ALL
                SELECT t.id, t.kind, t.payer, -GREATEST(t.amount, -9223372036854775807), t.created_at,
                       (t.created_at AT TIME ZONE l.timezone)::date
                  FROM dcep.transfer AS t, dcep.ledger AS l WHERE t.kind NOT IN ('issue', 'consolidate')) AS h
          JOIN dcep.wallet AS w ON w.id = h.wallet)
    SELECT 'limit exceeded', NULL::smallint, s.payer, s.id,
           format('amount %s of %s, day %s of %s, year %s of %s', s.amount, COALESCE(c.max_payment::text, 'any'),
                  s.day_spent, COALESCE(c.max_day::text, 'any'), s.year_spent, COALESCE(c.max_year::text, 'any'))
      FROM spent AS s
     CROSS JOIN LATERAL (SELECT * FROM dcep.wallet_class AS c
                          WHERE c.class = s.class AND c.valid_from <= s.day AND c.decided_at <= s.created_at
                          ORDER BY c.valid_from DESC LIMIT 1) AS c
     WHERE s.amount > c.max_payment OR s.day_spent > c.max_day OR s.year_spent > c.max_year
    UNION ALL
    SELECT 'balance cap exceeded', NULL, h.wallet, h.id, format('balance %s of %s', h.balance, c.max_balance)
      FROM held AS h
     CROSS JOIN LATERAL (SELECT * FROM dcep.wallet_class AS c
                          WHERE c.class = h.class AND c.valid_from <= h.day AND c.decided_at <= h.created_at
                          ORDER BY c.valid_from DESC LIMIT 1) AS c
     WHERE h.delta > 0 AND h.balance > c.max_balance AND h.kind <> 'recover'
    UNION ALL
    SELECT 'usage on record', NULL, u.wallet, s.id,
           format('day %s: spent %s, this year %s, %s payments; the journal says %s: %s, %s, %s',
                  u.day, u.day_spent, u.year_spent, u.day_count, s.day, s.day_spent, s.year_spent, s.day_count)
      FROM dcep.wallet_chain AS u JOIN spent AS s ON s.payer = u.wallet AND s.is_last
     WHERE (u.day, u.day_spent, u.year_spent, u.day_count) IS DISTINCT FROM (s.day, s.day_spent, s.year_spent, s.day_count)
$$;
COMMENT ON FUNCTION dcep.audit_limits() IS 'No payment was over a limit of its day, no credit over a balance cap; the usage on record is that of the journal. Consolidations move no money, recoveries are by order of authorities: they count for none of these';

-- Wallets: every party exists, has its chain, and closed ones are empty.
CREATE FUNCTION dcep.audit_wallets(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                   OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'unknown wallet', NULL::smallint, p.wallet, min(p.id), 'the journal names a wallet that does not exist'
      FROM (SELECT t.id, t.payer AS wallet FROM dcep.transfer AS t
            UNION ALL SELECT t.id, t.payee FROM dcep.transfer AS t) AS p
     WHERE NOT EXISTS (SELECT FROM dcep.wallet AS w WHERE w.id = p.wallet)
     GROUP BY p.wallet
    UNION ALL
    SELECT 'unknown institution', w.institution, w.id, NULL, 'the wallet''s institution does not exist'
      FROM dcep.wallet AS w WHERE NOT EXISTS (SELECT FROM dcep.institution AS i WHERE i.code = w.institution)
    UNION ALL
    SELECT 'unknown institution', k.institution, NULL, NULL, format('the institution of signing key %s does not exist', k.number)
      FROM dcep.signing_key AS k WHERE NOT EXISTS (SELECT FROM dcep.institution AS i WHERE i.code = k.institution)
    UNION ALL
    SELECT 'wallet without chain', w.institution, w.id, NULL, 'it has no row in dcep.wallet_chain'
      FROM dcep.wallet AS w WHERE NOT EXISTS (SELECT FROM dcep.wallet_chain AS c WHERE c.wallet = w.id)
    UNION ALL
    SELECT 'till', t.institution, t.wallet, NULL, 'it is no sub-wallet of its institution''s vault'
      FROM dcep.till AS t
     WHERE NOT EXISTS (SELECT FROM dcep.wallet AS w JOIN dcep.institution AS i ON i.vault = w.parent
                        WHERE w.id = t.wallet AND w.class = 0 AND i.code = t.institution)
    UNION ALL
    SELECT 'closed wallet', w.institution, w.id, NULL, format('it is closed and holds %s', sum(c.amount))
      FROM dcep.wallet AS w JOIN dcep.coin AS c ON c.owner = w.id
     WHERE w.status = 'closed' GROUP BY w.institution, w.id
$$;
COMMENT ON FUNCTION dcep.audit_wallets() IS 'Every party of a transfer is a wallet, every wallet has its institution and its chain, every till belongs to a vault, closed wallets are empty';

-- Orders: as they were signed, in effect as they stand, and obeyed.
CREATE FUNCTION dcep.audit_orders(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    WITH standing AS (
        SELECT e.* FROM dcep.control_order AS o CROSS JOIN LATERAL dcep.effects_of(o) AS e
         WHERE NOT EXISTS (SELECT FROM dcep.control_lift AS l WHERE l.order_id = o.id)),
    -- An order is in force once its act is entered: by then the payments that began before are over.
    ruled AS (
        SELECT o.id, o.kind, o.operator, o.class, o.counterparty, o.amount, w.wallet, o.coins[w.n] AS coin,
               GREATEST(o.valid_from, a.entered_at) AS from_time, LEAST(o.valid_until, l.lifted_at) AS until_time
          FROM dcep.control_order AS o
          JOIN dcep.act AS a ON a.id = o.id
          LEFT JOIN dcep.control_lift AS l ON l.order_id = o.id
          LEFT JOIN LATERAL unnest(o.wallets) WITH ORDINALITY AS w (wallet, n) ON true),
    paid AS (SELECT t.* FROM dcep.transfer AS t
              WHERE t.kind NOT IN ('consolidate', 'recover') AND EXISTS (SELECT FROM dcep.control_order))
    SELECT 'act: ' || d.defect, d.institution, NULL::dcep.wallet_id, NULL::bigint, format('act %s: %s', d.act, d.detail)
      FROM dcep.verify_acts() AS d
    UNION ALL
    SELECT 'order without act', o.supervisor, NULL, NULL, format('order %s is not what its act says', o.id)
      FROM dcep.control_order AS o LEFT JOIN dcep.act AS a ON a.id = o.id
     WHERE (a.kind, a.institution, a.body::jsonb) IS DISTINCT FROM ('impose', o.supervisor, jsonb_strip_nulls(to_jsonb(o)))
    UNION ALL
    SELECT 'act without order', a.institution, NULL, NULL, format('act %s imposed an order that is not there', a.id)
      FROM dcep.act AS a
     WHERE a.kind = 'impose' AND NOT EXISTS (SELECT FROM dcep.control_order AS o WHERE o.id = a.id)
    UNION ALL
    SELECT 'lift without act', NULL, NULL, NULL, format('the lifting of order %s is not what its act says', l.order_id)
      FROM dcep.control_lift AS l LEFT JOIN dcep.act AS a ON a.id = l.act
     WHERE a.id IS NULL OR a.kind NOT IN ('lift', 'recover') OR (a.body::jsonb ->> 'order')::bigint <> l.order_id
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
      FROM dcep.wallet AS w
     WHERE (w.flags & 4 <> 0) <> EXISTS (SELECT FROM dcep.control_effect AS e WHERE e.target = w.id::bigint)
    UNION ALL
    SELECT 'effect not looked at', e.supervisor, NULL, NULL, format('order %s on a class is not marked', e.order_id)
      FROM dcep.control_effect AS e
     WHERE e.target < 0 AND NOT EXISTS (SELECT FROM dcep.controlled_class AS c WHERE c.target = e.target)
    UNION ALL
    SELECT 'order violated', NULL, r.wallet, p.id, format('order %s (%s) forbade it', r.id, r.kind)
      FROM ruled AS r
      JOIN paid AS p ON p.created_at >= r.from_time AND p.created_at < r.until_time
       AND CASE r.kind
               WHEN 'no_debit' THEN p.payer = r.wallet
               WHEN 'no_credit' THEN p.payee = r.wallet
               WHEN 'freeze' THEN r.wallet IN (p.payer, p.payee)
               WHEN 'no_redeem' THEN p.payer = r.wallet AND p.kind IN ('exchange_out', 'redeem')
               WHEN 'cap_payment' THEN p.payer = r.wallet AND p.amount > r.amount
               WHEN 'bar_counterparty' THEN (p.payer, p.payee) IN ((r.wallet, r.counterparty), (r.counterparty, r.wallet))
               WHEN 'freeze_coins' THEN p.payer = r.wallet AND r.coin = ANY (p.inputs) END
    UNION ALL
    SELECT 'recovery without order', NULL, t.payer, t.id, 'no act of two authorities names it'
      FROM dcep.transfer AS t
     WHERE t.kind = 'recover'
       AND NOT EXISTS (SELECT FROM dcep.act AS a
                        WHERE a.kind = 'recover' AND a.body::jsonb -> 'transfers' @> to_jsonb(t.id)
                          AND (SELECT count(*) FROM dcep.recovery AS v
                                WHERE v.order_id = (a.body::jsonb ->> 'order')::bigint) = 2)
$$;
COMMENT ON FUNCTION dcep.audit_orders() IS 'Orders and liftings are what signed acts say, payments look at just those that stand, no payment was made against one (holds, counts, windows and caps of a day apart), and no money was recovered without two authorities';

CREATE FUNCTION dcep.audit(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                           OUT transfer bigint, OUT detail text) RETURNS SETOF record
    -- Compiling so many plans takes longer than auditing a small ledger.
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    SELECT d.check_name, COALESCE(d.institution, dcep.institution(d.wallet)::smallint),
           CASE WHEN dcep.caller_sees(d.wallet) THEN d.wallet END, d.transfer, d.detail
      FROM (SELECT * FROM dcep.audit_conservation()
            UNION ALL SELECT * FROM dcep.audit_operators()
            UNION ALL SELECT * FROM dcep.audit_coins()
            UNION ALL SELECT * FROM dcep.audit_spends()
            UNION ALL SELECT * FROM dcep.audit_inputs()
            UNION ALL SELECT * FROM dcep.audit_chains()
            UNION ALL SELECT * FROM dcep.audit_reserves()
            UNION ALL SELECT * FROM dcep.audit_limits()
            UNION ALL SELECT * FROM dcep.audit_wallets()
            UNION ALL SELECT * FROM dcep.audit_orders()
            UNION ALL SELECT * FROM dcep.audit_log()) AS d
$$;
COMMENT ON FUNCTION dcep.audit() IS
'Audits the ledger: recomputes everything from the journal and returns one row a defect, none when sound. Reads all of it and verifies every signature: tens of microseconds a transfer. By auditors and the central bank; whose wallet a defect concerns is shown to those who may see it';

-- --- what may be seen without seeing parties ----------------------------------

CREATE VIEW dcep.proof AS
    SELECT t.id AS transfer, t.issuer, t.key_number, t.suite, t.created_at, t.prev_hash, t.hash,
           t.batch, t.batch_index, b.leaves, COALESCE(t.signature, b.signature) AS signature
      FROM dcep.transfer AS t LEFT JOIN dcep.signed_batch AS b ON b.id = t.batch;
COMMENT ON VIEW dcep.proof IS 'Every transfer''s hashes and signature, without parties and amounts. For auditors';

CREATE VIEW dcep.supply AS
    SELECT i.code AS institution, i.name,
           COALESCE(r.reserve, 0) AS reserve,
           COALESCE(r.issued, 0) AS issued,
           COALESCE(r.redeemed, 0) AS redeemed,
           COALESCE(r.issued, 0) - COALESCE(r.redeemed, 0) AS outstanding,
           COALESCE(c.held, 0)::bigint AS held
      FROM dcep.institution AS i
      LEFT JOIN (SELECT e.institution,
                        sum(e.amount)::bigint AS reserve,
                        (-sum(e.amount) FILTER (WHERE e.transfer IS NOT NULL AND e.amount < 0))::bigint AS issued,
                        (sum(e.amount) FILTER (WHERE e.transfer IS NOT NULL AND e.amount > 0))::bigint AS redeemed
                   FROM dcep.reserve_entry AS e GROUP BY e.institution) AS r ON r.institution = i.code
      LEFT JOIN (SELECT dcep.institution(c.owner) AS code, sum(c.amount) AS held
                   FROM dcep.coin AS c GROUP BY 1) AS c ON c.code = i.code
     WHERE i.kind = 'operator';
COMMENT ON VIEW dcep.supply IS
'Per operator, minor units: reserve left, issued, redeemed, outstanding (issued - redeemed) and what its wallets hold. The sums of outstanding and held are equal. Reads all live coins. For the central bank and auditors';
