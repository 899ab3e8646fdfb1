
# Stolen money that goes on to wallets of other nodes: a report on the registry holds it wherever it is.  Messages are
# carried by hand, as in 197_nodes, and every sum is exact to the minor unit.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepNodes;
use Test::More;

my @operators = (2, 3, 4);

sub audits
{
	my ($what, @codes) = @_;
	is(query($_, 'SELECT * FROM dcep.audit()'), '', "$what: audit of node $_") for @codes ? @codes : (1, @operators);
	return;
}

# --- four nodes and a supervisor -----------------------------------------------------------------

start_nodes(@operators);
query(1, "SELECT dcep.generate_key(9, 'p256'); SELECT dcep.enroll_institution(8, 'Another', 'supervisor')");
query(1, "SELECT dcep.issue(code, 50000) FROM generate_series(2, 4) AS code");
settle();

# A role for each: who signs an agreement signs it for one party.
for my $pair ([ 'supervisor8', 8 ], [ 'supervisor9', 9 ], [ 'central', 1 ], map { [ "operator$_", $_ ] } @operators)
{
	my ($role, $code) = @$pair;
	cluster()->safe_psql('postgres', "CREATE ROLE $role");
	query($_, "SELECT dcep.grant_institution('$role', $code)") for $code =~ /[189]/ ? (1, @operators) : $code;
}

# Bank 4 has signed no agreement.
for my $code (2, 3)
{
	query(1, as('supervisor9', "SELECT dcep.agree(9, $code, '{hold_amount}', '{transfers}')"));
	query($code, as("operator$code", "SELECT dcep.agree(9, $code, '{hold_amount}', '{transfers}')"));
}
settle();

my %wallet;
my %stock = (victim => [ 2, 20000 ], crook => [ 2, 500 ], mule => [ 3, 0 ], shop => [ 3, 0 ], far => [ 4, 0 ], back => [ 2, 0 ], friend => [ 2, 0 ],
	thief => [ 2, 0 ], helper => [ 3, 0 ], other => [ 3, 0 ]);
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

# What of a wallet's balance is held.
sub held
{
	my @held;
	for my $name (@_)
	{
		push @held, "$name " . query($stock{$name}[0], "SELECT dcep.balance('$wallet{$name}') - dcep.available('$wallet{$name}')");
	}
	return join ', ', @held;
}

sub report
{
	my ($origin, $transfer, $case, $method) = @_;
	return query(1, as('supervisor9', "SELECT dcep.report_payment($origin, $transfer, '$case', '$method')"));
}

# Per node: held, under way, at the institution itself, outside, redeemed.
sub account
{
	my ($report) = @_;
	return query(1, "SELECT institution, held, under_way, at_institution, outside, redeemed FROM dcep.fraud_status($report)") =~ s/\n/ /gr;
}

sub total
{
	my ($report) = @_;
	return query(1, "SELECT sum(held + under_way + at_institution + outside + redeemed) FROM dcep.fraud_status($report)");
}
sub lift { my ($report) = @_; query(1, as('supervisor9', "SELECT dcep.lift($report, 'over')")); settle(); return; }
sub step { my ($from, $to) = @_; carry($from, $to); return query($to, 'SELECT dcep.work_messages()'); }

# --- over two hops and back ------------------------------------------------------------------------
#
# 1,000 are stolen.  The crook, who has 500 of his own, pays 1,200 to a mule at another bank, who pays 440 to a shop of
# its bank, 220 to a wallet at a third bank, and 330 back to one at the first, which passes 130 on.  With haircut, 800 of
# the 1,200 are stolen; of that 440/1,200 (293) go to the shop, 220/760 of the 507 left (146) to the third bank, 330/540 of
# the 361 left (220) back; 130/330 of these (86) on.

my $theft = pay('victim', 'crook', 1000);
my $out = pay('crook', 'mule', 1200);
settle();
pay('mule', 'shop', 440);
my $to_far = pay('mule', 'far', 220);
my $to_back = pay('mule', 'back', 330);
settle();
pay('back', 'friend', 130);

