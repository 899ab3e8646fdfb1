-- The audit: all checks at once; and what may be seen without seeing parties.

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
            UNION ALL SELECT * FROM dcep.audit_obedience()
            UNION ALL SELECT * FROM dcep.audit_day_orders()
            UNION ALL SELECT * FROM dcep.audit_holds()
            UNION ALL SELECT * FROM dcep.audit_identities()
            UNION ALL SELECT * FROM dcep.audit_devices()
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
