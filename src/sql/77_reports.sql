-- What a supervisor or central bank reads daily; 78_patterns.sql has what looks at several wallets together.
--
-- Two sorts.  Totals name no party: they run with their owner's rights, like dcep.supply, and are the same for all who may
-- read them.  Reports that name wallets run with the rights of the reader: row-level security decides what they cover, and a
-- wallet is reported only to a reader who sees it, although the other end of its payments may be elsewhere.
--
-- A time range is half open: since <= created_at < until; NULL is no bound.  Sums are numeric: they cannot overflow.

-- --- what the reports have in common -----------------------------------------

CREATE FUNCTION dcep.today() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (now() AT TIME ZONE l.timezone)::date FROM dcep.ledger AS l
$$;
COMMENT ON FUNCTION dcep.today() IS 'The current day in the ledger''s time zone; NULL where there is no ledger';

CREATE FUNCTION dcep.day_start(day date) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT day::timestamp AT TIME ZONE l.timezone FROM dcep.ledger AS l
$$;
COMMENT ON FUNCTION dcep.day_start(date) IS 'When a day begins in the ledger''s time zone; NULL for NULL and where there is no ledger';

CREATE VIEW dcep.reporting_threshold AS
    SELECT v.client, v.type, (v.units OPERATOR(pg_catalog.*) pg_catalog.power(10::numeric, l.exponent))::bigint AS amount
      FROM dcep.ledger AS l,
           (VALUES ('anyone', 'cash', 50000::numeric), ('organisation', 'transfer', 2000000),
                   ('person', 'transfer', 500000), ('person', 'cross-border transfer', 200000)) AS v (client, type, units);
COMMENT ON VIEW dcep.reporting_threshold IS
'From which amount a receipt or payment is reported, inclusive, minor units: by client (anyone, organisation, person) and type (cash, transfer, cross-border transfer). What the e-CNY''s rules say in yuan, in the ledger''s units. Reads one row';

-- What holds for a client: its threshold of each type, or what is given instead.
CREATE FUNCTION dcep.client_threshold(cash bigint, transfer bigint, OUT type text, OUT amount bigint) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.type, COALESCE(CASE r.type WHEN 'cash' THEN client_threshold.cash ELSE client_threshold.transfer END, r.amount)
      FROM dcep.reporting_threshold AS r WHERE (r.client, r.type) IN (('anyone', 'cash'), ('person', 'transfer'))
$$;
COMMENT ON FUNCTION dcep.client_threshold(bigint, bigint) IS
'The thresholds that reports measure a wallet by, minor units: for cash and for transfers, of dcep.reporting_threshold (for persons, since a wallet does not say yet whether it is an organisation''s) or as given. Reads one row';

-- Institutions pay each other, and their own customers, on business of their own.
CREATE VIEW dcep.house_wallet WITH (security_invoker = true) AS
    SELECT i.vault AS wallet FROM dcep.institution AS i WHERE i.vault IS NOT NULL
    UNION ALL
    SELECT t.wallet FROM dcep.till AS t;
COMMENT ON VIEW dcep.house_wallet IS
'Wallets of the institutions themselves: all vaults, and the tills that the reader sees. Reports leave them out as clients';

CREATE VIEW dcep.movement WITH (security_invoker = true) AS
    SELECT t.id AS transfer, t.payee AS wallet, 'receipt' AS direction, t.payer AS counterparty, t.kind, t.amount, t.created_at
      FROM dcep.transfer AS t
     WHERE t.kind IN ('transfer', 'exchange_in') AND dcep.sees(t.payee)
       AND t.payee NOT IN (SELECT h.wallet FROM dcep.house_wallet AS h)
    UNION ALL
    SELECT t.id, t.payer, 'payment', t.payee, t.kind, t.amount, t.created_at
      FROM dcep.transfer AS t
     WHERE t.kind IN ('transfer', 'exchange_out') AND dcep.sees(t.payer)
       AND t.payer NOT IN (SELECT h.wallet FROM dcep.house_wallet AS h);
COMMENT ON VIEW dcep.movement IS
'The journal from the side of the clients: one row a wallet and payment that it made (payment) or got (receipt), for the wallets that the reader sees. Without institutions'' own wallets, issues, redemptions and consolidations. Reads the journal, once a direction';

-- --- totals ------------------------------------------------------------------

