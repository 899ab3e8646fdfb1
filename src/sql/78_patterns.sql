-- Money laundering: what shows only where several wallets are looked at together.  Reports run with the rights of the reader.
--
-- rings() and suspects() know no amounts, no labels and no clock.  They ask how much of what they see chance would bring about
-- in a ledger in which every wallet pays and is paid by as many others as in this one, but by whomever: a pair is then expected
-- with probability p = (wallets that the payer paid) x (wallets that paid the payee) / (pairs), and speaks for a ring with
-- -log10(p).  A score is the logarithm of the odds against chance, 2 a hundred to one, for the one organiser or circle that it is
-- about.  It is not corrected for how many of these were looked at: it ranks, and does not say how likely an alert is right.
--
-- pairs() has a body in SQL's own form (BEGIN ATOMIC), so that it becomes part of the queries that use it; names in it are bound here.

CREATE FUNCTION dcep.pairs(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
                           OUT payer dcep.wallet_id, OUT payee dcep.wallet_id, OUT payments bigint, OUT amount numeric,
                           OUT first_at timestamptz, OUT last_at timestamptz) RETURNS SETOF record
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT t.payer, t.payee, count(*), sum(t.amount), min(t.created_at), max(t.created_at)
      FROM dcep.transfer AS t
     WHERE t.kind = 'transfer' AND (since IS NULL OR t.created_at >= since) AND (until IS NULL OR t.created_at < until)
       AND t.payer NOT IN (SELECT h.wallet FROM dcep.house_wallet AS h)
       AND t.payee NOT IN (SELECT h.wallet FROM dcep.house_wallet AS h)
     GROUP BY t.payer, t.payee;
    END;
COMMENT ON FUNCTION dcep.pairs(timestamptz, timestamptz) IS
'Who paid whom in a time range (all by default): number, sum (minor units), first and last of the transfers between two wallets of clients, in one direction. In no order. Reads the journal';

CREATE FUNCTION dcep.fan_in(since timestamptz DEFAULT pg_catalog.now() OPERATOR(pg_catalog.-) interval '1 day',
                            until timestamptz DEFAULT NULL, min_payers integer DEFAULT 10,
                            OUT wallet dcep.wallet_id, OUT institution smallint, OUT payers bigint, OUT receipts numeric,
                            OUT received numeric, OUT first_at timestamptz, OUT last_at timestamptz, OUT payees bigint,
                            OUT paid numeric) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
    WITH pair AS MATERIALIZED (SELECT p.* FROM dcep.pairs(since, until) AS p),
    gathered AS (
        SELECT p.payee AS wallet, count(*) AS payers, sum(p.payments) AS receipts, sum(p.amount) AS received,
               min(p.first_at) AS first_at, max(p.last_at) AS last_at
          FROM pair AS p GROUP BY p.payee HAVING count(*) >= min_payers)
    SELECT g.wallet, dcep.institution(g.wallet)::smallint, g.payers, g.receipts, g.received, g.first_at, g.last_at,
           count(o.payee), COALESCE(sum(o.amount), 0)
      FROM gathered AS g LEFT JOIN pair AS o ON o.payer = g.wallet
     WHERE dcep.sees(g.wallet)
     GROUP BY g.wallet, g.payers, g.receipts, g.received, g.first_at, g.last_at
     ORDER BY g.payers DESC, g.received DESC, g.wallet
$$;
COMMENT ON FUNCTION dcep.fan_in(timestamptz, timestamptz, integer) IS
'Wallets that at least min_payers (10) other clients paid in a time range (the last 24 hours by default): from how many, in how many transfers, how much (minor units), when; and to how many wallets how much they paid in the same range. What comes in dispersed and goes out concentrated has many payers and few payees. Reads the journal';

CREATE FUNCTION dcep.fan_out(since timestamptz DEFAULT pg_catalog.now() OPERATOR(pg_catalog.-) interval '1 day',
                             until timestamptz DEFAULT NULL, min_payees integer DEFAULT 10,
                             OUT wallet dcep.wallet_id, OUT institution smallint, OUT payees bigint, OUT payments numeric,
                             OUT paid numeric, OUT first_at timestamptz, OUT last_at timestamptz, OUT payers bigint,
                             OUT received numeric) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
    WITH pair AS MATERIALIZED (SELECT p.* FROM dcep.pairs(since, until) AS p),
    spread AS (
        SELECT p.payer AS wallet, count(*) AS payees, sum(p.payments) AS payments, sum(p.amount) AS paid,
               min(p.first_at) AS first_at, max(p.last_at) AS last_at
          FROM pair AS p GROUP BY p.payer HAVING count(*) >= min_payees)
    SELECT s.wallet, dcep.institution(s.wallet)::smallint, s.payees, s.payments, s.paid, s.first_at, s.last_at,
           count(i.payer), COALESCE(sum(i.amount), 0)
      FROM spread AS s LEFT JOIN pair AS i ON i.payee = s.wallet
     WHERE dcep.sees(s.wallet)
     GROUP BY s.wallet, s.payees, s.payments, s.paid, s.first_at, s.last_at
     ORDER BY s.payees DESC, s.paid DESC, s.wallet
