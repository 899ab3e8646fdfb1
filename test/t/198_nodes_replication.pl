
# Nodes on servers of their own, joined by logical replication, with the worker of each taking the
# messages: payments across, and what may break on the way.  Each payment is settled once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepServers;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

start_servers();

# What a node's role may do there: fetch what is for it, and nothing else.
my ($rc, $out, $err) = $node{1}->psql($db, 'SELECT * FROM dcep.transfer', extra_params => [ '-U', 'node2' ]);
like($err, qr/permission denied/, 'a node\'s role reads no journal');

my $paid = query(2, "SELECT (dcep.transfer('$wallet{2}', '$wallet{3}', 1250)).transfer");
until_is(2, "SELECT state FROM dcep.transfer_status($paid)", 'settled', 'a payment across');
is(query(3, "SELECT dcep.balance('$wallet{3}')"), 101250, 'has come');
like($node{1}->safe_psql($db, 'SELECT count(*), count(*) FILTER (WHERE receiver <> 2) FROM dcep.message', extra_params => [ '-U', 'node2' ]),
	qr/^[1-9]\d*\|0$/, 'a node\'s role sees the messages for it alone');
is(query(1, "SELECT peer, status, waiting, fetching, errors FROM dcep.peers ORDER BY 1"), "2|open|0|t|0\n3|open|0|t|0", 'peers of the registry');
is(query(2, "SELECT peer, name, status, waiting, fetching, errors FROM dcep.peers"), '1|Central Bank|open|0|t|0', 'peers of an operator');

# --- what breaks ------------------------------------------------------------------------------------

my $made = 0;

# So many payments of 1 from one node to the other, each with its key.
sub pay_some
{
	my ($from, $count) = @_;
	my $to = 5 - $from;
	query($from, "INSERT INTO dcep.transfer (payer, payee, amount, key) SELECT '$wallet{$from}', '$wallet{$to}', 1, 'n' || n FROM generate_series($made + 1, $made + $count) AS n");
	$made += $count;
	return;
}

# All is settled, each once, and the registry's books close.
sub all_settled
{
	my ($what) = @_;
	books_close($what);
	for my $code (2, 3)
	{
		my $other = 5 - $code;
		is(query($code, "SELECT count(*), COALESCE(sum(amount), 0) FROM dcep.transfer WHERE payer = '$wallet{$other}'"),
			query($other, "SELECT count(*), COALESCE(sum(amount), 0) FROM dcep.transfer WHERE payee = '$wallet{$code}'"), "$what: $other has paid what $code has got");
	}
	return;
}

for my $victim (1, 2, 3)
{
	pay_some(2, 40);
	pay_some(3, 40);
	$node{$victim}->stop('immediate');
	$node{$victim}->start;
	pay_some(2, 10);
	all_settled("node $victim killed");
}

# The payer is also a payee whose balance is capped, and so locked: paying and being paid meet no deadlock.
my %capped;
for my $code (2, 3)
{
	$capped{$code} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 2}')));
	query($code, "SELECT dcep.transfer('$wallet{$code}', '$capped{$code}', 2000)");
}
for my $code (2, 3)
{
	my $other = 5 - $code;
	append_to_file("$ENV{TESTDATADIR}/cross$code.sql", "SELECT dcep.transfer('$capped{$code}', '$capped{$other}', 1);\n" x 150);
}
my @payers = map { my ($out, $err) = ('', ''); my $code = $_; { err => \$err, run => IPC::Run::start([ 'psql', '-Xq', '-f', "$ENV{TESTDATADIR}/cross$code.sql", '-d', $node{$code}->connstr($db) ], '>', \$out, '2>', \$err) } } (2, 3);
$_->{run}->finish for @payers;
is(${ $_->{err} }, '', 'paying and being paid at once') for @payers;
all_settled('paying and being paid at once');
is(query($_, "SELECT dcep.balance('$capped{$_}')"), 2000, "as much came to $_ as went") for (2, 3);

# Walsenders, appliers and workers are killed while payments are under way.
for my $who ('walsender', 'logical replication worker', 'dcep worker')
{
	pay_some(2, 30);
	query($_, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = '$who' OR backend_type LIKE '$who%'") for (1, 2, 3);
	pay_some(3, 30);
	all_settled("$who killed");
}

# A node is not there for a while: its payees' money waits, and comes.
$node{3}->stop;
pay_some(2, 20);
$paid = query(2, "SELECT max(id) FROM dcep.transfer WHERE payee = '$wallet{3}'");
is(query(2, "SELECT state FROM dcep.transfer_status($paid)"), 'pending', 'pending while the other node is away');
$node{3}->start;
all_settled('node 3 was away');

# A subscription is dropped and made anew: all messages come again.
query(2, 'SELECT dcep.leave(1)');
pay_some(3, 20);
query(2, "SELECT dcep.join('" . connection(1, 'node2') . "')");
all_settled('subscription made anew');

# --- yesterday's backup --------------------------------------------------------------------------------

$node{2}->backup('yesterday');
pay_some(2, 5);
all_settled('the day after the backup');
$node{2}->stop('immediate');
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($node{2}, 'yesterday');
# The copy of a test does not keep modes.
chmod 0600, glob($restored->data_dir . '/dcep_keys/*');
chmod 0700, $restored->data_dir . '/dcep_keys';
$restored->start;
query(1, "SELECT dcep.join('" . $restored->connstr . " dbname=$db user=registry')");
my $coins = query(3, 'SELECT sum(amount) FROM dcep.coin');
$restored->safe_psql($db, "SELECT dcep.transfer('$wallet{2}', '$wallet{3}', 7, 'double ' || n) FROM generate_series(1, 3) AS n");
until_is(1, 'SELECT status FROM dcep.line WHERE peer = 2', 'quarantined', 'a node that was restored from yesterday\'s backup is found out');
is(query(1, 'SELECT DISTINCT sender, sqlstate FROM dcep.evidence'), '2|LG402', 'with evidence');
is(query(3, 'SELECT sum(amount) FROM dcep.coin'), $coins, 'and pays nothing twice');

done_testing();
