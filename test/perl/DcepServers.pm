
# Nodes on servers of their own, joined by logical replication: the registry and two operators, with money to pay.

package DcepServers;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_servers query until_is connection $db %node %wallet);

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