my $report = report(2, $theft, 'case 1', 'haircut');
my @all = qw(crook mule shop far back friend);
is(account($report), '2|0|0|0|0|0', 'how much it is the node will say');
step(1, 2);
is(held(@all), 'crook 200, mule 0, shop 0, far 0, back 0, friend 0', 'what the crook kept of it is held');
step(2, 1);
is(account($report), '2|200|0|0|0|0 3|0|800|0|0|0', 'and the rest is under way');
carry(1, 3);
is(query(3, 'SELECT dcep.work_messages()'), 1, 'the mule\'s bank follows it');
is(held(@all), 'crook 200, mule 141, shop 293, far 0, back 0, friend 0', 'what is there is held');
step(3, 1);
is(account($report), '2|200|220|0|0|0 3|434|0|0|0|0 4|0|146|0|0|0', 'and passed on, also where it came back');
settle();
is(held(@all), 'crook 200, mule 141, shop 293, far 0, back 134, friend 86', 'all of it is held, but where there is no agreement');
is(account($report), '2|420|0|0|0|0 3|434|0|0|0|0 4|0|0|0|146|0', 'all of it is accounted for');
is(total($report), 1000, 'and is what was reported');
is(query(3, 'SELECT supervisor, kind, case_no, valid_until, status, fraud IS NOT NULL FROM dcep.order_status'), '9|hold_amount|case 1|infinity|in force|t',
	'the same case, kind and end on the other node');
is(query(1, 'SELECT count(*) FROM dcep.control_effect'), 0, 'the registry holds nothing');
is(refused(3, "SELECT dcep.transfer('$wallet{shop}', '$wallet{mule}', 148)"), 'LG207', 'what is held stays');
like(query(3, "SELECT (dcep.transfer('$wallet{shop}', '$wallet{other}', 147)).transfer"), qr/^\d+$/, 'other money is free');
is(query(1, as('supervisor8', "SELECT count(*) FROM dcep.fraud_status($report)")), 0, 'another supervisor is told nothing');
is(query(1, as('central', "SELECT count(*) FROM dcep.fraud_status($report)")), 3, 'the central bank is');
is(refused(1, as('supervisor9', "SELECT dcep.report_payment(2, $theft, 'case 1')")), '55000', 'reported once');
is(refused(2, as('supervisor9', "SELECT dcep.report_fraud($theft, 'case 1')")), '55000', 'on the registry alone');
query($_, 'RESET ROLE') for (1, 2);
audits('two hops and back');

