-- The audit of what this node has told others and heard from them.

CREATE FUNCTION dcep.audit_nodes(OUT check_name text, OUT institution smallint, OUT wallet dcep.wallet_id,
                                 OUT transfer bigint, OUT detail text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH linked AS (
        SELECT m, lag(m.hash, 1, decode(repeat('00', 32), 'hex')) OVER w AS hash_before, lag(m.number, 1, 0::bigint) OVER w AS number_before
          FROM dcep.message AS m WINDOW w AS (PARTITION BY m.sender, m.receiver ORDER BY m.number))
    SELECT 'message', (l.m).sender, NULL::dcep.wallet_id, NULL::bigint, format('%s to %s: %s', (l.m).number, (l.m).receiver, d.wrong)
      FROM linked AS l
     CROSS JOIN LATERAL (SELECT CASE WHEN (l.m).number <> l.number_before + 1 THEN 'the messages before it are missing'
                                     ELSE dcep.message_defect(l.m, l.hash_before) END) AS d (wrong)
     WHERE d.wrong IS NOT NULL
       -- What has come and was not taken may have gaps.
       AND ((l.m).sender = dcep.own_institution() OR (l.m).number <= (SELECT n.taken FROM dcep.line AS n WHERE n.peer = (l.m).sender))
    UNION ALL
    SELECT 'message line', n.peer, NULL, NULL, format('it says %s posted and %s taken', n.posted, n.taken)
      FROM dcep.line AS n
     WHERE (n.posted, n.posted_head) IS DISTINCT FROM
           COALESCE((SELECT (m.number, m.hash) FROM dcep.message AS m WHERE m.sender = dcep.own_institution() AND m.receiver = n.peer
                      ORDER BY m.number DESC LIMIT 1), (0::bigint, decode(repeat('00', 32), 'hex')))
        OR (n.taken > 0 AND NOT EXISTS (SELECT FROM dcep.message AS m WHERE m.sender = n.peer AND m.receiver = dcep.own_institution()
                                           AND m.number = n.taken AND m.hash = n.taken_head))
    UNION ALL
    SELECT 'payment that left without a message', dcep.institution(t.payer)::smallint, t.payer, t.id, 'no node has been told of it'
      FROM dcep.transfer AS t
     WHERE NOT dcep.is_here(t.payee)
       AND NOT EXISTS (SELECT FROM dcep.crossing AS c WHERE c.origin = dcep.own_institution() AND c.transfer = t.id AND c.amount = t.amount)
    UNION ALL
    SELECT 'payment that left without a message', dcep.institution(c.payer)::smallint, c.payer, c.transfer, 'no message tells of it'
      FROM (SELECT p.transfer::text, p.amount::text FROM dcep.crossing AS p WHERE p.origin = dcep.own_institution() AND NOT p.waits
            EXCEPT
            SELECT m.body::jsonb ->> 'transfer', m.body::jsonb ->> 'amount' FROM dcep.message AS m
             WHERE m.sender = dcep.own_institution() AND m.kind IN ('pay', 'credit')
               AND m.body::jsonb ->> 'origin' = dcep.own_institution()::text) AS u
      JOIN dcep.crossing AS c ON c.origin = dcep.own_institution() AND c.transfer = u.transfer::bigint
    UNION ALL
    SELECT 'payment that came without a message', dcep.institution(t.payee)::smallint, t.payee, t.id, 'no node has told of it'
      FROM dcep.transfer AS t
     WHERE NOT dcep.is_here(t.payer)
       AND NOT EXISTS (SELECT FROM dcep.crossing AS c WHERE c.local_transfer = t.id AND c.amount = t.amount)
    UNION ALL
    SELECT 'payment that came without a message', dcep.institution(c.payee)::smallint, c.payee, c.local_transfer, 'no message asks for it'
      FROM dcep.crossing AS c
     WHERE c.origin <> dcep.own_institution()
       AND NOT EXISTS (SELECT FROM dcep.message AS m
                        WHERE m.receiver = dcep.own_institution() AND m.kind IN ('pay', 'credit')
                          AND (m.body::jsonb ->> 'transfer', m.body::jsonb ->> 'origin', m.body::jsonb ->> 'amount')
                              = (c.transfer::text, c.origin::text, c.amount::text))
    UNION ALL
    SELECT 'holding', h.institution, NULL, NULL, format('it is %s, payments say %s', h.amount, COALESCE(s.amount, 0))
      FROM dcep.holding AS h
      LEFT JOIN (SELECT p.institution, sum(p.amount) AS amount
                   FROM (SELECT dcep.institution(c.payee) AS institution, c.amount FROM dcep.crossing AS c
                          WHERE c.kind <> 'redeem' AND (c.state = 'settled' OR c.origin = 1 AND c.state = 'pending')
                         UNION ALL
                         SELECT c.origin, -c.amount FROM dcep.crossing AS c WHERE c.origin <> 1 AND c.state <> 'returned') AS p
                  GROUP BY p.institution) AS s ON s.institution = h.institution
     WHERE h.amount <> COALESCE(s.amount, 0)
$$;
COMMENT ON FUNCTION dcep.audit_nodes() IS
'Messages to and from other nodes: chains and signatures; every payment that left has been told of, every one that came had been; the registry''s holdings are what payments make them. Some 100 microseconds a message';
