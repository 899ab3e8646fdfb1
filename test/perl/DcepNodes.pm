
# Nodes in one cluster, each a database, whose messages a test carries by hand: late, twice, or not at all.

package DcepNodes;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use DcepVerify ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_nodes make_nodes open_line ask query refused as carry settle books_close finish_nodes cluster nodes);

# Settings of the cluster beside the usual ones; set before start_nodes().
our $settings = '';

my %database;
my %session;
my $node;

# One session a node, kept open: there are hundreds of questions.
sub ask
{
	my ($code, $sql) = @_;
	my $session = $session{$code} //= do {
		my %new = (in => '', out => '', err => '');
		$new{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database{$code}) ],
			'<', \$new{in}, '>', \$new{out}, '2>', \$new{err}, $new{timer} = IPC::Run::timeout(300));
		\%new;
	};
	$session->{timer}->start(300);
	$session->{$_} = '' for qw(out err);
	$session->{in} .= "$sql\n;\n\\echo that was all\n\\warn that was all\n";
	$session->{run}->pump until $session->{out} =~ /^that was all\n\z/m && $session->{err} =~ /^that was all\n\z/m;
	$session->{$_} =~ s/^that was all\n\z//m for qw(out err);
	chomp $session->{out};
	return ($session->{out}, $session->{err});
}

sub query
{
	my ($code, $sql) = @_;
	my ($out, $err) = ask($code, $sql);
	die "node $code: $sql\n$err" if $err =~ /^ERROR/m;
	return $out;
}

# What a statement is refused with.
sub refused
{
	my ($code, $sql) = @_;
	my ($out, $err) = ask($code, $sql);
	return $err =~ /^ERROR:\s+(\w{5}):/m ? $1 : "nothing: $out $err";
}

# The statement, as a role would run it.
sub as
{
	my ($role, $sql) = @_;
	return "SET ROLE $role; $sql; RESET ROLE";
}

