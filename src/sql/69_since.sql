-- What the auditor's checks look at: all that there is, or what came since a checkpoint.
--
-- Each of these takes the size of a checkpoint, or NULL for all.  They have bodies in SQL's own form, so that they
-- become part of the checks that use them.  The checks plan anew for each call: then the branch that is not asked
-- for is gone before the planner looks at anything, and the other one is planned for what it is.  Rows are then looked
-- up one by one, whatever the planner thinks of that (LATERAL … OFFSET 0): what is old must not be read.

CREATE FUNCTION dcep.transfers_since_support(internal) RETURNS internal
    LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dcep_transfers_since_support';
COMMENT ON FUNCTION dcep.transfers_since_support(internal) IS 'Internal: tells the planner how many rows dcep.transfers_since() will have';

CREATE FUNCTION dcep.transfers_since(size bigint) RETURNS SETOF bigint
    LANGUAGE C STABLE STRICT SUPPORT dcep.transfers_since_support AS 'MODULE_PATHNAME', 'dcep_transfers_since';
COMMENT ON FUNCTION dcep.transfers_since(bigint) IS
'Internal: ids of the transfers that the log of this size has not, those that are not sealed yet included. Reads what came since. Errors: 55000';

CREATE FUNCTION dcep.journal(since bigint) RETURNS SETOF dcep.transfer
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT t.* FROM dcep.transfer AS t WHERE since IS NULL
    UNION ALL
    SELECT t.* FROM dcep.transfers_since(since) AS n (id)
     CROSS JOIN LATERAL (SELECT * FROM dcep.transfer AS o WHERE o.id = n.id OFFSET 0) AS t WHERE since IS NOT NULL;
    END;
COMMENT ON FUNCTION dcep.journal(bigint) IS 'Internal: the transfers that an audit is about: all, or those that the log of a size has not';

CREATE FUNCTION dcep.consumed(since bigint, OUT transfer bigint, OUT payer dcep.wallet_id, OUT coin bigint,
                              OUT minted_by bigint, OUT owner dcep.wallet_id, OUT amount bigint) RETURNS SETOF record
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT n.id, n.payer, i.coin, m.id,
           CASE i.coin & 1 WHEN 0 THEN m.payee ELSE m.payer END,
           CASE WHEN i.coin & 1 = 1 THEN m.change WHEN m.kind = 'redeem' THEN 0 ELSE m.amount END
      FROM dcep.journal(since) AS n CROSS JOIN LATERAL unnest(n.inputs) AS i (coin)
      LEFT JOIN dcep.transfer AS m ON m.id = i.coin >> 1;
    END;
COMMENT ON FUNCTION dcep.consumed(bigint) IS
'Internal: the coins that these transfers consumed, with what minted them: NULLs where nothing did. Amounts in minor units';

CREATE FUNCTION dcep.touched(since bigint) RETURNS SETOF dcep.wallet
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT w.* FROM dcep.wallet AS w WHERE since IS NULL
    UNION ALL
    SELECT w.* FROM (SELECT n.payer FROM dcep.journal(since) AS n UNION SELECT n.payee FROM dcep.journal(since) AS n) AS p (id)
     CROSS JOIN LATERAL (SELECT * FROM dcep.wallet AS o WHERE o.id = p.id OFFSET 0) AS w WHERE since IS NOT NULL;
    END;
COMMENT ON FUNCTION dcep.touched(bigint) IS 'Internal: the wallets that an audit is about: all, or the parties of transfers since';

CREATE FUNCTION dcep.done_to(since bigint) RETURNS SETOF dcep.wallet_event
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT e.* FROM dcep.wallet_event AS e WHERE since IS NULL
    UNION ALL
    SELECT e.* FROM dcep.touched(since) AS w
     CROSS JOIN LATERAL (SELECT * FROM dcep.wallet_event AS o WHERE o.wallet = w.id OFFSET 0) AS e WHERE since IS NOT NULL;
    END;
COMMENT ON FUNCTION dcep.done_to(bigint) IS 'Internal: what was ever done to these wallets';

-- A wallet without limits needs no history: whatever it paid before allows it the next payment.
CREATE FUNCTION dcep.watched(since bigint) RETURNS SETOF dcep.wallet
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT w.* FROM dcep.wallet AS w WHERE since IS NULL
    UNION ALL
    SELECT w.* FROM dcep.touched(since) AS w
     WHERE since IS NOT NULL
       AND (w.id IN (SELECT l.wallet FROM dcep.wallet_limit AS l)
            OR EXISTS (SELECT FROM dcep.wallet_event AS e JOIN dcep.wallet_class AS c ON c.class = e.class
                        WHERE e.wallet = w.id AND e.event IN ('open', 'class')
                          AND num_nonnulls(c.max_balance, c.max_payment, c.max_day, c.max_year) > 0)
            OR w.id IN (SELECT unnest(o.wallets) FROM dcep.control_order AS o WHERE o.kind IN ('cap_day', 'count_day', 'hold_amount'))
            OR (w.institution, w.class) IN (SELECT o.operator, o.class FROM dcep.control_order AS o
                                             WHERE o.class IS NOT NULL AND o.kind IN ('cap_day', 'count_day', 'hold_amount')));
    END;
COMMENT ON FUNCTION dcep.watched(bigint) IS
'Internal: those of the touched wallets whose history an audit needs: that have, or had, a limit by class, of their own, or by an order on a day or a hold';

CREATE FUNCTION dcep.history(since bigint) RETURNS SETOF dcep.transfer
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT t.* FROM dcep.transfer AS t WHERE since IS NULL
    UNION ALL
    SELECT t.*
      FROM (SELECT p.id FROM dcep.watched(since) AS w
             CROSS JOIN LATERAL (SELECT o.id FROM dcep.transfer AS o WHERE o.payer = w.id OFFSET 0) AS p
            UNION
            SELECT p.id FROM dcep.watched(since) AS w
             CROSS JOIN LATERAL (SELECT o.id FROM dcep.transfer AS o WHERE o.payee = w.id OFFSET 0) AS p) AS h
     CROSS JOIN LATERAL (SELECT * FROM dcep.transfer AS o WHERE o.id = h.id OFFSET 0) AS t WHERE since IS NOT NULL;
    END;
COMMENT ON FUNCTION dcep.history(bigint) IS 'Internal: the journal, or all that watched wallets have ever paid and been paid';

CREATE FUNCTION dcep.usage_on_record(since bigint) RETURNS SETOF dcep.wallet_chain
    LANGUAGE sql STABLE
    BEGIN ATOMIC
    SELECT c.* FROM dcep.wallet_chain AS c WHERE since IS NULL
    UNION ALL
    SELECT c.* FROM dcep.watched(since) AS w
     CROSS JOIN LATERAL (SELECT * FROM dcep.wallet_chain AS o WHERE o.wallet = w.id OFFSET 0) AS c WHERE since IS NOT NULL;
    END;
COMMENT ON FUNCTION dcep.usage_on_record(bigint) IS 'Internal: the ends of chains, of all wallets or of watched ones';

-- What is read whole is joined by hashing: how many rows there are the planner may not know, above all while others
-- are entered in bulk, and taking them for few it would compare each with each.
CREATE FUNCTION dcep.plan_for(since bigint) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT set_config('enable_nestloop', (since IS NOT NULL)::text, true)
$$;
COMMENT ON FUNCTION dcep.plan_for(bigint) IS
'Internal: keeps a check that reads everything from nested loops; to be called where a SET clause of the caller undoes it at its end';
