# shellcheck shell=bash
#
# Payments to tokens against plain ones, and issuing tokens, in a ledger with few tokens and in one with millions.
#
# A token is good for one payment, so each payment needs one of its own, and making it must not count. Tokens with consecutive digits are
# entered before each measurement, as an owner can who knows the ledger's secret: token n pays wallet 7919 n modulo the wallets. So a client
# counts on and knows the next one, and asks the server for nothing. The plain payment is the call of the same shape, dcep.transfer(),
# with the same payer and payee, and draws the same numbers; both are made at the same time, each by half of the clients.
#
# A new connection maps each page of the server's memory at its first touch, which on a virtual machine costs more than a look-up; the
# applications' connections are open for long. So each client begins with a look at the tokens of this minute and the last.
#
# Reads of its caller: dir, where files are kept; wallets, code, suite, each, warm_up, tokens, as in test/bench/run.

dir=${dir:?} wallets=${wallets:?} code=${code:?} suite=${suite:?} each=${each:?} warm_up=${warm_up:?} tokens=${tokens:?}

token_clients=8 token_rounds=${ROUNDS:-5}
token_share=$(( (warm_up + each + 2) * 2500 ))  # tokens of a client, more than it can use in one measurement
token_next=0
token_zero=280000000000000000
token_issued=$(( wallets < 2000 ? wallets : 2000 ))

# pgbench commands for a payer, a payee and the payee's token.
token_draw()
{
	cat <<-COMMANDS
		\\if :n = 0
		SELECT bench_touch();
		\\endif
		\\set n :n + 1
		\\set t :first + :client_id * $token_share + :n
		\\set b :t * 7919 % $wallets
		\\set a (:b + random(1, $wallets - 1)) % $wallets
		\\set amount random(1, 1000)
		\\set token $token_zero + :t
	COMMANDS
	wallet_commands a payer "$code"
	wallet_commands b payee "$code"
}

write_token_scripts()
{
	{ token_draw; echo 'SELECT dcep.transfer(:payer, :payee, :amount);'; } >"$dir/token-plain.sql"
	{ token_draw; echo 'SELECT dcep.pay_token(:payer, :token, :amount);'; } >"$dir/token-pay.sql"
	{ token_draw; echo 'SELECT dcep.issue_token(:payer);'; } >"$dir/token-issue.sql"
	{ token_draw; echo 'INSERT INTO plain_row VALUES (:token, :payer, now());'; } >"$dir/token-row.sql"
}

# A ledger to measure in: database.
token_ledger()
{
	createdb "$1"
	psql -q -v suite="$suite" -v wallets="$wallets" -v bulk=1 -v code="$code" "$1" -f test/bench/setup.sql
	# Entering tokens in bulk would set autovacuum to work while payments are measured.
	psql -q -v ON_ERROR_STOP=1 "$1" <<-'END'
		ALTER TABLE dcep.token SET (autovacuum_enabled = off);
		-- What a token that is computed for the minute of an instant is found by: the first bytes of its hash, the instant.
		CREATE FUNCTION bench_token_id(hash bigint, at timestamptz) RETURNS bigint LANGUAGE sql AS $$
			SELECT (1 + extract(epoch FROM at)::bigint / 60 % 255 << 56) | (hash & ((1::bigint << 56) - 1))
		$$;
		-- Not the rows of tokens that have lain there for long: these are somewhere else for each payment.
		CREATE FUNCTION bench_touch() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET enable_seqscan = off SET enable_bitmapscan = off AS $$
			SELECT sum(c.tokens)::bigint FROM generate_series(0, 1) AS back CROSS JOIN LATERAL
			       (SELECT count(k.id) AS tokens FROM dcep.token AS k
			         WHERE k.id BETWEEN bench_token_id(0, now() - back * interval '1 minute') AND bench_token_id(-1, now() - back * interval '1 minute')) AS c
		$$;
		CREATE TABLE plain_row (id bigint, wallet bigint, made_at timestamptz);
		CREATE INDEX ON plain_row (id);
		CREATE INDEX ON plain_row (wallet);
		GRANT INSERT ON plain_row TO bench_bank;
	END
}

# Enters the tokens of the next measurement, those of a client on many pages: database.
enter_tokens()
{
	token_next=$(( token_next + token_clients * token_share + 1 ))
	psql -q -v ON_ERROR_STOP=1 "$1" <<-END
		INSERT INTO dcep.token (id, wallet, proof, valid_from, valid_until, used, computed)
		SELECT bench_token_id(('x' || encode(substr(h.mac, 1, 8), 'hex'))::bit(64)::bigint, date_trunc('minute', now())), b.id,
		       ('x' || encode(substr(h.mac, 9, 8), 'hex'))::bit(64)::bigint,
		       date_trunc('minute', now()), date_trunc('minute', now()) + interval '2 minutes', false, true
		  FROM (SELECT n, dcep.secret_mac('token', int8send($token_zero + n)) AS mac
		          FROM generate_series($token_next::bigint, $token_next + $token_clients * $token_share) AS n OFFSET 0) AS h
		  JOIN bench AS b ON b.n = h.n * 7919 % $wallets
		 ORDER BY 1;
	END
}

