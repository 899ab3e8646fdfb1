-- Consolidation: many coins of a wallet exchanged for one.

CREATE FUNCTION dcep.consolidate(wallet dcep.wallet_id, max_coins integer DEFAULT 10000, skip_locked boolean DEFAULT false)
    RETURNS integer
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'dcep_consolidate';
COMMENT ON FUNCTION dcep.consolidate(dcep.wallet_id, integer, boolean) IS
'Exchanges the smallest coins of a wallet, at most max_coins and at most 10,000, for one coin of their worth; returns how many, 0 where there are fewer than two, and where skip_locked is true and another transaction holds the wallet. By its operator. Errors: 42501, 22004, 22023, LG305, LG306, LG201, LG101-LG103';

CREATE FUNCTION dcep.crowded_wallets(min_coins integer DEFAULT 100, max_wallets integer DEFAULT 1000)
    RETURNS TABLE (wallet dcep.wallet_id, coins bigint)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.owner, c.coins
      FROM (SELECT c.owner, count(*) AS coins FROM dcep.coin AS c GROUP BY c.owner HAVING count(*) >= min_coins) AS c
      JOIN dcep.wallet AS w ON w.id = c.owner
      JOIN dcep.institution AS i ON i.code = w.institution
     WHERE w.status = 'open' AND w.flags & 1 = 0 AND i.status = 'active'
     ORDER BY c.coins DESC, c.owner
     LIMIT max_wallets
$$;
COMMENT ON FUNCTION dcep.crowded_wallets(integer, integer) IS
'The wallets with the most live coins that may be consolidated, of those that the caller may see. Reads all live coins';

-- A coin that is met by chance belongs most likely to a wallet that has many.  So
-- a few pages of the table, chosen anew each time, lead to those that matter, and
-- looking for them costs the same in a ledger of any size.
CREATE FUNCTION dcep.crowded_sample(min_coins integer DEFAULT 100, pages integer DEFAULT 32) RETURNS TABLE (wallet dcep.wallet_id)
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    WITH met AS MATERIALIZED (
        SELECT DISTINCT c.owner FROM dcep.coin AS c TABLESAMPLE SYSTEM (
            LEAST(100, 100.0 * GREATEST(pages, 1) * current_setting('block_size')::integer
                       / GREATEST(pg_relation_size('dcep.coin'), 1)))),
    crowded AS MATERIALIZED (
        SELECT m.owner FROM met AS m
         WHERE EXISTS (SELECT FROM dcep.coin AS c WHERE c.owner = m.owner ORDER BY c.amount OFFSET GREATEST(min_coins, 1) - 1))
    -- They are few, which the planner does not know: OFFSET 0 makes it look each of them up.
    SELECT c.owner
      FROM crowded AS c,
           LATERAL (SELECT w.institution FROM dcep.wallet AS w
                     WHERE w.id = c.owner AND w.status = 'open' AND w.flags & 1 = 0 OFFSET 0) AS w
      JOIN dcep.institution AS i ON i.code = w.institution
     WHERE i.status = 'active'
$$;
COMMENT ON FUNCTION dcep.crowded_sample(integer, integer) IS
'Wallets with at least min_coins live coins that may be consolidated, of those that the caller may see and whose coins lie on about so many random pages of dcep.coin; on any, where it has no more. Reads these pages and at most min_coins coins of each wallet on them';

CREATE PROCEDURE dcep.consolidate_all(min_coins integer DEFAULT 100, max_wallets integer DEFAULT 1000, INOUT coins bigint DEFAULT 0)
    LANGUAGE C AS 'MODULE_PATHNAME', 'dcep_consolidate_all';
COMMENT ON PROCEDURE dcep.consolidate_all(integer, integer, bigint) IS
'Consolidates all wallets of the caller''s institution that have at least min_coins coins, the fullest max_wallets of them; coins returns how many coins were consumed. Commits after each transfer, unless it is called in a transaction block; passes over wallets that are locked just then, and over those that are refused, with a warning. By operators. Errors: 22004, 22023';
