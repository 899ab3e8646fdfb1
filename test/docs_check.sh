#!/bin/bash
#
# Is all that the extension has in the documentation?  Needs a server in which dcep can be
# created; lists what docs/sql.md and docs/errors.md do not name, and then fails.
#
#   test/docs_check.sh        psql's environment leads to the server; a superuser
#
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."

names=$(psql -XAtq -v ON_ERROR_STOP=1 <<'END'
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dcep CASCADE;
SELECT 'dcep.' || p.proname FROM pg_proc AS p WHERE p.pronamespace = 'dcep'::regnamespace
UNION SELECT 'dcep.' || c.relname FROM pg_class AS c
       WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S')
UNION SELECT 'dcep.' || t.typname FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
       WHERE t.typnamespace = 'dcep'::regnamespace AND t.typcategory <> 'A' AND (c.oid IS NULL OR c.relkind = 'c')
UNION SELECT e.enumlabel FROM pg_enum AS e JOIN pg_type AS t ON t.oid = e.enumtypid WHERE t.typnamespace = 'dcep'::regnamespace
UNION SELECT a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
       WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind IN ('r', 'v', 'c') AND a.attnum > 0 AND NOT a.attisdropped
UNION SELECT r.rolname FROM pg_roles AS r WHERE r.rolname IN
       (SELECT acl.grantee::regrole::text FROM pg_class AS c, aclexplode(c.relacl) AS acl
         WHERE c.relnamespace = 'dcep'::regnamespace AND acl.grantee <> c.relowner)
ORDER BY 1;
ROLLBACK;
END
)
codes=$(sed -nE "s/^#define ERRCODE_\w+ DCEP_SQLSTATE\('(.)', '(.)', '(.)'\)/LG\1\2\3/p" src/errcodes.h)
settings=$(grep -hoE '"dcep\.[a-z_]+"' src/*.c | tr -d '"' | sort -u)
[[ $names && $codes && $settings ]]

missing=0
check()
{
	local page=$1 name
	shift
	for name; do
		grep -qE "(^|[^[:alnum:]_.])${name//./\\.}([^[:alnum:]_]|$)" "$page" && continue
		echo "$page does not name $name"
		missing=$(( missing + 1 ))
	done
}

# shellcheck disable=SC2086
check docs/sql.md $names $settings
# shellcheck disable=SC2086
check docs/errors.md $codes
(( missing == 0 ))
