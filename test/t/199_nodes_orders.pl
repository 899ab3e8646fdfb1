
# Orders across nodes: a supervisor orders on the registry, and the operator's node obeys.  Messages are
# carried by hand here: late, twice, and after what they were about has changed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepNodes;
use Test::More;

start_nodes(2, 3);
query(1, "SELECT dcep.generate_key(9, 'p256')");
query(1, "SELECT dcep.enroll_institution(5, 'Nobody', 'operator', elsewhere => true), dcep.enroll_institution(6, 'At home', 'operator')");
query(1, 'CREATE ROLE regress_supervisor LOGIN; CREATE ROLE regress_bank2 LOGIN; CREATE ROLE regress_bank3 LOGIN');
query(1, "SELECT dcep.grant_institution('regress_supervisor', 9), dcep.grant_institution('regress_bank2', 2)");
query($_, "SELECT dcep.grant_institution('regress_bank$_', $_)") for (2, 3);
query(1, 'SELECT dcep.issue(code, 50000) FROM generate_series(2, 3) AS code');
settle();

my (%alice, %bob);
for my $code (2, 3)
{
	$alice{$code} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 1}')));
	$bob{$code} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 1}')));
	query($code, "INSERT INTO dcep.transfer (kind, payer, payee, amount) SELECT 'exchange_in', dcep.vault($code), w::dcep.wallet_id, 10000 "
		. "FROM unnest(ARRAY['$alice{$code}', '$bob{$code}']) AS w");
}
my $nobody = query(2, "SELECT dcep.allot_number(2, 99999, decode(repeat('ab', 32), 'hex'))");
my $far = query(2, "SELECT dcep.allot_number(5, 1, decode(repeat('ab', 32), 'hex'))");

sub impose
{
	my ($kind, $target, $more) = @_;
	$more = defined $more ? ", $more" : '';
	return query(1, as('regress_supervisor', "SELECT dcep.impose('$kind', '$target', 'case 17'$more)"));
}

sub impose_refused
{
	my ($kind, $target, $more) = @_;
	$more = defined $more ? ", $more" : '';
	return refused(1, as('regress_supervisor', "SELECT dcep.impose('$kind', '$target', 'case 17'$more)"));
}
sub lift { my ($order) = @_; return query(1, as('regress_supervisor', "SELECT dcep.lift($order, 'over')")); }

sub status
{
	my ($order) = @_;
	return query(1, as('regress_supervisor', "SELECT status, node, node_state, node_sqlstate FROM dcep.order_status WHERE id = $order"));
}
sub wallet { my ($wallet) = @_; return qq({"wallet": "$wallet"}); }
sub pay { my ($code, $payer, $payee, $amount) = @_; return query($code, "SELECT (dcep.transfer('$payer', '$payee', $amount)).transfer"); }
sub pay_refused { my ($code, $payer, $payee, $amount) = @_; return refused($code, "SELECT dcep.transfer('$payer', '$payee', $amount)"); }

sub sound
{
	my ($what) = @_;
	is(query($_, 'SELECT * FROM dcep.audit()'), '', "$what: audit of node $_") for (1, 2, 3);
	is(query($_, "SELECT string_agg(DISTINCT status, ' ') FROM dcep.line"), 'open', "$what: lines of node $_")
		|| diag(query($_, 'SELECT reason FROM dcep.line')) for (1, 2, 3);
	return;
}

# --- agreements: the supervisor signs on the registry, the operator on its node -----------------------

