-- What plpgsql_check has to say of the extension's functions; nothing when all is well.
-- A trigger function is checked against each table that it is on.
SELECT format('%s%s: line %s: %s %s%s', f.oid::regprocedure, ' on ' || t.tgrelid::regclass, c.lineno, c.level,
	c.message, ' (' || c.detail || ')')
FROM pg_proc f
JOIN pg_language l ON l.oid = f.prolang AND l.lanname = 'plpgsql'
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'dcep'
LEFT JOIN (SELECT DISTINCT tgfoid, tgrelid FROM pg_trigger) t ON t.tgfoid = f.oid
CROSS JOIN LATERAL plpgsql_check_function_tb(f.oid, coalesce(t.tgrelid, 0),
	performance_warnings => false, security_warnings => true) c
WHERE f.prorettype <> 'event_trigger'::regtype
ORDER BY 1;
