-- What became of the orders.
SELECT i.name AS operator, k.suite, p.orders, round(p.seconds, 2) AS seconds, round(p.orders / p.seconds) AS "a second"
FROM demo.pace_of p
JOIN dcep.institution i ON i.code = p.operator
JOIN dcep.signing_key k ON k.institution = i.code
ORDER BY i.code;

SELECT count(transfer) AS paid, count(*) FILTER (WHERE transfer IS NULL) AS refused FROM demo.outcome \gset
\echo '  ':good:paid 'paid':off', ':bad:refused 'refused':off', each for a reason:'
SELECT sqlstate, message, count(*) AS orders, min(detail) AS "for example"
FROM demo.outcome
WHERE transfer IS NULL
GROUP BY sqlstate, message
ORDER BY orders DESC;
