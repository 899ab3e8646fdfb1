-- Tracing: where value went, and where it came from.  Read src/trace.h first.

CREATE FUNCTION dcep.trace_forward(transfer bigint, method text DEFAULT 'haircut', max_depth integer DEFAULT NULL,
                                   max_rows integer DEFAULT 100000,
                                   OUT depth integer, OUT minted_by bigint, OUT coin bigint, OUT wallet dcep.wallet_id,
                                   OUT institution smallint, OUT amount bigint, OUT tainted bigint, OUT state text,
                                   OUT consumed_by bigint, OUT kind dcep.transfer_kind, OUT created_at timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_trace_forward_transfer';
COMMENT ON FUNCTION dcep.trace_forward(bigint, text, integer, integer) IS
'Follows the coin that a transfer''s payee got to where its value is now: one row a coin that had or has some of it, tainted in minor units, by poison (an upper bound), haircut (in proportion) or fifo (first in, first out). State: live, consumed (by consumed_by), redeemed (no coin), cut (max_depth or max_rows left out what follows), elsewhere (another node has it: dcep.trace_payment()), lost (see dcep.audit()). With haircut and fifo, tainted of the rows that are not consumed adds up to the first row''s amount. max_depth: transfers to follow, 0 or more, NULL for all; max_rows: 1 to 1,000,000. A wallet that the caller does not see is NULL. About 10 microseconds a row, and each chain on the way is read once. By supervisors and the central bank. Errors: 22004, 22023, 42501, XX001';

CREATE FUNCTION dcep.trace_forward_coin(coin_id bigint, method text DEFAULT 'haircut', max_depth integer DEFAULT NULL,
                                        max_rows integer DEFAULT 100000,
                                        OUT depth integer, OUT minted_by bigint, OUT coin bigint, OUT wallet dcep.wallet_id,
                                        OUT institution smallint, OUT amount bigint, OUT tainted bigint, OUT state text,
                                        OUT consumed_by bigint, OUT kind dcep.transfer_kind, OUT created_at timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_trace_forward_coin';
COMMENT ON FUNCTION dcep.trace_forward_coin(bigint, text, integer, integer) IS
'dcep.trace_forward() from a coin, by its number. Errors: 22004, 22023, 42501, XX001';

CREATE FUNCTION dcep.trace_back(transfer bigint, max_depth integer DEFAULT NULL, max_rows integer DEFAULT 100000,
                                OUT depth integer, OUT minted_by bigint, OUT coin bigint, OUT wallet dcep.wallet_id,
                                OUT institution smallint, OUT amount bigint, OUT state text,
                                OUT consumed_by bigint, OUT kind dcep.transfer_kind, OUT created_at timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_trace_back_transfer';
COMMENT ON FUNCTION dcep.trace_back(bigint, integer, integer) IS
'Follows the coin that a transfer''s payee got back to the issues that it came from: one row a coin that was consumed on the way, the coin itself first; those of kind issue are where the value was made. State: consumed (by consumed_by), cut (max_depth or max_rows left out what was before), and for the first row what became of it. Arguments and rights as for dcep.trace_forward(). Errors: 22004, 22023, 42501, XX001';

CREATE FUNCTION dcep.trace_back_coin(coin_id bigint, max_depth integer DEFAULT NULL, max_rows integer DEFAULT 100000,
                                     OUT depth integer, OUT minted_by bigint, OUT coin bigint, OUT wallet dcep.wallet_id,
                                     OUT institution smallint, OUT amount bigint, OUT state text,
                                     OUT consumed_by bigint, OUT kind dcep.transfer_kind, OUT created_at timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_trace_back_coin';
COMMENT ON FUNCTION dcep.trace_back_coin(bigint, integer, integer) IS
'dcep.trace_back() from a coin, by its number. Errors: 22004, 22023, 42501, XX001';

-- A coin that somebody shows: it must be genuine, and this ledger's.
CREATE FUNCTION dcep.presented_coin(coin dcep.signed_coin) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF dcep.coin_state(dcep.check(coin)) = 'unknown' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG101', MESSAGE = 'coin signature invalid',
            DETAIL = format('Coin %s was minted by no transfer.', dcep.coin_id(coin));
    END IF;
    RETURN dcep.coin_id(coin);
END
$$;
COMMENT ON FUNCTION dcep.presented_coin(dcep.signed_coin) IS
'Internal: the number of a coin of this ledger, or an error (22023, LG101-LG103)';

CREATE FUNCTION dcep.trace_forward(presented dcep.signed_coin, method text DEFAULT 'haircut',
                                   max_depth integer DEFAULT NULL, max_rows integer DEFAULT 100000,
                                   OUT depth integer, OUT minted_by bigint, OUT coin bigint, OUT wallet dcep.wallet_id,
                                   OUT institution smallint, OUT amount bigint, OUT tainted bigint, OUT state text,
                                   OUT consumed_by bigint, OUT kind dcep.transfer_kind, OUT created_at timestamptz)
    RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM dcep.trace_forward_coin(dcep.presented_coin(presented), method, max_depth, max_rows)
$$;
COMMENT ON FUNCTION dcep.trace_forward(dcep.signed_coin, text, integer, integer) IS
'dcep.trace_forward() from a coin that is shown; its signature is verified. Errors: as there, and LG101-LG103';

CREATE FUNCTION dcep.trace_back(presented dcep.signed_coin, max_depth integer DEFAULT NULL,
                                max_rows integer DEFAULT 100000,
                                OUT depth integer, OUT minted_by bigint, OUT coin bigint, OUT wallet dcep.wallet_id,
                                OUT institution smallint, OUT amount bigint, OUT state text,
                                OUT consumed_by bigint, OUT kind dcep.transfer_kind, OUT created_at timestamptz)
    RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM dcep.trace_back_coin(dcep.presented_coin(presented), max_depth, max_rows)
$$;
COMMENT ON FUNCTION dcep.trace_back(dcep.signed_coin, integer, integer) IS
'dcep.trace_back() from a coin that is shown; its signature is verified. Errors: as there, and LG101-LG103';

CREATE FUNCTION dcep.trace_live(transfer bigint, method text DEFAULT 'haircut', max_rows integer DEFAULT 1000000,
                                OUT coin bigint, OUT wallet dcep.wallet_id, OUT institution smallint,
                                OUT amount bigint, OUT tainted bigint)
    RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_trace_live';
COMMENT ON FUNCTION dcep.trace_live(bigint, text, integer) IS
'The live coins that have some of what a transfer''s payee got, and how much: the live rows of dcep.trace_forward(), complete or an error. Errors: 22004, 22023, 42501, 54000 (more than max_rows coins on the way), XX001';

CREATE FUNCTION dcep.trace_ends(transfer bigint, part_from bigint, part bigint, method text, last_ones bigint[] DEFAULT '{}',
                                OUT coin bigint, OUT wallet dcep.wallet_id, OUT tainted bigint, OUT state text)
    RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_trace_ends';
COMMENT ON FUNCTION dcep.trace_ends(bigint, bigint, bigint, text, bigint[]) IS
'Internal: where a part of what a transfer''s payee got is now, in minor units, from part_from on (0 is the beginning; it matters to fifo alone), a part of 0 for all: the rows of dcep.trace_forward() that are not consumed, complete or an error, all wallets shown; what the transfers last_ones paid is not followed (state stopped). Errors: 22004, 22023, 42501, 54000, XX001';

-- --- pictures ----------------------------------------------------------------

CREATE FUNCTION dcep.trace_dot(transfer bigint, method text DEFAULT 'haircut', direction text DEFAULT 'forward',
                               max_depth integer DEFAULT NULL, max_rows integer DEFAULT 200) RETURNS text
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_trace_dot';
COMMENT ON FUNCTION dcep.trace_dot(bigint, text, text, integer, integer) IS
'The trace of what a transfer''s payee got, forward or back, in Graphviz''s language. A node is a wallet that got some of the value, an edge what it paid on. method is for forward; max_depth, and max_rows from 1 to 5,000, as for dcep.trace_forward(). Errors: 22004, 22023, 42501, XX001';

CREATE FUNCTION dcep.trace_svg(transfer bigint, method text DEFAULT 'haircut', direction text DEFAULT 'forward',
                               max_depth integer DEFAULT NULL, max_rows integer DEFAULT 200) RETURNS text
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'dcep_trace_svg';
COMMENT ON FUNCTION dcep.trace_svg(bigint, text, text, integer, integer) IS
'The picture of dcep.trace_dot() as SVG: one file without script, light or dark as its reader is. Errors: 22004, 22023, 42501, XX001';
