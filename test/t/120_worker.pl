
# The background worker: what it does for a ledger without being asked, and that it is in nobody's way.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $db = 'ledger';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
jit = off
autovacuum = off
max_worker_processes = 12
shared_preload_libraries = 'dcep'
dcep.upkeep_naptime = 1
dcep.consolidation_interval = 1
dcep.stock_interval = 1
dcep.refusal_interval = 1
dcep.token_interval = 0
dcep.seal_interval = 0
dcep.checkpoint_interval = 0
dcep.message_interval = 0
CONF
$node->start;

# Waits until a query says true; fails with what was waited for.
sub await
{
	my ($query, $what, $where) = @_;
	ok($node->poll_query_until($where // $db, $query), $what);
	return;
}

sub sql { return $node->safe_psql($db, $_[0]) }

# How often the server's log says something, from a place on.
sub logged
{
	my ($pattern, $from) = @_;
	my @hits = substr(slurp_file($node->logfile), $from // 0) =~ /$pattern/g;
	return scalar(@hits);
}

# Waits until all tasks have had two more rounds, so that one has begun and ended after this call.
sub await_rounds
{
	my ($what) = @_;
	my $before = sql('SELECT min(rounds) FROM dcep.upkeep WHERE interval_s > 0');
	await("SELECT min(rounds) >= $before + 2 FROM dcep.upkeep WHERE interval_s > 0 AND worker IS NOT NULL", $what);
	return;
}

my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'dcep worker'";
my $coins = 'SELECT count(*) FROM dcep.coin WHERE owner = w(%s)';
my $crowd = 'INSERT INTO dcep.transfer (payer, payee, amount) SELECT w(1), w(%s), 1 + n %% 7 FROM generate_series(1, %s) AS n';

# --- a ledger appears ----------------------------------------------------------------------

is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'dcep launcher'"), 1, 'there is a launcher');
$node->safe_psql('postgres', "CREATE DATABASE $db");
DcepLedger::create($node, $db);
await("SELECT ($workers AND datname = '$db') = 1", 'a new ledger gets a worker');
is($node->safe_psql('postgres', $workers), 1, 'databases without a ledger have none');
is($node->safe_psql('postgres', "SELECT datname, usename, application_name FROM pg_stat_activity WHERE backend_type = 'dcep worker'"),
	"$db|" . $node->safe_psql('postgres', 'SELECT rolname FROM pg_roles WHERE oid = 10') . '|dcep worker', 'it shows what it is');

# --- consolidation --------------------------------------------------------------------------

sql(sprintf $crowd, 3, 5000);
await(sprintf("SELECT ($coins) < 100", 3), 'a crowded wallet is consolidated');
is(sql("SELECT count(*) > 1, max(cardinality(inputs)) FROM dcep.transfer WHERE kind = 'consolidate'"), 't|2000', 'in lots');
await("SELECT done >= 5000 AND failures = 0 FROM dcep.upkeep WHERE task = 'consolidation'", 'which are counted');

# A wallet that is paying is passed over, and its payment not held up; the others go on.
my $payer = $node->background_psql($db);
$payer->query_safe('BEGIN; SELECT dcep.transfer(w(4), w(1), 1)');
my $log = -s $node->logfile;
sql(sprintf $crowd, $_, 500) for 4, 6;
await(sprintf("SELECT ($coins) < 100", 6), 'another wallet is consolidated');
await_rounds('rounds go on');
is(sql(sprintf "SELECT ($coins) >= 500", 4), 't', 'a wallet that is paying is left alone');
$payer->query_safe('SELECT dcep.transfer(w(4), w(1), 2); COMMIT');
await(sprintf("SELECT ($coins) < 100", 4), 'and consolidated after the payment');
is(logged(qr/ERROR/, $log), 0, 'nothing is logged about it');
# A frozen one stays as it is.
sql(sprintf $crowd, 7, 300);
sql("SELECT dcep.freeze(w(8), 'debit', 'case 7')");
sql(sprintf $crowd, 8, 300);
await(sprintf("SELECT ($coins) < 100", 7), 'wallets are consolidated beside a frozen one');
is(sql(sprintf "SELECT ($coins) >= 300", 8), 't', 'which is not');

# --- tills ------------------------------------------------------------------------------------

sql('SELECT dcep.open_tills(2, 3), dcep.open_tills(3, 2)');
my $stocked = 'SELECT min(dcep.balance(wallet)) > 0 FROM dcep.till WHERE institution = %s';
await(sprintf($stocked, $_), "tills of $_ are stocked") for 2, 3;
await("SELECT done > 0 AND failures = 0 FROM dcep.upkeep WHERE task = 'tills'", 'which is counted');
# Somebody holds the vault: the worker gives up, and is not in the way of whoever pays from a till.
my $till = sql('SELECT wallet FROM dcep.till WHERE institution = 2 LIMIT 1');
$payer->query_safe('BEGIN; SELECT FROM dcep.wallet_chain WHERE wallet = dcep.vault(2) FOR UPDATE');
sql("SELECT dcep.transfer('$till', w(2), dcep.balance('$till'))");
await_rounds('a vault that is held stops no round');
is(sql("SELECT dcep.balance('$till')"), 0, 'and is not paid from');
is(sql("SELECT failures FROM dcep.upkeep WHERE task = 'tills'"), 0, 'which is no failure');
$payer->query_safe('COMMIT');
await("SELECT dcep.balance('$till') > 0", 'afterwards the till is stocked');

# --- an idle ledger ---------------------------------------------------------------------------

await_rounds('what was left is done');
my $next = 'SELECT pg_snapshot_xmax(pg_current_snapshot())';
my $before = sql($next);
await_rounds('an idle ledger');
is(sql($next), $before, 'costs no transaction id');
is(sql('SELECT * FROM dcep.audit()'), '', 'the ledger is sound');

# --- what fails ---------------------------------------------------------------------------------

# One operator's key file is gone: its wallets and tills wait, those of others do not.
my ($file) = glob $node->data_dir . '/dcep_keys/0004-1-*.pem';
rename $file, "$file.away" or die $!;
sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = $$dcep worker$$');
$log = -s $node->logfile;
# w(3) and w(6) are of bank 2, w(11) of bank 4.
sql(sprintf $crowd, $_, 300) for 3, 11, 6;
await(sprintf("SELECT ($coins) < 100", $_), 'others are served while one operator cannot sign') for 3, 6;
await('SELECT failures > 0 AND last_error LIKE $$private key % cannot be used$$ FROM dcep.upkeep WHERE task = $$consolidation$$',
	'its failure is shown');
await_rounds('rounds go on');
like(slurp_file($node->logfile, $log), qr/CONTEXT:.*upkeep of the ledger: consolidation/s, 'and logged');
is(sql(sprintf "SELECT ($coins) >= 300", 11), 't', 'its wallets wait');
rename "$file.away", $file or die $!;
await(sprintf("SELECT ($coins) < 100", 11), 'and are served when it can sign again');

# A search that fails, fails alone.
sql('ALTER FUNCTION dcep.crowded_sample RENAME TO mislaid');
await('SELECT last_error LIKE $$function dcep.crowded_sample() does not exist$$ FROM dcep.upkeep WHERE task = $$consolidation$$', 'a task fails');
my $rounds = sql("SELECT rounds FROM dcep.upkeep WHERE task = 'tills'");
await("SELECT rounds >= $rounds + 3 FROM dcep.upkeep WHERE task = 'tills'", 'the other goes on');
sql('ALTER FUNCTION dcep.mislaid RENAME TO crowded_sample');
sql(sprintf $crowd, 3, 300);
await(sprintf("SELECT ($coins) < 100", 3), 'the task recovers');

# A worker that is cancelled or terminated, and a server that crashes.
my $worker = sql("SELECT worker FROM dcep.upkeep LIMIT 1");
sql("SELECT pg_cancel_backend($worker)");
await_rounds('cancelling an idle worker does nothing');
is(sql('SELECT DISTINCT worker FROM dcep.upkeep'), $worker, 'it is the same');
sql("SELECT pg_terminate_backend($worker)");
await("SELECT DISTINCT worker <> $worker FROM dcep.upkeep", 'one that is terminated comes back');
my $launcher = sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'dcep launcher'");
sql("SELECT pg_terminate_backend($launcher)");
await("SELECT pid <> $launcher FROM pg_stat_activity WHERE backend_type = 'dcep launcher'", 'so does the launcher');
await_rounds('and finds the worker at work');
is(sql($workers), 1, 'which stays alone');
$payer->quit;
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
kill 'KILL', sql("SELECT worker FROM dcep.upkeep LIMIT 1");
$node->poll_query_until($db, 'SELECT rounds > 0 FROM dcep.upkeep LIMIT 1');
is(sql($workers), 1, 'after a crash there is a worker again');

# --- switching off ------------------------------------------------------------------------------

$node->append_conf('postgresql.conf', "dcep.consolidation_interval = 0");
$node->reload;
await("SELECT interval_s = 0 FROM dcep.upkeep WHERE task = 'consolidation'", 'one task is switched off');
sql(sprintf $crowd, 3, 300);
await_rounds('the other is not');
is(sql(sprintf "SELECT ($coins) >= 300", 3), 't', 'nothing is consolidated');
$node->append_conf('postgresql.conf', "dcep.stock_interval = 0\ndcep.refusal_interval = 0");
$node->reload;
await("SELECT ($workers) = 0", 'with all of them off there is no worker');
is(sql('SELECT count(*) FROM dcep.upkeep WHERE worker IS NULL'), 7, 'and the view says so');
$node->append_conf('postgresql.conf', "dcep.consolidation_interval = 1\ndcep.stock_interval = 1");
$node->reload;
await(sprintf("SELECT ($coins) < 100", 3), 'switched on again, it goes on');

# --- a standby --------------------------------------------------------------------------------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
chmod 0600, glob $standby->data_dir . '/dcep_keys/*.pem';
$standby->start;
is($standby->safe_psql($db, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'dcep %'"), 0, 'a standby has neither launcher nor worker');
is($standby->safe_psql($db, 'SELECT count(*), count(worker), sum(rounds) FROM dcep.upkeep'), '7|0|0', 'and says so');
$standby->promote;
ok($standby->poll_query_until($db, "SELECT ($workers) = 1"), 'a promoted one has');
$standby->stop;

# --- in nobody's way ----------------------------------------------------------------------------------

sub ddl
{
	my ($statement) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $statement);
	is($err, '', $statement);
	return;
}
await("SELECT ($workers) = 1", 'a worker is here');
ddl("CREATE DATABASE copy TEMPLATE $db");
await("SELECT ($workers) = 2", 'the copy gets a worker, too', 'postgres');
for my $round (1 .. 3)
{
	ddl('ALTER DATABASE copy RENAME TO renamed');
	ddl('DROP DATABASE renamed');
	ddl("CREATE DATABASE copy TEMPLATE $db");
	await('SELECT max(rounds) > 1 FROM dcep.upkeep', "round $round: it has a worker again", 'copy');
}
# The view is for the central bank.
my ($status, $out, $err) = $node->psql($db, 'SET SESSION AUTHORIZATION regress_bank2; SELECT * FROM dcep.upkeep');
like($err, qr/permission denied for view upkeep/, 'no operator sees it');
is(sql('SET SESSION AUTHORIZATION regress_central; SELECT count(*) FROM dcep.upkeep'), 7, 'the central bank does');

$node->safe_psql('copy', 'SET client_min_messages = error; DROP EXTENSION dcep CASCADE; CREATE EXTENSION dcep');
await("SELECT ($workers AND datname = 'copy') = 0", 'without a ledger the worker goes', 'postgres');
ddl('DROP DATABASE copy');
sql('SET client_min_messages = error; DROP EXTENSION dcep CASCADE; DROP TABLE numbered; DROP FUNCTION IF EXISTS w(integer)');
DcepLedger::create($node, $db);
await('SELECT min(rounds) > 1 FROM dcep.upkeep WHERE interval_s > 0 AND worker IS NOT NULL', 'a ledger that is made anew has a worker');
sql(sprintf $crowd, 3, 300);
await(sprintf("SELECT ($coins) < 100", 3), 'and is served');
is(sql('SELECT * FROM dcep.audit()'), '', 'and sound');

# A template is not served: who copies it would have to wait.
ddl("ALTER DATABASE $db IS_TEMPLATE true");
sql('SELECT pg_terminate_backend(worker) FROM dcep.upkeep LIMIT 1');

# --- no room ------------------------------------------------------------------------------------------

# The server's own logical replication launcher takes the other place.
ddl("ALTER DATABASE $db IS_TEMPLATE false");
$node->append_conf('postgresql.conf', 'max_worker_processes = 2');
$log = -s $node->logfile;
$node->restart;
await('SELECT pg_sleep(3) IS NOT NULL', 'nobody else has');
is(logged(qr/no background worker is free for the upkeep of ledgers/), 1, 'which is said once');

$node->stop;
done_testing();
