
# Orders and reports of stolen money between servers of their own, by logical replication and the workers, while
# payments between the nodes go on: what 199_nodes_orders and 199_nodes_fraud show with messages carried by hand.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepServers;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

start_servers();

# --- a supervisor, its agreements, and wallets ----------------------------------------------------------

query(1, <<'SQL');
SELECT dcep.enroll_institution(9, 'Supervisor', 'supervisor'), dcep.generate_key(9, 'p256');
CREATE ROLE supervisor LOGIN;
SELECT dcep.grant_institution('supervisor', 9);
SQL
for my $code (2, 3)
{
	until_is($code, 'SELECT count(*) FROM dcep.signing_key WHERE institution = 9', 1, "node $code knows the supervisor's key");
	query($code, "CREATE ROLE operator LOGIN; SELECT dcep.grant_institution('operator', $code)");
	by_supervisor("SELECT dcep.agree(9, $code, '{no_debit,freeze,hold_amount}', '{transfers}')");
	$node{$code}->safe_psql($db, "SELECT dcep.agree(9, $code, '{no_debit,freeze,hold_amount}', '{transfers}')", extra_params => [ '-U', 'operator' ]);
	until_is($_, "SELECT count(*) FROM dcep.agreement WHERE operator = $code", 1, "the agreement of $code is effective at $_") for (1, $code);
}

my %home = (alice => 2, dave => 2, victim => 2, crook => 2, back => 2, bob => 3, carol => 3, mule => 3, shop => 3);
my %own;
for my $name (sort keys %home)
{
	my $code = $home{$name};
	$own{$name} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 1}')));
	query($code, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault($code), '$own{$name}', 20000)") if $name =~ /^(alice|dave|victim|bob)$/;
}

sub by_supervisor
{
	my ($sql) = @_;
	return $node{1}->safe_psql($db, $sql, extra_params => [ '-U', 'supervisor' ]);
}

sub impose
{
	my ($kind, $name) = @_;
	return by_supervisor(qq(SELECT dcep.impose('$kind', '{"wallet": "$own{$name}"}', 'case 1')));
}
sub lift { my ($order) = @_; by_supervisor("SELECT dcep.lift($order, 'over')"); return; }

sub until_order
{
	my ($order, $state, $what) = @_;
	until_is(1, "SELECT node_state FROM dcep.order_status WHERE id = $order", $state, "$what: $state, says the node");
	return;
}

# Waits, with a deadline.
sub until_true
{
	my ($condition, $what) = @_;
	my $deadline = time + 180;
	my $is;
	usleep(20_000) until ($is = $condition->()) || time > $deadline;
	ok($is, $what);
	return;
}

# --- clients that do not stop -------------------------------------------------------------------------------

# Each pays 1, one payment after the other and each with its key, until the file is there, and notes what each ended with.
my $stop = "$ENV{TESTDATADIR}/stop";
END { append_to_file($stop, '') if defined $stop; }
my @clients;

sub start_client
{
	my ($payer, $payee) = @_;
	my $name = 'client ' . (@clients + 1);
	my $file = "$ENV{TESTDATADIR}/$name";
	my $script = '';
	for my $n (1 .. 10000)
	{
		$script .= "\\set stop `test -e '$stop' && echo on || echo off`\n\\if :stop\n\\q\n\\endif\n" if $n % 10 == 1;
		$script .= "SELECT dcep.transfer('$own{$payer}', '$own{$payee}', 1, '$name:$n');\n\\echo :SQLSTATE\n";
		# Slower than the nodes can take it, or their queues would only grow.
		$script .= "SELECT pg_sleep(0.05);\n";
	}
	append_to_file("$file.sql", $script);
	append_to_file("$file.out", '');
	my $client = { name => $name, payer => $payer, payee => $payee, out => "$file.out" };
	$client->{run} = IPC::Run::start([ 'psql', '-XAtq', '-o', '/dev/null', '-f', "$file.sql", '-d', $node{ $home{$payer} }->connstr($db) ],
		'<', \'', '>', "$file.out", '2>', "$file.err");
	push @clients, $client;
	return;
}
start_client('alice', 'carol') for 1 .. 3;
start_client('dave', 'carol');
start_client('bob', 'alice') for 1 .. 2;
start_client('bob', 'dave');

# How often a client's payments have ended like this so far.
sub ended
{
	my ($client, $sqlstate) = @_;
	my $count = () = slurp_file($client->{out}) =~ /^\Q$sqlstate\E$/mg;
	return $count;
}

