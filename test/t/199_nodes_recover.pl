
# Money that nodes hold for a report is given back by order of two authorities, who act on the registry.  Messages are
# carried by hand, as in 199_nodes_fraud, and every sum is exact to the minor unit.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepNodes;
use DcepRecovery;
use Test::More;

my @operators = (2, 3, 4);

# --- four nodes, two supervisors, the central bank ------------------------------------------------

start_nodes(@operators);
start_authorities(@operators);
agree(9, $_) for (2, 3);
settle();

%node_of = (victim => 2, crook => 2, mule => 3, shop => 3, heir => 4, thief => 2, runner => 2, runaway => 2);

wallet($_) for sort keys %node_of;
query(2, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault(2), '$wallet{victim}', 40000)");

sub held
{
	return join ', ', map { "$_ " . query($node_of{$_}, "SELECT dcep.balance('$wallet{$_}') - dcep.available('$wallet{$_}')") } @_;
}

sub report
{
	my ($transfer, $case, $supervisor) = @_;
	$supervisor //= 9;
	return query(1, as("supervisor$supervisor", "SELECT dcep.report_payment(2, $transfer, '$case', 'fifo')"));
}
# Per node: held, under way, at the institution itself, outside, redeemed, recovered.
sub account
{
	my ($report) = @_;
	return query(1, "SELECT institution, held, under_way, at_institution, outside, redeemed, recovered FROM dcep.fraud_status($report)") =~ s/\n/ /gr;
}
sub lift { my ($report, $supervisor) = @_; $supervisor //= 9; query(1, as("supervisor$supervisor", "SELECT dcep.lift($report, 'over')")); settle(); return; }

# --- to a wallet of the same node, and of another ---------------------------------------------------
#
# 1,000 are stolen; the crook keeps 400 and pays 600 to a mule of another bank, who pays 100 on within it.

my $theft = pay('victim', 'crook', 1000);
pay('crook', 'mule', 600);
settle();
pay('mule', 'shop', 100);
my $report = report($theft, 'case 1');
is(recover_refused('supervisor9', $report, 'victim'), '55000', 'nothing is held yet');
settle();
is(account($report), '2|400|0|0|0|0|0 3|600|0|0|0|0|0', 'all of it is held');
is(held(qw(crook mule shop)), 'crook 400, mule 500, shop 100', 'in three wallets');

is(recover_refused('operator2', $report, 'victim'), '42501', 'an operator recovers nothing');
is(recover_refused('supervisor8', $report, 'victim'), 'LG220', 'nor a supervisor without agreements');
is(recover_refused('supervisor9', $report, query(2, "SELECT dcep.allot_number(77, 1, decode(repeat('ab', 32), 'hex'))")), 'LG305', 'to no wallet of no node');
is(recover_refused('supervisor9', $report, query(1, 'SELECT dcep.vault(1)')), 'LG305', 'nor to the central bank');
is(recover('supervisor9', $report, 'victim'), '', 'the first authority');
is(recover_refused('supervisor9', $report, 'victim'), '55000', 'is one authority alone');
is(recover_refused('central', $report, 'heir'), '55000', 'the second must mean the same wallet');
settle();
is(held(qw(crook mule shop)), 'crook 400, mule 500, shop 100', 'nothing moves by the order of one');
my $had = balance('victim');
is(recover('central', $report, 'victim'), 1000, 'the second');
is(recover_refused('supervisor9', $report, 'victim'), '55000', 'a recovery is under way');
is(account($report), '2|400|0|0|0|0|0 3|600|0|0|0|0|0', 'no node has answered');
step(1, 2);
is(balance('victim'), $had + 400, 'what was on the same node is back');
is(query(2, "SELECT kind, payer = '$wallet{crook}', amount, memo LIKE 'recovered under order %' FROM dcep.transfer ORDER BY id DESC LIMIT 1"),
	'recover|t|400|t', 'by a transfer of kind recover');
step(1, 3);
is(held(qw(crook mule shop)), 'crook 0, mule 0, shop 0', 'the holds are lifted');
is(query(3, "SELECT string_agg(amount || ' ' || state, ', ' ORDER BY amount DESC) FROM dcep.crossing WHERE kind = 'recover'"), '500 pending, 100 pending',
	'what was on another is under way');
step(2, 1);
carry(3, 1);
is(query(1, 'SELECT dcep.work_messages(1)'), 1, 'its node tells of it');
is(account($report), '2|0|0|0|0|0|400 3|0|600|0|0|0|0', 'what has not arrived is under way');
settle();
is(balance('victim'), $had + 1000, 'all of it is back');
is(account($report), '2|0|0|0|0|0|400 3|0|0|0|0|0|600', 'and recovered');
is(query(1, "SELECT round, institution, amount, state, missing FROM dcep.claim_recovery WHERE claim = $report ORDER BY institution"),
	"1|2|400|paid|0\n1|3|600|paid|0", 'on record');
is(recover_refused('supervisor9', $report, 'victim'), '55000', 'it is recovered once');
is(query(1, as('operator2', "SELECT count(*) FROM dcep.recovery WHERE order_id = $report")), 0, 'operators do not see a report\'s authorities on the registry');
is(query(2, "SELECT string_agg(authority::text, ' ' ORDER BY authority) FROM dcep.recovery"), '1 9', 'on their nodes they see whose orders they obeyed');
all_close('recovered');

# All messages again: nothing changes.
my $state = sub {
	return join "\n", map { query($_, 'SELECT (SELECT sum(amount) FROM dcep.coin), (SELECT count(*) FROM dcep.transfer), (SELECT count(*) FROM dcep.act),
		(SELECT string_agg(a::text, \',\' ORDER BY a) FROM dcep.claim_account AS a), (SELECT string_agg(l::text, \',\' ORDER BY peer) FROM dcep.line AS l)') } 1, @operators;
};
my $was = $state->();
settle();
is($state->(), $was, 'messages that come again change nothing');
lift($report);
is(account($report), '2|0|0|0|0|0|400 3|0|0|0|0|0|600', 'lifted, it stays recovered');
is(recover_refused('supervisor9', $report, 'victim'), '55000', 'a report that was lifted');

# --- while it is followed; by two supervisors -----------------------------------------------------------

$theft = pay('victim', 'crook', 100);
pay('crook', 'mule', 60);
settle();
$report = report($theft, 'case 2');
step(1, 2);
step(2, 1);
is(account($report), '2|40|0|0|0|0|0 3|0|60|0|0|0|0', 'a part is still being followed');
is(recover('central', $report, 'heir'), '', 'one authority may order');
is(recover_refused('supervisor8', $report, 'heir'), 'LG220', 'without agreements');
agree(8, $_) for (2, 3);
settle();
is(recover_refused('supervisor8', $report, 'heir'), '42501', 'who reported it must be one of the two');
is(account($report), '2|40|0|0|0|0|0 3|60|0|0|0|0|0', 'all is held by now');
is(recover('supervisor9', $report, 'heir'), 100, 'and is');
settle();
is(balance('heir'), 100, 'paid to a third node by both');
is(account($report), '2|0|0|0|0|0|40 3|0|0|0|0|0|60', 'and recovered');
lift($report);

# What is held is recovered while node 3 is away, which is to follow the rest: that comes back to the crook, who paid with it what was recovered.
$theft = pay('victim', 'crook', 100);
pay('crook', 'mule', 60);
settle();
my $back = pay('mule', 'crook', 60);
settle();
query(2, "SELECT dcep.consolidate('$wallet{crook}')");
$report = query(1, as('supervisor9', "SELECT dcep.report_payment(2, $theft, 'case 17', 'haircut')"));
step(1, 2);
step(2, 1);
is(account($report), '2|40|0|0|0|0|0 3|0|60|0|0|0|0', 'a node that is away is to follow the rest');
is(recover('central', $report, 'victim'), '', 'one authority');
is(recover('supervisor9', $report, 'victim'), 40, 'the second: what is held moves');
is(recover_refused('supervisor9', $report, 'victim'), '55000', 'the rest is still followed');
my $owner_had = balance('victim');
step(1, 2);
is(balance('victim'), $owner_had + 40, 'it is where it belongs');
my $late = query(2, "SELECT local_transfer FROM dcep.crossing WHERE (origin, transfer) = (3, $back)");
is(query(2, "SELECT wallet = '$wallet{victim}', state, tainted FROM dcep.trace_ends($late, 0, 60, 'haircut') ORDER BY coin"), "t|live|24\nf|live|36",
	'paid with a coin of which some is followed later');
is(query(2, "SELECT wallet = '$wallet{victim}', state, tainted FROM dcep.trace_ends($late, 0, 60, 'haircut', dcep.given_back($report)) ORDER BY coin"),
	"t|stopped|24\nf|live|36", 'not beyond what was given back');
step(2, 1);
is(account($report), '2|0|0|0|0|0|40 3|0|60|0|0|0|0', 'one part recovered, one under way');
is(recover('central', $report, 'victim'), '', 'one authority may order the rest');
is(recover_refused('supervisor9', $report, 'victim'), '55000', 'which is held nowhere yet');
settle();
is(held(qw(victim crook mule)), 'victim 0, crook 60, mule 0', 'it is held of whom gave it back, not of whom it belongs to');
is(account($report), '2|60|0|0|0|0|40 3|0|0|0|0|0|0', 'to the minor unit');
all_close('while a node was away');
is(recover('supervisor9', $report, 'victim'), 60, 'the rest');
settle();
is(balance('victim'), $owner_had + 100, 'all of it is back');
is(account($report), '2|0|0|0|0|0|100 3|0|0|0|0|0|0', 'in two rounds');
all_close('two rounds');
lift($report);

# A node that is to follow more is not asked for what it holds: it may hold more by then.  Nor is one whose payment is under way.
$theft = pay('victim', 'crook', 100);
pay('crook', 'mule', 60);
settle();
pay('mule', 'crook', 20);
settle();
$report = report($theft, 'case 18');
step(1, 2);
step(2, 1);
step(1, 3);
step(3, 1);
is(account($report), '2|40|20|0|0|0|0 3|40|0|0|0|0|0', 'node 2 holds something, and is to follow more');
recover('central', $report, 'heir');
is(recover('supervisor9', $report, 'heir'), 40, 'what node 3 holds is recovered');
is(query(1, "SELECT string_agg(institution || ' ' || amount, ', ') FROM dcep.claim_recovery WHERE claim = $report"), '3 40', 'by it alone');
settle(2);
is(account($report), '2|60|0|0|0|0|0 3|40|0|0|0|0|0', 'node 2 has answered, node 3 is away');
recover('central', $report, 'heir');
is(recover('supervisor9', $report, 'heir'), 60, 'which does not hold up the rest');
settle();
is(account($report), '2|0|0|0|0|0|60 3|0|0|0|0|0|40', 'both are recovered');
is(query(1, "SELECT round, institution, amount, state FROM dcep.claim_recovery WHERE claim = $report ORDER BY round"), "1|3|40|paid\n2|2|60|paid", 'in a round each');
all_close('a round each');
lift($report);

$theft = pay('victim', 'crook', 100);
pay('crook', 'mule', 30);
pay('crook', 'victim', 20);
settle();
$report = report($theft, 'case 3');
settle();
is(held(qw(victim crook mule)), 'victim 20, crook 50, mule 30', 'some of it is with whom it belongs to');
is(recover('supervisor8', $report, 'victim'), '', 'another supervisor');
is(recover('supervisor9', $report, 'victim'), 100, 'and the one who reported it');
$had = balance('victim');
settle();
is(balance('victim'), $had + 80, 'gets the rest');
is(held(qw(victim crook mule)), 'victim 0, crook 0, mule 0', 'and all is free');
is(account($report), '2|0|0|0|0|0|70 3|0|0|0|0|0|30', 'all of it is recovered');
all_close('two supervisors');
lift($report);

# --- it comes back, and is held again ----------------------------------------------------------------------

wallet('closed', 3);
query(3, "SELECT dcep.close_wallet('$wallet{closed}')");
wallet('frozen', 3);
query(1, "SELECT dcep.freeze('$wallet{frozen}', 'credit', 'case 9')");
settle();
wallet('full', 3);
my $cap = query(3, 'SELECT max_balance FROM dcep.wallet_class WHERE class = 1 ORDER BY valid_from DESC LIMIT 1');
query(3, qq(SELECT dcep.set_limits('$wallet{full}', '{"max_balance": 69}')));
$theft = pay('victim', 'crook', 100);
pay('crook', 'mule', 30);
settle();
$report = report($theft, 'case 4');
settle();
for my $way ([ 'closed', 'LG306' ], [ 'frozen', 'LG202' ], [ 'full', 'LG206' ])
{
	my ($payee, $sqlstate) = @$way;
	my $at = $payee eq 'closed' ? 30 : 0;
	is(recover('supervisor9', $report, $payee), '', "$payee: one");
	is(recover('central', $report, $payee), $way->[1] eq 'LG306' ? 100 : 70, "$payee: two") ;
	settle();
	is(query(2, "SELECT state, sqlstate FROM dcep.crossing WHERE kind = 'recover' ORDER BY transfer DESC LIMIT 1"), "returned|$sqlstate", "$payee: it comes back");
	is(held('crook'), 'crook 70', "$payee: and is held again");
	if ($payee eq 'closed')
	{
		is(query(1, "SELECT state, sqlstate FROM dcep.claim_recovery WHERE claim = $report AND institution = 3"), 'failed|LG306', 'its own node cannot pay it');
		is(held('mule'), 'mule 30', 'and goes on holding');
		is(account($report), '2|70|0|0|0|0|0 3|30|0|0|0|0|0', 'all is held as before');
		# From here on node 3 holds nothing more: what it has goes to a wallet of its own.
		is(recover('central', $report, 'shop'), '', 'another wallet');
		is(recover('supervisor9', $report, 'shop'), 100, 'by both');
		step(1, 3);
		is(balance('shop'), query(3, "SELECT sum(CASE WHEN payee = '$wallet{shop}' THEN amount ELSE -amount END) FROM dcep.transfer WHERE '$wallet{shop}' IN (payer, payee)"), 'paid there');
		query(1, "SELECT dcep.freeze('$wallet{shop}', 'credit', 'case 9')");
		settle();
		query(1, "SELECT dcep.unfreeze('$wallet{shop}', 'credit', 'case 9')");
		settle();
		is(account($report), '2|70|0|0|0|0|0 3|0|0|0|0|0|30', 'a part recovered, a part held again');
	}
}
is(query(2, "SELECT count(*), count(*) FILTER (WHERE status = 'in force') FROM dcep.order_status WHERE case_no = 'case 4'"), '5|1', 'each time by a new hold');
is(query(2, "SELECT f.transfer = (SELECT max(transfer) FROM dcep.crossing WHERE kind = 'recover') FROM dcep.claim_hold AS f ORDER BY order_id DESC LIMIT 1"), 't',
	'for what came back');
is(refused(2, "SELECT dcep.transfer('$wallet{crook}', '$wallet{thief}', 1)"), 'LG207', 'it cannot be paid on');
all_close('held again');
$had = balance('victim');
recover('supervisor9', $report, 'victim');
is(recover('central', $report, 'victim'), 70, 'recovered in the end');
settle();
is(balance('victim'), $had + 70, 'to whom it belongs');
is(account($report), '2|0|0|0|0|0|70 3|0|0|0|0|0|30', 'all of it');
lift($report);

# The wallet that held it was closed meanwhile: its operator has it.
$theft = pay('victim', 'runner', 50);
$report = report($theft, 'case 5');
settle();
recover($_, $report, 'closed') for ('supervisor9', 'central');
step(1, 2);
query(2, "SELECT dcep.close_wallet('$wallet{runner}')");
settle();
is(account($report), '2|0|0|50|0|0|0', 'what came back to a wallet that was closed is with its operator');
lift($report);

# Lifted while it is under way: what comes back is free.
$theft = pay('victim', 'thief', 50);
$report = report($theft, 'case 6');
settle();
recover($_, $report, 'closed') for ('supervisor9', 'central');
step(1, 2);
lift($report);
is(account($report), '2|0|0|0|50|0|0', 'of a report that was lifted nothing is held again');
is(held('thief'), 'thief 0', 'it is free');

# Coins that another supervisor has frozen stay.
query(1, as('supervisor8', "SELECT dcep.agree(8, 2, '{hold_amount,freeze_coins}', '{transfers}')"));
query(2, as('operator2', "SELECT dcep.agree(8, 2, '{hold_amount,freeze_coins}', '{transfers}')"));
settle();
my $taken = pay('victim', 'runaway', 50);
$report = report($taken, 'case 15');
my $coin = query(2, "SELECT id FROM dcep.coin WHERE owner = '$wallet{runaway}'");
my $freeze = query(1, as('supervisor8', qq(SELECT dcep.impose('freeze_coins', '{"operator": 2, "coins": [$coin]}', 'case 16'))));
settle();
recover($_, $report, 'heir') for ('supervisor9', 'central');
settle();
is(query(1, "SELECT state, sqlstate FROM dcep.claim_recovery WHERE claim = $report"), 'failed|LG207', 'what another supervisor has frozen stays');
is(account($report), '2|50|0|0|0|0|0', 'and is held');
query(1, as('supervisor8', "SELECT dcep.lift($freeze, 'over')"));
settle();
recover($_, $report, 'heir') for ('supervisor9', 'central');
settle();
is(account($report), '2|0|0|0|0|0|50', 'until it is released');
lift($report);

# Two reports of the same money: what one has recovered the other misses.
$report = report($theft, 'case 7');
my $second = report($theft, 'case 8', 8);
settle();
is(held('thief'), 'thief 50', 'held twice over');
recover($_, $report, 'victim') for ('supervisor9', 'central');
settle();
is(account($report), '2|0|0|0|0|0|50', 'recovered for the one');
recover($_, $second, 'victim') for ('supervisor8', 'central');
settle();
is(account($second), '2|0|0|0|50|0|0', 'it is not there for the other');
all_close('all ways');
lift($report);
lift($second, 8);

# --- what nodes refuse --------------------------------------------------------------------------------------

$theft = pay('victim', 'crook', 90);
pay('crook', 'mule', 60);
settle();
$report = report($theft, 'case 11');
$second = report(pay('victim', 'thief', 10), 'case 12');
settle();
recover('supervisor9', $report, 'victim');
my $terms = "dcep.recovery_terms($report, 1, '$wallet{victim}')";

# What the registry could make up, with its own key: the acts of a message, each as SQL.
my $theirs = "(SELECT to_jsonb(a) FROM dcep.act AS a WHERE kind = 'recover' AND (body::jsonb ->> 'order')::bigint = $report)";
sub act
{
	my ($institution, $case, $body) = @_;
	return query(1, "SET timezone = 'UTC'; BEGIN; SELECT dcep.enter_act($institution, nextval('dcep.act_id_seq'), 'recover', '$case', $body) IS NULL;
		SELECT to_jsonb(a) FROM dcep.act AS a ORDER BY id DESC LIMIT 1; ROLLBACK") =~ s/^f\n//r =~ s/'/''/gr;
}
my $supervisors = query(1, "SET timezone = 'UTC'; SELECT $theirs");
my $centrals = act(1, 'case 11', $terms);
my $told = sub {
	my ($acts, $round, $of) = @_;
	$round //= 1;
	$of //= $report;
	return refused(3, "SELECT dcep.take_recover('{\"claim\": $of, \"round\": $round, \"acts\": [" . join(', ', @$acts) . "]}')");
};
is($told->([]), 'LG701', 'no act');
is($told->([$supervisors]), 'LG701', 'one authority alone');
is($told->([$centrals]), 'LG701', 'whichever');
is($told->([ $supervisors, $supervisors ]), 'LG701', 'one authority twice');
is($told->([ $centrals, act(1, 'case 11', $terms) ]), 'LG701', 'the central bank twice');
is($told->([ $centrals, $centrals =~ s/"institution": 1/"institution": 9/r ]), 'LG701', 'in the supervisor\'s name');
is($told->([ $centrals, $supervisors =~ s/$wallet{victim}/$wallet{shop}/r ]), 'LG701', 'an act that was altered');
is($told->([ $supervisors, act(1, 'case 11', "dcep.recovery_terms($report, 1, '$wallet{shop}')") ]), 'LG701', 'for two wallets');
is($told->([ $supervisors, act(1, 'case 12', $terms) ]), 'LG701', 'in another case');
is($told->([ $supervisors, $centrals ], 2), 'LG701', 'of another round');
is($told->([ $supervisors, $centrals ], 1, $second), 'LG701', 'of another report');
is($told->([ $supervisors, $centrals ], 1, 4711), 'LG701', 'of no report');
is($told->([ $centrals, act(8, 'case 11', $terms) ]), 'LG701', 'without the supervisor who reported it');
is($told->([ $supervisors, act(7, 'case 11', $terms) ]), 'LG701', 'with a supervisor without agreement');
is($told->([ $supervisors, act(8, 'case 11', $terms), $centrals ]), 'LG701', 'three');
is(held(qw(crook mule)), 'crook 30, mule 60', 'nothing of it is done');
is(recover('central', $report, 'victim'), 90, 'as they should be');
settle();
is($told->([ $supervisors, $centrals ]), 'LG701', 'ordered before');

# What a node could tell.
my $again = sub { my ($kind, $body) = @_; return refused(1, "SELECT dcep.take_$kind(3, (SELECT $body FROM dcep.message WHERE kind = '$kind' AND sender = 3 ORDER BY number DESC LIMIT 1))"); };
is($again->('recovered', 'body::jsonb'), 'LG701', 'an answer that was given before');
my $answer = sub {
	my ($body) = @_;
	return refused(1, "DO \$x\$ BEGIN UPDATE dcep.claim_recovery SET state = 'sent' WHERE claim = $report AND institution = 3;
		UPDATE dcep.claim_account SET held = 60, recovered = 0 WHERE claim = $report AND institution = 3; DELETE FROM dcep.claim_payment WHERE claim = $report;
		PERFORM dcep.take_recovered(3, (SELECT body::jsonb || $body FROM dcep.message WHERE kind = 'recovered' AND sender = 3 ORDER BY number DESC LIMIT 1)); END \$x\$");
};
is($answer->("'{\"missing\": 1}'"), 'LG701', 'more than was held');
is($answer->("'{\"missing\": -1, \"here\": 1}'"), 'LG701', 'less than nothing');
is($answer->("'{\"here\": 60, \"left\": []}'"), 'LG701', 'paid where it does not belong');
is($again->('recovered', "jsonb_build_object('claim', $report, 'round', 7, 'here', 0, 'missing', 0, 'left', '[]'::jsonb)"), 'LG701', 'a round that was not');
is(refused(1, "SELECT dcep.take_held_again(2, (SELECT body::jsonb FROM dcep.message WHERE kind = 'held_again' AND sender = 2 ORDER BY number DESC LIMIT 1))"), 'LG701',
	'held again, again');
is(refused(1, "SELECT dcep.take_held_again(3, jsonb_build_object('claim', $report, 'transfer', (SELECT max(transfer) FROM dcep.claim_payment WHERE origin = 3),
	'held', 60, 'at_institution', 0, 'outside', 0, 'redeemed', 0, 'left', '[]'::jsonb))"), 'LG701', 'what has arrived');
all_close('after the attempts');

# --- what the audit finds --------------------------------------------------------------------------------------

sub findings { my ($code, $change) = @_; return query($code, "BEGIN; SET LOCAL session_replication_role = replica; $change; SELECT DISTINCT check_name FROM dcep.audit() ORDER BY 1; ROLLBACK") =~ s/\n/, /gr; }
my $unguarded = sub { my ($tab) = @_; return "ALTER TABLE dcep.$tab DISABLE TRIGGER USER"; };

# On the registry.
my $guards = $unguarded->('recovery');
like(findings(1, "$guards; DELETE FROM dcep.recovery WHERE order_id = $report AND authority = 9"), qr/\brecovery\b/, 'the order of one authority was removed');
like(findings(1, "$guards; UPDATE dcep.recovery SET authority = 8 WHERE order_id = $report AND authority = 9"), qr/\brecovery\b/, 'or made another\'s');
is(findings(1, "UPDATE dcep.claim_recovery SET payee = '$wallet{shop}' WHERE claim = $report"), 'recovery, recovery without order', 'another wallet');
is(findings(1, "DELETE FROM dcep.claim_payment WHERE claim = $report"), 'recovery, recovery without order', 'a payment of which nothing is on record');
is(findings(1, "UPDATE dcep.claim_account SET recovered = recovered + 1, given = given + 1, outside = 0 WHERE claim = $report AND institution = 3"), 'fraud account, fraud case, recovery',
	'more was recovered');
is(findings(1, "UPDATE dcep.claim_recovery SET state = 'failed' WHERE claim = $report AND institution = 2"), 'recovery', 'another state than was answered');
is(findings(1, "DELETE FROM dcep.claim_recovery WHERE claim = $report AND institution = 2"), 'recovery', 'a recovery that was removed');

# On the node that held it.
$guards = $unguarded->('recovery');
is(findings(3, "$guards; DELETE FROM dcep.recovery WHERE authority = 9"), 'lift without act, recovery, recovery without order', 'the order of one authority was removed');
is(findings(3, "$guards; UPDATE dcep.recovery SET payee = '$wallet{shop}'"), 'recovery', 'or is for another wallet');
is(findings(3, "UPDATE dcep.claim_recovery SET payee = '$wallet{shop}' WHERE claim = $report"), 'recovery, recovery without order', 'a wallet that nobody named');
is(findings(3, "DELETE FROM dcep.claim_recovery WHERE claim = $report"), 'recovery, recovery without order', 'a recovery that was removed');
$guards = $unguarded->('claim_hold');
is(findings(3, "$guards; UPDATE dcep.claim_hold SET claim = $second WHERE claim = $report"), 'hold without message, recovery', 'what was held for another report');

# Its operator pays as if it had been told: with what it holds for a report, and two acts that were good for another.
my $case = query(3, "SELECT report FROM dcep.fraud_case WHERE case_no = 'case 11'");
$theft = pay('victim', 'mule', 25);
settle();
$report = report($theft, 'case 13');
settle();
is(held('mule'), 'mule 25', 'held for a report');
query(3, "SELECT dcep.pay_holds(c, 1, '$wallet{shop}', '[$supervisors, $centrals]') FROM dcep.claim AS c WHERE c.id = $report");
is(query(3, 'SELECT DISTINCT check_name FROM dcep.audit()'), 'recovery', 'a recovery that no two authorities have ordered');
query(3, "SELECT dcep.pay_kind('recover', '$wallet{shop}', '$wallet{mule}', 1, NULL)");
is(query(3, 'SELECT DISTINCT check_name FROM dcep.audit() ORDER BY 1'), "recovery\nrecovery without order", 'and one that no act names');

# And to another node: the registry lets none pass that it was not told of.
$had = balance('heir');
query(3, "SELECT dcep.pay_kind('recover', '$wallet{shop}', '$wallet{heir}', 5, NULL)");
settle();
is(query(1, 'SELECT sender, kind, sqlstate, reason FROM dcep.evidence'), '3|pay|LG701|message cannot be right: No two authorities have ordered this recovery.',
	'the node is quarantined');
is(balance('heir'), $had, 'and nothing of it arrives');
is(query(1, 'SELECT * FROM dcep.audit()'), '', 'the registry is sound');
is(refused(2, as('operator2', "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('recover', '$wallet{thief}', '$wallet{heir}', 1)")), '42501',
	'an operator\'s role recovers nothing');

# The registry's own machine: it has the central bank's key, and makes up the supervisor's order.
$theft = pay('victim', 'crook', 15);
$report = report($theft, 'case 14');
settle(2, 4);
is(account($report), '2|15|0|0|0|0|0', 'held for a last report');
is(recover('central', $report, 'heir'), '', 'ordered by the central bank');
query(1, "INSERT INTO dcep.recovery (order_id, authority, payee, act) SELECT order_id, 9, payee, act FROM dcep.recovery WHERE order_id = $report");
query(1, "SELECT dcep.send_recovery($report, 1, '$wallet{heir}')");
settle(2, 4);
is(query(2, 'SELECT sender, kind, sqlstate FROM dcep.evidence'), '1|recover|LG701', 'the node takes no such order');
is(held('crook'), 'crook 15', 'and goes on holding');
is(query(1, 'SELECT DISTINCT check_name FROM dcep.audit()'), 'recovery', 'the registry\'s audit shows it');

finish_nodes();
done_testing();