# Tokens of other wallets, which have armed theirs for an hour, 61 each, one wallet after the other: database.
enter_sleepers()
{
	psql -q -v ON_ERROR_STOP=1 "$1" <<-END
		CREATE TEMPORARY TABLE sleeper AS SELECT n, bench_wallet($code, 1000000 + n) AS wallet FROM generate_series(0, $tokens / 61) AS n;
		ANALYZE sleeper;
		INSERT INTO dcep.token (id, wallet, proof, valid_from, valid_until, used, computed)
		SELECT bench_token_id(('x' || substr(md5(g.n::text), 1, 16))::bit(64)::bigint, g.at), s.wallet, g.n, g.at, g.at + interval '2 minutes', false, true
		  FROM (SELECT n, date_trunc('minute', now()) + n % 61 * interval '1 minute' AS at FROM generate_series(0, $tokens - 1) AS n OFFSET 0) AS g
		  JOIN sleeper AS s ON s.n = g.n / 61
		 ORDER BY g.n;
		VACUUM ANALYZE dcep.token;
		CHECKPOINT;
	END
}

# One measurement: name, database, script.
measure_token()
{
	measure "$1" "$2" "$dir/$3.sql" $token_clients "$warm_up" "$each" -D n=0 -D "first=$token_next"
}

# Plain payments and payments to tokens: database, end of the names.
measure_token_pair()
{
	enter_tokens "$1"
	measure_both $((token_clients / 2)) "$warm_up" "$each" "token-plain$2" "$1" "$dir/token-plain.sql" "token-pay$2" "$1" "$dir/token-pay.sql" \
		-D n=0 -D "first=$token_next"
}

# Microseconds of the server for each of many tokens that one statement issues, each of which holds a lock to its end: database.
measure_issuing()
{
	time_statement "$1" "SELECT count(dcep.issue_token(id)) FROM bench WHERE n < $token_issued" | tail -1 |
		awk -v n="$token_issued" '{ printf "%.1f", $1 * 1000 / n }'
}

# CPU of a measurement beyond that of the plain row: name.
token_beyond()
{
	awk -v a="$(median "$1" 3)" -v b="$(median token-row 3)" 'BEGIN { printf "%.0f", a - b }'
}

measure_tokens()
{
	local bulk_few bulk_many
	write_token_scripts
	token_ledger token_few
	token_ledger token_many
	enter_sleepers token_many
	# Before the payments: these leave each wallet with dozens of tokens that are good for an hour, and a new one looks at all of its wallet's.
	for (( round = 1; round <= token_rounds; round++ )); do
		measure_token token-row token_few token-row
		measure_token token-issue token_few token-issue
		measure_token token-issue-many token_many token-issue
	done
	bulk_few=$(measure_issuing token_few) bulk_many=$(measure_issuing token_many)
	for (( round = 1; round <= token_rounds; round++ )); do
		measure_token_pair token_few ''
		measure_token_pair token_many -many
		echo "tokens, round $round of $token_rounds" >&2
	done
	row "payments by dcep.transfer(), $((token_clients / 2)) clients" token-plain token-plain ''
	row "payments to tokens by $((token_clients / 2)) others / that" token-pay token-plain '>= 0.87'
	figure 'CPU of a payment to a token / of dcep.transfer()' "$(printf %.2f "$(median_ratio token-pay token-plain 3)")" '<= 1.15'
	row "the same with $tokens armed tokens / dcep.transfer() there" token-pay-many token-plain-many '>= 0.87'
	figure 'CPU of a payment to a token there / of dcep.transfer()' "$(printf %.2f "$(median_ratio token-pay-many token-plain-many 3)")" '<= 1.15'
	row "inserting a row into a table with two indexes, $token_clients clients" token-row token-row ''
	row 'issuing a token, one a transaction / that' token-issue token-row ''
	figure 'CPU of it beyond that of the row, us' "$(token_beyond token-issue)" '<= 150'
	row "the same with $tokens armed tokens / issuing with few" token-issue-many token-issue '>= 0.87'
	figure 'CPU of it beyond that of the row, us' "$(token_beyond token-issue-many)" '<= 150'
	figure "issuing $token_issued tokens in one statement, us a token" "$bulk_few" '<= 150'
	figure "the same with $tokens armed tokens, us a token" "$bulk_many" '<= 150'
}
