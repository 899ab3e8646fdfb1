
# A backend that makes very many calls does not grow: its memory contexts and its process are as
# large after many thousands of calls as after the first few thousand.
# DCEP_MEMORY_CALLS sets the number of calls; a million takes minutes.
# And a statement of a million payments stays below 200 MB.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $calls = $ENV{DCEP_MEMORY_CALLS} // 100_000;
my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
# Pages of shared buffers count for whoever touches them first.
$node->append_conf('postgresql.conf', "fsync = off\njit = off\nshared_buffers = 32MB\nautovacuum = off\nmax_wal_size = 4GB");
$node->start;
DcepLedger::create($node, $db);
$node->safe_psql($db, <<'SQL');
-- Runs a statement in a loop, in one transaction or in many; refusals are what some of them are for.
CREATE PROCEDURE repeat(statement text, times bigint, atomic boolean) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. times LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN OTHERS THEN
            IF SQLSTATE NOT IN ('22P02', '42501') AND SQLSTATE NOT LIKE 'LG%' THEN RAISE; END IF;
        END;
        IF NOT atomic AND i % 10 = 0 THEN COMMIT; END IF;
    END LOOP;
END
$$;
CREATE TABLE sample AS SELECT c::text AS coin FROM numbered, dcep.coins(wallet) AS c LIMIT 100;
SQL

# What is repeated, and how much of the calls it gets.
my %repeated = (
	'balance' => [ 1, 'SELECT dcep.balance(w(3)), dcep.available(w(1))' ],
	'text' => [ 1, q{SELECT '0002 9999-9999 9999 0'::dcep.wallet_id, '2812 3456 7890 1234 56'::dcep.otp_token} ],
	'bad text' => [ 1, q{SELECT '0002999999999991'::dcep.wallet_id} ],
	'sets of coins' => [ 0.05, 'SELECT count(*) FROM dcep.coins(w(3)) AS c WHERE dcep.verify(c) AND c = c::text::dcep.signed_coin' ],
	'states' => [ 0.02, 'SELECT count(dcep.coin_state(coin::dcep.signed_coin)) FROM sample' ],
	'payments' => [ 0.1, 'SELECT dcep.transfer(w(3), w(1), 1), dcep.transfer(w(1), w(3), 1)' ],
	'repeated payments' => [ 0.2, q{SELECT dcep.transfer(w(1), w(2), 777, 'key of 777', 'seven sevens')} ],
	'refused payments' => [ 0.3, 'SELECT dcep.transfer(w(3), w(1), 1000000000000)' ],
	'payments of nobody' => [ 0.3, q{SELECT dcep.transfer('0002999999999990', w(1), 1)} ],
	'bulks' => [ 0.005, 'INSERT INTO dcep.transfer (payer, payee, amount) SELECT w(3), w(1), 1 FROM generate_series(1, 20)' ],
	'submissions' => [ 0.01, q{SELECT count(*) FROM dcep.submit(ARRAY[(w(3), w(1), 1, NULL, NULL), (w(3), 'x', 1, NULL, NULL), (w(3), w(1), 0, NULL, NULL)]::dcep.instruction[])} ],
	'chains' => [ 0.01, 'SELECT count(*) FROM dcep.verify_chain(w(2))' ]);

my $node_psql = $node->background_psql($db, on_error_die => 1);
my $pid = $node_psql->query_safe('SELECT pg_backend_pid()');
for my $what (sort keys %repeated)
{
	my ($share, $sql) = @{ $repeated{$what} };
	for my $atomic ('false', 'true')
	{
		# One transaction that writes very much holds snapshots and row versions; a tenth shows as much.
		my $times = int($calls * $share / 10 * ($atomic eq 'true' ? 0.2 : 1));
		my $warm = int($times / 4) > 50 ? int($times / 4) : 50;
		$times = 50 if $times < 50;
		my $statement = $sql =~ s/'/''/gr;
		$node_psql->query_safe("CALL repeat('$statement', $warm, $atomic)");
		my ($contexts, $resident) = size();
		$node_psql->query_safe("CALL repeat('$statement', $times, $atomic)");
		my ($contexts_after, $resident_after) = size();
		cmp_ok($contexts_after - $contexts, '<', 64 * 1024, "$what: contexts of the backend ($times times, atomic $atomic)");
		cmp_ok($resident_after - $resident, '<', 4 * 1024 * 1024, "$what: the process");
	}
}

# Keys and configuration that are read again and again replace what was there.
$node_psql->query_safe(q{CALL repeat('UPDATE dcep.wallet_class SET name = name WHERE class = 4; SELECT dcep.transfer(w(3), w(1), 1)', 200, false)});
my ($contexts, $resident) = size();
$node_psql->query_safe(q{CALL repeat('UPDATE dcep.wallet_class SET name = name WHERE class = 4; SELECT dcep.transfer(w(3), w(1), 1)', 1000, false)});
my ($contexts_after, $resident_after) = size();
cmp_ok($contexts_after - $contexts, '<', 64 * 1024, 'changes of the configuration: contexts of the backend');
cmp_ok($resident_after - $resident, '<', 4 * 1024 * 1024, 'changes of the configuration: the process');

$node_psql->quit;

# A bulk of a million payments, by one payer to many and by many to one, on a connection of its own.
$node->safe_psql($db, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault(2), w(3), 1000000)");
for my $bulk ([ '(SELECT w(3))', 'wallet' ], [ 'wallet', '(SELECT w(3))' ])
{
	$node_psql = $node->background_psql($db, on_error_die => 1);
	$pid = $node_psql->query_safe('SELECT pg_backend_pid()');
	my ($payer, $payee) = @$bulk;
	$node_psql->query_safe("INSERT INTO dcep.transfer (payer, payee, amount) SELECT $payer, $payee, 1
		FROM generate_series(1, 100000), (SELECT wallet FROM numbered WHERE number BETWEEN 7 AND 16) AS n");
	my $peak = peak();
	note("peak of the process: $peak kB, of which 32 MB may be shared buffers");
	cmp_ok($peak, '<', 200 * 1024, "a million payments, $payer to $payee: the process");
	$node_psql->quit;
}
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the ledger is sound');
$node->stop;
done_testing();

# Bytes in memory contexts, and bytes of the process that are its own.
sub size
{
	my $contexts = $node_psql->query_safe(
		"SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name NOT IN ('MessageContext', 'PortalContext', 'ExecutorState', 'ExprContext')");
	my $resident = 0;
	if (open my $fh, '<', "/proc/$pid/statm")
	{
		my (undef, $pages, $shared) = split / /, <$fh>;
		$resident = ($pages - $shared) * 4096;
	}
	return ($contexts, $resident);
}

# Most that the process ever had, in kB.
sub peak
{
	open my $fh, '<', "/proc/$pid/status" or return 0;
	my ($line) = grep { /^VmHWM/ } <$fh>;
	return $line =~ /(\d+)/ ? $1 : 0;
}
