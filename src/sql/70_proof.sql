-- Proof: chains, reserves, and the auditor's checks, which recompute everything from the journal.

CREATE FUNCTION dcep.verify_chain(wallet dcep.wallet_id DEFAULT NULL, signatures boolean DEFAULT true,
                                  OUT defect text, OUT wallet_id dcep.wallet_id, OUT seq bigint, OUT transfer bigint,
                                  OUT detail text) RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_verify_chain';
COMMENT ON FUNCTION dcep.verify_chain(dcep.wallet_id, boolean) IS
'Verifies the hash chain of a wallet, or of all wallets: one row a defect (hash, signature, gap, link, head, orphan, damaged), none when sound. Without signatures it is about twenty times as fast. All chains: by auditors and the central bank; one: by whoever may see the wallet. Whose wallet a defect concerns is shown to those who may see it. Errors: 42501';

CREATE FUNCTION dcep.verify_chains_from(wallets bigint[], seqs bigint[], OUT defect text, OUT wallet_id dcep.wallet_id, OUT seq bigint,
                                        OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dcep_verify_chains_from';
COMMENT ON FUNCTION dcep.verify_chains_from(bigint[], bigint[]) IS
'Internal: the same for the chains of some wallets, each from a row on to its end; the row before it is trusted. Beside the others the defect spent: what was consumed since had been consumed before. For that it goes back as far as the coins go';

CREATE FUNCTION dcep.verify_reserves(OUT defect text, OUT institution smallint, OUT seq bigint, OUT transfer bigint,
                                     OUT detail text) RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_verify_reserves';
COMMENT ON FUNCTION dcep.verify_reserves() IS
'Verifies the chains of reserve entries: hash, signature, gap, link, balance, head; one row a defect. By auditors and the central bank. Errors: 42501';

-- --- the auditor's checks: each is a view of defects, empty when sound --------
-- Sums must not fail on whatever number an altered row has: GREATEST, << and numeric are there for that.

CREATE FUNCTION dcep.journal_movements(since bigint, OUT transfer bigint, OUT kind dcep.transfer_kind, OUT wallet dcep.wallet_id, OUT delta bigint,
                                       OUT seq bigint, OUT created_at timestamptz) RETURNS SETOF record
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT t.id, t.kind, t.payee, t.amount, NULL::bigint, t.created_at
      FROM dcep.history(since) AS t WHERE t.kind NOT IN ('redeem', 'consolidate')
       AND (since IS NULL OR t.payee IN (SELECT w.id FROM dcep.watched(since) AS w))
    UNION ALL
    SELECT t.id, t.kind, t.payer, -GREATEST(t.amount, -9223372036854775807), t.seq, t.created_at
      FROM dcep.history(since) AS t WHERE t.kind NOT IN ('issue', 'consolidate')
       AND (since IS NULL OR t.payer IN (SELECT w.id FROM dcep.watched(since) AS w));
    END;
COMMENT ON FUNCTION dcep.journal_movements(bigint) IS
'Internal: what each transfer adds to a wallet''s balance, minor units, negative for the payer; seq is the payer''s and NULL for a credit. In no order. Reads the journal, or the history of watched wallets';

CREATE FUNCTION dcep.journal_usage(since bigint, OUT transfer bigint, OUT payer dcep.wallet_id, OUT seq bigint, OUT amount bigint,
                                   OUT created_at timestamptz, OUT day date, OUT day_spent numeric, OUT year_spent numeric,
                                   OUT day_count bigint) RETURNS SETOF record
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT p.id, p.payer, p.seq, p.amount, p.created_at, p.day,
           sum(p.amount) OVER (PARTITION BY p.payer, p.day ORDER BY p.seq),
           sum(p.amount) OVER (PARTITION BY p.payer, date_trunc('year', p.day::timestamp) ORDER BY p.seq),
           count(*) OVER (PARTITION BY p.payer, p.day ORDER BY p.seq)
      FROM (SELECT t.id, t.payer, t.seq, t.amount, t.created_at,
                   -- a chain's days never go back, whatever the clock did
                   max((t.created_at AT TIME ZONE l.timezone)::date) OVER (PARTITION BY t.payer ORDER BY t.seq) AS day
              FROM dcep.history(since) AS t, dcep.ledger AS l
             WHERE t.kind NOT IN ('consolidate', 'recover')
               AND (since IS NULL OR t.payer IN (SELECT w.id FROM dcep.watched(since) AS w))) AS p;
    END;
COMMENT ON FUNCTION dcep.journal_usage(bigint) IS
'Internal: every payment that limits count, with what its payer had paid by then, itself included, on the day and in the year (minor units, ledger''s time zone) and how often on the day. In no order. Reads the journal, or the history of watched wallets';

-- What was issued and not redeemed is in live coins, and was taken out of reserves.
CREATE FUNCTION dcep.audit_conservation(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                        OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH journal AS (
        SELECT COALESCE(sum(t.amount) FILTER (WHERE t.kind = 'issue'), 0) AS issued,
               COALESCE(sum(t.amount) FILTER (WHERE t.kind = 'redeem'), 0) AS redeemed,
               -- From and to wallets of other nodes.
               COALESCE(sum(t.amount) FILTER (WHERE t.kind <> 'issue' AND NOT dcep.is_here(t.payer)), 0) AS come,
               COALESCE(sum(t.amount) FILTER (WHERE t.kind <> 'redeem' AND NOT dcep.is_here(t.payee)), 0) AS gone
          FROM dcep.transfer AS t),
    coins AS (SELECT COALESCE(sum(c.amount), 0) AS live FROM dcep.coin AS c),
    reserves AS (SELECT COALESCE(-sum(r.amount), 0) AS debits FROM dcep.reserve_entry AS r WHERE r.transfer IS NOT NULL)
    SELECT 'conservation', NULL::smallint, NULL::dcep.wallet_id, NULL::bigint,
           format('issued %s, redeemed %s, live coins %s, reserve debits %s', issued, redeemed, live, debits)
      FROM journal, coins, reserves
     WHERE issued - redeemed + come - gone <> live OR (issued - redeemed <> debits AND dcep.own_institution() = 1)
    UNION ALL
    SELECT 'conservation by count', NULL, NULL, NULL, format('minted %s coins, consumed %s, live %s', j.minted, j.consumed, c.live)
      FROM (SELECT count(*) FILTER (WHERE t.kind <> 'redeem' AND dcep.is_here(t.payee)) + count(*) FILTER (WHERE t.change > 0) AS minted,
                   COALESCE(sum(cardinality(t.inputs)), 0) AS consumed FROM dcep.transfer AS t) AS j,
           (SELECT count(*) AS live FROM dcep.coin) AS c
     WHERE j.minted - j.consumed <> c.live
$$;
COMMENT ON FUNCTION dcep.audit_conservation() IS 'issued - redeemed = live coins = reserve debits, and coins minted - consumed = live, over the whole ledger';

-- The same per operator, with what came from and went to wallets of others.
CREATE FUNCTION dcep.audit_operators(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                     OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH movement AS (
        SELECT m.code, sum(m.amount) FILTER (WHERE m.is_here) AS held,
               sum(m.amount) FILTER (WHERE m.kind IN ('issue', 'redeem') AND dcep.own_institution() = 1) AS outstanding
          FROM (SELECT dcep.institution(t.payee) AS code, t.kind, t.amount, dcep.is_here(t.payee) AS is_here
                  FROM dcep.transfer AS t WHERE t.kind <> 'redeem'
                UNION ALL
                SELECT dcep.institution(t.payer), t.kind, -GREATEST(t.amount, -9223372036854775807), dcep.is_here(t.payer)
                  FROM dcep.transfer AS t WHERE t.kind <> 'issue') AS m
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
CREATE FUNCTION dcep.audit_spends(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = on AS $$
#variable_conflict use_column
BEGIN
    PERFORM dcep.plan_for(since);
    RETURN QUERY
    WITH input AS MATERIALIZED (SELECT * FROM dcep.consumed(since))
    SELECT 'coin consumed twice', NULL::smallint, NULL::dcep.wallet_id, max(n.transfer),
           format('coin %s was consumed by transfers %s', n.coin, string_agg(n.transfer::text, ', ' ORDER BY n.transfer))
      FROM input AS n WHERE n.coin IN (SELECT d.coin FROM input AS d GROUP BY d.coin HAVING count(*) > 1) GROUP BY n.coin
    UNION ALL
    SELECT 'coin live and consumed', NULL, c.owner, n.transfer,
           format('coin %s is live and was consumed by transfer %s', c.id, n.transfer)
      FROM input AS n
      JOIN dcep.coin AS c ON c.id = n.coin AND (since IS NULL OR (c.owner = n.owner AND c.amount = n.amount))
    UNION ALL
    SELECT 'foreign input', NULL, n.payer, n.transfer, format('coin %s was minted by no transfer', n.coin)
      FROM input AS n WHERE n.minted_by IS NULL;
END
$$;
COMMENT ON FUNCTION dcep.audit_spends(bigint) IS 'No coin is consumed twice, or live and consumed; every coin consumed was minted';

-- Inputs belong to the payer and add up, and every coin ends once: live, or consumed.
CREATE FUNCTION dcep.audit_inputs(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = on AS $$
#variable_conflict use_column
BEGIN
    PERFORM dcep.plan_for(since);
    RETURN QUERY
    WITH input AS MATERIALIZED (SELECT * FROM dcep.consumed(since))
    SELECT 'foreign input', NULL::smallint, m.payer, m.transfer, format('coin %s did not belong to the payer', m.coin)
      FROM input AS m WHERE m.owner <> m.payer OR m.amount <= 0
    UNION ALL
    SELECT 'unbalanced transfer', NULL, t.payer, t.id,
           format('inputs are worth %s, amount and change %s', COALESCE(s.total, 0), t.amount::numeric + t.change)
      FROM dcep.journal(since) AS t
      LEFT JOIN (SELECT m.transfer, sum(m.amount) AS total FROM input AS m GROUP BY m.transfer) AS s ON s.transfer = t.id
     WHERE CASE WHEN t.kind = 'issue' OR NOT dcep.is_here(t.payer) THEN t.change <> 0 OR s.total IS NOT NULL
                ELSE COALESCE(s.total, 0) <> t.amount::numeric + t.change END
    UNION ALL
    SELECT 'consolidation', NULL, t.payer, t.id,
           format('kind %s, payer and payee are %s, %s coins consumed, change %s', t.kind,
                  CASE WHEN t.payer = t.payee THEN 'one' ELSE 'two' END, cardinality(t.inputs), t.change)
      FROM dcep.journal(since) AS t
     WHERE CASE t.kind WHEN 'consolidate' THEN t.payer <> t.payee OR t.change <> 0 OR cardinality(t.inputs) < 2
                       ELSE t.payer = t.payee END
    UNION ALL
    SELECT 'coin lost', NULL, l.owner, l.coin >> 1, format('coin %s is neither live nor consumed', l.coin)
      FROM (SELECT t.id << 1 AS coin, t.payee AS owner, t.amount FROM dcep.journal(since) AS t
             WHERE t.kind <> 'redeem' AND dcep.is_here(t.payee)
            UNION ALL
            SELECT (t.id << 1) | 1, t.payer, t.change FROM dcep.journal(since) AS t WHERE t.change > 0) AS l
     WHERE NOT EXISTS (SELECT FROM input AS n WHERE n.coin = l.coin)
       AND NOT EXISTS (SELECT FROM dcep.coin AS c
                        WHERE c.id = l.coin AND (since IS NULL OR (c.owner = l.owner AND c.amount = l.amount)));
END
$$;
COMMENT ON FUNCTION dcep.audit_inputs(bigint) IS 'No coin is lost; inputs belong to the payer and add up; a wallet pays itself in a consolidation alone';

-- Chains of payers and of reserves.
CREATE FUNCTION dcep.audit_chains(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT 'chain: ' || d.defect, NULL::smallint, d.wallet_id, d.transfer, d.detail FROM dcep.verify_chain() AS d WHERE since IS NULL
    UNION ALL
    SELECT 'chain: ' || d.defect, NULL, d.wallet_id, d.transfer, d.detail
      FROM (SELECT array_agg(f.payer::bigint) AS payers, array_agg(f.seq) AS seqs
              FROM (SELECT n.payer, min(n.seq) AS seq FROM dcep.journal(since) AS n GROUP BY n.payer ORDER BY n.payer) AS f) AS c
     CROSS JOIN LATERAL dcep.verify_chains_from(c.payers, c.seqs) AS d
     WHERE since IS NOT NULL
    UNION ALL
    SELECT 'reserve: ' || d.defect, d.institution, NULL, d.transfer, d.detail FROM dcep.verify_reserves() AS d;
END
$$;
COMMENT ON FUNCTION dcep.audit_chains(bigint) IS 'dcep.verify_chain() with signatures, and dcep.verify_reserves()';

-- Every issue and redemption has its other side in the reserves, and the reverse.
CREATE FUNCTION dcep.audit_reserves(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                    OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT 'reserve counterpart', COALESCE(r.institution, t.institution), NULL::dcep.wallet_id,
           COALESCE(r.transfer, t.id),
           format('the transfer moves %s, the reserve entry %s',
                  CASE WHEN t.id IS NULL THEN 'nothing' ELSE format('%s of institution %s', t.amount, t.institution) END,
                  CASE WHEN r.transfer IS NULL THEN 'nothing' ELSE format('%s of institution %s', r.amount, r.institution) END)
      FROM (SELECT t.id, CASE t.kind WHEN 'issue' THEN -GREATEST(t.amount, -9223372036854775807) ELSE t.amount END AS amount,
                   dcep.institution(CASE t.kind WHEN 'issue' THEN t.payee ELSE t.payer END)::smallint AS institution
              FROM (SELECT n.id, n.kind, n.payer, n.payee, n.amount FROM dcep.journal(since) AS n WHERE n.kind IN ('issue', 'redeem')
                    -- All entries are looked at, and of older transfers those that they name.
                    UNION
                    SELECT o.id, o.kind, o.payer, o.payee, o.amount
                      FROM dcep.reserve_entry AS r JOIN dcep.transfer AS o ON o.id = r.transfer
                     WHERE since IS NOT NULL AND o.kind IN ('issue', 'redeem')) AS t) AS t
      FULL JOIN (SELECT r.* FROM dcep.reserve_entry AS r WHERE r.transfer IS NOT NULL) AS r ON r.transfer = t.id
     WHERE (t.id IS NULL OR r.transfer IS NULL OR t.amount <> r.amount OR t.institution <> r.institution)
       AND dcep.own_institution() = 1
    UNION ALL
    SELECT 'operator without reserve account', i.code, NULL, NULL, 'it has no row in dcep.reserve_account'
      FROM dcep.institution AS i
     WHERE i.kind = 'operator' AND dcep.own_institution() = 1 AND NOT EXISTS (SELECT FROM dcep.reserve_account AS a WHERE a.institution = i.code);
END
$$;
COMMENT ON FUNCTION dcep.audit_reserves(bigint) IS 'Every issue and redemption has its reserve entry of the same amount and operator, and the reverse; every operator has a reserve account';

-- Limits of the wallet and its class on the day of the payment, recomputed from the journal.
CREATE FUNCTION dcep.audit_limits(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                  OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = on AS $$
#variable_conflict use_column
BEGIN
    PERFORM dcep.plan_for(since);
    RETURN QUERY
    -- Each class that a wallet has had, from when until when; the first of them from the beginning.
    WITH term AS (
        SELECT e.wallet, e.class, lead(e.at) OVER (PARTITION BY e.wallet ORDER BY e.id) AS until_time,
               CASE WHEN lag(e.id) OVER (PARTITION BY e.wallet ORDER BY e.id) IS NULL THEN '-infinity' ELSE e.at END AS from_time,
               w.flags, w.holder = 'organisation' AS is_organisation
          FROM dcep.watched(since) AS w JOIN dcep.wallet_event AS e ON e.wallet = w.id WHERE e.event IN ('open', 'class')),
    -- What no class has ever allowed less than needs no look at which of them was in force; few payments come near it.
    tightest AS (
        SELECT c.class, min(c.max_payment) AS payment, min(c.max_day) AS day, min(c.max_year) AS year, min(c.max_balance) AS balance
          FROM dcep.wallet_class AS c GROUP BY c.class),
    spent AS MATERIALIZED (
        SELECT u.*, w.class, w.flags FROM dcep.journal_usage(since) AS u
          JOIN term AS w ON w.wallet = u.payer AND u.created_at >= w.from_time AND (u.created_at < w.until_time) IS NOT false),
    near AS (
        SELECT s.* FROM spent AS s JOIN tightest AS g ON g.class = s.class
         WHERE s.flags & 16 <> 0 OR s.amount > g.payment OR s.day_spent > g.day OR s.year_spent > g.year),
    capped AS (
        SELECT w.wallet FROM term AS w JOIN tightest AS g ON g.class = w.class
         WHERE w.flags & 16 <> 0 OR (g.balance IS NOT NULL AND NOT w.is_organisation)),
    -- A capped wallet is locked by whoever credits or debits it, so that its ids are in order.
    held AS (
        SELECT m.*, w.class, w.flags, w.is_organisation, (m.created_at AT TIME ZONE l.timezone)::date AS day,
               sum(m.delta) OVER (PARTITION BY m.wallet ORDER BY m.transfer) AS balance
          FROM dcep.journal_movements(since) AS m
          JOIN term AS w ON w.wallet = m.wallet AND m.created_at >= w.from_time AND (m.created_at < w.until_time) IS NOT false,
               dcep.ledger AS l
         WHERE m.wallet IN (SELECT c.wallet FROM capped AS c)),
    full_up AS (
        SELECT h.* FROM held AS h JOIN tightest AS g ON g.class = h.class
         WHERE h.delta > 0 AND h.kind NOT IN ('recover', 'return') AND (h.flags & 16 <> 0 OR h.balance > g.balance))
    SELECT 'limit exceeded', NULL::smallint, s.payer, s.transfer,
           format('amount %s of %s, day %s of %s, year %s of %s', s.amount, COALESCE(m.max_payment::text, 'any'),
                  s.day_spent, COALESCE(m.max_day::text, 'any'), s.year_spent, COALESCE(m.max_year::text, 'any'))
      FROM near AS s
     CROSS JOIN LATERAL (SELECT * FROM dcep.wallet_class AS c
                          WHERE c.class = s.class AND c.valid_from <= s.day AND c.decided_at <= s.created_at
                          ORDER BY c.valid_from DESC LIMIT 1) AS c
      LEFT JOIN LATERAL (SELECT * FROM dcep.wallet_limit AS o
                          WHERE o.wallet = s.payer AND s.flags & 16 <> 0 AND o.valid_from <= s.day AND o.decided_at <= s.created_at
                          ORDER BY o.valid_from DESC, o.decided_at DESC LIMIT 1) AS o ON true
     CROSS JOIN LATERAL (SELECT LEAST(c.max_payment, o.max_payment) AS max_payment,
                                LEAST(c.max_day, o.max_day) - COALESCE(o.given_day, 0) AS max_day,
                                LEAST(c.max_year, o.max_year) - COALESCE(o.given_year, 0) AS max_year) AS m
     WHERE (s.amount > m.max_payment OR s.day_spent > m.max_day OR s.year_spent > m.max_year)
       AND (since IS NULL OR s.transfer IN (SELECT dcep.transfers_since(since)))
    UNION ALL
    SELECT 'balance cap exceeded', NULL, h.wallet, h.transfer, format('balance %s of %s', h.balance, m.max_balance)
      FROM full_up AS h
     CROSS JOIN LATERAL (SELECT * FROM dcep.wallet_class AS c
                          WHERE c.class = h.class AND c.valid_from <= h.day AND c.decided_at <= h.created_at
                          ORDER BY c.valid_from DESC LIMIT 1) AS c
      LEFT JOIN LATERAL (SELECT * FROM dcep.wallet_limit AS o
                          WHERE o.wallet = h.wallet AND h.flags & 16 <> 0 AND o.valid_from <= h.day AND o.decided_at <= h.created_at
                          ORDER BY o.valid_from DESC, o.decided_at DESC LIMIT 1) AS o ON true
     CROSS JOIN LATERAL (SELECT LEAST(CASE WHEN NOT h.is_organisation THEN c.max_balance END, o.max_balance) - COALESCE(o.given_balance, 0) AS max_balance) AS m
     WHERE h.balance > m.max_balance
       AND (since IS NULL OR h.transfer IN (SELECT dcep.transfers_since(since)))
    UNION ALL
    SELECT 'usage on record', NULL, u.wallet, s.transfer,
           format('day %s: spent %s, this year %s, %s payments; the journal says %s: %s, %s, %s',
                  u.day, u.day_spent, u.year_spent, u.day_count,
                  COALESCE(s.day, '-infinity'), COALESCE(s.day_spent, 0), COALESCE(s.year_spent, 0), COALESCE(s.day_count, 0))
      FROM dcep.usage_on_record(since) AS u
      LEFT JOIN (SELECT DISTINCT ON (s.payer) s.* FROM spent AS s ORDER BY s.payer, s.seq DESC) AS s ON s.payer = u.wallet
     WHERE dcep.is_here(u.wallet) AND (u.day, u.day_spent, u.year_spent, u.day_count) IS DISTINCT FROM
           (COALESCE(s.day, '-infinity'), COALESCE(s.day_spent, 0), COALESCE(s.year_spent, 0), COALESCE(s.day_count, 0));
END
$$;
COMMENT ON FUNCTION dcep.audit_limits(bigint) IS 'No payment was over a limit of its day, no credit over a balance cap; the usage on record is that of the journal. Consolidations move no money, recoveries are by order of authorities: they count for none of these';

-- Wallets: every party exists, has its chain, and closed ones are empty.
CREATE FUNCTION dcep.audit_wallets(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                   OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = on AS $$
#variable_conflict use_column
BEGIN
    PERFORM dcep.plan_for(since);
    RETURN QUERY
    -- What was done to each wallet last, of what its row says.
    WITH done AS (
        SELECT e.wallet, (array_agg(e.class ORDER BY e.id DESC) FILTER (WHERE e.event IN ('open', 'class')))[1] AS class,
               (array_agg(e.event ORDER BY e.id DESC) FILTER (WHERE e.event IN ('freeze', 'unfreeze') AND e.direction <> 'credit'))[1] AS debit,
               (array_agg(e.event ORDER BY e.id DESC) FILTER (WHERE e.event IN ('freeze', 'unfreeze') AND e.direction <> 'debit'))[1] AS credit
          FROM dcep.done_to(since) AS e GROUP BY e.wallet)
    SELECT 'unknown wallet', NULL::smallint, p.wallet, min(p.id), 'the journal names a wallet that does not exist'
      FROM (SELECT t.id, t.payer AS wallet FROM dcep.journal(since) AS t
            UNION ALL SELECT t.id, t.payee FROM dcep.journal(since) AS t) AS p
     WHERE dcep.is_here(p.wallet) AND NOT EXISTS (SELECT FROM dcep.wallet AS w WHERE w.id = p.wallet)
     GROUP BY p.wallet
    UNION ALL
    SELECT 'unknown institution', w.institution, w.id, NULL, 'the wallet''s institution does not exist'
      FROM dcep.touched(since) AS w WHERE NOT EXISTS (SELECT FROM dcep.institution AS i WHERE i.code = w.institution)
    UNION ALL
    SELECT 'unknown institution', k.institution, NULL, NULL, format('the institution of signing key %s does not exist', k.number)
      FROM dcep.signing_key AS k WHERE NOT EXISTS (SELECT FROM dcep.institution AS i WHERE i.code = k.institution)
    UNION ALL
    SELECT 'wallet without chain', w.institution, w.id, NULL, 'it has no row in dcep.wallet_chain'
      FROM dcep.touched(since) AS w WHERE NOT EXISTS (SELECT FROM dcep.wallet_chain AS c WHERE c.wallet = w.id)
    UNION ALL
    SELECT 'class', w.institution, w.id, NULL, format('it is of class %s; what was done to it says %s', w.class, COALESCE(e.class::text, 'nothing'))
      FROM dcep.touched(since) AS w LEFT JOIN done AS e ON e.wallet = w.id
     WHERE w.class IS DISTINCT FROM e.class
    UNION ALL
    SELECT 'restriction', w.institution, w.id, NULL, format('its flags restrict it with %s; what was done to it says %s', w.flags & 3, r.bits)
      FROM dcep.touched(since) AS w LEFT JOIN done AS e ON e.wallet = w.id
     CROSS JOIN LATERAL (SELECT CASE WHEN e.debit = 'freeze' THEN 1 ELSE 0 END + CASE WHEN e.credit = 'freeze' THEN 2 ELSE 0 END) AS r (bits)
     WHERE w.flags & 3 <> r.bits
    UNION ALL
    SELECT 'limits not looked at', w.institution, w.id, NULL, 'its flags do not say whether it has limits of its own'
      FROM dcep.touched(since) AS w
     WHERE (w.flags & 16 <> 0) <> EXISTS (SELECT FROM dcep.wallet_limit AS o WHERE o.wallet = w.id)
    UNION ALL
    SELECT 'till', t.institution, t.wallet, NULL, 'it is no sub-wallet of its institution''s vault'
      FROM dcep.till AS t
     WHERE NOT EXISTS (SELECT FROM dcep.wallet AS w JOIN dcep.institution AS i ON i.vault = w.parent
                        WHERE w.id = t.wallet AND w.class = 0 AND i.code = t.institution)
    UNION ALL
    SELECT 'closed wallet', w.institution, w.id, NULL, format('it is closed and holds %s', sum(c.amount))
      FROM dcep.touched(since) AS w JOIN dcep.coin AS c ON c.owner = w.id
     WHERE w.status = 'closed' GROUP BY w.institution, w.id;
END
$$;
COMMENT ON FUNCTION dcep.audit_wallets(bigint) IS 'Every party of a transfer is a wallet, every wallet has its institution, its chain, the class and the restrictions that its events say and a flag where it has limits of its own, every till belongs to a vault, closed wallets are empty';
