-- The extension as an object: made once, explained, and closed to the public.
\set SHOW_CONTEXT never

CREATE EXTENSION dcep;
CREATE EXTENSION IF NOT EXISTS dcep;
ALTER EXTENSION dcep UPDATE;
ALTER EXTENSION dcep SET SCHEMA public;
SELECT extversion, extrelocatable, nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE extname = 'dcep';

-- Everything a user meets has a comment.
CREATE TEMPORARY VIEW function AS
    SELECT p.oid, p.oid::regprocedure::text AS name, p.proname, p.proacl, p.proowner, p.prosecdef, p.proconfig, p.prolang, p.provolatile, p.prosqlbody
      FROM pg_proc AS p WHERE p.pronamespace = 'dcep'::regnamespace;
SELECT name AS function_without_comment FROM function
WHERE obj_description(oid, 'pg_proc') IS NULL AND name !~ '^dcep\.(wallet_id|otp_token|signed_coin)_(in|out|recv|send|eq|ne|lt|le|gt|ge|cmp|hash|hash_extended|sortsupport)\(' ORDER BY name COLLATE "C";
SELECT c.oid::regclass AS relation_without_comment FROM pg_class AS c
WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'p', 'm') AND obj_description(c.oid, 'pg_class') IS NULL AND c.relname <> 'wallet_event_id_seq' ORDER BY 1;
SELECT t.typname AS type_without_comment FROM pg_type AS t
WHERE t.typnamespace = 'dcep'::regnamespace AND t.typtype IN ('b', 'e', 'd', 'c') AND t.typelem = 0 AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.reltype = t.oid AND c.relkind <> 'c')
  AND obj_description(t.oid, 'pg_type') IS NULL ORDER BY 1;
SELECT c.relname, string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns_without_comment FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL GROUP BY c.relname ORDER BY c.relname COLLATE "C";

-- Nothing is for everybody.
SELECT name AS public_function FROM function, LATERAL aclexplode(COALESCE(proacl, acldefault('f', proowner))) AS a WHERE a.grantee = 0;
SELECT c.oid::regclass AS public_relation FROM pg_class AS c, LATERAL aclexplode(c.relacl) AS a WHERE c.relnamespace = 'dcep'::regnamespace AND a.grantee = 0;
SELECT nspname AS public_schema FROM pg_namespace, LATERAL aclexplode(nspacl) AS a WHERE nspname = 'dcep' AND a.grantee = 0;
-- What each group may call, but for the types' own functions.
SELECT name, string_agg(regexp_replace(a.grantee::regrole::text, '^dcep_', ''), ' ' ORDER BY a.grantee::regrole::text COLLATE "C") AS executable_by
FROM function, LATERAL aclexplode(proacl) AS a
WHERE a.grantee <> proowner AND proname !~ '^(wallet_id|otp_token|signed_coin)_' AND NOT (provolatile = 'i' AND name ~ 'dcep\.(signed_coin|wallet_id)\)$')
GROUP BY name ORDER BY name COLLATE "C";
-- Nobody but the owner calls these.
SELECT proname AS owner_only FROM function
WHERE NOT EXISTS (SELECT FROM aclexplode(proacl) AS a WHERE a.grantee <> proowner) ORDER BY proname COLLATE "C";
-- What each group may do with which relation; columns where only those.
SELECT c.relname, regexp_replace(a.grantee::regrole::text, '^dcep_', '') AS role, string_agg(a.privilege_type, ' ' ORDER BY a.privilege_type) AS may
FROM pg_class AS c, LATERAL aclexplode(c.relacl) AS a WHERE c.relnamespace = 'dcep'::regnamespace AND a.grantee <> c.relowner
GROUP BY c.relname, a.grantee ORDER BY c.relname COLLATE "C", a.grantee::regrole::text COLLATE "C";
SELECT c.relname, regexp_replace(a.grantee::regrole::text, '^dcep_', '') AS role, a.privilege_type, string_agg(t.attname, ' ' ORDER BY t.attnum) AS columns
FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid, LATERAL aclexplode(t.attacl) AS a WHERE c.relnamespace = 'dcep'::regnamespace GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- Functions with their owner's rights pin the search path, and so does every function in SQL or PL/pgSQL whose names are not bound already.
-- A procedure that commits cannot: all names in it are qualified.
SELECT name, prosecdef, proconfig FROM function WHERE prosecdef ORDER BY name COLLATE "C";
SELECT name AS unpinned FROM function JOIN pg_language AS l ON l.oid = prolang
WHERE prosqlbody IS NULL AND (prosecdef OR l.lanname IN ('sql', 'plpgsql')) AND NOT COALESCE(proconfig @> '{"search_path=pg_catalog, pg_temp"}', false);
-- An operator that a hostile schema offers is not taken.
SET search_path = t, public;
CREATE FUNCTION t.trap(smallint, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'taken'; END $$;
CREATE OPERATOR t.= (FUNCTION = t.trap, LEFTARG = smallint, RIGHTARG = integer);
SELECT dcep.vault(2) IS NOT NULL AS vault, t.pay('alice', 'bob', 1) LIKE 'alice#%' AS paid;
DROP OPERATOR t.= (smallint, integer);
DROP FUNCTION t.trap;
RESET search_path;

-- Row-level security, forced; who sees what.
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, p.polname, p.polcmd, pg_get_expr(p.polqual, c.oid) AS sees, pg_get_expr(p.polwithcheck, c.oid) AS writes
FROM pg_class AS c LEFT JOIN pg_policy AS p ON p.polrelid = c.oid WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind = 'r' ORDER BY c.relname COLLATE "C", p.polname;
-- Wallet numbers can be compared below a policy.
SELECT o.oprname, p.proleakproof FROM pg_operator AS o JOIN pg_proc AS p ON p.oid = o.oprcode WHERE o.oprleft = 'dcep.wallet_id'::regtype ORDER BY o.oprname COLLATE "C";

-- What a dump carries: all tables and sequences.
SELECT c.relname, c.relkind FROM pg_class AS c
WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind IN ('r', 'S') AND NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'dcep' AND c.oid = ANY (e.extconfig));
-- Everything in the schema belongs to the extension.
SELECT pg_describe_object(classid, objid, 0) AS foreign_object
FROM (SELECT 'pg_proc'::regclass AS classid, oid AS objid FROM function UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relnamespace = 'dcep'::regnamespace AND relkind IN ('r', 'v')
      UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace = 'dcep'::regnamespace AND typtype = 'b' AND typelem = 0) AS o
WHERE NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e');
-- Operator classes are sound; settings have their contexts and cannot be misspelt.
SELECT opc.opcname, am.amname, amvalidate(opc.oid) FROM pg_opclass AS opc JOIN pg_am AS am ON am.oid = opc.opcmethod WHERE opc.opcnamespace = 'dcep'::regnamespace ORDER BY am.amname;
-- Fixed at server start where the library is preloaded, else by the configuration file.
SELECT name, setting, vartype FROM pg_settings WHERE name = 'dcep.key_directory' AND context IN ('sighup', 'postmaster');
\set VERBOSITY sqlstate
SET dcep.key_directory = '/tmp';
\set VERBOSITY default
SET dcep.misspelt = 1;
-- Trigger functions are for triggers.
SELECT proname, substr(t.try(format('SELECT dcep.%I()', proname)), 1, 5) FROM function WHERE name ~ '\(\)$' AND proname ~ '^(transfer_|append_only|config_changed|warn_drop)' ORDER BY proname COLLATE "C";
