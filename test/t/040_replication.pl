
# Replicated rows have been paid already: a subscriber copies them to the byte and pays nothing
# itself, and its guards hold.  A hot standby answers, verifies and audits.  Both audit what came since a checkpoint, and
# prove from the log.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $db = 'postgres';
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 'logical');
$primary->append_conf('postgresql.conf', "fsync = off\njit = off");
$primary->start;
DcepLedger::create($primary, $db);
# Nobody seals here but the test.
my $seal = 'SELECT dcep.seal() > 0 AND dcep.checkpoint() IS NOT NULL';
is($primary->safe_psql($db, $seal), 't', 'there is a log');
my $since = $primary->safe_psql($db, 'SELECT max(size) FROM dcep.checkpoint');

# --- logical ------------------------------------------------------------------------------

my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->append_conf('postgresql.conf', "fsync = off\njit = off");
$subscriber->start;
$subscriber->safe_psql($db, 'CREATE EXTENSION dcep CASCADE');
$subscriber->safe_psql($db, 'CREATE ROLE regress_auditor LOGIN IN ROLE dcep_auditor');
$subscriber->safe_psql($db, DcepLedger::names());
$subscriber->safe_psql($db, 'INSERT INTO numbered VALUES ' . join(', ',
	map { "($$_[0], '$$_[1]')" } map { [ split /\|/ ] } split /\n/, $primary->safe_psql($db, 'SELECT * FROM numbered')));

$primary->safe_psql($db, 'CREATE PUBLICATION ledger FOR TABLES IN SCHEMA dcep');
my $connection = $primary->connstr . " dbname=$db";
$subscriber->safe_psql($db, "CREATE SUBSCRIPTION ledger CONNECTION '$connection' PUBLICATION ledger");
$subscriber->wait_for_subscription_sync($primary, 'ledger');
compare('the first copy');

for (1 .. 3)
{
	$primary->safe_psql($db, <<'SQL');
SELECT dcep.transfer(w(3), w(1), 7), dcep.transfer(w(1), w(3), 8);
INSERT INTO dcep.transfer (payer, payee, amount) SELECT w(n), w(n + 1), n FROM generate_series(7, 18) AS n;
SELECT count(*) FROM dcep.submit(ARRAY[(w(1), w(4), 5, NULL, NULL), (w(1), w(4), -1, NULL, NULL)]::dcep.instruction[]);
SELECT dcep.deposit_reserve(2, 100), dcep.issue(2, 50), dcep.redeem(2, 20);
SELECT dcep.freeze(w(20), 'both', 'case 3'), dcep.open_wallet(3, '{"class": 2}');
BEGIN; SELECT dcep.transfer(w(3), w(1), 99); ROLLBACK;
SQL
	is($primary->safe_psql($db, $seal), 't', 'the log goes on') if $_ < 3;
}
$primary->wait_for_catchup('ledger');
compare('live payments');
audit_since($subscriber, 'the copy');

# What a subscriber has not paid it cannot undo either.
for my $sql (
	'UPDATE dcep.transfer SET amount = amount', 'DELETE FROM dcep.transfer', 'TRUNCATE dcep.transfer',
	'DELETE FROM dcep.coin', 'UPDATE dcep.wallet_chain SET seq = 0', 'DELETE FROM dcep.reserve_entry',
	'SET session_replication_role = replica; DELETE FROM dcep.transfer',
	'SET session_replication_role = replica; TRUNCATE dcep.transfer CASCADE')
{
	my ($status, $out, $err) = $subscriber->psql($db, "\\set VERBOSITY verbose\n$sql");
	like($err, qr/ERROR:  LG401/, "the subscriber refuses: $sql");
}
# Its keys are elsewhere, so it cannot pay by mistake.
my ($status, $out, $err) = $subscriber->psql($db, "\\set VERBOSITY verbose\nSELECT dcep.transfer(w(3), w(1), 1)");
like($err, qr/ERROR:  55000: private key .* cannot be used/, 'the subscriber pays nothing');
is($subscriber->safe_psql($db, 'SELECT count(*) FROM dcep.coins(w(3)) AS c WHERE NOT dcep.verify(c)'), 0, 'its coins verify');
$subscriber->safe_psql($db, 'DROP SUBSCRIPTION ledger');
$subscriber->stop;

