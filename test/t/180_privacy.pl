
# An attacker with all rights of an operator's application, and of the payer whom it serves, wants to know who was
# paid by a token; another one, at the payee's bank, who paid. What cannot be hidden stands in docs/security.md.

use strict;
use warnings;

use FindBin;
use MIME::Base64 qw(decode_base64url);
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nlog_statement = none\nshared_preload_libraries = 'dcep'\ndcep.consolidation_interval = 0");
$node->start;
DcepLedger::create($node, $db);

# Bank 2's wallet 3 pays bank 3's wallet 4 by tokens; each bank's application is a role of its own. The
# attackers do not know the numbers of each other's wallets, so that the names are taken away from them.
my $payer = $node->safe_psql($db, 'SELECT w(3)');
my $payee = $node->safe_psql($db, 'SELECT w(4)');
my $other = $node->safe_psql($db, 'SELECT w(7)');
$node->safe_psql($db, 'REVOKE SELECT ON numbered FROM PUBLIC');

# What a role gets to see of a statement: output, errors, notices.
sub seen_by
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql($db, "SET SESSION AUTHORIZATION $role;\n\\set VERBOSITY verbose\n$sql", on_error_stop => 0);
	return "$out\n$err";
}
my $issue = sub { my ($token) = seen_by('regress_bank3', "SELECT dcep.issue_token('$_[0]')") =~ /(28\d{16})/; return $token };
my $pay = sub { return seen_by('regress_bank2', "SELECT dcep.pay_token('$payer', '$_[0]', $_[1], " . ($_[2] // 'NULL') . ", 'for you')") };

my @receipts = map { $pay->($issue->($payee), 1001 + $_, "'secret $_'") } (1, 2);
push @receipts, $pay->($issue->($other), 1003, "'secret 3'");
is(scalar(grep { /\(\d+,token,$payer,0000\d{12},100\d,/ } @receipts), 3, 'receipts name the payer and a pseudonym');
my @pseudonyms = map { /,$payer,(0000\d{12}),/ } @receipts;
my %distinct = map { $_ => 1 } @pseudonyms;
is(scalar keys %distinct, 3, 'another pseudonym for each payment, of the same payee too');
my ($transfer) = $receipts[0] =~ /\((\d+),token/;
is($pay->('280000000000000000', 1001, "'secret 1'") =~ /LG302/ ? 1 : 0, 1, 'a key with another token is another payment');

# --- everything that can be read -------------------------------------------------------

# All relations of the schema, all columns; whatever is not granted says so.
my @relations = split /\n/, $node->safe_psql($db, "SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind IN ('r', 'v', 'S') ORDER BY 1");
my $everything = join "\n", map { "SELECT * FROM $_;" } @relations;
# Functions of which an application can ask something about these payments or wallets.
my $coins = "SELECT c::text, dcep.owner(c), dcep.coin_id(c), dcep.minted_at(c) FROM dcep.coins('%s') AS c";
my $asks = join ";\n", map { sprintf $_, $payer } (
	"SELECT * FROM dcep.statement('%s')", $coins, "SELECT dcep.receipt_of($transfer)", "SELECT * FROM dcep.verify_chain('%s')",
	"SELECT dcep.balance('%s'), dcep.available('%s')", 'SELECT * FROM dcep.inclusion_proof(' . $transfer . ')',
	"SELECT * FROM dcep.trace_forward($transfer, 'poison')", "SELECT * FROM dcep.trace_back($transfer)", "SELECT * FROM dcep.alerts('-infinity', 'infinity')",
	"SELECT * FROM dcep.net_positions('-infinity', 'infinity')", "SELECT * FROM dcep.movement", 'SELECT * FROM dcep.latest_checkpoint()');
$node->safe_psql($db, 'SELECT dcep.seal(), dcep.checkpoint(); VACUUM ANALYZE');
my $reading = seen_by('regress_bank2', "$everything;\n$asks;\nSELECT * FROM pg_stats;\nSELECT * FROM pg_stat_activity;\nSELECT * FROM pg_prepared_statements");
like($reading, qr/$payer/, 'the application of the payer reads what is its own');
like($reading, qr/secret 1/, 'and its side of the payments');
for my $wallet ($payee, $other)
{
	unlike($reading, qr/$wallet/, 'nowhere the wallet that was paid');
	unlike($reading, qr/@{[ $wallet + 0 ]}/, 'nor its number without zeros');
	my $hex = $node->safe_psql($db, "SELECT encode(dcep.wallet_id_send('$wallet'), 'hex')");
	unlike($reading, qr/$hex/i, 'nor its bytes');
}
my $payee_reads = $everything . ";\n" . ($asks =~ s/$payer/$payee/gr) . ";\nSELECT * FROM pg_stats;\nSELECT * FROM pg_stat_activity";
$reading = seen_by('regress_bank3', $payee_reads);
like($reading, qr/$payee\|/, 'the application of the payee reads what is its own');
# Wallet 3 has paid wallets of bank 3 openly too: only what was by token must not be there.
unlike($reading, qr/secret \d/, 'not the key that the payer chose');
unlike($reading, qr/^$transfer\|[^\n]*$payer/m, 'not the payment by token with its payer');
like(seen_by('regress_bank3', "SELECT counterparty FROM dcep.statement('$payee') WHERE kind = 'token'"), qr/^0000\d{12}$/m, 'a pseudonym stands in its place');
is(seen_by('regress_bank3', "SELECT dcep.receipt_of($transfer)") =~ /$payer/ ? 1 : 0, 0, 'nor does the receipt tell the payee who paid');
isnt($node->safe_psql($db, "SELECT counterparty FROM dcep.statement('$payee') WHERE kind = 'token' LIMIT 1"), $pseudonyms[0], 'the two sides have pseudonyms that do not match');

# --- everything that can be called -------------------------------------------------------

# What shows of a wallet: its number with zeros and without, the bytes of it in hexadecimal and as debugging output prints them.
sub traces_of
{
	my ($wallet) = @_;
	my $hex = unpack 'H*', pack 'q>', $wallet;
	my $plan = join ' ', unpack 'c*', pack 'q<', $wallet;
	return qr/$wallet|\b@{[ $wallet + 0 ]}\b|$hex|\[ $plan \]/i;
}

# Every function that an operator's application may call, as far as transfers, coins, wallets and what has one sensible value are
# its arguments: as format() takes it, with %1$s for a number and %2$s for a wallet.
my $callable = $node->safe_psql($db, <<'SQL');
SELECT format('BEGIN; SELECT * FROM dcep.%I(%s); ROLLBACK;', p.proname, COALESCE(string_agg(a.value, ', ' ORDER BY n), ''))
  FROM pg_proc AS p LEFT JOIN LATERAL generate_series(0, p.pronargs - p.pronargdefaults - 1) AS n ON true
  LEFT JOIN LATERAL (SELECT CASE p.proargtypes[n]::regtype::text WHEN 'bigint' THEN '%1$s' WHEN 'dcep.wallet_id' THEN $$'%2$s'$$ WHEN 'integer' THEN '2'
                                 WHEN 'timestamp with time zone' THEN $$'-infinity'$$ WHEN 'interval' THEN $$'1 minute'$$ WHEN 'text' THEN $$'poison'$$ END AS value) AS a ON true
 WHERE p.pronamespace = 'dcep'::regnamespace AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
   AND has_function_privilege('regress_bank2', p.oid, 'EXECUTE')
 GROUP BY p.oid, p.proname HAVING bool_and(n IS NULL OR a.value IS NOT NULL) ORDER BY p.proname, p.oid
SQL
cmp_ok(scalar(split /\n/, $callable), '>', 30, 'functions to be called');
for my $side ([ 'regress_bank2', $payer, $payee ], [ 'regress_bank3', $payee, $payer ])
{
	my ($role, $own, $hidden) = @$side;
	my $told = join "\n", map { my $number = $_; seen_by($role, $callable =~ s/%1\$s/$number/gr =~ s/%2\$s/$own/gr) } $transfer, 2 * $transfer, 2 * $transfer + 1;
	like($told, qr/$own/, "$role is told of its own wallet");
	# The two have paid each other openly, too: those rows of a statement are both's to see.
	my @found = grep { $_ =~ traces_of($hidden) && !/\|transfer\|/ } split /\n/, $told;
	is(join("\n", @found), '', "$role: of all that it may call, nothing names the other side");
}

# Coins as text: what they are made of has no trace of the other side in it.
for my $side ([ 'regress_bank2', $payer, $payee ], [ 'regress_bank3', $payee, $payer ])
{
	my ($role, $own, $hidden) = @$side;
	my @coins = map { decode_base64url($_) } seen_by($role, "SELECT c::text FROM dcep.coins('$own') AS c") =~ /^dcep1([\w-]+)$/mg;
	cmp_ok(scalar @coins, '>', 0, "$role has coins");
	is(scalar(grep { index($_, pack 'q>', $own) < 0 } @coins), 0, "$role: each with its owner in it");
	is(scalar(grep { index($_, pack 'q>', $hidden) >= 0 } @coins), 0, "$role: none with the other side");
}

# --- around the policies ---------------------------------------------------------------------

# A function of the attacker's own that tells whatever row it is asked about is asked about visible rows alone.
my $leak = <<'SQL';
CREATE FUNCTION pg_temp.leak(w dcep.wallet_id, id bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $f$ BEGIN RAISE NOTICE 'row % of %', id, w; RETURN true; END $f$;
SQL
my $leaked = seen_by('regress_bank2', "$leak SELECT count(*) FROM dcep.transfer WHERE pg_temp.leak(payee, id);\nSELECT count(*) FROM dcep.coin WHERE pg_temp.leak(owner, id);\nSELECT count(*) FROM dcep.wallet WHERE pg_temp.leak(id, 0)");
like($leaked, qr/NOTICE:  00000: row \d+ of \d{16}/, 'it tells of rows');
unlike($leaked, qr/row $transfer of/, 'not of the payment to a token');
unlike($leaked, qr/row 0 of $payee/, 'nor of the payee\'s wallet');

# Debugging output that every role can switch on, while it pays.
my $debugging = 'SET debug_print_parse = on; SET debug_print_rewritten = on; SET debug_print_plan = on; SET client_min_messages = debug1;';
my $debug_token = $issue->($payee);
my $printed = seen_by('regress_bank2', "$debugging SELECT dcep.pay_token('$payer', '$debug_token', 1006, 'debug', 'for you')");
like($printed, qr/^\(\d+,token,$payer,0000\d{12},1006,.*PLANNEDSTMT/s, 'a payment with its plan printed');
unlike($printed, traces_of($payee), 'has no payee in it');

# EXPLAIN: with ANALYZE it would count the rows that policies hide, so that it is refused.
my $ask = "SELECT * FROM dcep.transfer WHERE payee = '$other'";
my @ways = ("EXPLAIN ANALYZE $ask", "EXPLAIN (ANALYZE, TIMING off, SUMMARY off) $ask", 'EXPLAIN (ANALYZE true, FORMAT json) SELECT 1 FROM dcep.coin',
	"PREPARE p AS $ask; EXPLAIN ANALYZE EXECUTE p", "DO \$\$ DECLARE l text; BEGIN FOR l IN EXECUTE 'EXPLAIN ANALYZE SELECT FROM dcep.transfer' LOOP RAISE NOTICE '%', l; END LOOP; END \$\$",
	'CREATE TEMPORARY VIEW v AS SELECT * FROM dcep.wallet_chain; EXPLAIN ANALYZE SELECT count(*) FROM v', "EXPLAIN ANALYZE DECLARE c CURSOR FOR $ask",
	"EXPLAIN ANALYZE CREATE TEMPORARY TABLE x AS $ask", 'EXPLAIN ANALYZE SELECT (SELECT count(*) FROM dcep.wallet)', 'EXPLAIN ANALYZE SELECT * FROM dcep.order_status',
	"EXPLAIN ANALYZE INSERT INTO dcep.transfer (payer, payee, amount) VALUES ('$payer', dcep.vault(2), 1)");
for my $way (@ways)
{
	my $answer = seen_by('regress_bank2', $way);
	like($answer, qr/ERROR:  42501: permission denied to explain with ANALYZE what row-level security hides/, "refused: $way");
	unlike($answer, qr/Rows Removed|actual/i, 'and nothing counted');
}
like(seen_by('regress_bank2', 'EXPLAIN ANALYZE SELECT * FROM pg_class; EXPLAIN ANALYZE SELECT * FROM dcep.ledger'), qr/actual.*actual/s, 'what hides nothing is explained');
my $estimated = seen_by('regress_bank2', "EXPLAIN VERBOSE $ask");
like($estimated, qr/dcep\.sees_parties/, 'without ANALYZE everything is');
unlike($estimated, qr/actual|ERROR/, 'by estimates');
like($node->safe_psql($db, "EXPLAIN ANALYZE $ask"), qr/actual/, 'a superuser counts');
like(seen_by('regress_bank2', 'SELECT 1 FROM dcep.transfer LIMIT 1'), qr/^1$/m, 'and statements go on');

# auto_explain counts what nobody in the session asked for: the statement runs, and its counts are not shown.
sub explained_for
{
	my ($role) = @_;
	my $before = length slurp_file($node->logfile);
	$node->safe_psql($db, "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on; SET auto_explain.log_nested_statements = on;
		SET SESSION AUTHORIZATION $role; SELECT count(*) FROM dcep.transfer WHERE payee = '$other'");
	return substr slurp_file($node->logfile), $before;
}
my $logged = explained_for('regress_bank2');
like($logged, qr/plan:.*sees_parties/s, 'auto_explain has the plan');
unlike($logged, qr/actual|Rows Removed/, 'without counts');
like(explained_for($node->safe_psql($db, 'SELECT current_user')), qr/actual/, 'a superuser\'s with them');

# Counters of one's own transaction, as docs/operations.md takes them away.
my ($takes_away) = slurp_file("$FindBin::RealBin/../../docs/operations.md") =~ /^### What statistics tell\n.*?^```sql\n(.*?)^```$/ms;
my $counters = "SELECT 'read ' || seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'transfer'";
my $views = join ";\n", map { "SELECT * FROM $_" } qw(pg_stat_user_tables pg_stat_xact_user_tables pg_stat_user_indexes pg_statio_user_tables pg_statio_user_indexes);
like(seen_by('regress_bank2', "BEGIN; SELECT count(*) FROM dcep.transfer WHERE payee = '$other'; $counters"), qr/^read \d+$/m, 'the counters tell');
$node->safe_psql($db, $takes_away);
is(scalar(() = seen_by('regress_bank2', "$counters;\n$views") =~ /ERROR:  42501/g), 6, 'taken away, they do not');
is($node->safe_psql($db, "SET ROLE pg_monitor; SELECT count(*) FROM pg_stat_user_tables WHERE relname = 'transfer'"), 1, 'but to monitoring');

# Sequences, locks, other sessions, and copies, while a payment is under way.
unlike(seen_by('regress_bank2', "SELECT last_value FROM pg_sequences WHERE schemaname = 'dcep'"), qr/\d/, 'no sequence tells how far it is');
my $open_payment = $issue->($payee);
my $inside = seen_by('regress_bank2', "BEGIN; SELECT (dcep.pay_token('$payer', '$open_payment', 1007)).amount;\n" . join ";\n", 'SELECT * FROM pg_locks', 'SELECT * FROM pg_stat_activity',
	'SELECT xmin, ctid, * FROM dcep.coin', 'SELECT xmin, ctid, * FROM dcep.wallet_chain', 'COPY (TABLE dcep.coin) TO STDOUT', 'COPY (SELECT payer, payee FROM dcep.transfer WHERE kind <> \'transfer\') TO STDOUT', 'COMMIT');
like($inside, qr/^1007$/m, 'while a payment to a token is open');
unlike($inside, traces_of($payee), 'nothing around it names the payee');
like(seen_by('regress_bank2', "SELECT dcep.explain_transfer('$payer', '$other', 5, 'token')"), qr/ERROR:  22023/, 'and it cannot be asked for by wallet');

# --- refusals ------------------------------------------------------------------------

# Whatever is wrong with token or payee, the answer is the same, to the letter.
my $closed = $node->safe_psql($db, "SELECT dcep.open_wallet(3, '{\"class\": 1}')");
my $closed_token = $issue->($closed);
$node->safe_psql($db, "SELECT dcep.close_wallet('$closed')");
my $frozen = $node->safe_psql($db, "SELECT dcep.open_wallet(3, '{\"class\": 1}')");
my $frozen_token = $issue->($frozen);
$node->safe_psql($db, "SELECT dcep.freeze('$frozen', 'credit', 'case 9')");
my $used = $issue->($payee);
$pay->($used, 1004);
my %answers;
my $number = 20;
for my $token ('280000000000000001', $closed_token, $frozen_token, $used)
{
	# A payer each, since failures add up.
	my $guesser = $node->safe_psql($db, "INSERT INTO numbered VALUES (@{[ ++$number + 80 ]}, dcep.open_wallet(2, '{\"class\": 1}')) RETURNING wallet");
	$node->safe_psql($db, "SELECT dcep.transfer(w(3), '$guesser', 50)");
	my $answer = seen_by('regress_bank2', "SELECT dcep.pay_token('$guesser', '$token', 5)");
	$answer =~ s/LOCATION:.*//;
	$answers{$answer}++;
}
is(join('', values %answers), '4', 'unknown, closed, frozen and used: one answer') or diag(join "\n---\n", keys %answers);
like((keys %answers)[0], qr/ERROR:  LG501: payment token not valid/, 'which is LG501');
unlike((keys %answers)[0], qr/280000000000000001|\b0003\d{12}\b/, 'with neither token nor wallet');

# What goes on record of it is the same, too.
$node->safe_psql($db, 'SELECT dcep.keep_refusals()');
is( seen_by('regress_bank2', "SELECT count(*), r.sqlstate, r.message, r.payee, r.class, r.order_id FROM dcep.refusal AS r WHERE r.kind = 'token' AND r.sqlstate <> 'LG302' GROUP BY r.sqlstate, r.message, r.payee, r.class, r.order_id"),
	"4|LG501|payment token not valid|||\n", 'four refusals on record, all alike');

# How long the answer takes says less than its own variance: it is the start of a process. Nothing is asserted of times here;
# docs/security.md has the figures.
my %times;
for (1 .. 4)
{
	my %guesser = map { $_ => $node->safe_psql($db, "INSERT INTO numbered VALUES (@{[ ++$number + 80 ]}, dcep.open_wallet(2, '{\"class\": 1}')) RETURNING wallet") } 'unknown', 'frozen', 'used';
	$node->safe_psql($db, "SELECT dcep.transfer(w(3), '$_', 50)") for values %guesser;
	for (1 .. 5)
	{
		$node->safe_psql($db, "SELECT dcep.unfreeze('$frozen', 'credit', 'case 9')");
		my %token = (unknown => '280000000000000002', used => $used, frozen => $issue->($frozen));
		$node->safe_psql($db, "SELECT dcep.freeze('$frozen', 'credit', 'case 9')");
		for my $what (sort keys %token)
		{
			push @{ $times{$what} }, seen_by('regress_bank2', "SELECT dcep.balance('$guesser{$what}');\n\\timing on\nSELECT dcep.pay_token('$guesser{$what}', '$token{$what}', 5);") =~ /^Time: ([\d.]+) ms/m;
		}
	}
}
is(join(' ', map { "$_ " . @{ $times{$_} } } sort keys %times), 'frozen 20 unknown 20 used 20', 'each was refused twenty times');
my @timed = map { my @sorted = sort { $a <=> $b } @{ $times{$_} }; sprintf '%s %.1f (%.1f to %.1f)', $_, @sorted[ 10, 5, 15 ] } sort keys %times;
note('a refused token, ms, median and quartiles: ' . join '; ', @timed);

# The log of the server has neither the token nor the payee.
my $log = slurp_file($node->logfile);
unlike($log, qr/$used|$closed_token|$frozen_token/, 'no token that was refused is in the log of the server');
unlike($log, qr/$frozen/, 'nor whom it stood for');

# The registration centre sees the truth, within a case.
like(seen_by('regress_central', "SELECT dcep.open_case('C-1', 'who was paid'); \nSELECT payee FROM dcep.transfer WHERE id = $transfer"), qr/$payee/, 'the central bank sees who was paid, within a case');
unlike(seen_by('regress_central', "SELECT payee FROM dcep.transfer WHERE id = $transfer"), qr/$payee/, 'and not without one');
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the ledger is sound');

# Whichever of the two libraries is loaded first.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'auto_explain,dcep'");
$node->restart;
$logged = explained_for('regress_bank2');
like($logged, qr/plan:.*sees_parties/s, 'auto_explain loaded first has the plan');
unlike($logged, qr/actual|Rows Removed/, 'without counts');
$node->stop;
done_testing();