# So many more payments of these payers end like this.
sub more
{
	my ($what, $sqlstate, @payers) = @_;
	for my $client (grep { my $payer = $_->{payer}; grep { $_ eq $payer } @payers } @clients)
	{
		my $before = ended($client, $sqlstate);
		until_true(sub { ended($client, $sqlstate) >= $before + 10 }, "$what: $client->{name} of $client->{payer} goes on with $sqlstate");
	}
	return;
}
more('at first', '00000', qw(alice dave bob));

# --- an order against debits ------------------------------------------------------------------------------

# What was paid from a wallet while the order was in effect, by the node's own clock.
sub paid_within
{
	my ($order, $name) = @_;
	my ($since, $until) = map { query(1, $_) } (
		"SELECT t.at FROM dcep.told_act AS t WHERE t.act = $order",
		"SELECT t.at FROM dcep.told_act AS t JOIN dcep.control_lift AS l ON l.act = t.act WHERE l.order_id = $order");
	return query($home{$name}, "SELECT count(*) FROM dcep.transfer WHERE payer = '$own{$name}' AND kind = 'transfer' AND created_at > '$since' AND created_at < '$until'");
}

my $order = impose('no_debit', 'alice');
until_order($order, 'in effect', 'no debits');
more('no debits', 'LG201', 'alice');
more('no debits', '00000', qw(dave bob));
lift($order);
until_order($order, 'lifted', 'no debits');
more('debits again', '00000', qw(alice dave bob));
is(paid_within($order, 'alice'), 0, 'nothing left the wallet while it was in effect');
is(query(2, "SELECT count(*) FROM dcep.crossing WHERE origin = 2 AND state = 'returned'"), 0, 'nothing that had left before came back');
is(query(3, "SELECT count(*) FROM dcep.crossing WHERE origin = 3 AND state = 'returned'"), 0, 'and what was paid to it went on coming');

# --- wallets of both nodes, frozen at once ---------------------------------------------------------------------

# What alice had sent before comes back, to a wallet that is frozen itself.
my %freeze = map { $_ => impose('freeze', $_) } qw(alice carol);
until_order($freeze{$_}, 'in effect', "$_ frozen") for sort keys %freeze;
more('frozen', 'LG201', 'alice');
more('frozen', '00000', qw(dave bob));
until_is(2, "SELECT count(*) > 10 FROM dcep.crossing WHERE origin = 2 AND payer = '$own{dave}' AND state = 'returned' AND sqlstate = 'LG202'", 't', 'payments to a frozen wallet of node 3 come back');
until_is(3, "SELECT count(*) > 10 FROM dcep.crossing WHERE origin = 3 AND payee = '$own{alice}' AND state = 'returned' AND sqlstate = 'LG202'", 't', 'and of node 2');
lift($freeze{$_}) for sort keys %freeze;
until_order($freeze{$_}, 'lifted', "$_ frozen") for sort keys %freeze;
more('no longer frozen', '00000', qw(alice dave bob));
is(paid_within($freeze{alice}, 'alice'), 0, 'nothing left the wallet while it was frozen');
is(query(2, "SELECT count(*) FROM dcep.crossing WHERE origin = 2 AND state = 'returned' AND sqlstate <> 'LG202'"), 0, 'nothing came back for another reason');
is(query(3, "SELECT count(*) FROM dcep.crossing WHERE origin = 3 AND state = 'returned' AND payee <> '$own{alice}'"), 0, 'nor from another wallet');

# --- keys of all change ---------------------------------------------------------------------------------------

my @across = (impose('no_debit', 'alice'));
query(1, "SELECT dcep.generate_key(9, 'ed25519')");
query($_->[0], "SELECT dcep.generate_key($_->[0], '$_->[1]')") for ([ 2, 'sm2' ], [ 1, 'p256' ], [ 3, 'ed25519' ]);
push @across, impose('no_debit', 'bob');
until_is($_, 'SELECT count(*) FROM dcep.signing_key', 8, "the new keys are known at $_") for (1, 2, 3);
until_order($_, 'in effect', 'across a change of keys') for @across;
lift($_) for @across;
until_order($_, 'lifted', 'across a change of keys') for @across;
more('with new keys', '00000', qw(alice dave bob));
for my $code (1, 2, 3)
{
	until_is($code, "SELECT DISTINCT key_number FROM dcep.message AS m WHERE sender = $code AND number = (SELECT max(n.number) FROM dcep.message AS n WHERE (n.sender, n.receiver) = (m.sender, m.receiver))",
		2, "messages of $code are signed with its new key");
}

# --- stolen money -----------------------------------------------------------------------------------------

sub pay
{
	my ($payer, $payee, $amount) = @_;
	return query($home{$payer}, "SELECT (dcep.transfer('$own{$payer}', '$own{$payee}', $amount)).transfer");
}

