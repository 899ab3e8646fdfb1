
# The extension's own life: created, dropped with money in it, created again while sessions go on,
# preloaded or not, its settings, and payments that are prepared for two-phase commit.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\njit = off\nmax_prepared_transactions = 8");
$node->start;
my $db = 'postgres';

# Runs SQL; returns what it printed, warnings and errors with their codes.
sub run_sql
{
	my ($database, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql($database, "\\set VERBOSITY verbose\n$sql", on_error_stop => 0, stdout => \$out, stderr => \$err);
	return wantarray ? ($out, $err) : $out . $err;
}

# --- creating -------------------------------------------------------------------------------

my ($out, $err) = run_sql($db, 'CREATE EXTENSION dcep');
like($err, qr/ERROR:  42704: required extension "pgcrypto" is not installed/, 'pgcrypto is needed');
like($err, qr/HINT:  Use CREATE EXTENSION ... CASCADE/, 'and CASCADE brings it');
($out, $err) = run_sql($db, 'CREATE EXTENSION dcep CASCADE; CREATE EXTENSION dcep; CREATE EXTENSION IF NOT EXISTS dcep');
like($err, qr/ERROR:  42710: extension "dcep" already exists/, 'twice is refused');
like($err, qr/NOTICE:  42710: extension "dcep" already exists, skipping/, 'or skipped');
($out, $err) = run_sql($db, 'CREATE EXTENSION dcep SCHEMA public');
like($err, qr/ERROR/, 'it has a schema of its own');
for my $call ('dcep.audit()', 'dcep.verify_chain()', q{dcep.transfer('0002999999999990', '0001999999999992', 1)},
	"dcep.enroll_institution(2, 'Bank', 'operator')", q{dcep.balance('0002999999999990')})
{
	($out, $err) = run_sql($db, "SELECT $call");
	like($err, qr/ERROR:  (55000: this database has no ledger yet|LG305|22P02)/, "without a ledger: $call");
}
($out, $err) = run_sql($db, 'DROP EXTENSION dcep; SELECT count(*) FROM pg_event_trigger');
unlike($err, qr/WARNING|ERROR/, 'an extension without a ledger goes without a word');
is($out, 0, 'and leaves no trigger behind');

# pgcrypto may be anywhere.
run_sql($db, 'DROP EXTENSION pgcrypto; CREATE SCHEMA elsewhere; CREATE EXTENSION pgcrypto SCHEMA elsewhere');
DcepLedger::create($node, $db);
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'a ledger with pgcrypto in another schema');
($out, $err) = run_sql($db, 'DROP EXTENSION pgcrypto');
like($err, qr/ERROR:  2BP01/, 'pgcrypto cannot go');

# --- dropping -------------------------------------------------------------------------------

($out, $err) = run_sql($db, 'DROP EXTENSION dcep');
like($err, qr/WARNING:  .*dropping the extension dcep destroys its ledger/, 'dropping says what it is about to do');
like($err, qr/DETAIL:  It holds [1-9]\d* transfers of [1-9]\d* wallets and live coins worth [1-9]\d* minor units of CNY/, 'what is lost');
like($err, qr/HINT:  Roll back/, 'and that there is a way back');
like($err, qr/ERROR:  2BP01: cannot drop extension dcep because other objects depend on it/, 'objects of users keep it');
like($err, qr/numbered/, 'which are named');
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'nothing is lost');
($out, $err) = run_sql($db, "BEGIN;\nDROP EXTENSION dcep CASCADE;\nROLLBACK;\nSELECT amount FROM dcep.transfer(w(3), w(1), 1)");
like($err, qr/WARNING:  .*destroys its ledger/, 'CASCADE warns as well');
is($out, 1, 'a drop that is rolled back: the session goes on paying');
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'and all is there');
($out, $err) = run_sql($db, 'BEGIN; DROP SCHEMA dcep CASCADE; ROLLBACK');
like($err, qr/ERROR:  2BP01|WARNING:  .*destroys its ledger/, 'nor does the schema go silently');
($out, $err) = run_sql($db, 'DROP TABLE dcep.coin CASCADE');
like($err, qr/ERROR:  2BP01: cannot drop table dcep.coin because extension dcep requires it/, 'nor a table');

# Two sessions that have everything cached, across a drop and a new creation by one of them.
my $one = $node->background_psql($db, on_error_die => 0, on_error_stop => 0);
my $two = $node->background_psql($db, on_error_die => 0, on_error_stop => 0);
for my $session ($one, $two)
{
	$session->query_safe('PREPARE pay AS SELECT amount FROM dcep.transfer(w(3), w(1), $1)');
	for my $amount (1 .. 8) { is($session->query_safe("EXECUTE pay($amount)"), $amount, 'a prepared payment') }
	$session->query_safe('SELECT dcep.balance(w(3)), (SELECT count(*) FROM dcep.coins(w(3)) AS c WHERE dcep.verify(c))');
}
$one->query("SET client_min_messages = error; DROP EXTENSION dcep CASCADE; DROP TABLE numbered; DROP FUNCTION IF EXISTS w(integer); RESET client_min_messages");
like($two->query('EXECUTE pay(1); SELECT 1') . $two->{stderr}, qr/does not exist/, 'the other session is told that it is gone');
$two->{stderr} = '';
DcepLedger::create($node, $db);
for my $session ($one, $two)
{
	$session->{stderr} = '';
	is($session->query('SELECT amount FROM dcep.transfer(w(3), w(1), 5)'), 5, 'a new ledger: the session pays');
	is($session->query('DEALLOCATE pay; PREPARE pay AS SELECT amount FROM dcep.transfer(w(3), w(1), $1); EXECUTE pay(6)'), 6, 'and prepares');
	is($session->query('SELECT count(*) FROM dcep.audit()'), 0, 'and audits');
	is($session->query("SELECT '0002999999999990'::dcep.wallet_id = '0002 9999-9999 9990'"), 't', 'and compares');
	is($session->{stderr} =~ /ERROR/ ? $session->{stderr} : '', '', 'without an error');
}
# All in one session and in one go.
($out, $err) = run_sql('postgres', <<'SQL');
SET client_min_messages = error;
CREATE DATABASE again;
\c again
CREATE EXTENSION dcep CASCADE;
SELECT dcep.create_ledger('EUR', 2, 'UTC', 'One');
SELECT dcep.generate_key(1, 'ed25519');
DROP EXTENSION dcep;
CREATE EXTENSION dcep;
SELECT dcep.create_ledger('JPY', 0, 'UTC', 'Two');
SELECT dcep.generate_key(1, 'p256');
SELECT dcep.enroll_institution(2, 'Bank', 'operator'), dcep.deposit_reserve(2, 5);
SELECT currency, exponent, (SELECT count(*) FROM dcep.audit()) FROM dcep.ledger;
SQL
like($out, qr/^JPY\|0\|0$/m, 'dropped and created again in one session');
unlike($err, qr/ERROR/, 'without an error');
$_->quit for $one, $two;

