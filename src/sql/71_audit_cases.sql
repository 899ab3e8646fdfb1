-- The audit of what other nodes were asked to follow for reports of fraud, and what this one did.

CREATE FUNCTION dcep.audit_cases(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                 OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'fraud case', c.supervisor, NULL::dcep.wallet_id, NULL::bigint,
           format('report %s of %s is accounted for with %s', c.report, c.amount, COALESCE(a.amount, 0))
      FROM dcep.fraud_case AS c
      LEFT JOIN (SELECT a.claim, sum(a.given - a.passed) AS amount FROM dcep.claim_account AS a GROUP BY 1) AS a ON a.claim = c.report
     WHERE dcep.own_institution() = 1 AND COALESCE(a.amount, 0) <> COALESCE(c.amount, 0)
    UNION ALL
    -- The first was given the amount itself: the registry where it knew the payment, else the payment's node.
    SELECT 'fraud account', a.institution, NULL, NULL, format('report %s: it was given %s and has accounted for %s, messages say %s and %s',
                                                             a.claim, a.given, d.done, f.amount + s.asked, f.amount + s.answered)
      FROM dcep.claim_account AS a JOIN dcep.fraud_case AS c ON c.report = a.claim
      LEFT JOIN dcep.claim_account AS r ON r.claim = a.claim AND r.institution = 1
     CROSS JOIN LATERAL (SELECT CASE WHEN a.institution = COALESCE(r.institution, c.origin) THEN COALESCE(c.amount, 0) ELSE 0 END) AS f (amount)
     -- A recovery that is under way is neither held nor recovered.
     CROSS JOIN LATERAL (SELECT COALESCE(sum(p.amount), 0) FROM dcep.claim_payment AS p
                          WHERE p.claim = a.claim AND p.origin = a.institution AND NOT p.ended) AS u (amount)
     CROSS JOIN LATERAL (SELECT a.held + a.at_institution + a.outside + a.redeemed + a.passed + a.recovered + u.amount) AS d (done)
     CROSS JOIN LATERAL (SELECT COALESCE(sum(s.share), 0), COALESCE(sum(s.answered), 0) FROM dcep.fraud_share AS s
                          WHERE s.report = a.claim AND s.institution = a.institution AND s.institution <> 1) AS s (asked, answered)
     WHERE (a.given, d.done) IS DISTINCT FROM (f.amount + s.asked, f.amount + s.answered)
    UNION ALL
    SELECT 'fraud share', s.institution, NULL, s.transfer, format('of payment %s of node %s %s is followed', s.transfer, s.origin, s.share)
      FROM dcep.fraud_share AS s LEFT JOIN dcep.crossing AS p USING (origin, transfer)
     WHERE p.amount IS NULL OR s.share > p.amount
    UNION ALL
    SELECT 'hold without message', dcep.own_institution(), NULL, NULL, format('no message asks for order %s', h.order_id)
      FROM dcep.claim_hold AS h
     WHERE NOT EXISTS (SELECT FROM dcep.message AS m
                        WHERE m.receiver = dcep.own_institution() AND m.sender = 1 AND m.kind = 'trace'
                          AND (m.body::jsonb ->> 'origin', m.body::jsonb ->> 'transfer', m.body::jsonb -> 'case' ->> 'report')
                              = (h.origin::text, h.transfer::text, h.claim::text))
       -- Or the money was to be recovered, and came back.
       AND NOT EXISTS (SELECT FROM dcep.claim_payment AS p
                         JOIN dcep.message AS m ON m.receiver = p.origin AND m.sender = 1 AND m.kind = 'returned'
                          AND m.body::jsonb ->> 'transfer' = p.transfer::text
                        WHERE (p.origin, p.transfer, p.claim) = (h.origin, h.transfer, h.claim))
$$;
COMMENT ON FUNCTION dcep.audit_cases() IS
'Reports of fraud across nodes: what became of the money adds up to what was reported, node by node to what the registry asked and was answered; no payment is followed for more than its amount; messages ask for every hold, or brought back what it holds';
