
# Money that a supervisor holds on a node, by an order that it has imposed on the registry, is given back there by order of
# two authorities, as within one database; and what nodes hold, to a wallet that the registry keeps itself.  Messages
# are carried by hand, and every sum is exact to the minor unit.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepNodes;
use DcepRecovery;
use Test::More;

my @operators = (2, 3);

# --- two nodes, an operator whose wallets the registry keeps, three supervisors, the central bank -------

start_nodes(@operators);
query(1, "SELECT dcep.enroll_institution(6, 'At home', 'operator')");
query(1, "SELECT dcep.generate_key(6, 'p256')");
query(1, "INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, max_payment, max_day, max_year, demands)
    SELECT class, '2020-01-02', name, max_balance, max_payment, max_day, max_year, '{}' FROM dcep.wallet_class WHERE class > 0");
start_authorities(@operators);
agree(9, $_, 'hold_amount,freeze_coins,no_debit') for @operators;
agree(8, 2, 'freeze_coins');
settle();

%node_of = (victim => 2, crook => 2, mule => 3, heir => 3, owner => 2, home => 6);

wallet($_) for sort keys %node_of;
$wallet{child} = query(2, qq(SELECT dcep.open_wallet(2, '{"class": 1, "parent": "$wallet{owner}"}')));
$node_of{child} = 2;
query(2, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault(2), '$wallet{victim}', 40000)");

# Balance, and what of it is free.
sub has
{
	return join ', ',
		map { "$_ " . query($node_of{$_}, "SELECT dcep.balance('$wallet{$_}') || ' ' || dcep.available('$wallet{$_}')") } @_;
}

sub impose
{
	my ($kind, $target, $case, $more, $supervisor) = @_;
	$supervisor //= 9;
	$more = defined $more ? ", $more" : '';
	return query(1, as("supervisor$supervisor", "SELECT dcep.impose('$kind', '$target', '$case'$more)"));
}
sub hold { my ($name, $case, $amount) = @_; return impose('hold_amount', qq({"wallet": "$wallet{$name}"}), $case, "amount => $amount"); }

sub freeze_coins
{
	my ($name, $case, $supervisor) = @_;
	my $coins = query($node_of{$name}, "SELECT string_agg(id::text, ', ') FROM dcep.coin WHERE owner = '$wallet{$name}'");
	return impose('freeze_coins', qq({"operator": $node_of{$name}, "coins": [$coins]}), $case, undef, $supervisor);
}
sub both { my ($order, $payee) = @_; return recover('supervisor9', $order, $payee) . recover('central', $order, $payee); }

# Per node: held, under way, at the institution itself, outside, redeemed, recovered; as its supervisor sees it.
sub account
{
	my ($order, $supervisor) = @_;
	$supervisor //= 9;
	return query(1, as("supervisor$supervisor", "SELECT institution, held, under_way, at_institution, outside, redeemed, recovered FROM dcep.fraud_status($order)")) =~ s/\n/ /gr;
}

sub status
{
	my ($order, $supervisor) = @_;
	$supervisor //= 9;
	return query(1, as("supervisor$supervisor", "SELECT status, lift_reason, node_state, node_sqlstate FROM dcep.order_status WHERE id = $order"));
}
sub round { my ($order) = @_; return query(1, "SELECT round, amount, state, missing, sqlstate FROM dcep.claim_recovery WHERE claim = $order ORDER BY round DESC LIMIT 1"); }
sub lift { my ($order, $supervisor) = @_; $supervisor //= 9; query(1, as("supervisor$supervisor", "SELECT dcep.lift($order, 'over')")); return; }

# --- an amount that is held, to a wallet of the same node --------------------------------------------------

pay('victim', 'crook', 1000);
my $order = hold('crook', 'case 1', 400);
is(recover_refused('supervisor9', $order, 'victim'), '55000', 'the node has not answered: the order is not in force yet');
is(account($order), '', 'and what it holds is not known');
settle();
is(account($order), '2|400|0|0|0|0|0', 'the supervisor sees what the node holds by its order');
is(account($order, 8), '', 'another does not');
is(has('crook'), 'crook 1000 600', 'held in the wallet');
is(recover_refused('operator2', $order, 'victim'), '42501', 'an operator recovers nothing');
is(recover_refused('supervisor8', $order, 'victim'), 'LG220', 'nor a supervisor without agreements');
is(recover_refused('supervisor9', 4711, 'victim'), '22023', 'there is no such order');
is(refused(1, as('supervisor9', "SELECT dcep.recover($order, NULL)")), '22004', 'for nobody');
query(1, 'RESET ROLE');
is(recover_refused('supervisor9', $order, query(2, "SELECT dcep.allot_number(77, 1, decode(repeat('ab', 32), 'hex'))")), 'LG305', 'to no wallet of no node');
is(recover_refused('supervisor9', $order, query(1, "SELECT dcep.allot_number(6, 99, decode(repeat('ab', 32), 'hex'))")), 'LG305', 'of the registry');
is(recover_refused('supervisor9', $order, query(1, 'SELECT dcep.vault(1)')), 'LG305', 'nor to the central bank');
is(recover('supervisor9', $order, 'victim'), '', 'the first authority');
is(recover_refused('supervisor9', $order, 'victim'), '55000', 'is one authority alone');
is(recover_refused('central', $order, 'heir'), '55000', 'the second must mean the same wallet');
settle();
is(has('crook'), 'crook 1000 600', 'nothing moves by the order of one');
is(recover('central', $order, 'victim'), 400, 'the second');
is(recover_refused('supervisor9', $order, 'victim'), '55000', 'a recovery is under way');
is(account($order) . ' ' . status($order), '2|400|0|0|0|0|0 in force||in effect|', 'the node has not answered');
my $had = balance('victim');
step(1, 2);
is(has('crook'), 'crook 600 600', 'the hold is lifted');
is(balance('victim'), $had + 400, 'what it held is where it belongs');
is(query(2, "SELECT kind, payer = '$wallet{crook}', amount, memo FROM dcep.transfer ORDER BY id DESC LIMIT 1"), "recover|t|400|recovered under order $order", 'by a transfer of kind recover');
is(query(2, as('operator2', "SELECT id, status, lift_reason, node_state FROM dcep.order_status")), "$order|lifted|recovered|recovered", 'as its operator sees');
is(query(2, as('operator2', "SELECT string_agg(authority::text, ' ' ORDER BY authority) FROM dcep.recovery WHERE order_id = $order")), '1 9', 'and by whose order');
settle();
is(account($order) . ' ' . status($order), '2|0|0|0|0|0|400 lifted|recovered|recovered|', 'recovered, and the order lifted by that');
is(round($order), '1|400|paid|0|', 'on record');
is(recover_refused('supervisor9', $order, 'victim'), '55000', 'it is recovered once');
is(refused(1, as('supervisor9', "SELECT dcep.lift($order, 'over')")), '55000', 'and lifted once');
query(1, 'RESET ROLE');
is(refused(2, "SELECT dcep.recover($order, '$wallet{victim}', 9)"), '55000', 'on the node nobody recovers what is lifted');
all_close('an amount');

my $state = sub {
	return join "\n", map { query($_, 'SELECT (SELECT sum(amount) FROM dcep.coin), (SELECT count(*) FROM dcep.transfer), (SELECT count(*) FROM dcep.act),
		(SELECT string_agg(a::text, \',\' ORDER BY a) FROM dcep.claim_account AS a), (SELECT string_agg(l::text, \',\' ORDER BY peer) FROM dcep.line AS l)') } 1, @operators;
};
my $was = $state->();
settle();
is($state->(), $was, 'messages that come again change nothing');

# --- what holds no money --------------------------------------------------------------------------------------

my $block = impose('no_debit', qq({"wallet": "$wallet{crook}"}), 'case 2');
my $class = impose('hold_amount', '{"operator": 2, "class": 4}', 'case 2', 'amount => 5');
my $none = impose('hold_amount', '{"wallet": "' . query(2, "SELECT dcep.allot_number(2, 99999, decode(repeat('ab', 32), 'hex'))") . '"}', 'case 2', 'amount => 5');
my $later = impose('hold_amount', qq({"wallet": "$wallet{crook}"}), 'case 2', "amount => 5, valid_from => '2098-01-01', valid_until => '2099-01-01'");
my $soon = impose('hold_amount', qq({"wallet": "$wallet{crook}"}), 'case 2', "amount => 5, valid_until => clock_timestamp() + interval '1 second'");
settle();
query(1, 'SELECT pg_sleep(1.1)');
is(recover_refused('supervisor9', $block, 'victim'), '22023', 'a kind that holds nothing');
is(recover_refused('supervisor9', $class, 'victim'), '22023', 'a class');
is(status($none) . ' ' . recover_refused('supervisor9', $none, 'victim'), 'in force||failed|LG305 55000', 'an order that the node could not put into effect');
is(status($later) . ' ' . recover_refused('supervisor9', $later, 'victim'), 'awaited||in effect| 55000', 'one that begins later');
is(status($soon) . ' ' . recover_refused('supervisor9', $soon, 'victim'), 'expired||in effect| 55000', 'one that has ended');
is(refused(2, "SELECT dcep.recover($block, '$wallet{victim}', 9)"), '22023', 'nor on the node');
lift($_) for ($block, $class, $none, $later, $soon);
is(recover_refused('supervisor9', $later, 'victim'), '55000', 'one that was lifted');
settle();
all_close('no money');

# --- more than there is, of a whole family, to another node -------------------------------------------------------

pay('victim', 'owner', 300);
pay('victim', 'child', 20);
$order = impose('hold_amount', qq({"holder": "$wallet{child}"}), 'case 3', 'amount => 1000');
settle();
is(account($order), '2|2000|0|0|0|0|0', 'what an order holds, whether it is there or not');
is(both($order, 'heir'), 2000, 'is what is to be recovered');
is(refused(2, "SELECT dcep.recover($order, '$wallet{victim}', 9)"), '0A000', 'by the registry\'s word alone');
step(1, 2);
is(has('owner', 'child'), 'owner 0 0, child 0 0', 'paid as far as it is there');
carry(2, 1);
is(query(1, 'SELECT dcep.work_messages(1)'), 1, 'the node tells of it before it pays');
is(account($order) . ' ' . status($order), '2|0|320|0|1680|0|0 in force||recovered|', 'and the rest is not there');
is(recover_refused('supervisor9', $order, 'heir') . recover_refused('central', $order, 'heir'), 'nothing:  55000', 'what is under way is waited for');
settle();
is(account($order) . ' ' . status($order), '2|0|0|0|1680|0|320 lifted|recovered|recovered|', 'until it has arrived');
is(balance('heir'), 320, 'where it belongs');
is(round($order), '1|2000|paid|1680|', 'on record');

# As much as a number can say, of two wallets.
pay('victim', 'owner', 70);
$order = impose('hold_amount', qq({"holder": "$wallet{owner}"}), 'case 4', 'amount => 9223372036854775807');
settle();
is(account($order), '2|9223372036854775807|0|0|0|0|0', 'all that there is');
both($order, 'heir');
settle();
is(account($order), '2|0|0|0|9223372036854775737|0|70', 'is recovered');

# The wallet that it belongs to is one of those.
pay('victim', 'owner', 30);
pay('victim', 'child', 40);
$order = impose('hold_amount', qq({"holder": "$wallet{owner}"}), 'case 5', 'amount => 35');
settle();
both($order, 'owner');
settle();
is(has('owner', 'child'), 'owner 65 65, child 5 5', 'its own is free');
is(account($order), '2|0|0|0|5|0|65', 'and counts as recovered');
all_close('more than there is');

# --- coins, which come back, and are frozen again ---------------------------------------------------------------------

wallet('closed', 3);
query(3, "SELECT dcep.close_wallet('$wallet{closed}')");
wallet('thief', 2);
pay('victim', 'thief', 50) for (1, 2);
$order = freeze_coins('thief', 'case 6', 8);
settle();
pay('victim', 'thief', 7);
is(account($order, 8), '2|100|0|0|0|0|0', 'coins are held');
is(recover_refused('supervisor7', $order, 'closed'), 'LG220', 'another supervisor needs an agreement');
is(recover('supervisor9', $order, 'closed'), '', 'which one has');
is(recover_refused('central', $order, 'closed'), '42501', 'who imposed it must be one of the two');
is(recover('supervisor8', $order, 'closed'), 100, 'and is');
settle();
is(query(2, "SELECT state, sqlstate FROM dcep.crossing WHERE kind = 'recover' ORDER BY transfer DESC LIMIT 1"), 'returned|LG306', 'it comes back');
is(has('thief'), 'thief 107 7', 'and is held again');
is(query(2, "SELECT kind, coins = ARRAY[2 * (SELECT local_transfer FROM dcep.crossing WHERE kind = 'recover' ORDER BY transfer DESC LIMIT 1)] FROM dcep.control_order ORDER BY id DESC LIMIT 1"),
	'freeze_coins|t', 'as the coin that it is');
is(account($order, 8) . ' ' . status($order, 8), '2|100|0|0|0|0|0 in force||recovered|', 'the supervisor knows');
all_close('frozen again');
is(recover('supervisor8', $order, 'heir') . recover('central', $order, 'heir'), 100, 'the next round');
settle();
is(balance('heir'), 490, 'arrives');
is(account($order, 8) . ' ' . status($order, 8), '2|0|0|0|0|0|100 lifted|recovered|recovered|', 'and the order has done its work');
is(round($order), '2|100|paid|0|', 'in two rounds');
is(has('thief'), 'thief 7 7', 'other coins are free');

# --- lifted between ---------------------------------------------------------------------------------------------------

$order = hold('crook', 'case 7', 40);
settle();
both($order, 'closed');
settle();
is(has('crook') . ' ' . account($order), 'crook 600 560 2|40|0|0|0|0|0', 'held again by amount');
lift($order);
is(status($order), 'lifted|over|recovered|', 'lifted by its supervisor');
settle();
is(has('crook') . ' ' . status($order), 'crook 600 600 lifted|over|lifted|', 'it is free');
is(recover_refused('supervisor9', $order, 'heir'), '55000', 'and not recovered any more');

$order = hold('crook', 'case 8', 40);
settle();
both($order, 'closed');
step(1, 2);
lift($order);
settle();
is(has('crook') . ' ' . account($order), 'crook 600 600 2|0|0|0|40|0|0', 'what comes back after that is free');
all_close('lifted');

$order = hold('crook', 'case 9', 40);
settle();
both($order, 'closed');
lift($order);
settle();
is(has('crook') . ' ' . account($order), 'crook 600 600 2|0|0|0|40|0|0', 'also where the node is told of both at once');

# Whoever held it has closed the wallet meanwhile.
wallet('runner', 2);
pay('victim', 'runner', 50);
$order = hold('runner', 'case 10', 50);
settle();
both($order, 'closed');
step(1, 2);
query(2, "SELECT dcep.close_wallet('$wallet{runner}')");
settle();
is(account($order) . ' ' . status($order), '2|0|0|50|0|0|0 lifted|recovered|recovered|', 'its operator has it, and nothing is held any more');
all_close('lifted, or closed');

# --- what the node cannot do --------------------------------------------------------------------------------------------

wallet('gone', 2);
query(2, "SELECT dcep.close_wallet('$wallet{gone}')");
$order = hold('crook', 'case 11', 40);
settle();
both($order, 'gone');
settle();
is(round($order) . ' ' . account($order), '1|40|failed|0|LG306 2|40|0|0|0|0|0', 'a wallet of its own that is closed: all stays held');
is(status($order), 'in force||in effect|', 'and the order in effect');
my $freeze = freeze_coins('crook', 'case 12', 8);
settle();
both($order, 'heir');
settle();
is(round($order), '2|40|failed|0|LG207', 'coins that another supervisor has frozen stay');
lift($freeze, 8);
settle();
both($order, 'heir');
settle();
is(round($order) . ' ' . account($order), '3|40|paid|0| 2|0|0|0|0|0|40', 'until they are released');
# Its clock is the node's own.
$order = hold('crook', 'case 13', 40);
settle();
query(1, "ALTER TABLE dcep.control_order DISABLE TRIGGER USER");
query(2, "BEGIN; ALTER TABLE dcep.control_order DISABLE TRIGGER USER; UPDATE dcep.control_order SET valid_until = clock_timestamp() WHERE id = $order; ALTER TABLE dcep.control_order ENABLE ALWAYS TRIGGER append_only; ALTER TABLE dcep.control_order ENABLE ALWAYS TRIGGER append_only_row; COMMIT");
query(1, "ALTER TABLE dcep.control_order ENABLE ALWAYS TRIGGER append_only; ALTER TABLE dcep.control_order ENABLE ALWAYS TRIGGER append_only_row");
both($order, 'heir');
settle();
is(round($order) . ' ' . account($order), '1|40|failed|0|55000 2|40|0|0|0|0|0', 'for the node it has ended');
query(2, "BEGIN; ALTER TABLE dcep.control_order DISABLE TRIGGER USER; UPDATE dcep.control_order SET valid_until = 'infinity' WHERE id = $order; ALTER TABLE dcep.control_order ENABLE ALWAYS TRIGGER append_only; ALTER TABLE dcep.control_order ENABLE ALWAYS TRIGGER append_only_row; COMMIT");
all_close('failed');
lift($order);
settle();

# --- to a wallet that the registry keeps ---------------------------------------------------------------------------------

$order = hold('crook', 'case 14', 60);
settle();
is(both($order, 'home'), 60, 'by an order');
settle();
is(balance('home'), 60, 'it is there');
is(account($order) . ' ' . status($order), '2|0|0|0|0|0|60 lifted|recovered|recovered|', 'recovered');
is(query(1, "SELECT kind, payer = '$wallet{crook}', payee = '$wallet{home}', amount FROM dcep.transfer WHERE kind = 'recover'"), 'recover|t|t|60', 'by a transfer in the registry\'s journal');
is(query(1, "SELECT bool_and(dcep.verify(c) AND dcep.issuer(c) = 6) FROM dcep.coins('$wallet{home}') AS c"), 't', 'whose coin its own operator has signed');
my $theft = pay('victim', 'mule', 100);
settle();
pay('mule', 'crook', 30);
settle();
my $report = query(1, as('supervisor9', "SELECT dcep.report_payment(2, $theft, 'case 15', 'fifo')"));
settle();
is(account($report), '2|30|0|0|0|0|0 3|70|0|0|0|0|0', 'and of a report');
both($report, 'home');
settle();
is(balance('home'), 160, 'from two nodes');
is(account($report), '2|0|0|0|0|0|30 3|0|0|0|0|0|70', 'all of it');
all_close('at home');
my $back = query(2, "SELECT transfer FROM dcep.crossing WHERE kind = 'recover' AND payee = '$wallet{home}' ORDER BY transfer DESC LIMIT 1");
lift($report);
$report = query(1, as('supervisor9', "SELECT dcep.report_payment(2, $back, 'case 16', 'fifo')"));
settle();
is(account($report), '1|0|0|0|30|0|0', 'what is there is followed no further');
lift($report);
settle();

wallet('shut', 6);
query(1, "SELECT dcep.close_wallet('$wallet{shut}')");
$order = hold('crook', 'case 17', 60);
settle();
both($order, 'shut');
settle();
is(query(2, "SELECT state, sqlstate FROM dcep.crossing WHERE kind = 'recover' ORDER BY transfer DESC LIMIT 1"), 'returned|LG306', 'a wallet there that is closed: it comes back');
is(account($order), '2|60|0|0|0|0|0', 'and is held again');
all_close('and back');
lift($order);
settle();

# --- what nodes refuse -----------------------------------------------------------------------------------------------------

$order = hold('crook', 'case 18', 90);
my $other = hold('mule', 'case 19', 1);
my $second = hold('crook', 'case 20', 10);
settle();
recover('supervisor9', $order, 'heir');
my $terms = "dcep.recovery_terms($order, 1, '$wallet{heir}')";

# What the registry could make up, with its own key: the acts of a message, each as SQL.
sub act
{
	my ($institution, $case, $body) = @_;
	return query(1, "SET timezone = 'UTC'; BEGIN; SELECT dcep.enter_act($institution, nextval('dcep.act_id_seq'), 'recover', '$case', $body) IS NULL;
		SELECT to_jsonb(a) FROM dcep.act AS a ORDER BY id DESC LIMIT 1; ROLLBACK") =~ s/^f\n//r =~ s/'/''/gr;
}
my $supervisors = query(1, "SET timezone = 'UTC'; SELECT to_jsonb(a) FROM dcep.act AS a WHERE kind = 'recover' AND (body::jsonb ->> 'order')::bigint = $order");
my $centrals = act(1, 'case 18', $terms);
my $told = sub {
	my ($acts, $round, $of, $node) = @_;
	$round //= 1;
	$of //= $order;
	$node //= 2;
	return refused($node, "SELECT dcep.take_recover('{\"claim\": $of, \"round\": $round, \"acts\": [" . join(', ', @$acts) . "]}')");
};
is($told->([]), 'LG701', 'no act');
is($told->([$supervisors]), 'LG701', 'one authority alone');
is($told->([ $supervisors, $supervisors ]), 'LG701', 'one authority twice');
is($told->([ $centrals, act(1, 'case 18', $terms) ]), 'LG701', 'the central bank twice');
is($told->([ $centrals, $centrals =~ s/"institution": 1/"institution": 9/r ]), 'LG701', 'in the supervisor\'s name');
is($told->([ $centrals, $supervisors =~ s/$wallet{heir}/$wallet{mule}/r ]), 'LG701', 'an act that was altered');
is($told->([ $supervisors, act(1, 'case 18', "dcep.recovery_terms($order, 1, '$wallet{mule}')") ]), 'LG701', 'for two wallets');
is($told->([ $supervisors, act(1, 'case 19', $terms) ]), 'LG701', 'in another case');
is($told->([ $supervisors, $centrals ], 2), 'LG701', 'of another round');
is($told->([ $supervisors, $centrals ], 1, $second), 'LG701', 'of another order');
is($told->([ $supervisors, $centrals ], 1, 4711), 'LG701', 'of no order');
is($told->([ $supervisors, $centrals ], 1, $order, 3), 'LG701', 'on another node');
is($told->([ $centrals, act(8, 'case 18', $terms) ]), 'LG701', 'without the supervisor whose order it is');
is($told->([ $supervisors, act(7, 'case 18', $terms) ]), 'LG701', 'with a supervisor without agreement');
is($told->([ $supervisors, act(8, 'case 18', $terms) ]), 'LG701', 'or one whose agreement is about something else');
is($told->([ $supervisors, act(7, 'case 18', $terms), $centrals ]), 'LG701', 'three');
is($told->([ act(9, 'case 17', "dcep.recovery_terms($later, 1, '$wallet{heir}')"), act(1, 'case 2', "dcep.recovery_terms($later, 1, '$wallet{heir}')") ], 1, $later), 'LG701',
	'of an order that was lifted');
is(query(2, "SELECT count(*) FROM dcep.claim_recovery WHERE claim = $order"), 0, 'nothing of it is done');
is(recover('central', $order, 'heir'), 90, 'as they should be');
step(1, 2);
is($told->([ $supervisors, $centrals ]), 'LG701', 'ordered before');

# What a node could tell.
my $answer = sub {
	my ($body) = @_;
	return refused(1, "SELECT dcep.take_recovered(2, '{\"claim\": $order, \"round\": 1, \"held\": 90, $body}')");
};
is($answer->('"here": 0, "missing": 0, "left": [{"transfer": 999, "amount": 91}]'), 'LG701', 'more than it held');
is($answer->('"here": 0, "missing": 0, "left": [{"transfer": 999, "amount": 89}]'), 'LG701', 'less');
is($answer->('"here": 0, "missing": -1, "left": [{"transfer": 999, "amount": 91}]'), 'LG701', 'less than nothing');
is($answer->('"here": 90, "missing": 0, "left": []'), 'LG701', 'paid where it does not belong');
settle();
is($answer->('"here": 0, "missing": 90, "left": []'), 'LG701', 'a second answer');
is(refused(1, "SELECT dcep.take_held_again(2, jsonb_build_object('claim', $order, 'transfer', (SELECT max(transfer) FROM dcep.claim_payment WHERE origin = 2),
	'held', 90, 'at_institution', 0, 'outside', 0, 'redeemed', 0, 'left', '[]'::jsonb))"), 'LG701', 'what has arrived has not come back');
my $done = sub {
	my ($change) = @_;
	return refused(1, "DO \$x\$ BEGIN UPDATE dcep.told_act SET state = 'sent' WHERE act = $second; DELETE FROM dcep.claim_account WHERE claim = $second;
		PERFORM dcep.take_act_done(2, (SELECT jsonb_set(body::jsonb, $change) FROM dcep.message WHERE kind = 'act_done' AND (body::jsonb ->> 'act')::bigint = $second)); END \$x\$");
};
is($done->("'{order,amounts}', '[11]'"), 'LG701', 'an order that holds more than was ordered');
is($done->("'{order,amounts}', '[10, 10]'"), 'LG701', 'or of more wallets');
all_close('after the attempts');

# --- what the audit finds ------------------------------------------------------------------------------------------------------

sub findings { my ($code, $change) = @_; return query($code, "BEGIN; SET LOCAL session_replication_role = replica; $change; SELECT DISTINCT check_name FROM dcep.audit() ORDER BY 1; ROLLBACK") =~ s/\n/, /gr; }
my $unguarded = sub { my ($tab) = @_; return "ALTER TABLE dcep.$tab DISABLE TRIGGER USER"; };

# On the registry.
is(findings(1, "UPDATE dcep.claim_account SET held = 1, given = given + 1 WHERE claim = $order"), 'claim account', 'more is held than messages say');
is(findings(1, "UPDATE dcep.claim_account SET recovered = 89, outside = 1 WHERE claim = $order"), 'claim account, recovery', 'less is recovered');
is(findings(1, "DELETE FROM dcep.claim_account WHERE claim = $second"), 'claim account', 'an account that was removed');
is(findings(1, "UPDATE dcep.claim_account SET held = 9 WHERE claim = $second"), 'claim account', 'less is held');
is(findings(1, $unguarded->('control_lift') . "; DELETE FROM dcep.control_lift WHERE order_id = $order"), 'claim account', 'an order that was recovered is in force again');
is(findings(1, "INSERT INTO dcep.control_lift SELECT $second, act, now(), 'recovered' FROM dcep.recovery WHERE order_id = $order AND authority = 1"),
	'claim account, lift without act', 'one that was not is lifted by it');
is(findings(1, "UPDATE dcep.claim_recovery SET payee = '$wallet{mule}' WHERE claim = $order"), 'recovery, recovery without order', 'another wallet');
is(findings(1, "DELETE FROM dcep.claim_recovery WHERE claim = $order"), 'recovery, recovery without order, told act', 'a recovery that was removed');
is(findings(1, "DELETE FROM dcep.claim_payment WHERE claim = $order"), 'recovery, recovery without order', 'a payment of which nothing is on record');
is(findings(1, "UPDATE dcep.told_act SET state = 'in effect' WHERE act = $order"), 'told act', 'an order that is in effect again');
is(findings(1, $unguarded->('recovery') . "; UPDATE dcep.recovery SET authority = 8 WHERE order_id = $order AND authority = 9"), 'recovery', 'another authority');

# On the node.
is(findings(2, $unguarded->('recovery') . "; DELETE FROM dcep.recovery WHERE order_id = $order AND authority = 9"), 'lift without act, recovery, recovery without order', 'the order of one authority was removed');
is(findings(2, "UPDATE dcep.claim_recovery SET payee = '$wallet{mule}' WHERE claim = $order"), 'recovery, recovery without order', 'a wallet that nobody named');
is(findings(2, "DELETE FROM dcep.claim_recovery WHERE claim = $order"), 'recovery, recovery without order, told act', 'a recovery that was removed');

# Its operator lifts what it holds as if two authorities had said so, and pays it to whom it likes.
my $forged = sub {
	my ($more) = @_;
	return findings(2, "SELECT dcep.lift_order($second, 99999, 'recovered'); SELECT dcep.enter_act(2, 99999, 'recover', 'case 20', dcep.recovery_terms($second, 1, '$wallet{owner}') || '$more')")
		=~ s/^.*\n//rs;
};
like($forged->('{}'), qr/\blift without act\b/, 'an order that no two authorities have lifted');
query(2, "SELECT dcep.pay_holds(c, 1, '$wallet{owner}', '[$supervisors, $centrals]') FROM dcep.claim AS c WHERE c.id = $second");
is(query(2, 'SELECT DISTINCT check_name FROM dcep.audit()'), 'recovery', 'with acts that were good for another order');

# And to another node: the registry lets none pass that it was not told of.
$had = balance('heir');
query(2, "SELECT dcep.pay_kind('recover', '$wallet{owner}', '$wallet{heir}', 5, NULL)");
settle();
is(query(1, 'SELECT sender, kind, sqlstate, reason FROM dcep.evidence'), '2|pay|LG701|message cannot be right: No two authorities have ordered this recovery.',
	'the node is quarantined');
is(balance('heir'), $had, 'and nothing of it arrives');
is(query(1, 'SELECT * FROM dcep.audit()'), '', 'the registry is sound');

# The registry's own machine: it has the central bank's key, and makes up the supervisor's order.
is(recover('central', $other, 'victim'), '', 'ordered by the central bank');
query(1, "INSERT INTO dcep.recovery (order_id, authority, payee, act) SELECT order_id, 9, payee, act FROM dcep.recovery WHERE order_id = $other");
query(1, "SELECT dcep.send_recovery($other, 1, '$wallet{victim}')");
settle(3);
is(query(3, 'SELECT sender, kind, sqlstate FROM dcep.evidence'), '1|recover|LG701', 'the node takes no such order');
is(query(3, "SELECT count(*) FROM dcep.control_lift WHERE order_id = $other"), 0, 'and goes on holding');
is(query(1, 'SELECT DISTINCT check_name FROM dcep.audit()'), 'recovery', 'the registry\'s audit shows it');

finish_nodes();
done_testing();