$$;
COMMENT ON FUNCTION dcep.fan_out(timestamptz, timestamptz, integer) IS
'Wallets that paid at least min_payees (10) other clients in a time range (the last 24 hours by default); the mirror image of dcep.fan_in(). What comes in concentrated and goes out dispersed has few payers and many payees. Reads the journal';

CREATE FUNCTION dcep.pass_through(since timestamptz DEFAULT dcep.day_start(dcep.today() - 1), until timestamptz DEFAULT NULL,
                                  share numeric DEFAULT 0.9, within interval DEFAULT '24 hours', min_received bigint DEFAULT NULL,
                                  OUT wallet dcep.wallet_id, OUT institution smallint, OUT received numeric, OUT paid numeric,
                                  OUT receipts bigint, OUT payments bigint, OUT first_at timestamptz, OUT last_at timestamptz)
    RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
    WITH needed AS (SELECT COALESCE(min_received, r.amount) AS amount FROM dcep.reporting_threshold AS r WHERE r.type = 'cash'),
    moved AS MATERIALIZED (
        SELECT m.wallet, m.direction, m.amount, m.created_at FROM dcep.movement AS m
         WHERE (since IS NULL OR m.created_at >= since) AND (until IS NULL OR m.created_at < until)),
    -- Few wallets move as much at all; windows are opened for those alone.
    candidate AS (
        SELECT v.wallet FROM moved AS v GROUP BY v.wallet
        HAVING sum(v.amount) FILTER (WHERE v.direction = 'receipt') >= (SELECT n.amount FROM needed AS n)),
    span AS (
        SELECT m.wallet, m.direction, m.created_at AS first_at,
               sum(m.amount) FILTER (WHERE m.direction = 'receipt') OVER ahead AS received,
               sum(m.amount) FILTER (WHERE m.direction = 'payment') OVER ahead AS paid,
               count(*) FILTER (WHERE m.direction = 'receipt') OVER ahead AS receipts,
               count(*) FILTER (WHERE m.direction = 'payment') OVER ahead AS payments,
               max(m.created_at) OVER ahead AS last_at
          FROM moved AS m JOIN candidate AS c ON c.wallet = m.wallet
        WINDOW ahead AS (PARTITION BY m.wallet ORDER BY m.created_at RANGE BETWEEN CURRENT ROW AND within FOLLOWING)),
    best AS (
        SELECT DISTINCT ON (s.wallet) s.* FROM span AS s, needed AS n
         WHERE s.direction = 'receipt' AND s.received >= n.amount AND s.paid >= share * s.received
         ORDER BY s.wallet, s.received DESC, s.first_at)
    SELECT b.wallet, dcep.institution(b.wallet)::smallint, b.received, b.paid, b.receipts, b.payments, b.first_at, b.last_at
      FROM best AS b ORDER BY b.received DESC, b.wallet
$$;
COMMENT ON FUNCTION dcep.pass_through(timestamptz, timestamptz, numeric, interval, bigint) IS
'Wallets that paid out at least share (0.9) of what they received, within an interval (24 hours) that begins with a receipt; of several such intervals of a wallet in the time range (yesterday and today by default) the one in which it received most. Only where that is at least min_received, minor units (the threshold for cash of dcep.reporting_threshold by default). Reads the journal, once a direction, and sorts what wallets moved that received so much';