my $kinds = "'{no_debit,no_credit,freeze,hold_amount,freeze_coins,cap_payment,bar_counterparty}'";
is(impose_refused('no_debit', wallet($alice{2})), 'LG220', 'no order without an agreement');
is(query(1, as('regress_supervisor', "SELECT dcep.agree(9, 2, $kinds)")), 'f', 'the supervisor signs');
settle();
is(impose_refused('no_debit', wallet($alice{2})), 'LG220', 'which is one signature');
is(refused(1, as('regress_bank2', "SELECT dcep.agree(9, 2, $kinds)")), '55000', 'the operator does not sign on the registry');
query(2, 'SET timezone = \'America/New_York\'');
is(query(2, as('regress_bank2', "SELECT dcep.agree(9, 2, $kinds)")), 'f', 'but on its own node');
is(query(2, 'SELECT count(*) FROM dcep.agreement'), 0, 'where it is not effective yet');
settle();
is(query($_, 'SELECT supervisor, operator, array_length(kinds, 1) FROM dcep.agreement'), '9|2|7', "effective on node $_") for (1, 2);
query(3, as('regress_bank3', "SELECT dcep.agree(9, 3, '{freeze,no_debit}', '{}', '(,2099-01-01)')"));
settle();
is(query(1, as('regress_supervisor', "SELECT dcep.agree(9, 3, '{freeze,no_debit}', '{}', '(,2099-01-01)')")), 't', 'the other order of signing');
settle();
is(query(3, 'SELECT kinds, valid_until = \'2099-01-01\' FROM dcep.agreement'), '{freeze,no_debit}|t', 'effective there too');
sound('agreements');

# --- an order, late and twice --------------------------------------------------------------------------