# Carries what one has posted to another: all of it, again and again.
sub carry
{
	my ($from, $to, $where) = @_;
	query($from, 'SELECT dcep.post_payments(1000)');
	my $rows = query($from, "SELECT COALESCE(json_agg(m ORDER BY number), '[]') FROM dcep.message AS m WHERE sender = $from AND receiver = $to AND "
		. ($where // 'true'));
	$rows =~ s/\$/\\u0024/g;
	query($to, "INSERT INTO dcep.message SELECT * FROM json_populate_recordset(NULL::dcep.message, \$x\$$rows\$x\$)");
	return;
}

# Carries and takes until nothing moves.
sub settle
{
	my @among = @_ ? @_ : grep { $_ != 1 } sort keys %database;
	for (1 .. 40)
	{
		my $taken = 0;
		for my $code (@among) { carry($code, 1); carry(1, $code); }
		$taken += query($_, 'SELECT dcep.work_messages()') for (1, @among);
		return if $taken == 0;
	}
	die 'messages never end';
}

# Whose nodes there are, the registry first.
sub nodes { return sort keys %database; }

# The defects that an auditor without the server finds; what it complains of, where it cannot tell.
sub without_server
{
	my ($code) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $err = '';
	return $err if !IPC::Run::run([ 'dcep-export', $folder, '-d', $node->connstr($database{$code}) ], '2>', \$err);
	my $got = DcepVerify::verify('journal', $folder);
	return $got->{status} eq '0' ? '' : join "\n", $got->{err}, @{ $got->{defects} };
}

# Money is where it should be, and all audits are sound.
sub books_close
{
	my ($what) = @_;
	my @operators = grep { $_ != 1 } sort keys %database;
	my $under_way = query(1, "SELECT COALESCE(sum(amount), 0) FROM dcep.crossing WHERE state = 'pending' AND origin <> 1");
	my $outstanding = query(1, "SELECT sum(CASE kind WHEN 'issue' THEN amount WHEN 'redeem' THEN -amount END) FROM dcep.transfer");
	# What was given back to wallets of the registry's own database.
	my $held = query(1, 'SELECT COALESCE(sum(amount), 0) FROM dcep.coin');
	for my $code (@operators)
	{
		my $coins = query($code, 'SELECT COALESCE(sum(amount), 0) FROM dcep.coin');
		is($coins, query(1, "SELECT amount FROM dcep.holding WHERE institution = $code"), "$what: node $code holds what the registry says");
		$held += $coins;
	}
	is(query($_, 'SELECT * FROM dcep.audit()'), '', "$what: audit of node $_") for (1, @operators);
	# What an operator should hold, from what the registry lists otherwise.
	is(query(1, <<'SQL'), '', "$what: holdings are what was issued, less redeemed, and the net positions, less what is under way");
SELECT h.institution, h.amount, e.amount
  FROM dcep.holding AS h
 CROSS JOIN LATERAL (
       SELECT (SELECT COALESCE(sum(CASE c.kind WHEN 'issue' THEN c.amount ELSE -c.amount END), 0) FROM dcep.crossing AS c
                WHERE c.state <> 'returned'
                  AND (c.kind = 'issue' AND dcep.institution(c.payee) = h.institution OR c.kind = 'redeem' AND c.origin = h.institution))
            + (SELECT COALESCE(sum(p.net - p.under_way), 0) FROM dcep.net_positions(NULL, NULL) AS p
                WHERE p.institution = h.institution) AS amount) AS e
 WHERE h.amount <> e.amount
SQL
	is(without_server($_), '', "$what: dcep-verify of node $_") for (1, @operators);
	is($held + $under_way, $outstanding, "$what: issued less redeemed is what wallets hold");
	is(query(1, 'SELECT -sum(amount) FROM dcep.reserve_entry WHERE transfer IS NOT NULL'), $outstanding, "$what: and what left the reserves");
	return;
}

# Starts a cluster with the registry and the nodes of some operators, not joined yet: with keys of several suites and no
# demands on who opens wallets; 9 is a supervisor.
sub make_nodes
{
	my @operators = @_;
	my @suites = ('ed25519', 'p256', 'sm2');
	%database = (1 => 'registry', map { ($_ => "bank$_") } @operators);
	$node = PostgreSQL::Test::Cluster->new('nodes');
	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\njit = off\ndcep.key_directory = 'keys'\n$settings");
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $_") for values %database;
	query($_, 'CREATE EXTENSION dcep CASCADE') for keys %database;
	query(1, "SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank'); SELECT dcep.generate_key(1, 'ed25519'); "
		. "SELECT dcep.enroll_institution(9, 'Supervisor', 'supervisor')");
	for my $code (@operators)
	{
		my $suite = $suites[($code - 2) % 3];
		query(1, "SELECT dcep.enroll_institution($code, 'Bank $code', 'operator', elsewhere => true), dcep.deposit_reserve($code, 100000)");
		query($code, <<"SQL");
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'to be named by the registry', $code, 'Bank $code');
SELECT dcep.generate_key($code, '$suite');
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands)
    SELECT class, '2020-01-02', name, max_balance, max_payment, max_day, max_year, '{}' FROM dcep.wallet_class WHERE class > 0;
SQL
	}
	return;
}

# Opens the line between an operator's node and the registry.
sub open_line
{
	my ($code) = @_;
	my ($facts, $registry) = map { query($_, 'SELECT dcep.node_facts()') } ($code, 1);
	query(1, "SELECT dcep.open_line('$facts')");
	query($code, "SELECT dcep.open_line('$registry')");
	return;
}

# The same, joined.
sub start_nodes
{
	my @operators = @_;
	make_nodes(@operators);
	open_line($_) for @operators;
	settle();
	return;
}

# The cluster that they all are in.
sub cluster
{
	return $node;
}

sub finish_nodes
{
	$_->{run}->finish for values %session;
	return;
}

1;