CREATE FUNCTION dcep.cycles(since timestamptz DEFAULT pg_catalog.now() OPERATOR(pg_catalog.-) interval '30 days',
                            until timestamptz DEFAULT NULL, within interval DEFAULT '30 days', min_members integer DEFAULT 3,
                            max_members integer DEFAULT 6, share numeric DEFAULT 0.9, min_amount bigint DEFAULT 1,
                            OUT members dcep.wallet_id[], OUT transfers bigint[], OUT amount bigint, OUT returned bigint,
                            OUT first_at timestamptz, OUT last_at timestamptz) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off SET enable_mergejoin = off AS $$
    WITH RECURSIVE payment AS MATERIALIZED (
        SELECT t.id, t.payer, t.payee, t.amount, t.created_at FROM dcep.transfer AS t
         WHERE t.kind = 'transfer' AND t.amount >= min_amount
           AND (since IS NULL OR t.created_at >= since) AND (until IS NULL OR t.created_at < until)
           AND t.payer NOT IN (SELECT h.wallet FROM dcep.house_wallet AS h)
           AND t.payee NOT IN (SELECT h.wallet FROM dcep.house_wallet AS h)),
    path AS (
        SELECT ARRAY[f.payer, f.payee] AS members, ARRAY[f.id, p.id] AS transfers, p.payee AS at, p.id AS last,
               f.amount AS first_amount, p.amount, f.created_at AS first_at, p.created_at AS last_at
          FROM payment AS f JOIN payment AS p ON p.payer = f.payee
         WHERE p.id > f.id AND p.created_at <= f.created_at + within AND p.amount <= f.amount AND p.amount >= share * f.amount
        UNION ALL
        SELECT h.members || h.at, h.transfers || p.id, p.payee, p.id, h.first_amount, p.amount, h.first_at, p.created_at
          FROM path AS h JOIN payment AS p ON p.payer = h.at
         WHERE h.at <> ALL (h.members) AND cardinality(h.members) < max_members
           AND p.id > h.last AND p.created_at <= h.first_at + within
           AND p.amount <= h.amount AND p.amount >= share * h.amount
           -- nobody but the first is paid twice
           AND (p.payee = h.members[1] OR p.payee <> ALL (h.members)))
    SELECT c.members, c.transfers, c.first_amount, c.amount, c.first_at, c.last_at
      FROM path AS c
     WHERE c.at = c.members[1] AND cardinality(c.members) >= min_members
     ORDER BY c.first_amount DESC, c.transfers
$$;
COMMENT ON FUNCTION dcep.cycles(timestamptz, timestamptz, interval, integer, integer, numeric, bigint) IS
'Money that comes back to where it began: chains of min_members (3) to max_members (6) transfers from client to client, each later than the one before, all within an interval (30 days), each of at least share (0.9) of the one before and of no more, the last to the first payer. members in order from the first payer, transfers, the first amount and what returned, minor units, when it began and ended. The time range is the last 30 days by default. Reads the journal, joins it with itself once a member; the cost grows with how many transfers have like amounts';

CREATE FUNCTION dcep.frequent_pairs(since timestamptz DEFAULT pg_catalog.now() OPERATOR(pg_catalog.-) interval '180 days',
                                    until timestamptz DEFAULT NULL, rarity double precision DEFAULT 0.02,
                                    OUT payer dcep.wallet_id, OUT payee dcep.wallet_id, OUT payments bigint, OUT amount numeric,
                                    OUT first_at timestamptz, OUT last_at timestamptz, OUT score double precision) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
    WITH pair AS MATERIALIZED (SELECT p.* FROM dcep.pairs(since, until) AS p),
    often AS (
        SELECT p.payments, sum(count(*)) OVER (ORDER BY p.payments DESC)::double precision / sum(count(*)) OVER () AS share
          FROM pair AS p GROUP BY p.payments)
    SELECT p.payer, p.payee, p.payments, p.amount, p.first_at, p.last_at, -log(o.share)
      FROM often AS o JOIN pair AS p ON p.payments = o.payments
     WHERE o.payments >= 2 AND o.share <= rarity
     ORDER BY p.payments DESC, p.amount DESC, p.payer, p.payee
$$;
COMMENT ON FUNCTION dcep.frequent_pairs(timestamptz, timestamptz, double precision) IS
'Pairs between which transfers are unusually frequent, in one direction, in a time range (the last 180 days by default): paid twice or more, and as often as at most a share rarity (0.02) of all pairs of the range; score is -log10 of the share. So what is frequent follows from the ledger itself, and where everybody pays again and again a pair must be paid more often than they. Reads the journal';

CREATE FUNCTION dcep.find_rings(payers dcep.wallet_id[], payees dcep.wallet_id[], payments bigint[], ring_score double precision,
                                link_score double precision, rarity double precision,
                                OUT kind text, OUT organiser dcep.wallet_id, OUT members dcep.wallet_id[], OUT pairs integer,
                                OUT payees_of_organiser integer, OUT score double precision) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 AS 'MODULE_PATHNAME', 'dcep_find_rings';
COMMENT ON FUNCTION dcep.find_rings(dcep.wallet_id[], dcep.wallet_id[], bigint[], double precision, double precision, double precision) IS
'All alerts of dcep.rings() and dcep.suspects() about distinct pairs, given as arrays of one length of payers, payees and how often each paid. Reads nothing else, and holds all pairs in memory. Errors: 2202E. Follows each pair one step';

