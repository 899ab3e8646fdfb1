
# Everything at once, from several connections: afterwards the ledger is sound and holds what it held.
# What each connection does follows from DCEP_SEED; what becomes of it depends on the others.
# DCEP_STRESS_SECONDS sets about how long it takes; the seed is printed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $seconds = $ENV{DCEP_STRESS_SECONDS} // 10;
my $seed = $ENV{DCEP_SEED} // 20240607;
note("DCEP_SEED=$seed");

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\njit = off\ndeadlock_timeout = 50ms\nmax_wal_size = 2GB");
$node->start;
DcepLedger::create($node, $db);

# Capped wallets as well: 22 to 31, of class 3 and 4, half of their cap full.
$node->safe_psql($db, <<'SQL');
INSERT INTO numbered SELECT n, dcep.open_wallet(2 + n % 3, jsonb_build_object('class', 3 + n % 2)) FROM generate_series(22, 31) AS n;
INSERT INTO dcep.transfer (kind, payer, payee, amount)
    SELECT 'exchange_in', dcep.vault(dcep.institution(wallet)), wallet, 50000 FROM numbered WHERE number >= 22;
SELECT dcep.unfreeze(w(5), 'both', 'for the test');
CREATE VIEW any_wallet AS SELECT w(CASE WHEN random() < 0.7 THEN (random() * 20)::int ELSE 22 + (random() * 9)::int END) AS w;
SQL
my $before = $node->safe_psql($db, 'SELECT sum(amount) FROM dcep.coin');
my $net = "SELECT sum(amount) FILTER (WHERE kind = 'issue') - sum(amount) FILTER (WHERE kind = 'redeem') FROM dcep.transfer";
is($node->safe_psql($db, $net), $before, 'at first: issued less redeemed is in coins');

my $a = '(SELECT w FROM any_wallet)';
my %does = (
	single => "SELECT dcep.transfer($a, $a, 1 + (random() * 300)::int)",
	keyed => "SELECT dcep.transfer(w((random() * 20)::int), w(0), 5, 'key ' || (random() * 50)::int)",
	bulk => "INSERT INTO dcep.transfer (payer, payee, amount) SELECT w((n * 7 + r) % 21), w((n * 5 + r + 1) % 21), 1 + n FROM generate_series(1, 20) AS n, (SELECT (random() * 20)::int AS r) AS s WHERE (n * 7 + r) % 21 <> (n * 5 + r + 1) % 21",
	conflict => "INSERT INTO dcep.transfer (payer, payee, amount, key) VALUES (w(3), w(1), 5, 'row ' || (random() * 20)::int) ON CONFLICT DO NOTHING",
	submit => "SELECT count(*) FROM dcep.submit((SELECT array_agg((w((random() * 31)::int)::text, w((random() * 31)::int)::text, (random() * 100)::int::text, CASE WHEN random() < 0.3 THEN 'line ' || (random() * 50)::int END, NULL)::dcep.instruction) FROM generate_series(1, 15)))",
	capped => "SELECT dcep.transfer(w(22 + (random() * 9)::int), w(22 + (random() * 9)::int), 1 + (random() * 20000)::int)",
	freeze => "SELECT dcep.freeze(w(i), (ARRAY['debit', 'credit', 'both'])[1 + (random() * 2)::int], 'stress'), dcep.unfreeze(w(i), 'both', 'stress') FROM (SELECT (random() * 20)::int AS i) AS s",
	reserve => "SELECT dcep.issue(2, 10), dcep.redeem(2, 5), dcep.deposit_reserve(2, 7)",
	savepoint => "DO 'BEGIN PERFORM dcep.transfer(w(3), w(1), 2); BEGIN PERFORM dcep.transfer(w(3), w(4), 3); RAISE EXCEPTION USING ERRCODE = ''LG999''; EXCEPTION WHEN SQLSTATE ''LG999'' THEN NULL; END; PERFORM dcep.transfer(w(3), w(4), 4); END'",
	rotate => "SELECT dcep.generate_key(3, (ARRAY['ed25519', 'p256'])[1 + (random())::int])",
	rotate_and_pay => "SELECT dcep.generate_key(3, 'p256'), dcep.transfer(w(1), w(4), 3)",
	read => "SELECT dcep.balance($a), (SELECT count(*) FROM dcep.verify_chain($a, false))");
my %weight = (single => 30, keyed => 10, bulk => 4, conflict => 5, submit => 5, capped => 12, freeze => 2, reserve => 3, savepoint => 5, rotate => 1, rotate_and_pay => 2, read => 5);

# Each client plays a script of its own, through whatever is refused.
srand $seed;
my @deck = map { ($_) x $weight{$_} } sort keys %weight;
my @scripts;
for my $client (1 .. 8)
{
	my $script = "\\set VERBOSITY verbose\n" . 'SELECT setseed(' . rand() . ");\n";
	for (1 .. 50 * $seconds)
	{
		my $level = ('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')[ rand 4 ];
		my @statements = map { $does{ $deck[ rand @deck ] } . ";\n" } (1 .. 1 + rand 2);
		# Some in transactions of their own, some together, some of those taken back.
		$script .= @statements > 1 || rand() < 0.3
		  ? "BEGIN ISOLATION LEVEL $level;\n" . join('', @statements) . (rand() < 0.1 ? "ROLLBACK;\n" : "COMMIT;\n")
		  : "SET default_transaction_isolation = '\L$level\E';\n$statements[0]";
	}
	push @scripts, $script;
}
my %refusals = DcepLedger::play($node, $db, @scripts);

# 25P02 is what follows in a transaction that has failed; the rest are rules, and what concurrency raises.
my %expected = map { $_ => 1 } qw(LG302 LG201 LG202 LG203 LG204 LG206 LG301 LG303 LG304 40001 40P01 25P02);
is(join("\n", grep { !$expected{ substr $_, 0, 5 } } sort keys %refusals), '', 'refusals were for good reasons');
cmp_ok($node->safe_psql($db, "SELECT count(*) FROM dcep.transfer"), '>', 500, 'money moved');
is($node->safe_psql($db, 'SELECT * FROM dcep.audit() LIMIT 20'), '', 'the audit finds nothing');
is($node->safe_psql($db, "$net"), $node->safe_psql($db, 'SELECT sum(amount) FROM dcep.coin'), 'issued less redeemed is in coins');
is($node->safe_psql($db, 'SELECT count(*) FROM (SELECT FROM dcep.transfer WHERE key IS NOT NULL GROUP BY payer, key HAVING count(*) > 1) AS s'), 0, 'no key was used twice');
$node->stop;
done_testing();