# --- two-phase commit -------------------------------------------------------------------------

$node->safe_psql($db, "BEGIN; SELECT dcep.transfer(w(3), w(1), 9, 'prepared'); PREPARE TRANSACTION 'payment'");
my $waiting = $node->background_psql($db, on_error_die => 0, on_error_stop => 0);
$waiting->query_until(qr/started/, "\\echo started\nSELECT dcep.freeze(w(1), 'credit', 'case 4');\n");
$node->poll_query_until($db, "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT dcep.freeze%' AND wait_event_type = 'Lock'")
  or fail('a freeze waits for a prepared payment');
($out, $err) = run_sql($db, "SET lock_timeout = '100ms'; SELECT dcep.transfer(w(3), w(4), 1)");
like($err, qr/ERROR:  55P03/, 'the payer of a prepared payment is locked');
is($node->safe_psql($db, 'SELECT amount FROM dcep.transfer(w(6), w(4), 1)'), 1, 'others are not');
$node->safe_psql($db, "COMMIT PREPARED 'payment'");
like($waiting->query("SELECT 'frozen'"), qr/frozen/, 'the freeze is through');
$waiting->quit;
is($node->safe_psql($db, "SELECT count(*) FROM dcep.transfer WHERE key = 'prepared'"), 1, 'the prepared payment is made');
$node->safe_psql($db, "BEGIN; SELECT dcep.transfer(w(3), w(4), 9, 'taken back'); PREPARE TRANSACTION 'payment'");
$node->stop('immediate');
$node->start;
$node->safe_psql($db, "ROLLBACK PREPARED 'payment'");
is($node->safe_psql($db, "SELECT count(*) FROM dcep.transfer WHERE key = 'taken back'"), 0, 'one is rolled back, after a crash');
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the ledger is sound');

# --- settings ---------------------------------------------------------------------------------

# Not preloaded: the directory comes from the configuration file, and no session sets it.
is($node->safe_psql($db, "LOAD 'dcep'; SHOW dcep.key_directory"), 'dcep_keys', 'its default');
is($node->safe_psql($db, "LOAD 'dcep'; SELECT context FROM pg_settings WHERE name = 'dcep.key_directory'"), 'sighup', 'not preloaded: sighup');
($out, $err) = run_sql($db, "LOAD 'dcep'; SET dcep.key_directory = '/tmp'");
like($err, qr/ERROR:  55P02: parameter "dcep.key_directory" cannot be changed/, 'no session changes it');
($out, $err) = run_sql($db, "SET dcep.key_directory = '/nowhere'; SELECT amount FROM dcep.transfer(w(3), w(4), 1)");
like($out, qr/^1$/m, 'nor before the library is loaded');
is($node->safe_psql($db, "SET dcep.key_directory = '/nowhere'; LOAD 'dcep'; SHOW dcep.key_directory"), 'dcep_keys', 'whoever tries');
($out, $err) = run_sql($db, "LOAD 'dcep'; SET dcep.unknown = 1");
like($err, qr/ERROR:  42602: invalid configuration parameter name "dcep.unknown"/, 'there are no other settings');

# Preloaded: fixed at server start.
my $elsewhere = PostgreSQL::Test::Utils::tempdir . '/keys';
rename $node->data_dir . '/dcep_keys', $elsewhere or die $!;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'dcep'\ndcep.key_directory = '$elsewhere'");
$node->restart;
is($node->safe_psql($db, 'SHOW dcep.key_directory'), $elsewhere, 'another directory');
is($node->safe_psql($db, "SELECT context FROM pg_settings WHERE name = 'dcep.key_directory'"), 'postmaster', 'preloaded: postmaster');
is($node->safe_psql($db, 'SELECT amount FROM dcep.transfer(w(3), w(4), 1)'), 1, 'with it payments go on');
is($node->safe_psql($db, "SELECT dcep.generate_key(2, 'ed25519')"), 3, 'and keys are made');
ok(glob("$elsewhere/0002-3-*.pem"), 'there');
($out, $err) = run_sql($db, "SET dcep.unknown = 1");
like($err, qr/ERROR:  42602: invalid configuration parameter name "dcep.unknown"/, 'unknown settings are refused from the start');
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the ledger is sound');

$node->stop;
done_testing();
