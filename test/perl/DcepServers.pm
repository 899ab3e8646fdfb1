
# Nodes on servers of their own, joined by logical replication: the registry and two operators, with money to pay.

package DcepServers;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_servers query until_is connection books_close $db %node %wallet);

our $db = 'postgres';
our %node;   # by the code of the institution: 1, 2, 3
our %wallet; # of each operator, with 100000

sub query { my ($code, $sql) = @_; return $node{$code}->safe_psql($db, $sql); }
sub until_is { my ($code, $sql, $expected, $what) = @_; ok($node{$code}->poll_query_until($db, $sql, $expected), $what); return; }

# How one node connects to another.
sub connection { my ($to, $as) = @_; return $node{$to}->connstr . " dbname=$db user=$as"; }

# Starts a server with an empty ledger's extension.
sub start_server
{
	my ($code, $settings) = @_;
	my $server = PostgreSQL::Test::Cluster->new("node$code");
	$server->init(allows_streaming => 'logical');
	$server->append_conf('postgresql.conf', <<"CONF");
jit = off
shared_preload_libraries = 'dcep'
dcep.upkeep_naptime = 1
wal_receiver_status_interval = 1
wal_retrieve_retry_interval = 200ms
max_logical_replication_workers = 10
max_worker_processes = 20
$settings
CONF
	$server->start;
	$server->safe_psql($db, 'CREATE EXTENSION dcep CASCADE; CREATE EXTENSION dblink');
	$node{$code} = $server;
	return;
}

# Nothing is under way, what one operator has sent the other has got, each once, and the registry's books close.
sub books_close
{
	my ($what) = @_;
	until_is($_, "SELECT count(*) FROM dcep.crossing WHERE state = 'pending'", 0, "$what: nothing is under way at $_") for (2, 3, 1);
	is(query($_, "SELECT count(*) FROM dcep.line WHERE status <> 'open'"), 0, "$what: nobody is quarantined at $_") for (1, 2, 3);
	for my $code (2, 3)
	{
		my $other = 5 - $code;
		is(query($code, 'SELECT sum(amount) FROM dcep.coin'), query(1, "SELECT amount FROM dcep.holding WHERE institution = $code"), "$what: holding of $code");
		my $sent = "SELECT count(*), sum(amount), sum(transfer) FROM dcep.crossing WHERE origin = $code AND state =";
		is(query($code, "$sent 'settled'"), query($_, "$sent 'settled'"), "$what: node $_ has what $code has sent") for (1, $other);
		is(query($code, "$sent 'returned'"), query(1, "$sent 'returned'"), "$what: the registry has what came back to $code");
		is(query($code, "SELECT count(*), sum(amount), sum(substring(key, '[0-9]+')::bigint) FROM dcep.transfer WHERE kind = 'return'"),
			query($code, "$sent 'returned'"), "$what: each has come back once");
		is(query($code, "SELECT count(*), count(DISTINCT local_transfer) FROM dcep.crossing WHERE origin <> $code"),
			query($code, "SELECT count(*), count(*) FROM dcep.crossing AS c JOIN dcep.transfer AS t ON t.id = c.local_transfer WHERE c.origin <> $code AND t.amount = c.amount AND t.payee = c.payee"),
			"$what: each was credited once at $code");
	}
	is(query(1, 'SELECT sum(amount) FROM dcep.holding'), query(1, "SELECT sum(CASE kind WHEN 'issue' THEN amount ELSE -amount END) FROM dcep.transfer"), "$what: the supply");
	return;
}

sub create_ledgers
{
	query(1, <<'SQL');
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank'), dcep.generate_key(1, 'ed25519');
SELECT dcep.enroll_institution(code, 'Bank ' || code, 'operator', elsewhere => true), dcep.deposit_reserve(code, 1000000) FROM generate_series(2, 3) AS code;
CREATE ROLE node2 LOGIN REPLICATION; CREATE ROLE node3 LOGIN REPLICATION;
SELECT dcep.grant_node('node2', 2), dcep.grant_node('node3', 3);
SQL
	for my $code (2, 3)
	{
		query($code, <<"SQL");
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'the registry', $code, 'Bank $code'), dcep.generate_key($code, 'p256');
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands)
    SELECT class, '2020-01-02', name, max_balance, max_payment, max_day, max_year, '{}' FROM dcep.wallet_class WHERE class > 0;
CREATE ROLE registry LOGIN REPLICATION;
SELECT dcep.grant_node('registry', 1);
SQL
	}
	return;
}

sub join_nodes
{
	for my $code (2, 3)
	{
		query($code, "SELECT dcep.join('" . connection(1, "node$code") . "')");
		query(1, "SELECT dcep.join('" . connection($code, 'registry') . "')");
	}
	until_is(3, 'SELECT count(*) FROM dcep.signing_key', 3, 'keys of all are known everywhere');
	return;
}

# Starts all of it; settings for postgresql.conf beside the usual ones.
sub start_servers
{
	my ($settings) = @_;
	start_server($_, $settings // '') for (1, 2, 3);
	create_ledgers();
	join_nodes();
	query(1, 'SELECT dcep.issue(code, 500000) FROM generate_series(2, 3) AS code');
	until_is($_, "SELECT dcep.balance(dcep.vault($_))", 500000, "issued to node $_") for (2, 3);
	for my $code (2, 3)
	{
		$wallet{$code} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 1}')));
		query($code, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault($code), '$wallet{$code}', 100000)");
	}
	return;
}

1;