CREATE FUNCTION dcep.alerts(since timestamptz, until timestamptz, ring_score double precision, link_score double precision,
                            rarity double precision, OUT kind text, OUT organiser dcep.wallet_id, OUT members dcep.wallet_id[],
                            OUT pairs integer, OUT payees integer, OUT score double precision) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
    SELECT a.*
      FROM (SELECT array_agg(p.payer) AS payers, array_agg(p.payee) AS payees, array_agg(p.payments) AS payments
              FROM dcep.pairs(since, until) AS p) AS g,
           dcep.find_rings(g.payers, g.payees, g.payments, ring_score, link_score, rarity) AS a
$$;
COMMENT ON FUNCTION dcep.alerts(timestamptz, timestamptz, double precision, double precision, double precision) IS
'dcep.find_rings() over dcep.pairs() of a time range';

CREATE FUNCTION dcep.rings(since timestamptz DEFAULT pg_catalog.now() OPERATOR(pg_catalog.-) interval '180 days',
                           until timestamptz DEFAULT NULL, min_score double precision DEFAULT 2, rarity double precision DEFAULT 0.02,
                           OUT kind text, OUT organiser dcep.wallet_id, OUT members dcep.wallet_id[], OUT pairs integer,
                           OUT transfers bigint[], OUT amount numeric, OUT first_at timestamptz, OUT last_at timestamptz,
                           OUT payees integer, OUT score double precision) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
    WITH ring AS MATERIALIZED (
        SELECT a.* FROM dcep.alerts(since, until, min_score, 'infinity', rarity) AS a
         WHERE a.kind IN ('ring', 'fan-in', 'fan-out', 'pair'))
    SELECT r.kind, r.organiser, r.members, r.pairs, array_agg(t.id ORDER BY t.id), sum(t.amount), min(t.created_at), max(t.created_at),
           r.payees, r.score
      FROM ring AS r, unnest(r.members) AS m (wallet) JOIN dcep.transfer AS t ON t.payer = m.wallet
     WHERE t.payee = ANY (r.members) AND t.kind = 'transfer'
       AND (since IS NULL OR t.created_at >= since) AND (until IS NULL OR t.created_at < until)
     GROUP BY r.kind, r.organiser, r.members, r.pairs, r.payees, r.score
     ORDER BY r.score DESC, r.organiser
$$;
COMMENT ON FUNCTION dcep.rings(timestamptz, timestamptz, double precision, double precision) IS
'Groups of clients who pay each other and were all paid by one wallet, the organiser: more than chance would do, by a score (log10 of the odds) of min_score (2) at least. kind: fan-in (all pay one member), fan-out (one pays all), ring (any other, cycles among them), pair (two). members include the organiser where a member pays it or it pays one often; pairs are those that the score counts; transfers (ids) and amount (minor units) are all among the members; there is one row an organiser at most; payees is how many wallets the organiser paid. rarity is that of dcep.frequent_pairs(). The time range is the last 180 days by default. Reads the journal twice and follows each pair one step';

CREATE FUNCTION dcep.suspects(since timestamptz DEFAULT pg_catalog.now() OPERATOR(pg_catalog.-) interval '180 days',
                              until timestamptz DEFAULT NULL, ring_score double precision DEFAULT 2,
                              link_score double precision DEFAULT 1, rarity double precision DEFAULT 0.02,
                              OUT wallet dcep.wallet_id, OUT institution smallint, OUT reason text,
                              OUT score double precision) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
    SELECT b.wallet, dcep.institution(b.wallet)::smallint, b.kind, b.score
      FROM (SELECT DISTINCT ON (m.wallet) m.wallet, a.kind, a.score
              FROM dcep.alerts(since, until, ring_score, link_score, rarity) AS a, unnest(a.members) AS m (wallet)
             ORDER BY m.wallet, a.score DESC, a.kind) AS b
     WHERE dcep.sees(b.wallet)
     ORDER BY b.score DESC, b.wallet
$$;
COMMENT ON FUNCTION dcep.suspects(timestamptz, timestamptz, double precision, double precision, double precision) IS
'Wallets that take part in a money laundering pattern, each once with its best reason and score (log10 of the odds against chance, not corrected for how many wallets are looked at): ring, fan-in, fan-out or pair of dcep.rings() of ring_score (2) at least; frequent pair of dcep.frequent_pairs(); linked, which is one that pays or is paid by a circle of frequent pairs and shares a payer with it, or is tied to several of it, of link_score (1) at least; organiser, whose payees are a ring for a third. The time range is the last 180 days by default. Reads the journal and follows each pair one step: about 4 microseconds a transfer where a wallet pays six others';