# --- streaming ------------------------------------------------------------------------------

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
# The copy that the test's driver makes does not keep modes; pg_basebackup does.
chmod 0600, glob $standby->data_dir . '/dcep_keys/*.pem';
$standby->start;
$primary->safe_psql($db, 'SELECT dcep.transfer(w(3), w(1), 11)');
$primary->wait_for_replay_catchup($standby) if $primary->can('wait_for_replay_catchup');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write')) unless $primary->can('wait_for_replay_catchup');
for my $sql (
	'SELECT dcep.balance(w(3)), dcep.available(w(5))',
	'SELECT sum(dcep.amount(c)) FROM dcep.coins(w(3)) AS c WHERE dcep.verify(c)',
	"SELECT string_agg(dcep.coin_state(c), ',') FROM dcep.coins(w(5)) AS c",
	'SELECT * FROM dcep.supply ORDER BY 1')
{
	my $answer = $standby->safe_psql($db, $sql);
	isnt($answer, '', "the standby answers: $sql");
	is($answer, $primary->safe_psql($db, $sql), 'as the primary does');
}
is($standby->safe_psql($db, 'SELECT * FROM dcep.verify_chain()'), '', 'the standby verifies the chains');
is($standby->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the standby audits');
audit_since($standby, 'the standby');
is($standby->safe_psql($db, 'SET SESSION AUTHORIZATION regress_bank2; SELECT count(*) FROM dcep.coin WHERE dcep.institution(owner) <> 2'),
	0, 'row-level security holds there');
for my $sql ('SELECT dcep.transfer(w(3), w(1), 1)', "SELECT dcep.freeze(w(3), 'both', 'case')", "SELECT dcep.generate_key(2, 'p256')")
{
	($status, $out, $err) = $standby->psql($db, "\\set VERBOSITY verbose\n$sql");
	like($err, qr/ERROR:  25006/, "the standby writes nothing: $sql");
}

# The base backup brought the keys along: a promoted standby pays.
$standby->promote;
is($standby->safe_psql($db, 'SELECT amount FROM dcep.transfer(w(3), w(1), 12)'), 12, 'after promotion it pays');
is($standby->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'and is sound');

$standby->stop;

# Neither do transactions that said they would not.
for my $call ('transfer(w(3), w(1), 1)', "generate_key(2, 'p256')", 'deposit_reserve(2, 1)', 'withdraw_reserve(2, 1)', 'issue(2, 1)')
{
	($status, $out, $err) = $primary->psql($db, "\\set VERBOSITY verbose\nBEGIN READ ONLY; SELECT dcep.$call");
	like($err, qr/ERROR:  25006/, "a read-only transaction refuses dcep.$call");
}
$primary->stop;
done_testing();

# What an auditor does with a checkpoint that it knows: all of it without writing anything.
sub audit_since
{
	my ($server, $what) = @_;
	is($server->safe_psql($db, "SELECT count(*) > 10 FROM dcep.transfers_since($since)"), 't', "$what: something came since the checkpoint");
	is($server->safe_psql($db, "SELECT * FROM dcep.audit($since)"), '', "$what: the audit since the checkpoint finds nothing");
	is($server->safe_psql($db, "SET SESSION AUTHORIZATION regress_auditor; SELECT * FROM dcep.audit($since)"), '', "$what: nor does an auditor's");
	is($server->safe_psql($db, "SELECT * FROM dcep.verify_log() UNION ALL SELECT * FROM dcep.verify_log($since)"), '', "$what: the log verifies");
	is($server->safe_psql($db, <<'SQL'), 't|t', "$what: every transfer of the log is proven");
SELECT count(*) = s.size, bool_and(dcep.verify_inclusion(t.hash, p.leaf_index, p.tree_size, p.path, dcep.log_root(p.tree_size)))
  FROM dcep.log_state AS s, dcep.transfer AS t, dcep.inclusion_proof(t.id) AS p
 WHERE t.id NOT IN (SELECT dcep.transfers_since(s.size) FROM dcep.log_state AS s) GROUP BY s.size
SQL
	is($server->safe_psql($db, <<'SQL'), 't', "$what: and that the log goes on from each checkpoint");
SELECT bool_and(dcep.verify_consistency(c.size, c.root, s.size, dcep.log_root(), dcep.consistency_proof(c.size))) FROM dcep.checkpoint AS c, dcep.log_state AS s
SQL
	return;
}

# Sequences are not replicated.
sub compare
{
	my ($what) = @_;
	my ($here, $there) = map { DcepLedger::contents($_, $db) } ($primary, $subscriber);
	for my $name (grep { /^table/ } sort keys %$here)
	{
		ok($there->{$name} eq $here->{$name}, "$what: $name is the same byte for byte");
	}
	is($subscriber->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', "$what: the audit of the copy finds nothing");
	return;
}