CREATE VIEW dcep.conservation AS
    SELECT j.issued, j.redeemed, j.issued - j.redeemed AS outstanding, r.debits AS reserve_debits, c.live AS live_coins,
           j.issued - j.redeemed = r.debits AND j.issued - j.redeemed = c.live AS sound
      FROM (SELECT COALESCE(pg_catalog.sum(t.amount) FILTER (WHERE t.kind = 'issue'), 0) AS issued,
                   COALESCE(pg_catalog.sum(t.amount) FILTER (WHERE t.kind = 'redeem'), 0) AS redeemed
              FROM dcep.transfer AS t WHERE t.kind IN ('issue', 'redeem')) AS j,
           (SELECT COALESCE(-pg_catalog.sum(e.amount), 0) AS debits FROM dcep.reserve_entry AS e WHERE e.transfer IS NOT NULL) AS r,
           (SELECT COALESCE(pg_catalog.sum(o.amount), 0) AS live FROM dcep.coin AS o) AS c;
COMMENT ON VIEW dcep.conservation IS
'One row, minor units: issued and redeemed as the journal has it, outstanding (the difference), what reserves were debited for it, and the worth of all live coins; sound where the last three are equal. Reads the journal and all live coins. dcep.supply has it per operator';

CREATE VIEW dcep.quota AS
    SELECT s.institution, s.name, s.reserve + s.outstanding AS quota, s.outstanding AS used, s.reserve AS remaining,
           pg_catalog.round(s.outstanding::numeric / NULLIF(s.reserve + s.outstanding, 0), 4) AS share_used
      FROM dcep.supply AS s;
COMMENT ON VIEW dcep.quota IS
'Per operator, minor units: quota (paid in to its reserve and not withdrawn), used (issued and not redeemed), remaining, and the share used (0 to 1; NULL where there is no quota). Costs what dcep.supply does';

