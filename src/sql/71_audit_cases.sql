-- The audit of what other nodes were asked to follow for reports of fraud, and what this one did.

CREATE FUNCTION dcep.audit_cases(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                 OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH node AS (SELECT dcep.own_institution() AS own)
    SELECT 'fraud case', c.reporter, NULL::dcep.wallet_id, NULL::bigint,
           format('report %s of %s is accounted for with %s', c.report, c.amount, COALESCE(a.amount, 0))
      FROM node AS n JOIN dcep.fraud_case AS c ON n.own IN (1, c.reporter)
      LEFT JOIN (SELECT a.reporter, a.report, sum(a.given - a.passed) AS amount FROM dcep.fraud_account AS a GROUP BY 1, 2) AS a
        ON (a.reporter, a.report) = (c.reporter, c.report)
     WHERE COALESCE(a.amount, 0) <> COALESCE(c.amount, 0)
    UNION ALL
    SELECT 'fraud account', a.institution, NULL, NULL, format('report %s of %s: it was given %s and has accounted for %s, messages say %s and %s',
                                                             a.report, a.reporter, a.given, d.done, s.asked, s.answered)
      FROM node AS n JOIN dcep.fraud_account AS a ON n.own = 1
      JOIN dcep.fraud_case AS c ON (c.reporter, c.report) = (a.reporter, a.report)
     CROSS JOIN LATERAL (SELECT a.held + a.at_institution + a.outside + a.redeemed + a.passed) AS d (done)
     CROSS JOIN LATERAL (SELECT CASE WHEN a.institution = CASE WHEN b.institution IS NULL THEN c.origin ELSE c.reporter END
                                     THEN COALESCE(c.amount, 0) ELSE 0 END
                           FROM (SELECT) AS always
                           LEFT JOIN dcep.fraud_account AS b ON (b.reporter, b.report, b.institution) = (c.reporter, c.report, c.reporter)) AS f (amount)
     CROSS JOIN LATERAL (SELECT COALESCE(sum(s.share), 0) + f.amount, COALESCE(sum(s.answered), 0) + f.amount
                           FROM dcep.fraud_share AS s
                          WHERE (s.reporter, s.report, s.institution) = (a.reporter, a.report, a.institution) AND s.institution <> 1) AS s (asked, answered)
     WHERE (a.given, d.done) IS DISTINCT FROM (s.asked, s.answered)
    UNION ALL
    SELECT 'fraud share', s.institution, NULL, s.transfer, format('of payment %s of node %s %s is followed', s.transfer, s.origin, s.share)
      FROM dcep.fraud_share AS s LEFT JOIN dcep.crossing AS p USING (origin, transfer)
     WHERE p.amount IS NULL OR s.share > p.amount
    UNION ALL
    SELECT 'hold without message', n.own, NULL, NULL, format('no message asks for order %s', h.order_id)
      FROM node AS n, dcep.fraud_hold AS h
     WHERE NOT EXISTS (SELECT FROM dcep.message AS m
                        WHERE m.receiver = n.own AND m.sender = 1 AND m.kind = 'trace'
                          AND (m.body::jsonb ->> 'origin', m.body::jsonb ->> 'transfer', m.body::jsonb -> 'case' ->> 'reporter',
                               m.body::jsonb -> 'case' ->> 'report')
                              = (h.origin::text, h.transfer::text, h.reporter::text, h.report::text))
$$;
COMMENT ON FUNCTION dcep.audit_cases() IS
'Reports of fraud across nodes: what became of the money adds up to what was reported, node by node to what the registry asked and was answered; no payment is followed for more than its amount; messages ask for every hold';