# All messages again: nothing changes.
my $state = sub {
	return join "\n", map { query($_, 'SELECT (SELECT count(*) FROM dcep.control_order), (SELECT string_agg(a::text, \',\' ORDER BY a) FROM dcep.claim_account AS a),
		(SELECT string_agg(s::text, \',\' ORDER BY s) FROM dcep.fraud_share AS s), (SELECT string_agg(l::text, \',\' ORDER BY peer) FROM dcep.line AS l)') } 1, @operators;
};
my $was = $state->();
settle();
is($state->(), $was, 'messages that come again change nothing');

# Lifted where it was reported, it is lifted everywhere.
lift($report);
is(held(@all), 'crook 0, mule 0, shop 0, far 0, back 0, friend 0', 'lifted on all nodes');
is(query(3, 'SELECT status, lift_reason FROM dcep.order_status'), 'lifted|over', 'for the supervisor\'s reason');

# --- the way back, read on the registry ---------------------------------------------------------------

is(refused(1, as('supervisor9', "SELECT * FROM dcep.trace_payment(2, $out)")), '42501', 'nobody traces without a case');
query(1, 'RESET ROLE');
query(1, as('supervisor9', q(SELECT dcep.open_case('case 1', 'trace'))));
my $credit = query(3, "SELECT local_transfer FROM dcep.crossing WHERE origin = 2 AND transfer = $out");
is(query(1, as('supervisor9', "SELECT step, institution, action, sender, receiver, ask FROM dcep.trace_payment(2, $out)")) =~ s/^\d+\n//r,
	"1|1|acknowledge|1|2|\n2|3|credit|3|1|on node 0003: SELECT * FROM dcep.trace_forward($credit)\n3|1|re-assign|1|3|\n"
	. "4|2|consume and mint|2|1|on node 0002: SELECT * FROM dcep.trace_origins($out)", 'the way of a payment backwards, and whom to ask');
is(query(1, "SELECT count(*) FROM dcep.trace_payment(2, $out) AS t JOIN dcep.message AS m USING (sender, receiver, number) WHERE m.hash = t.hash"), 4,
	'by the messages that carried it');
is(query(3, "SELECT depth, minted_by, amount, origin, origin_transfer FROM dcep.trace_origins($to_far)"), "2|$credit|1200|2|$out", 'where a payment came from, over the edge');
is(query(2, "SELECT origin, origin_transfer FROM dcep.trace_origins($out)"), '1|1', 'back to the registry, which issued it');

# --- by each method, in shares ------------------------------------------------------------------------------

sub clear
{
	my ($name) = @_;
	my $code = $stock{$name}[0];
	my $all = query($code, "SELECT dcep.balance('$wallet{$name}')");
	query($code, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', '$wallet{$name}', dcep.vault($code), $all)") if $all > 0;
	return;
}
clear($_) for qw(crook mule shop far back friend other);

# The thief pays in two payments, 500 and 300, to a helper, who has 200 of his own and pays 900 back with all three coins:
# two shares of one payment, one after the other, and so of the 100 that go on from there.  haircut: 450 + 270 come back,
# 50 + 30 go on.  fifo: the first 500 + 300 of it, and the first 100 of these.  poison: what both find in one coin is held once.
my %found = (
	fifo => 'thief 200, helper 0, back 700, friend 100',
	haircut => 'thief 200, helper 80, back 640, friend 80',
	poison => 'thief 200, helper 100, back 400, friend 100');
my %accounts = (
	fifo => '2|1000|0|0|0|0 3|0|0|0|0|0',
	haircut => '2|920|0|0|0|0 3|80|0|0|0|0',
	poison => '2|700|0|0|100|0 3|100|0|0|100|0');
for my $method (sort keys %found)
{
	clear($_) for qw(thief helper back friend);
	$theft = pay('victim', 'thief', 1000);
	query(3, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault(3), '$wallet{helper}', 200)");
	pay('thief', 'helper', 300);
	pay('thief', 'helper', 500);
	settle();
	pay('helper', 'back', 900);
	settle();
	pay('back', 'friend', 100);
	$report = report(2, $theft, "case $method", $method);
	is(account($report), '2|0|0|0|0|0', "$method: the registry does not know how much there is");
	settle();
	is(total($report), 1000, "$method: all of it is accounted for");
	is(account($report), $accounts{$method}, "$method: and held");
	is(held(qw(thief helper back friend)), $found{$method}, "$method: where it is");
	lift($report);
	is(held(qw(thief helper back friend)), 'thief 0, helper 0, back 0, friend 0', "$method: lifted from the registry");
}

# --- what comes back by itself, and what is redeemed -------------------------------------------------------

clear($_) for qw(thief helper back friend);
my $closed = query(3, qq(SELECT dcep.open_wallet(3, '{"class": 1}')));
query(3, "SELECT dcep.close_wallet('$closed')");

# Returned after the report: the payee's node declines the payment, and is asked what became of it.
$theft = pay('victim', 'thief', 700);
query(2, "SELECT dcep.transfer('$wallet{thief}', '$closed', 450)");
$report = report(2, $theft, 'case 5', 'fifo');
step(1, 2);
is(held('thief'), 'thief 250', 'stolen money under way to a wallet that was closed');
settle();
is(held('thief'), 'thief 700', 'is held where it came back');
is(account($report), '2|700|0|0|0|0 3|0|0|0|0|0', 'and accounted for');
lift($report);

# Returned before the report: it goes on here.
$report = report(2, $theft, 'case 6', 'haircut');
settle();
is(held('thief'), 'thief 700', 'what came back before is held at once');
is(account($report), '2|700|0|0|0|0', 'without any other node');
lift($report);

# Returned on the registry, which the payer's node does not know yet.
clear('thief');
$theft = pay('victim', 'thief', 100);
query(2, "SELECT dcep.transfer('$wallet{thief}', '$closed', 100)");
$report = report(2, $theft, 'case 7', 'fifo');
step(1, 2);
carry(2, 1, "kind <> 'traced'");
query(1, 'SELECT dcep.work_messages()');
step(1, 3);
step(3, 1);
settle();
is(account($report), '2|100|0|0|0|0', 'it comes back from the registry');
is(held('thief'), 'thief 100', 'and is held');
lift($report);

# A payment across, reported itself: the node that it went to begins.
clear($_) for qw(thief helper);
pay('victim', 'thief', 60);
my $across = pay('thief', 'helper', 60);
settle();
$report = report(2, $across, 'case 12', 'haircut');
settle();
is(account($report), '3|60|0|0|0|0', 'a payment across that is reported itself');
lift($report);

# Into a vault, and out of the ledger.
clear('thief');
$theft = pay('victim', 'thief', 900);
pay('thief', 'helper', 900);
settle();
pay('helper', 'other', 377);
query(3, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', '$wallet{helper}', dcep.vault(3), 223)");
query(3, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_out', '$wallet{other}', dcep.vault(3), 77)");
my $redeemed = query(3, "SELECT (dcep.redeem(3, 223)).transfer");
$report = report(2, $theft, 'case 8', 'fifo');
is(refused(1, as('supervisor9', "SELECT dcep.report_payment(2, $theft, 'case 8')")), '55000', 'a payment is reported once');
query(1, 'RESET ROLE');
settle();
is(account($report), '2|0|0|0|0|0 3|600|0|77|0|223', 'what a bank has itself, and what was redeemed');
is(total($report), 900, 'is accounted for, too');
audits('redeemed');
lift($report);

# --- who may not, and what cannot be -----------------------------------------------------------------------

is(refused(1, as('central', "SELECT dcep.report_payment(2, $theft, 'case 9')")), '42501', 'the central bank reports nothing');
is(refused(1, as('supervisor9', "SELECT dcep.report_payment(2, $theft, '')")), '22023', 'no case');
is(refused(1, as('supervisor9', "SELECT dcep.report_payment(2, $theft, 'case 9', 'guess')")), '22023', 'no method');
is(refused(1, as('supervisor9', "SELECT dcep.report_payment(2, NULL, 'case 9')")), '22004', 'no transfer');
is(refused(1, as('supervisor9', "SELECT dcep.report_payment(7, 1, 'case 9')")), '55000', 'no node');
is(refused(2, as('supervisor9', "SELECT dcep.report_payment(3, 1, 'case 9')")), '55000', 'on the registry alone');
query($_, 'RESET ROLE') for (1, 2);
$report = report(2, 999999, 'case 9', 'fifo');
settle();
is(query(1, "SELECT amount, refused FROM dcep.fraud_case WHERE report = $report"), '|there is no such transfer', 'a payment that there is not');

audits('before the attacks');

# --- an operator's machine in an attacker's hands --------------------------------------------------------------

# What a node could tell: each is refused by the registry.
clear('thief');
my $small = pay('other', 'back', 10);
$theft = pay('victim', 'thief', 300);
$across = pay('thief', 'helper', 200);
settle();
$report = report(2, $theft, 'case 11', 'fifo');
settle();
my $again = 'body::jsonb';
is(refused(1, "SELECT dcep.take_traced(3, (SELECT $again FROM dcep.message WHERE kind = 'traced' AND sender = 3 ORDER BY number DESC LIMIT 1))"), 'LG701',
	'an answer that was given before');
my $told = sub {
	my ($body) = @_;
	return refused(1, "DO \$x\$ BEGIN UPDATE dcep.fraud_share SET answered = 0 WHERE report = $report;
		UPDATE dcep.claim_account SET held = 0 WHERE claim = $report AND institution = 3;
		PERFORM dcep.take_traced(3, (SELECT $body FROM dcep.message WHERE kind = 'traced' AND sender = 3 ORDER BY number DESC LIMIT 1)); END \$x\$");
};
is($told->("jsonb_set($again, '{held}', '199')"), 'LG701', 'sums that do not add up');
is($told->("jsonb_set($again, '{held}', '201')"), 'LG701', 'to more');
is($told->("jsonb_set(jsonb_set($again, '{held}', '201'), '{outside}', '-1')"), 'LG701', 'or by less than nothing');
is($told->("$again || '{\"held\": 0, \"left\": [{\"transfer\": 4711, \"share\": 200}]}'"), 'LG701', 'a payment that never was');
is($told->("$again || '{\"held\": 0, \"left\": [{\"transfer\": $across, \"share\": 200}]}'"), 'LG701', 'or of another node');
is($told->("$again || '{\"held\": 0, \"returned\": 200}'"), 'LG701', 'or that was not returned');
is($told->("$again || '{\"held\": 0, \"left\": [{\"transfer\": $small, \"share\": 200}]}'"), 'LG701', 'a share above the payment\'s amount');

# What the registry could tell without the supervisor: each is refused by the node.
my $asked = sub { my ($kind, $body) = @_; return refused(3, "SELECT dcep.take_$kind((SELECT $body FROM dcep.message WHERE kind = '$kind' AND sender = 1 ORDER BY number DESC LIMIT 1))"); };
is($asked->('trace', $again), 'LG701', 'more than the payment\'s amount is followed');
is($asked->('trace', "jsonb_set($again, '{case,report}', '12345')"), 'LG701', 'a report that no supervisor has signed');
is($asked->('trace', "jsonb_set($again, '{case,case_no}', '\"case 99\"')"), 'LG701', 'another case');
is($asked->('trace', "jsonb_set($again, '{case,supervisor}', '8')"), 'LG701', 'another supervisor');
is($asked->('trace', "$again || '{\"share\": null}'"), 'LG701', 'a payment of another node');
is($asked->('release', $again), 'LG701', 'lifted before');
is($asked->('release', "jsonb_set($again, '{report}', '$report')"), 'LG701', 'a lift that the supervisor has not signed');

# And by message: it is quarantined, nothing of it done, the others go on.
$was = query(1, 'SELECT string_agg(a::text, \',\' ORDER BY a) FROM dcep.claim_account AS a');
query(3, "SELECT dcep.post_message(1, 'traced', jsonb_build_object('report', $report, 'origin', 2, 'transfer', 4711, 'share', 5,
	'held', 5, 'at_institution', 0, 'outside', 0, 'redeemed', 0, 'left', '[]'::jsonb))");
settle(2, 3);
is(query(1, 'SELECT sender, kind, sqlstate FROM dcep.evidence'), '3|traced|LG701', 'a node that makes up a case is quarantined');
is(query(1, 'SELECT string_agg(a::text, \',\' ORDER BY a) FROM dcep.claim_account AS a'), $was, 'and nothing of it is done');
my $goes_on = pay('victim', 'far', 5);
settle(2, 4);
is(query(2, "SELECT state FROM dcep.transfer_status($goes_on)"), 'settled', 'the others go on');

# The audit finds what was altered.
query(1, "UPDATE dcep.claim_account SET held = held - 1, outside = outside + 1, given = given + 1 WHERE claim = $report AND institution = 2");
is(query(1, 'SELECT check_name, institution FROM dcep.audit() ORDER BY 1'), "fraud account|2\nfraud case|9", 'an account that was altered');

finish_nodes();
done_testing();
