
# Refusals on record where dcep is preloaded: written by the worker or by hand, each once; what is lost is counted.

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
max_prepared_transactions = 2
shared_preload_libraries = 'dcep'
dcep.refusal_buffer = 16
dcep.upkeep_naptime = 1
dcep.consolidation_interval = 0
dcep.stock_interval = 0
dcep.token_interval = 0
dcep.seal_interval = 0
dcep.checkpoint_interval = 0
dcep.message_interval = 0
CONF
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") for $db, 'other';
DcepLedger::create($node, $db);

sub sql { return $node->safe_psql($_[1] // $db, $_[0]) }

sub await
{
	my ($query, $what) = @_;
	ok($node->poll_query_until($db, $query), $what);
	return;
}

# Refuses so many payments of an amount, each in a transaction that is rolled back.
sub refuse
{
	my ($n, $amount, $where) = @_;
	my $statement = "SELECT dcep.transfer(w(1), w(1), $amount);\n";
	my ($status, $out, $err) = $node->psql($where // $db, $statement x $n, on_error_stop => 0, on_error_die => 0);
	is(() = $err =~ /payer is the payee/g, $n, "$n payments are refused");
	return;
}
my $waiting = 'SELECT waiting, lost, shared FROM dcep.waiting_refusals()';
my $recorded = 'SELECT count(*) FROM dcep.refusal WHERE amount = %s';

# Sets the task's interval.
sub set_interval
{
	$node->append_conf('postgresql.conf', "dcep.refusal_interval = $_[0]");
	$node->reload;
	return;
}

# --- the worker -----------------------------------------------------------------------------

await('SELECT count(*) = 2 FROM dcep.refusal', 'the worker writes what the ledger has refused so far');
is(sql('SELECT sqlstate, payer = w(1), payee = w(4), amount, class FROM dcep.refusal ORDER BY id'), "22P02||||\nLG301|t|t|999999999|1", 'two lines of a payment file, first what could not be read');
my ($status, $out, $err) = $node->psql($db, 'SELECT dcep.transfer(w(3), w(3), 5)', extra_params => [ '-U', 'regress_bank2' ]);
like($err, qr/payer is the payee/, 'an operator is refused');
($status, $out, $err) = $node->psql($db, "SELECT dcep.impose('freeze', jsonb_build_object('wallet', w(3)), 'case 5')", extra_params => [ '-U', 'regress_supervisor' ]);
like($err, qr/order outside the supervisor's agreement/, 'and a supervisor');
await('SELECT count(*) = 4 FROM dcep.refusal', 'which is written');
is(sql('SELECT sqlstate, message, kind, amount, class, institution, by_role, attempt LIKE $$impose freeze, case case 5, on {"wallet": "0002%$$ FROM dcep.refusal WHERE id > 2 ORDER BY id'),
	"LG303|payer is the payee|transfer|5|1|2|regress_bank2|\nLG220|order outside the supervisor's agreement||||5|regress_supervisor|t", 'with all that is known');
is(sql($waiting), '0|0|t', 'and waits no more');
await("SELECT done = 4 AND failures = 0 FROM dcep.upkeep WHERE task = 'refusals'", 'the worker counts them');

# --- who wants to know who is behind a wallet -----------------------------------------------

sql('CREATE ROLE regress_officer LOGIN; SELECT dcep.grant_institution($$regress_officer$$, 1); GRANT dcep_identity_officer TO regress_officer');
for my $attempt ([ 'regress_supervisor', 'order_disclosure(w(3), $$D-1$$, now() + interval $$1 hour$$)' ], [ 'regress_officer', 'disclose(w(3), $$D-2$$)' ])
{
	my ($role, $call) = @$attempt;
	($status, $out, $err) = $node->psql($db, "\\set VERBOSITY sqlstate\nSELECT dcep.$call", extra_params => [ '-U', $role ]);
	is($err =~ s/^psql:<stdin>:\d+: //r, 'ERROR:  LG220', "$role: refused");
}
await('SELECT count(*) = 6 FROM dcep.refusal', 'both are written');
is(sql('SELECT sqlstate, message, institution, by_role, replace(attempt, w(3)::text, $$W$$) FROM dcep.refusal WHERE id > 4 ORDER BY id'),
	"LG220|order outside the supervisor's agreement|5|regress_supervisor|order disclosure, case D-1, of wallet W\nLG220|no order allows this disclosure|1|regress_officer|disclose, case D-2, wallet W",
	'with who tried, on which wallet, in which case');

# --- by hand: rollback, loss, and who comes second ---------------------------------------------

set_interval(0);
await("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'dcep worker'", 'the worker is switched off');
refuse(20, 20);
is(sql($waiting), '16|4|t', 'more than there is room for: the oldest are lost and counted');
my $session = $node->background_psql($db);
is($session->query_safe('BEGIN; SELECT dcep.keep_refusals()'), '16', 'they are written');
is(sql($waiting), '16|4|t', 'and wait until that is committed');
($status, $out, $err) = $node->psql($db, 'SET lock_timeout = 50; SELECT dcep.keep_refusals()');
like($err, qr/lock timeout/, 'who comes second waits');
refuse(5, 21);
$session->query_safe('ROLLBACK');
is(sql($waiting), '16|9|t', 'rolled back: they wait on, but for those that had to make room');
is($session->query_safe('BEGIN; SELECT dcep.keep_refusals()'), '16', 'they are written again');
refuse(3, 22);
is(sql($waiting), '16|12|t', 'meanwhile three more come');
$session->query_safe('COMMIT');
is(sql($waiting), '3|9|t', 'committed: only these wait, and what was written was not lost');
is(sql(sprintf $recorded, 20), 11, 'eleven of the twenty');
is(sql(sprintf $recorded, 21), 5, 'and the five are on record');
is(sql('SELECT dcep.keep_refusals()'), 3, 'the rest follows');
is(sql('SELECT dcep.keep_refusals()'), 0, 'once');

# In a transaction that is prepared they leave the memory, whatever becomes of it.
refuse(1, 23);
sql('BEGIN; SELECT dcep.keep_refusals(); PREPARE TRANSACTION $$p$$');
is(sql($waiting), '0|9|t', 'a prepared transaction has taken them over');
sql('COMMIT PREPARED $$p$$');
is(sql(sprintf $recorded, 23), 1, 'and brings them');

# --- two ledgers --------------------------------------------------------------------------------

refuse(3, 30);
DcepLedger::create($node, 'other');
is(sql('SELECT dcep.keep_refusals()', 'other'), 2, 'another ledger has its own');
refuse(20, 31, 'other');
is(sql($waiting), '3|9|t', 'its many cost this one nothing');
is(sql($waiting, 'other'), '13|7|t', 'it loses its own');
is(sql('SELECT dcep.keep_refusals()'), 3, 'each writes its own');
is(sql('SELECT dcep.keep_refusals()', 'other'), 13, 'and no other');
is(sql('SELECT count(*) FROM dcep.refusal WHERE amount = 31'), 0, 'they do not mix');
$node->safe_psql('postgres', 'DROP DATABASE other');

# --- the end of the server --------------------------------------------------------------------------

my $before = sql("SELECT rounds FROM dcep.upkeep WHERE task = 'refusals'");
set_interval(3600);
await("SELECT rounds = $before + 1 AND worker IS NOT NULL FROM dcep.upkeep WHERE task = 'refusals'", 'a worker that looks once an hour');
refuse(3, 40);
is(sql($waiting), '3|9|t', 'leaves them in memory');
$session->quit;
$node->append_conf('postgresql.conf', 'dcep.refusal_buffer = 4096');
$node->restart;
is(sql(sprintf $recorded, 40), 3, 'and writes them before the server stops');
await("SELECT rounds = 1 AND worker IS NOT NULL FROM dcep.upkeep WHERE task = 'refusals'", 'it comes back');
refuse(2, 41);
$node->stop('immediate');
$node->start;
is(sql($waiting), '0|0|t', 'a crash empties the memory');
is(sql(sprintf $recorded, 41), 0, 'what was in it is lost');
is(sql(sprintf $recorded, 40), 3, 'what was written is there');

# A worker that waits for a standby which is gone does not keep the server from stopping.
set_interval(1);
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'gone'");
$node->restart;
refuse(1, 42);
await("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'dcep worker' AND wait_event = 'SyncRep'", 'the worker waits for a standby that is gone');
refuse(2, 43);
is(sql($waiting), '3|0|t', 'with what it is writing, and more refusals');
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$node->restart;
is(sql(sprintf $recorded, 42), 1, 'the server stops, and what the worker was writing is on record');
is(sql(sprintf $recorded, 43), 2, 'and what waited');

# --- exactly once, under load ------------------------------------------------------------------------

set_interval(1);
sql(<<'SQL');
CREATE FUNCTION try(amount bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dcep.transfer(w(1), w(1), amount);
EXCEPTION WHEN SQLSTATE 'LG303' THEN
    NULL;
END
$$;
SQL
my $script = PostgreSQL::Test::Utils::tempdir . '/refused.sql';
append_to_file($script, "SELECT try(50);\nSELECT dcep.keep_refusals() WHERE random() < 0.05;\nBEGIN;\nSELECT dcep.keep_refusals() WHERE random() < 0.05;\nROLLBACK;\n");
command_ok([ 'pgbench', '-n', '-c', 4, '-t', 250, '-f', $script, '-h', $node->host, '-p', $node->port, $db ], 'four sessions are refused and write');
await('SELECT waiting = 0 FROM dcep.waiting_refusals()', 'nothing waits in the end');
is(sql(sprintf $recorded, 50), 1000, 'each is on record once');
is(sql($waiting), '0|0|t', 'and none was lost');
is(sql('SELECT refusals, payers FROM dcep.refusals_by_rule() WHERE sqlstate = $$LG303$$ AND class = 1'), '1030|2', 'the report has them all');
is(sql('SELECT * FROM dcep.audit()'), '', 'the ledger is sound');

$node->stop;
done_testing();