my $order = impose('no_debit', wallet($alice{2}));
is(status($order), 'in force|2|sent|', 'an order on its way');
pay(2, $alice{2}, $bob{2}, 10);
carry(1, 2) for (1, 2);
query(2, 'SELECT dcep.work_messages()');
is(pay_refused(2, $alice{2}, $bob{2}, 10), 'LG201', 'it stands against the wallet\'s payments');
is(pay_refused(2, $alice{2}, $alice{3}, 10), 'LG201', 'and those that leave the node');
is(query(2, "SELECT rule, verdict, sqlstate, order_id FROM (SELECT rule, verdict, sqlstate, (regexp_match(hint, 'Order (\\d+) of supervisor 0009'))[1] AS order_id
	FROM dcep.explain_transfer('$alice{2}', '$bob{2}', 10)) AS e WHERE verdict = 'refuse' LIMIT 1"), "no order forbids the payer to pay|refuse|LG201|$order", 'explain_transfer names it');
is(status($order), 'in force|2|sent|', 'the answer is still under way');
settle();
is(status($order), 'in force|2|in effect|', 'the supervisor knows');
carry(1, 2);
query(2, 'SELECT dcep.work_messages()');
is(query(2, 'SELECT count(*) FROM dcep.control_order'), 1, 'told again, it is one order');
is(query(2, as('regress_bank2', "SELECT id, supervisor, kind, status, node_state FROM dcep.order_status")), "$order|9|no_debit|in force|in effect",
	'its operator sees it');
sound('one order');

is(refused(2, as('regress_bank2', "SELECT dcep.lift($order, 'we would rather not')")), '42501', 'the operator does not lift it');
is(refused(2, as('regress_bank2', 'DELETE FROM dcep.control_effect')), '42501', 'nor by hand');
is(refused(2, "SELECT dcep.lift($order, 'as superuser')"), '55000', 'nor does its superuser in the supervisor\'s name');
is(pay_refused(2, $alice{2}, $bob{2}, 10), 'LG201', 'it stands');

lift($order);
is(refused(1, as('regress_supervisor', "SELECT dcep.lift($order, 'again')")), '55000', 'lifted once');
is(status($order), 'lifted|2|in effect|', 'lifted, and the node not told yet');
is(pay_refused(2, $alice{2}, $bob{2}, 10), 'LG201', 'so it still stands there');
settle();
is(status($order), 'lifted|2|lifted|', 'lifted there');
pay(2, $alice{2}, $bob{2}, 10);
sound('lifted');

# --- all sorts ---------------------------------------------------------------------------------------------

my $child = query(2, qq(SELECT dcep.open_wallet(2, '{"class": 1, "parent": "$bob{2}"}')));
$order = impose('freeze', qq({"holder": "$bob{2}"}));
settle();
is(pay_refused(2, $child, $bob{2}, 1), 'LG201', 'a holder\'s sub-wallets, too');
is(query(1, as('regress_supervisor', "SELECT (SELECT array_agg(w ORDER BY w) FROM unnest(wallets) AS w) = (SELECT array_agg(w ORDER BY w) FROM unnest('{$bob{2},$child}'::dcep.wallet_id[]) AS w) "
	. "FROM dcep.order_status WHERE id = $order")), 't', 'the supervisor is told which');
my $transfer = pay(3, $alice{3}, $bob{2}, 5);
settle();
is(query(3, "SELECT state, sqlstate FROM dcep.transfer_status($transfer)"), 'returned|LG202', 'a payment from another node comes back');
lift($order);

my $hold = impose('hold_amount', wallet($alice{2}), 'amount => 9900');
settle();
is(pay_refused(2, $alice{2}, $bob{2}, 100), 'LG207', 'an amount is held');
pay(2, $alice{2}, $bob{2}, 50);
lift($hold);

my $class = impose('cap_payment', '{"operator": 2, "class": 1}', 'amount => 20');
settle();
is(pay_refused(2, $alice{2}, $bob{2}, 21), 'LG203', 'a class of an operator');
pay(2, $alice{2}, $bob{2}, 20);
pay(3, $alice{3}, $bob{3}, 21);
lift($class);

my $coin = query(2, "SELECT id FROM dcep.coin WHERE owner = '$bob{2}' ORDER BY amount DESC LIMIT 1");
my $coins = impose('freeze_coins', qq({"operator": 2, "coins": [$coin]}));
settle();
is(query(2, "SELECT dcep.balance('$bob{2}') - dcep.available('$bob{2}') = (SELECT amount FROM dcep.coin WHERE id = $coin)"), 't', 'a coin is frozen');
lift($coins);

my $bar = impose('bar_counterparty', wallet($alice{2}), "counterparty => '$alice{3}'");
settle();
$transfer = pay(3, $alice{3}, $alice{2}, 5);
settle();
is(query(3, "SELECT state FROM dcep.transfer_status($transfer)"), 'returned', 'no dealings with a wallet of another node');
lift($bar);

my $later = impose('no_debit', wallet($alice{2}), "valid_from => '2098-01-01', valid_until => '2099-01-01'");
my $soon = impose('no_credit', wallet($alice{2}), "valid_until => clock_timestamp() + interval '1 second'");
settle();
is(status($later), 'awaited|2|in effect|', 'one that begins later');
pay(2, $alice{2}, $bob{2}, 1);
query(1, 'SELECT pg_sleep(1.1)');
is(status($soon), 'expired|2|in effect|', 'one that has ended');
pay(2, $bob{2}, $alice{2}, 1);
is(query(2, "SELECT status FROM dcep.order_status WHERE id IN ($later, $soon) ORDER BY id"), "awaited\nexpired", 'the node knows as much');
sound('all sorts');

# --- what cannot be, and what is refused at once ---------------------------------------------------------------

$order = impose('freeze', wallet($nobody));
settle();
is(status($order), 'in force|2|failed|LG305', 'no such wallet: the supervisor is told');
is(query(2, "SELECT count(*) FROM dcep.control_order WHERE id = $order"), 0, 'and nothing is in effect');
lift($order);
settle();
is(status($order), 'lifted|2|failed|LG305', 'lifted all the same');
$order = impose('freeze_coins', '{"operator": 2, "coins": [999999]}');
my $none = impose('freeze', '{"operator": 2, "class": 77}');
settle();
is(status($order), 'in force|2|failed|22023', 'no such coin');
is(status($none), 'in force|2|failed|22023', 'no such class');
sound('what cannot be');

is(impose_refused('cap_day', wallet($alice{2}), 'amount => 5'), 'LG220', 'a kind outside the agreement');
is(impose_refused('no_credit', wallet($alice{3})), 'LG220', 'at that operator');
is(impose_refused('no_debit', wallet($far)), 'LG305', 'a node that nobody has heard of');
is(impose_refused('freeze', '{"operator": 5, "class": 1}'), 'LG220', 'or a class of it');
is(impose_refused('hold_amount', wallet($alice{2})), '22023', 'terms that are missing');
is(impose_refused('freeze_coins', '{"operator": 2, "coins": []}'), '22023', 'no coins');
is(impose_refused('freeze_coins', '{"operator": 6, "coins": [1]}'), '22023', 'coins of an operator in this database are named alone');
is(impose_refused('no_debit', wallet($alice{2}), "valid_until => '2020-01-01'"), '22023', 'over before it begins');
is(refused(1, as('regress_bank2', "SELECT dcep.impose('no_debit', '" . wallet($alice{2}) . "', 'case 1')")), '42501', 'no supervisor');
is(query(1, "SELECT count(*) FROM dcep.message WHERE kind = 'act' AND receiver = 5"), 0, 'nothing was sent');

# What is agreed changes behind an order that is under way.
$order = impose('no_debit', wallet($bob{2}));
query(1, as('regress_supervisor', "SELECT dcep.agree(9, 2, '{freeze}')"));
query(2, as('regress_bank2', "SELECT dcep.agree(9, 2, '{freeze}')"));
carry(2, 1);
query(1, 'SELECT dcep.work_messages()');
is(impose_refused('no_debit', wallet($alice{2})), 'LG220', 'the agreement is another one now');
settle();
is(status($order), 'in force|2|in effect|', 'an order of before goes on');
is(pay_refused(2, $bob{2}, $alice{2}, 1), 'LG201', 'and stands');
is(query(2, 'SELECT kinds FROM dcep.agreement'), '{freeze}', 'the node has the new terms');

# Keys of the supervisor change while an order is under way.
my $one = impose('freeze', wallet($alice{3}));
query(1, "SELECT dcep.generate_key(9, 'ed25519')");
my $two = impose('freeze', wallet($bob{3}));
settle();
is(status($_), 'in force|3|in effect|', 'across a change of keys') for ($one, $two);
sound('changes under way');

# --- a node's own superuser ------------------------------------------------------------------------------------------

sub meddle
{
	my ($what, $tables, $do, $undo, $found) = @_;
	query(3, "ALTER TABLE dcep.$_ DISABLE TRIGGER USER") for @$tables;
	query(3, "SET session_replication_role = replica; $do; RESET session_replication_role");
	like(query(3, 'SELECT check_name, detail FROM dcep.audit()'), $found, $what);
	query(3, "SET session_replication_role = replica; $undo; RESET session_replication_role");
	query(3, "ALTER TABLE dcep.$_ ENABLE ALWAYS TRIGGER append_only; ALTER TABLE dcep.$_ ENABLE ALWAYS TRIGGER append_only_row") for grep { !/told/ } @$tables;
	return;
}
my $tables = [ 'act', 'control_order', 'told_act', 'told_chain' ];
query(3, "CREATE TABLE kept_$_ AS SELECT * FROM dcep.$_") for (@$tables, 'control_effect');
my $restore = join '; ', map { "DELETE FROM dcep.$_; INSERT INTO dcep.$_ SELECT * FROM kept_$_" } (@$tables, 'control_effect');

meddle('an effect that was taken away', $tables, "DELETE FROM dcep.control_effect WHERE order_id = $two", $restore,
	qr/^effect missing\|order $two is not in effect as it stands/m);
meddle('an order with it', $tables, "DELETE FROM dcep.control_effect WHERE order_id = $two; DELETE FROM dcep.control_order WHERE id = $two", $restore,
	qr/^act without order\|act $two imposed an order that is not there.*^told act\|order $two is not what the registry was answered/ms);
meddle('and the act with it', $tables,
	"DELETE FROM dcep.control_effect WHERE order_id = $two; DELETE FROM dcep.control_order WHERE id = $two; DELETE FROM dcep.act WHERE id = $two; "
	. "DELETE FROM dcep.told_act WHERE act = $two; UPDATE dcep.told_chain SET seq = seq - 1, head = (SELECT hash FROM dcep.act WHERE id = $one) WHERE institution = 9",
	$restore, qr/^told act\|act $two is not as message \d+ of node 1 to node 3 tells it/m);
meddle('an act between two others', $tables, "DELETE FROM dcep.act WHERE id = $one", $restore,
	qr/^told act\|act $two does not follow the one that node 3 was told of before it/m);
meddle('an order made milder', $tables,
	"UPDATE dcep.control_order SET kind = 'no_credit' WHERE id = $two; UPDATE dcep.control_effect SET kind = 2 WHERE order_id = $two", $restore,
	qr/^order without act\|order $two is not what its act says/m);
meddle('an order that ends sooner, act and all', $tables,
	"UPDATE dcep.control_order SET valid_until = valid_from + interval '1 day' WHERE id = $two; "
	. "UPDATE dcep.control_effect SET valid_until = valid_from + interval '1 day' WHERE order_id = $two; "
	. "UPDATE dcep.act SET body = (body::jsonb || jsonb_build_object('valid_until', (SELECT valid_until FROM dcep.control_order WHERE id = $two)))::text WHERE id = $two",
	$restore, qr/^act: content\|act $two: the row is not what was hashed/m);
meddle('an order on another wallet', $tables,
	"UPDATE dcep.control_order SET wallets = ARRAY['$alice{3}'::dcep.wallet_id] WHERE id = $two; "
	. "UPDATE dcep.control_effect SET target = '$alice{3}'::dcep.wallet_id::bigint WHERE order_id = $two", $restore,
	qr/^told act\|order $two is not what the registry was answered/m);
meddle('one that is said to have failed', $tables,
	"UPDATE dcep.told_act SET state = 'failed', sqlstate = 'LG305' WHERE act = $two; DELETE FROM dcep.control_order WHERE id = $two; DELETE FROM dcep.control_effect WHERE order_id = $two",
	$restore, qr/^told act\|act $two is on record as failed, messages say in effect/m);
meddle('a payment against it', $tables,
	"DELETE FROM dcep.control_effect WHERE order_id = $two; UPDATE dcep.wallet SET flags = flags & ~4 WHERE id = '$bob{3}'; "
	. "RESET session_replication_role; SELECT dcep.transfer('$bob{3}', dcep.vault(3), 3)",
	"$restore; UPDATE dcep.wallet SET flags = flags | 4 WHERE id = '$bob{3}'", qr/^order violated: freeze\|order $two forbade it/m);
like(query(3, 'SELECT check_name, detail FROM dcep.audit()'), qr/\Aorder violated: freeze\|order $two forbade it\z/, 'which stays on record');

# --- messages that no honest node sends ------------------------------------------------------------------------------

# A registry that makes up what it tells: each line is opened again afterwards, and the message passed over.
sub told_lie
{
	my ($what, $act, $wrong) = @_;
	query(1, "SELECT dcep.post_message(2, 'act', ($act))");
	carry(1, 2);
	query(2, 'SET client_min_messages = error; SELECT dcep.work_messages(); RESET client_min_messages');
	is(query(2, 'SELECT sender, kind, sqlstate FROM dcep.evidence ORDER BY id DESC LIMIT 1'), '1|act|LG701', "$what: evidence");
	like(query(2, 'SELECT reason FROM dcep.line'), $wrong, "$what: named");
	query(2, "UPDATE dcep.line SET status = 'open', reason = NULL, taken = number, taken_head = hash FROM dcep.message WHERE sender = 1 AND number = line.taken + 1");
	return;
}
$order = impose('freeze', wallet($alice{2}));
settle();
my $last = "(SELECT to_jsonb(a) FROM dcep.act AS a WHERE a.id = $order)";
told_lie('an order that was told before', $last, qr/does not follow/);
my $of_3 = "(SELECT to_jsonb(a) FROM dcep.act AS a WHERE a.id = $two)";
told_lie('an order for another node', $of_3, qr/does not follow/);

# What the supervisor has signed, and what a made-up act says, with links as they should be.
my $made_up = sub {
	my ($body, $institution, $kind) = @_;
	$institution //= 9;
	$kind //= 'impose';
	return "SELECT to_jsonb(jsonb_populate_record(a, x)) FROM dcep.act AS a, dcep.told_chain AS c, "
		. "LATERAL (SELECT a.body::jsonb || jsonb_build_object('id', 4711) || '$body' || jsonb_build_object('told', jsonb_build_object('to', 2, 'seq', c.seq + 1, 'prev', encode(c.head, 'hex')))) AS b (body), "
		. "LATERAL dcep.sign_act($institution, 99, a.prev_hash, 4711, a.entered_at + interval '1 second', '$kind', a.by_role, a.case_no, b.body::text) AS s, "
		. "LATERAL (SELECT jsonb_build_object('id', 4711, 'institution', 9, 'seq', 99, 'kind', '$kind', 'entered_at', a.entered_at + interval '1 second', 'body', b.body::text, "
		. "'suite', s.suite, 'key_number', s.key_number, 'hash', s.hash, 'signature', s.signature)) AS y (x) WHERE a.id = $order AND c.institution = 9 AND c.receiver = 2";
};
told_lie('an order that the registry has signed itself', $made_up->('{}', 1), qr/does not verify/);
told_lie('an order on a wallet of another node', $made_up->(qq({"target": {"wallet": "$alice{3}"}})), qr/not one for this node/);
told_lie('an order outside the agreement', $made_up->('{"kind": "no_credit"}'), qr/outside what the two parties have signed/);
told_lie('an order that is another one', $made_up->('{"case_no": "case 18"}'), qr/not one for this node/);
told_lie('a lifting of nothing', $made_up->('{"order": 4712, "reason": "why not"}', 9, 'lift'), qr/no such order to lift/);
told_lie('an act that is no order', $made_up->('{}', 9, 'open_case'), qr/not the sender's to tell/);
told_lie('half an act', "SELECT $last - 'hash'", qr/not the sender's to tell/);
is(query(2, "SELECT count(*) FROM dcep.act WHERE id = 4711"), 0, 'nothing of these is there');

# A node that answers what it has not done.
sub answered_lie
{
	my ($what, $kind, $body, $wrong) = @_;
	query(3, "SELECT dcep.post_message(1, '$kind', $body)");
	carry(3, 1);
	query(1, 'SET client_min_messages = error; SELECT dcep.work_messages(); RESET client_min_messages');
	is(query(1, 'SELECT sender, kind, sqlstate FROM dcep.evidence ORDER BY id DESC LIMIT 1'), "3|$kind|LG701", "$what: evidence");
	like(query(1, 'SELECT reason FROM dcep.line WHERE peer = 3'), $wrong, "$what: named");
	query(1, "UPDATE dcep.line SET status = 'open', reason = NULL, taken = number, taken_head = hash FROM dcep.message WHERE peer = 3 AND sender = 3 AND number = line.taken + 1");
	return;
}
my $answer = "(SELECT body::jsonb FROM dcep.message WHERE sender = 3 AND kind = 'act_done' AND body::jsonb ->> 'act' = '$two' ORDER BY number LIMIT 1)";
answered_lie('an answer that came before', 'act_done', $answer, qr/not one to an act/);
answered_lie('an answer for another node', 'act_done', "$answer || '{\"act\": $order}'", qr/not one to an act/);
my $third = impose('freeze', wallet($alice{3}));
answered_lie('another order in effect', 'act_done', "jsonb_set($answer || '{\"act\": $third}', '{order,id}', '$third')", qr/not one to an act/);
answered_lie('lifted, which nobody has', 'act_done', "$answer || '{\"act\": $third, \"state\": \"lifted\"}'", qr/not one to an act/);
answered_lie('an order of an operator', 'act', "(SELECT to_jsonb(a) FROM dcep.act AS a WHERE id = $two)", qr/not the sender's to tell/);

# A node that takes ids of the registry's acts, as if to stand in the way of its next order.
my $range = query(3, 'SELECT last_value FROM dcep.act_id_seq');
my $next = query(1, 'SELECT last_value + 1 FROM dcep.act_id_seq');
is($range - $range % 100000000000000, 300000000000000, 'node 3 gives its acts ids of its own');
query(3, "SELECT setval('dcep.act_id_seq', $next, false)");
query(3, as('regress_bank3', "SELECT dcep.agree(9, 3, '{freeze}')"));
query(3, "SELECT setval('dcep.act_id_seq', $range)");
carry(3, 1);
query(1, 'SET client_min_messages = error; SELECT dcep.work_messages(); RESET client_min_messages');
is(query(1, 'SELECT sender, kind, sqlstate FROM dcep.evidence ORDER BY id DESC LIMIT 1'), '3|act|LG701', 'an act with an id that is not the node\'s to give');
like(query(1, 'SELECT reason FROM dcep.line WHERE peer = 3'), qr/an id that another node gives/, 'named');
is(impose('freeze', wallet($alice{2})), $next, 'the registry gives it itself');

finish_nodes();
done_testing();