CREATE FUNCTION dcep.double_spends(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                   OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
    SELECT d.check_name, COALESCE(d.institution, dcep.institution(d.wallet)::smallint),
           CASE WHEN dcep.caller_sees(d.wallet) THEN d.wallet END, d.transfer, d.detail
      FROM (SELECT * FROM dcep.audit_spends() UNION ALL SELECT * FROM dcep.audit_coins()) AS d
$$;
COMMENT ON FUNCTION dcep.double_spends() IS
'Double spends and orphans: coins consumed twice, or live and consumed, coins that no transfer minted, live coins that are not what was minted. The rows of dcep.audit() of these names; none in a sound ledger. Reads the journal and all live coins, no signatures: about 7 microseconds a transfer. Whose wallet it is, is shown to those who may see it';

CREATE FUNCTION dcep.chain_gaps(OUT defect text, OUT institution smallint, OUT wallet dcep.wallet_id, OUT seq bigint,
                                OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.defect, dcep.institution(d.wallet_id)::smallint, CASE WHEN dcep.caller_sees(d.wallet_id) THEN d.wallet_id END,
           d.seq, d.transfer, d.detail
      FROM dcep.verify_chain(NULL, false) AS d WHERE d.defect IN ('gap', 'link', 'head')
    UNION ALL
    SELECT 'reserve ' || r.defect, r.institution, NULL, r.seq, r.transfer, r.detail
      FROM dcep.verify_reserves() AS r WHERE r.defect IN ('gap', 'link', 'head')
$$;
COMMENT ON FUNCTION dcep.chain_gaps() IS
'Where rows are missing in a wallet''s chain or a reserve account''s: gap, link and head of dcep.verify_chain() and, as "reserve gap" and so on, of dcep.verify_reserves(). No rows in a sound ledger. Hashes the whole journal without checking its signatures: about 5 microseconds a transfer. Whose wallet it is, is shown to those who may see it';

CREATE FUNCTION dcep.caller_reads_totals() RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'dcep_caller_reads_totals';
COMMENT ON FUNCTION dcep.caller_reads_totals() IS
'Internal: inside a SECURITY DEFINER function: may the role that called it read what is between all institutions? The central bank, supervisors, auditors, the owner';

CREATE FUNCTION dcep.net_positions(since timestamptz DEFAULT dcep.day_start(dcep.today()), until timestamptz DEFAULT NULL,
                                   OUT institution smallint, OUT counterparty smallint, OUT payments bigint,
                                   OUT paid numeric, OUT receipts bigint, OUT received numeric, OUT net numeric,
                                   OUT under_way numeric) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- Within this database a payment is settled when it is made; across nodes when its end is known here, and only then does it
    -- count: so no day changes once it is over.  What leaves for another node is in the journal, too, and counted once.
    WITH flow AS (
        SELECT dcep.institution(t.payer)::smallint AS payer, dcep.institution(t.payee)::smallint AS payee,
               count(*) AS n, sum(t.amount) AS amount, 0::numeric AS under_way
          FROM dcep.transfer AS t
         WHERE t.kind IN ('transfer', 'recover') AND (since IS NULL OR t.created_at >= since) AND (until IS NULL OR t.created_at < until)
           AND dcep.institution(t.payer) <> dcep.institution(t.payee) AND dcep.is_here(t.payer) AND dcep.is_here(t.payee)
         GROUP BY 1, 2
        UNION ALL
        SELECT dcep.institution(c.payer)::smallint, dcep.institution(c.payee)::smallint, count(*), sum(c.amount), 0
          FROM dcep.crossing AS c
         WHERE c.kind IN ('transfer', 'recover') AND c.state = 'settled'
           AND c.ended_at >= COALESCE(since, '-infinity') AND c.ended_at < COALESCE(until, 'infinity')
         GROUP BY 1, 2
        UNION ALL
        SELECT dcep.institution(c.payer)::smallint, dcep.institution(c.payee)::smallint, 0, 0, sum(c.amount)
          FROM dcep.crossing AS c WHERE c.kind IN ('transfer', 'recover') AND c.ended_at IS NULL
         GROUP BY 1, 2),
    side AS (
        SELECT f.payer AS institution, f.payee AS counterparty, f.n AS payments, f.amount AS paid, 0 AS receipts, 0 AS received, f.under_way
          FROM flow AS f
        UNION ALL
        SELECT f.payee, f.payer, 0, 0, f.n, f.amount, 0 FROM flow AS f)
    SELECT s.institution, s.counterparty, sum(s.payments)::bigint, sum(s.paid), sum(s.receipts)::bigint, sum(s.received),
           sum(s.received) - sum(s.paid), sum(s.under_way)
      FROM side AS s
     WHERE (SELECT dcep.caller_reads_totals()) OR dcep.caller_acts_for(s.institution)
     GROUP BY s.institution, s.counterparty ORDER BY 1, 2
$$;
COMMENT ON FUNCTION dcep.net_positions(timestamptz, timestamptz) IS
'What the wallets of each institution paid to and received from those of each other in a time range (today by default), by order of authorities (recover) too: numbers and sums in minor units, net, which is received less paid, and under_way, what it has paid to nodes that have not answered yet, whatever the range. A pair appears once from either side, and the two nets cancel. A payment across nodes counts from when this node knew that it was settled; one that was returned never does. On the registry, and where one database serves all, these are the positions of all; on an operator''s node its own. For the central bank, supervisors and auditors; an operator is shown its own rows. Reads the journal, and of dcep.crossing what ended in the range, by an index';

CREATE FUNCTION dcep.anonymous_share(since timestamptz DEFAULT dcep.day_start(dcep.today()), until timestamptz DEFAULT NULL,
                                     OUT institution smallint, OUT wallets bigint, OUT anonymous_wallets bigint, OUT held numeric,
                                     OUT anonymous_held numeric, OUT paid numeric, OUT anonymous_paid numeric,
                                     OUT share_of_wallets numeric, OUT share_held numeric, OUT share_paid numeric) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH held AS (SELECT c.owner, sum(c.amount) AS amount FROM dcep.coin AS c GROUP BY c.owner),
    paid AS (
        SELECT t.payer, sum(t.amount) AS amount FROM dcep.transfer AS t
         WHERE t.kind IN ('transfer', 'exchange_out')
           AND (since IS NULL OR t.created_at >= since) AND (until IS NULL OR t.created_at < until)
         GROUP BY t.payer),
    client AS (
        SELECT w.institution, count(*) FILTER (WHERE w.status = 'open') AS wallets,
               count(*) FILTER (WHERE w.status = 'open' AND w.class = 4) AS anonymous_wallets,
               COALESCE(sum(h.amount), 0) AS held, COALESCE(sum(h.amount) FILTER (WHERE w.class = 4), 0) AS anonymous_held,
               COALESCE(sum(p.amount), 0) AS paid, COALESCE(sum(p.amount) FILTER (WHERE w.class = 4), 0) AS anonymous_paid
          FROM dcep.wallet AS w LEFT JOIN held AS h ON h.owner = w.id LEFT JOIN paid AS p ON p.payer = w.id
         WHERE w.class <> 0 GROUP BY w.institution)
    SELECT i.code, COALESCE(c.wallets, 0), COALESCE(c.anonymous_wallets, 0), COALESCE(c.held, 0), COALESCE(c.anonymous_held, 0),
           COALESCE(c.paid, 0), COALESCE(c.anonymous_paid, 0), round(c.anonymous_wallets::numeric / NULLIF(c.wallets, 0), 4),
           round(c.anonymous_held / NULLIF(c.held, 0), 4), round(c.anonymous_paid / NULLIF(c.paid, 0), 4)
      FROM dcep.institution AS i LEFT JOIN client AS c ON c.institution = i.code WHERE i.kind = 'operator' ORDER BY i.code
$$;
COMMENT ON FUNCTION dcep.anonymous_share(timestamptz, timestamptz) IS
'Per operator, its clients: how many wallets are open and how many of these are anonymous (class 4), what they hold now and paid in a time range (today by default), minor units, and the anonymous shares (0 to 1; NULL of nothing). Reads all wallets, live coins and the journal';

CREATE VIEW dcep.frozen_totals AS
    SELECT f.institution, f.direction, pg_catalog.count(*) AS wallets, COALESCE(pg_catalog.sum(c.amount), 0) AS held
      FROM dcep.frozen AS f
      LEFT JOIN LATERAL (SELECT pg_catalog.sum(o.amount) AS amount FROM dcep.coin AS o WHERE o.owner = f.wallet) AS c ON true
     GROUP BY f.institution, f.direction;
COMMENT ON VIEW dcep.frozen_totals IS
'Per institution and direction (debit, credit, both): how many wallets are frozen now and what they hold, minor units. Reads all wallets, and the coins of the frozen ones; dcep.frozen lists them';

CREATE VIEW dcep.held_totals AS
    WITH effect AS (
        SELECT e.supervisor, (dcep.order_kinds())[e.kind] AS kind, e.target, e.coin, e.amount
          FROM dcep.control_effect AS e
         WHERE e.valid_from <= pg_catalog.clock_timestamp() AND pg_catalog.clock_timestamp() < e.valid_until
           AND (dcep.order_kinds())[e.kind] IN ('no_debit', 'freeze', 'hold_amount', 'freeze_coins')),
    on_wallet AS (
        SELECT f.supervisor, f.kind, (CASE WHEN f.target > 0 THEN f.target END)::dcep.wallet_id AS wallet, f.coin, f.amount
          FROM effect AS f WHERE f.target > 0
        UNION ALL
        SELECT f.supervisor, f.kind, w.id, f.coin, f.amount
          FROM effect AS f JOIN dcep.wallet AS w ON -(w.institution * 10000::bigint + w.class) - 1 = f.target WHERE f.target < 0),
    frozen_coins AS (
        SELECT d.supervisor, d.wallet, pg_catalog.count(*) AS coins, pg_catalog.sum(d.amount) AS amount
          FROM (SELECT DISTINCT o.supervisor, o.wallet, o.coin, o.amount FROM on_wallet AS o WHERE o.kind = 'freeze_coins') AS d
          JOIN dcep.coin AS c ON (c.owner, c.amount, c.id) = (d.wallet, d.amount, d.coin)
         GROUP BY d.supervisor, d.wallet),
    per_wallet AS (
        SELECT o.supervisor, o.wallet, pg_catalog.bool_or(o.kind IN ('no_debit', 'freeze')) AS is_frozen,
               COALESCE(pg_catalog.sum(o.amount) FILTER (WHERE o.kind = 'hold_amount'), 0) AS held
          FROM on_wallet AS o GROUP BY o.supervisor, o.wallet)
    SELECT p.supervisor, pg_catalog.count(*) FILTER (WHERE p.is_frozen) AS frozen_wallets,
           COALESCE(pg_catalog.sum(b.balance) FILTER (WHERE p.is_frozen), 0) AS frozen,
           pg_catalog.count(*) FILTER (WHERE p.held > 0) AS held_wallets, pg_catalog.sum(LEAST(p.held, b.balance)) AS held,
           COALESCE(pg_catalog.sum(f.coins), 0)::bigint AS coins, COALESCE(pg_catalog.sum(f.amount), 0) AS in_coins,
           pg_catalog.sum(CASE WHEN p.is_frozen THEN b.balance ELSE LEAST(p.held + COALESCE(f.amount, 0), b.balance) END) AS total
      FROM per_wallet AS p
      LEFT JOIN frozen_coins AS f ON f.supervisor = p.supervisor AND f.wallet = p.wallet
     CROSS JOIN LATERAL (SELECT COALESCE(pg_catalog.sum(c.amount), 0) AS balance FROM dcep.coin AS c WHERE c.owner = p.wallet) AS b
     GROUP BY p.supervisor;
COMMENT ON VIEW dcep.held_totals IS
'Per supervisor, what its orders in force keep from being paid, minor units: wallets under no_debit and freeze and what they hold; wallets under hold_amount and what is held and there; coins frozen one by one; and total, in which a wallet''s money counts once, however many orders bear on it. Money on which two supervisors have orders counts with each. Reads the effects, the coins of their wallets, and all wallets where an order bears on a class. dcep.frozen_totals has the central bank''s freezing';

CREATE FUNCTION dcep.order_report(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
                                  OUT supervisor smallint, OUT imposed bigint, OUT awaited bigint, OUT in_force bigint,
                                  OUT expired bigint, OUT lifted bigint, OUT out_of_agreement bigint, OUT refused bigint,
                                  OUT usual_delay numeric, OUT longest_delay numeric) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH orders AS (
        SELECT o.supervisor, o.status,
               o.status IN ('awaited', 'in force') AND EXISTS (
                   SELECT FROM (SELECT dcep.institution(w) FROM unnest(o.wallets) AS w UNION SELECT o.operator WHERE o.class IS NOT NULL) AS u (code)
                    WHERE NOT dcep.is_agreed(o.supervisor, u.code, o.kind)) AS is_outside,
               CASE WHEN o.valid_from <= a.entered_at THEN EXTRACT(epoch FROM a.entered_at - GREATEST(o.imposed_at, o.valid_from)) END AS delay
          FROM dcep.order_status AS o JOIN dcep.act AS a ON a.id = o.id
         WHERE (since IS NULL OR o.imposed_at >= since) AND (until IS NULL OR o.imposed_at < until)),
    counted AS (
        SELECT o.supervisor, count(*) AS imposed, count(*) FILTER (WHERE o.status = 'awaited') AS awaited,
               count(*) FILTER (WHERE o.status = 'in force') AS in_force, count(*) FILTER (WHERE o.status = 'expired') AS expired,
               count(*) FILTER (WHERE o.status = 'lifted') AS lifted, count(*) FILTER (WHERE o.is_outside) AS outside,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY o.delay) AS usual, max(o.delay) AS longest
          FROM orders AS o GROUP BY o.supervisor),
    attempts AS (
        SELECT r.institution, count(*) AS n FROM dcep.refusal AS r
         WHERE r.attempt IS NOT NULL AND (since IS NULL OR r.refused_at >= since) AND (until IS NULL OR r.refused_at < until)
         GROUP BY r.institution)
    SELECT i.code, COALESCE(c.imposed, 0), COALESCE(c.awaited, 0), COALESCE(c.in_force, 0), COALESCE(c.expired, 0), COALESCE(c.lifted, 0),
           COALESCE(c.outside, 0), COALESCE(t.n, 0), round(c.usual::numeric, 3), round(c.longest, 3)
      FROM dcep.institution AS i LEFT JOIN counted AS c ON c.supervisor = i.code LEFT JOIN attempts AS t ON t.institution = i.code
     WHERE i.kind = 'supervisor' ORDER BY i.code
$$;
COMMENT ON FUNCTION dcep.order_report(timestamptz, timestamptz) IS
'Per supervisor: orders imposed in a time range (all by default), how many of them are awaited, in force, expired or lifted now, how many that are awaited or in force no agreement covers any more, and how many attempts beyond its agreements or on others'' orders were refused in the range. usual_delay (median) and longest_delay are seconds from the call that imposed an order to its entry as an act, when no payment that starts can pass it any more but for the commit; of orders that were to hold at once. Reads all orders and refusals';

CREATE FUNCTION dcep.refusals_by_rule(since timestamptz DEFAULT dcep.day_start(dcep.today()), until timestamptz DEFAULT NULL,
                                      OUT sqlstate text, OUT rule text, OUT class smallint, OUT by_order boolean, OUT refusals bigint,
                                      OUT payers bigint) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.sqlstate, r.message, r.class, r.order_id IS NOT NULL, count(*), count(DISTINCT r.payer)
      FROM dcep.refusal AS r
     WHERE (since IS NULL OR r.refused_at >= since) AND (until IS NULL OR r.refused_at < until)
     GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4
$$;
COMMENT ON FUNCTION dcep.refusals_by_rule(timestamptz, timestamptz) IS
'Refusals on record of a time range (today by default) by rule (SQLSTATE and message), class of the payer (NULL where it was refused before that was known, or was no payment), and whether a supervisor''s order on the payer refused: how many, and of how many payers. Reads the refusals of the range';

CREATE FUNCTION dcep.refusals_by_order(since timestamptz DEFAULT dcep.day_start(dcep.today()), until timestamptz DEFAULT NULL,
                                       OUT order_id bigint, OUT supervisor smallint, OUT kind text, OUT case_no text, OUT status text,
                                       OUT refusals bigint, OUT payers bigint, OUT amount numeric, OUT first_at timestamptz,
                                       OUT last_at timestamptz) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id, o.supervisor, o.kind, o.case_no, o.status, f.refusals, f.payers, f.amount, f.first_at, f.last_at
      FROM (SELECT r.order_id, count(*) AS refusals, count(DISTINCT r.payer) AS payers, sum(r.amount) AS amount,
                   min(r.refused_at) AS first_at, max(r.refused_at) AS last_at
              FROM dcep.refusal AS r
             WHERE r.order_id IS NOT NULL AND (since IS NULL OR r.refused_at >= since) AND (until IS NULL OR r.refused_at < until)
             GROUP BY r.order_id) AS f
      JOIN dcep.order_status AS o ON o.id = f.order_id
     WHERE dcep.sees_order(o.id)
     ORDER BY f.refusals DESC, o.id
$$;
COMMENT ON FUNCTION dcep.refusals_by_order(timestamptz, timestamptz) IS
'Orders that refused payers in a time range (today by default), with their status now: how many payments, of how many payers, what these would have moved (minor units; each attempt counts), and when the first and the last was. Of orders that the reader may see, without a case. Refusals that name no order are not in it: by an order on the payee, and where holds left too little. Reads the refusals of the range';

CREATE FUNCTION dcep.wallets_per_contact(OUT institution smallint, OUT kind text, OUT wallets_each bigint, OUT contacts bigint,
                                         OUT wallets bigint, OUT anonymous_wallets bigint) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.institution, c.kind, c.wallets, count(*), sum(c.wallets)::bigint, sum(c.anonymous_wallets)::bigint
      FROM (SELECT f.institution, f.kind, f.hash, count(*) AS wallets, count(*) FILTER (WHERE w.class = 4) AS anonymous_wallets
              FROM dcep.wallet_identifier AS f JOIN dcep.wallet AS w ON w.id = f.wallet
             WHERE f.kind IN ('phone', 'email') AND w.status = 'open'
             GROUP BY f.institution, f.kind, f.hash) AS c
     GROUP BY c.institution, c.kind, c.wallets ORDER BY c.wallets DESC, c.institution, c.kind DESC
$$;
COMMENT ON FUNCTION dcep.wallets_per_contact() IS
'How many open wallets share a phone number (kind phone) or an e-mail address (email), per operator: wallets_each of them, for so many contacts; how many wallets that makes, and how many of these are anonymous (class 4). A wallet with two numbers counts with each. Names no wallet and no contact. Reads all identifiers and wallets';

-- --- clients -----------------------------------------------------------------

CREATE FUNCTION dcep.large_values(day date DEFAULT dcep.today(), cash bigint DEFAULT NULL, transfer bigint DEFAULT NULL,
                                  OUT wallet dcep.wallet_id, OUT institution smallint, OUT direction text, OUT type text,
                                  OUT threshold bigint, OUT rule text, OUT movements bigint, OUT largest bigint,
                                  OUT total numeric) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH sums AS (
        SELECT m.wallet, m.direction, CASE m.kind WHEN 'transfer' THEN 'transfer' ELSE 'cash' END AS type,
               count(*) AS movements, max(m.amount) AS largest, sum(m.amount) AS total
          FROM dcep.movement AS m
         WHERE m.created_at >= (SELECT dcep.day_start(large_values.day)) AND m.created_at < (SELECT dcep.day_start(large_values.day + 1))
         GROUP BY 1, 2, 3)
    SELECT s.wallet, dcep.institution(s.wallet)::smallint, s.direction, s.type, h.amount,
           CASE WHEN s.largest >= h.amount THEN 'single' ELSE 'summed' END, s.movements, s.largest, s.total
      FROM sums AS s JOIN dcep.client_threshold(large_values.cash, large_values.transfer) AS h ON h.type = s.type
     WHERE s.total >= h.amount
     ORDER BY s.total DESC, s.wallet, s.direction, s.type
$$;
COMMENT ON FUNCTION dcep.large_values(date, bigint, bigint) IS
'Wallets whose receipts or payments of a day (ledger''s time zone; today by default) reach a threshold, singly (rule: single) or only together (summed); receipts and payments apart, cash (exchanges with the operator) and transfers apart. Thresholds in minor units, inclusive: of dcep.reporting_threshold those for cash and for transfers of persons, since a wallet does not say yet whether it is an organisation''s; give others for organisations. NULL for a day gives no rows. Reads the journal, once a direction';

CREATE FUNCTION dcep.structuring(since timestamptz DEFAULT dcep.day_start(dcep.today() - 2), until timestamptz DEFAULT NULL,
                                 cash bigint DEFAULT NULL, transfer bigint DEFAULT NULL, floor numeric DEFAULT 0.8,
                                 min_count integer DEFAULT 3, within interval DEFAULT '3 days',
                                 OUT wallet dcep.wallet_id, OUT institution smallint, OUT direction text, OUT type text,
                                 OUT threshold bigint, OUT movements bigint, OUT counterparties bigint, OUT total numeric,
                                 OUT first_at timestamptz, OUT last_at timestamptz) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH near AS (
        SELECT m.wallet, m.direction, m.counterparty, h.type, h.amount AS threshold, m.amount, m.created_at,
               -- the last of as many as are asked for, if they begin with this one
               lead(m.created_at, structuring.min_count - 1) OVER by_time AS later
          FROM dcep.movement AS m
          JOIN dcep.client_threshold(structuring.cash, structuring.transfer) AS h
            ON h.type = CASE m.kind WHEN 'transfer' THEN 'transfer' ELSE 'cash' END
         WHERE (structuring.since IS NULL OR m.created_at >= structuring.since)
           AND (structuring.until IS NULL OR m.created_at < structuring.until)
           AND m.amount < h.amount AND m.amount >= structuring.floor * h.amount
        WINDOW by_time AS (PARTITION BY m.wallet, m.direction, h.type ORDER BY m.created_at, m.transfer)),
    run AS (
        SELECT n.* FROM (SELECT n.*, max(n.later) FILTER (WHERE n.later - n.created_at <= structuring.within)
                                     OVER (PARTITION BY n.wallet, n.direction, n.type ORDER BY n.created_at) AS covered
                           FROM near AS n) AS n
         WHERE n.covered >= n.created_at)
    SELECT r.wallet, dcep.institution(r.wallet)::smallint, r.direction, r.type, r.threshold, count(*),
           count(DISTINCT r.counterparty), sum(r.amount), min(r.created_at), max(r.created_at)
      FROM run AS r GROUP BY r.wallet, r.direction, r.type, r.threshold
     ORDER BY count(*) DESC, sum(r.amount) DESC, r.wallet, r.direction, r.type
$$;
COMMENT ON FUNCTION dcep.structuring(timestamptz, timestamptz, bigint, bigint, numeric, integer, interval) IS
'Wallets that made or got min_count or more (3) movements just under a threshold within an interval (3 days): from floor (0.8) of it, inclusive, to the threshold, exclusive, since what reaches it is reported as a large value. Receipts and payments apart, cash and transfers apart, thresholds as of dcep.large_values(). The time range is the last three days by default; all movements that are part of such a run count. Where counterparties is 1 the flow is between a pair. Reads the journal, once a direction';

CREATE FUNCTION dcep.dormant_reactivated(since timestamptz DEFAULT dcep.day_start(dcep.today()), until timestamptz DEFAULT NULL,
                                         dormancy interval DEFAULT '180 days', min_total bigint DEFAULT 0,
                                         OUT wallet dcep.wallet_id, OUT institution smallint, OUT last_before timestamptz,
                                         OUT reactivated_at timestamptz, OUT dormant_for interval, OUT movements bigint,
                                         OUT received numeric, OUT paid numeric) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH activity AS (
        SELECT m.wallet, max(m.created_at) FILTER (WHERE m.created_at < dormant_reactivated.since) AS last_before,
               min(m.created_at) FILTER (WHERE m.created_at >= dormant_reactivated.since) AS first_at,
               count(*) FILTER (WHERE m.created_at >= dormant_reactivated.since) AS movements,
               COALESCE(sum(m.amount) FILTER (WHERE m.created_at >= dormant_reactivated.since AND m.direction = 'receipt'), 0) AS received,
               COALESCE(sum(m.amount) FILTER (WHERE m.created_at >= dormant_reactivated.since AND m.direction = 'payment'), 0) AS paid
          FROM dcep.movement AS m
         WHERE dormant_reactivated.until IS NULL OR m.created_at < dormant_reactivated.until
         GROUP BY m.wallet)
    SELECT a.wallet, w.institution, COALESCE(a.last_before, w.opened_at), a.first_at, a.first_at - COALESCE(a.last_before, w.opened_at),
           a.movements, a.received, a.paid
      FROM activity AS a JOIN dcep.wallet AS w ON w.id = a.wallet
     WHERE a.first_at - COALESCE(a.last_before, w.opened_at) >= dormant_reactivated.dormancy
       AND a.received + a.paid >= dormant_reactivated.min_total
     ORDER BY a.received + a.paid DESC, a.wallet
$$;
COMMENT ON FUNCTION dcep.dormant_reactivated(timestamptz, timestamptz, interval, bigint) IS
'Wallets that moved money in a time range (today by default) after none for at least dormancy (180 days) since their last movement or, where there was none, since they were opened; and what they received and paid in the range, minor units, together at least min_total. NULL for since gives no rows. Reads the whole journal, once a direction';

CREATE FUNCTION dcep.surging(since timestamptz DEFAULT dcep.day_start(dcep.today()), until timestamptz DEFAULT pg_catalog.now(),
                             baseline interval DEFAULT '90 days', factor numeric DEFAULT 10, min_total bigint DEFAULT NULL,
                             OUT wallet dcep.wallet_id, OUT institution smallint, OUT usual numeric, OUT total numeric,
                             OUT times numeric, OUT movements bigint) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH flow AS (
        SELECT m.wallet, COALESCE(sum(m.amount) FILTER (WHERE m.created_at < surging.since), 0)
                         * GREATEST(1, EXTRACT(epoch FROM surging.until - surging.since))
                         / NULLIF(EXTRACT(epoch FROM surging.since - (surging.since - surging.baseline)), 0) AS usual,
               COALESCE(sum(m.amount) FILTER (WHERE m.created_at >= surging.since), 0) AS total,
               count(*) FILTER (WHERE m.created_at >= surging.since) AS movements
          FROM dcep.movement AS m
         WHERE m.created_at >= surging.since - surging.baseline AND m.created_at < surging.until
         GROUP BY m.wallet)
    SELECT f.wallet, dcep.institution(f.wallet)::smallint, round(f.usual, 2), f.total, round(f.total / f.usual, 1), f.movements
      FROM flow AS f, dcep.reporting_threshold AS r
     WHERE r.type = 'cash' AND f.usual > 0 AND f.usual < COALESCE(surging.min_total, r.amount)
       AND f.total >= surging.factor * f.usual AND f.total >= COALESCE(surging.min_total, r.amount)
     ORDER BY f.total / f.usual DESC, f.wallet
$$;
COMMENT ON FUNCTION dcep.surging(timestamptz, timestamptz, interval, numeric, bigint) IS
'Small-flow wallets that surge: what they received and paid in a time range (today by default) is at least factor (10) times what is usual, and at least min_total (the threshold for cash of dcep.reporting_threshold by default), while the usual is less than that. Usual is the flow of the baseline before the range (90 days) in proportion to the range''s length, of a second at least; wallets without any are left to dcep.dormant_reactivated(). Minor units. NULL for a bound gives no rows. Reads the journal, once a direction';

CREATE FUNCTION dcep.short_lived(since timestamptz DEFAULT dcep.day_start(dcep.today()), until timestamptz DEFAULT NULL,
                                 lifetime interval DEFAULT '30 days', min_total bigint DEFAULT NULL,
                                 OUT wallet dcep.wallet_id, OUT institution smallint, OUT class smallint, OUT opened_at timestamptz,
                                 OUT closed_at timestamptz, OUT movements bigint, OUT received numeric, OUT paid numeric) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH gone AS MATERIALIZED (
        SELECT w.id, w.institution, w.class, w.opened_at, w.closed_at FROM dcep.wallet AS w
         WHERE w.closed_at - w.opened_at <= short_lived.lifetime
           AND (short_lived.since IS NULL OR w.closed_at >= short_lived.since) AND (short_lived.until IS NULL OR w.closed_at < short_lived.until))
    SELECT g.id, g.institution, g.class, g.opened_at, g.closed_at, count(*),
           COALESCE(sum(m.amount) FILTER (WHERE m.direction = 'receipt'), 0),
           COALESCE(sum(m.amount) FILTER (WHERE m.direction = 'payment'), 0)
      FROM gone AS g JOIN dcep.movement AS m ON m.wallet = g.id, dcep.reporting_threshold AS r
     WHERE r.type = 'cash'
     GROUP BY g.id, g.institution, g.class, g.opened_at, g.closed_at, r.amount
    HAVING sum(m.amount) >= COALESCE(short_lived.min_total, r.amount)
     ORDER BY sum(m.amount) DESC, g.id
$$;
COMMENT ON FUNCTION dcep.short_lived(timestamptz, timestamptz, interval, bigint) IS
'Wallets closed in a time range (today by default) at most lifetime (30 days) after they were opened, with large flows between: what they received and paid is together at least min_total, minor units (the threshold for cash of dcep.reporting_threshold by default). Reads all wallets, and the journal by wallet';