sub until_settled
{
	my ($payer, $transfer, $what) = @_;
	until_is($home{$payer}, "SELECT state FROM dcep.transfer_status($transfer)", 'settled', $what);
	return;
}

# What of wallets is held.
sub held
{
	return join ', ', map { "$_ " . query($home{$_}, "SELECT dcep.balance('$own{$_}') - dcep.available('$own{$_}')") } @_;
}

my @accounts = ('institution', 'held', 'under_way', 'at_institution', 'outside', 'redeemed');
sub account { my ($report) = @_; return by_supervisor('SELECT ' . join(', ', @accounts) . " FROM dcep.fraud_status($report)") =~ s/\n/ /gr; }
sub until_followed
{
	my ($report, $amount, $what) = @_;
	until_is(1, "SELECT sum(held), sum(under_way) FROM dcep.fraud_status($report)", "$amount|0", "$what: all of it is held");
	return;
}

# The crook keeps 200 of 1,000, the mule 300 of 800; 300 go to a shop of its bank, 200 back to the first.
my $theft = pay('victim', 'crook', 1000);
my $out = pay('crook', 'mule', 800);
until_settled('crook', $out, 'to the mule');
pay('mule', 'shop', 300);
my $home = pay('mule', 'back', 200);
until_settled('mule', $home, 'and back');
my @all = qw(victim crook mule shop back);
my $report = by_supervisor("SELECT dcep.report_payment(2, $theft, 'case 2')");
until_followed($report, 1000, 'stolen');
is(account($report), '2|400|0|0|0|0 3|600|0|0|0|0', 'what each node holds');
is(held(@all), 'victim 0, crook 200, mule 300, shop 300, back 200', 'and in which wallets');
my ($rc, $stdout, $stderr) = $node{3}->psql($db, "\\set VERBOSITY sqlstate\nSELECT dcep.transfer('$own{shop}', '$own{mule}', 1)");
like($stderr, qr/LG207/, 'what is held stays');

my $credit = query(3, "SELECT local_transfer FROM dcep.crossing WHERE origin = 2 AND transfer = $out");
is(by_supervisor("\\o /dev/null\nSELECT dcep.open_case('case 2', 'trace');\n\\o\nSELECT step, institution, action, sender, receiver, ask FROM dcep.trace_payment(2, $out)"),
	"1|1|acknowledge|1|2|\n2|3|credit|3|1|on node 0003: SELECT * FROM dcep.trace_forward($credit)\n3|1|re-assign|1|3|\n"
	. "4|2|consume and mint|2|1|on node 0002: SELECT * FROM dcep.trace_origins($out)", 'the way of a payment backwards');
is(query(3, "SELECT depth, minted_by, amount, origin, origin_transfer FROM dcep.trace_origins($home)"), "2|$credit|800|2|$out", 'where what came back had come from');
is(query(2, "SELECT origin, origin_transfer FROM dcep.trace_origins($out)"), '1|1', 'back to the issue');

lift($report);
until_is($_, "SELECT count(*) FROM dcep.order_status WHERE fraud IS NOT NULL AND status = 'in force'", 0, "lifted, node $_ holds nothing") for (2, 3);
is(held(@all), 'victim 0, crook 0, mule 0, shop 0, back 0', 'and the money is free');

# --- the clients end ------------------------------------------------------------------------------------------

append_to_file($stop, '');
$_->{run}->finish for @clients;
for my $client (@clients)
{
	is($client->{run}->result(0), 0, "$client->{name} has come to its end");
	my $paid = ended($client, '00000');
	is(query($home{ $client->{payer} }, "SELECT count(*), COALESCE(sum(amount), 0) FROM dcep.transfer WHERE payer = '$own{$client->{payer}}' AND key LIKE '$client->{name}:%'"),
		"$paid|$paid", "$client->{name}: what it was told is paid was paid, and nothing else");
	my $refused = { alice => 3, bob => 1, dave => 0 }->{ $client->{payer} };
	like(slurp_file($client->{out}), qr/\A(00000\n)+((LG201\n)*(00000\n)+){0,$refused}\z/, "$client->{name}: paid, but for the orders against its wallet");
}
books_close('orders and reports');
is(query($_, 'SELECT COALESCE(sum(apply_error_count), 0) FROM pg_stat_subscription_stats'), 0, "no apply worker of $_ has failed") for (1, 2, 3);

# --- a node is killed ---------------------------------------------------------------------------------------------

sub set_interval
{
	my ($code, $seconds) = @_;
	query($code, "ALTER SYSTEM SET dcep.message_interval = $seconds");
	query($code, 'SELECT pg_reload_conf()');
	return;
}

