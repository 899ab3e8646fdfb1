
# Stolen money that goes on to wallets of other nodes: a report on one node holds it wherever it is.  Messages are
# carried by hand, as in 197_nodes, and every sum is exact to the minor unit.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('fraud');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\njit = off\ndcep.key_directory = 'keys'");
$node->start;

my @operators = (2, 3, 4);
my %database = (1 => 'registry', map { ($_ => "bank$_") } @operators);
my %session;

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

# Carries what one has posted to another: all of it, again and again.
sub carry
{
	my ($from, $to, $where) = @_;
	my $rows = query($from, "SELECT COALESCE(json_agg(m ORDER BY number), '[]') FROM dcep.message AS m WHERE sender = $from AND receiver = $to AND "
		. ($where // 'true'));
	$rows =~ s/\$/\\u0024/g;
	query($to, "INSERT INTO dcep.message SELECT * FROM json_populate_recordset(NULL::dcep.message, \$x\$$rows\$x\$)");
	return;
}

# Carries and takes until nothing moves.
sub settle
{
	my @among = @_ ? @_ : @operators;
	for (1 .. 40)
	{
		my $taken = 0;
		for my $code (@among) { carry($code, 1); carry(1, $code); }
		$taken += query($_, 'SELECT dcep.work_messages()') for (1, @among);
		return if $taken == 0;
	}
	die 'messages never end';
}

sub audits
{
	my ($what, @codes) = @_;
	is(query($_, 'SELECT * FROM dcep.audit()'), '', "$what: audit of node $_") for @codes ? @codes : (1, @operators);
	return;
}

# --- four nodes and a supervisor -----------------------------------------------------------------

$node->safe_psql('postgres', "CREATE DATABASE $_") for values %database;
query($_, 'CREATE EXTENSION dcep CASCADE') for keys %database;
query(1, <<'SQL');
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank');
SELECT dcep.generate_key(1, 'ed25519');
SELECT dcep.enroll_institution(code, 'Bank ' || code, 'operator', elsewhere => true) FROM generate_series(2, 4) AS code;
SELECT dcep.enroll_institution(8, 'Another', 'supervisor');
SELECT dcep.enroll_institution(9, 'Supervisor', 'supervisor');
SELECT dcep.generate_key(9, 'p256');
SELECT dcep.deposit_reserve(code, 100000) FROM generate_series(2, 4) AS code;
SQL
for my $code (@operators)
{
	query($code, <<"SQL");
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'to be named by the registry', $code, 'Bank $code');
SELECT dcep.generate_key($code, 'ed25519');
INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands)
    SELECT class, '2020-01-02', name, max_balance, max_payment, max_day, max_year, '{}' FROM dcep.wallet_class WHERE class > 0;
SQL
	my ($facts, $registry) = map { query($_, 'SELECT dcep.node_facts()') } ($code, 1);
	query(1, "SELECT dcep.open_line('$facts')");
	query($code, "SELECT dcep.open_line('$registry')");
}
settle();
query(1, "SELECT dcep.issue(code, 50000) FROM generate_series(2, 4) AS code");
settle();

# A role for each: who signs an agreement signs it for one party.
for my $pair ([ 'supervisor8', 8 ], [ 'supervisor9', 9 ], [ 'central', 1 ], map { [ "operator$_", $_ ] } @operators)
{
	my ($role, $code) = @$pair;
	$node->safe_psql('postgres', "CREATE ROLE $role");
	query($_, "SELECT dcep.grant_institution('$role', $code)") for $code =~ /[189]/ ? (1, @operators) : $code;
}

sub as
{
	my ($role, $sql) = @_;
	return "SET ROLE $role; $sql; RESET ROLE";
}

for my $code (2, 3)
{
	query($code, as($_, "SELECT dcep.agree(9, $code, '{hold_amount}', '{transfers}')")) for ('supervisor9', "operator$code");
}

my %wallet;
my %stock = (victim => [ 2, 2000 ], crook => [ 2, 500 ], mule => [ 3, 1000 ], shop => [ 3, 0 ], far => [ 4, 0 ], back => [ 2, 0 ], friend => [ 2, 0 ]);
for my $name (sort keys %stock)
{
	my ($code, $amount) = @{ $stock{$name} };
	$wallet{$name} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 1}')));
	query($code, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault($code), '$wallet{$name}', $amount)") if $amount;
}

sub pay
{
	my ($payer, $payee, $amount) = @_;
	return query($stock{$payer}[0], "SELECT (dcep.transfer('$wallet{$payer}', '$wallet{$payee}', $amount)).transfer");
}

# What a wallet has, and what it can pay.
sub has
{
	my ($name) = @_;
	return query($stock{$name}[0], "SELECT dcep.balance('$wallet{$name}'), dcep.available('$wallet{$name}')");
}

sub report
{
	my ($code, $transfer, $case, $method) = @_;
	return query($code, as('supervisor9', "SELECT dcep.report_fraud($transfer, '$case', '$method')"));
}

my $status_columns = 'institution, held, under_way, at_institution, outside, redeemed';
my $status_sum = 'sum(held + under_way + at_institution + outside + redeemed)';
sub account { my ($code, $report, $reporter) = @_; return query($code, "SELECT $status_columns FROM dcep.fraud_status($report, " . ($reporter // 'NULL') . ')'); }
sub total { my ($code, $report, $reporter) = @_; return query($code, "SELECT $status_sum FROM dcep.fraud_status($report, " . ($reporter // 'NULL') . ')'); }
sub lift { my ($code, $report) = @_; return query($code, as('supervisor9', "SELECT dcep.lift($report, 'over')")); }

# --- over two hops and back ------------------------------------------------------------------------
#
# 1,000 are stolen.  The crook, who has 500 of his own, pays 1,200 to a mule at another bank, who has 1,000 of its own and
# pays 440 to a shop of its bank, 220 to a wallet at a third bank, and 330 back to a friend at the first.

my $theft = pay('victim', 'crook', 1000);
my $out = pay('crook', 'mule', 1200);
settle();
pay('mule', 'shop', 440);
my $to_far = pay('mule', 'far', 220);
my $to_back = pay('mule', 'back', 330);
settle();
pay('back', 'friend', 130);

my $report = report(2, $theft, 'case 1', 'haircut');
is(has('crook'), '300|100', 'what the crook kept of it is held: two thirds of his money');
is(account(2, $report), '2|200|800|0|0|0', 'and the rest is under way');
carry(2, 1);
query(1, 'SELECT dcep.work_messages()');
carry(1, 2);
query(2, 'SELECT dcep.work_messages()');
is(account(2, $report), "2|200|0|0|0|0\n3|0|800|0|0|0", 'the registry has passed it on');
settle();
is(total(2, $report), 1000, 'all of it is accounted for');
is(total(1, $report, 2), 1000, 'on the registry too');
is(account(2, $report), account(1, $report, 2), 'which says the same');
note(account(2, $report));
note(join ' ', map { "$_ " . has($_) } sort keys %stock);
audits('two hops and back');

$_->{run}->finish for values %session;
done_testing();
