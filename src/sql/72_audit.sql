-- The audit: all checks at once; and what may be seen without seeing parties.

-- Whether two checkpoints agree, and what was before one of them, is for dcep.verify_log().
CREATE FUNCTION dcep.audit(since bigint DEFAULT NULL, OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                           OUT transfer bigint, OUT detail text) RETURNS SETOF record
    -- Compiling so many plans takes longer than auditing a small ledger.
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    IF since IS NOT NULL AND NOT EXISTS (SELECT FROM dcep.checkpoint AS c WHERE c.size = since) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('there is no checkpoint of size %s', since),
            HINT = 'SELECT size, made_at FROM dcep.checkpoint shows which there are.';
    END IF;
    RETURN QUERY
    SELECT d.check_name, COALESCE(d.institution, dcep.institution(d.wallet)::smallint),
           CASE WHEN dcep.caller_sees(d.wallet) THEN d.wallet END, d.transfer, d.detail
      FROM (SELECT * FROM dcep.audit_conservation() WHERE since IS NULL
            UNION ALL SELECT * FROM dcep.audit_operators() WHERE since IS NULL
            UNION ALL SELECT * FROM dcep.audit_coins() WHERE since IS NULL
            UNION ALL SELECT * FROM dcep.audit_spends(since)
            UNION ALL SELECT * FROM dcep.audit_inputs(since)
            UNION ALL SELECT * FROM dcep.audit_chains(since)
            UNION ALL SELECT * FROM dcep.audit_reserves(since)
            UNION ALL SELECT * FROM dcep.audit_limits(since)
            UNION ALL SELECT * FROM dcep.audit_wallets(since)
            UNION ALL SELECT * FROM dcep.audit_tokens() WHERE since IS NULL
            UNION ALL SELECT * FROM dcep.audit_orders(since)
            UNION ALL SELECT * FROM dcep.audit_obedience(since)
            UNION ALL SELECT * FROM dcep.audit_day_orders(since)
            UNION ALL SELECT * FROM dcep.audit_holds(since)
            UNION ALL SELECT * FROM dcep.audit_identities() WHERE since IS NULL
            UNION ALL SELECT * FROM dcep.audit_devices(since)
            UNION ALL SELECT * FROM dcep.audit_log(since)
            UNION ALL SELECT * FROM dcep.audit_nodes()
            UNION ALL SELECT * FROM dcep.audit_told()
            UNION ALL SELECT * FROM dcep.audit_cases()
            UNION ALL SELECT * FROM dcep.audit_recoveries()
            UNION ALL SELECT * FROM dcep.audit_order_accounts()) AS d;
END
$$;
COMMENT ON FUNCTION dcep.audit(bigint) IS
'Audits the ledger: recomputes everything from the journal and returns one row a defect, none when sound. Reads all of it and verifies every signature: tens of microseconds a transfer. Or, from the size of a checkpoint on, what came since: at the cost of that, and on the word of what is before. By auditors and the central bank; whose wallet a defect concerns is shown to those who may see it. Errors: 42501, 55000, 22023 (no checkpoint of that size), XX001';

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