sub kill_node
{
	my ($code) = @_;
	$node{$code}->stop('immediate');
	$node{$code}->start;
	return;
}

# The order, its effect, its act and its answer are there once.
sub once
{
	my ($order, $what) = @_;
	until_order($order, 'in effect', $what);
	is(query(2, "SELECT (SELECT count(*) FROM dcep.control_order WHERE id = $order), (SELECT count(*) FROM dcep.control_effect WHERE order_id = $order),
		(SELECT count(*) FROM dcep.act WHERE id = $order), (SELECT count(*) FROM dcep.told_act WHERE act = $order),
		(SELECT count(*) FROM dcep.message WHERE kind = 'act_done' AND (body::jsonb ->> 'act')::bigint = $order)"), '1|1|1|1|1', "$what: in effect once");
	(undef, undef, my $error) = $node{2}->psql($db, "\\set VERBOSITY sqlstate\nSELECT dcep.transfer('$own{alice}', '$own{carol}', 1)");
	like($error, qr/LG201/, "$what: it stands");
	lift($order);
	until_order($order, 'lifted', $what);
	until_settled('alice', pay('alice', 'carol', 1), "$what: lifted, it pays");
	return;
}

# When the message has come, and the worker does not take it.
set_interval(2, 0);
until_is(2, "SELECT count(*) FROM dcep.upkeep WHERE task = 'messages' AND interval_s = 0", 1, 'the worker of node 2 takes no messages');
$order = impose('no_debit', 'alice');
until_is(2, "SELECT waiting FROM dcep.peers WHERE peer = 1", 1, 'the order has come');
kill_node(2);
is(query(2, "SELECT count(*) FROM dcep.control_order WHERE id = $order"), 0, 'and is not in effect');
set_interval(2, 1);
once($order, 'killed with the message');

# While the worker takes it, and waits for a payment of the wallet.
my $payer = $node{2}->background_psql($db, on_error_stop => 0);
$payer->query_safe("BEGIN; SELECT dcep.transfer('$own{alice}', '$own{carol}', 5)");
$order = impose('no_debit', 'alice');
until_is(2, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'dcep worker' AND wait_event_type = 'Lock'", 1, 'the worker waits for a payment under way');
kill_node(2);
eval { $payer->{run}->kill_kill; };
once($order, 'killed while it was taken');
is(query(3, "SELECT count(*) FROM dcep.transfer WHERE payee = '$own{carol}' AND amount = 5"), 0, 'the payment under way was none');

# When it is in effect, and the registry has not been answered.
query(1, 'ALTER SUBSCRIPTION dcep_0002_to_0001 DISABLE');
$order = impose('no_debit', 'alice');
until_is(2, "SELECT count(*) FROM dcep.message WHERE kind = 'act_done' AND (body::jsonb ->> 'act')::bigint = $order", 1, 'the order is in effect and answered');
is(query(1, "SELECT node_state FROM dcep.order_status WHERE id = $order"), 'sent', 'which the registry does not hear');
kill_node(2);
query(1, 'ALTER SUBSCRIPTION dcep_0002_to_0001 ENABLE');
once($order, 'killed with the answer');

# Stolen money under way to a node that is killed, and one that has the report.
$theft = pay('victim', 'crook', 700);
$node{3}->stop('immediate');
$out = pay('crook', 'mule', 500);
$report = by_supervisor("SELECT dcep.report_payment(2, $theft, 'case 3', 'fifo')");
until_is(1, "SELECT held, under_way FROM dcep.fraud_status($report) WHERE institution = 2", '200|0', 'node 2 holds what is there');
is(account($report), '2|200|0|0|0|0 3|0|500|0|0|0', 'the rest is under way to a node that is away');
kill_node(2);
$node{3}->start;
until_followed($report, 700, 'back again');
is(account($report), '2|200|0|0|0|0 3|500|0|0|0|0', 'it is held where it came to');
is(held(@all), 'victim 0, crook 200, mule 500, shop 0, back 0', 'once');
lift($report);
until_is($_, "SELECT count(*) FROM dcep.order_status WHERE fraud IS NOT NULL AND status = 'in force'", 0, "lifted at $_") for (2, 3);

books_close('killed');
is(query($_, 'SELECT count(*) FROM dcep.evidence'), 0, "nothing was set aside at $_") for (1, 2, 3);
is(query($_, 'SELECT * FROM dcep.audit()'), '', "the audit of $_ finds nothing") for (1, 2, 3);
$node{$_}->stop for (1, 2, 3);
done_testing();
