
# Operators with databases of their own, and the registry between them: payments across, every way
# back, and messages that no honest node sends.  Messages are carried by hand here, so that each
# point at which something can break is met; 198_nodes_replication has them carried by PostgreSQL.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepNodes;
use PostgreSQL::Test::Utils;
use Test::More;

my @operators = (2, 3, 4);

# --- four nodes ------------------------------------------------------------------------------

make_nodes(@operators);
is(query(2, 'SELECT code, kind, is_here FROM dcep.institution ORDER BY code'), "1|central_bank|f\n2|operator|t", 'an operator\'s node');
is(refused(2, "SELECT dcep.enroll_institution(5, 'Bank 5', 'operator')"), '22023', 'enrolls nobody');
is(refused(1, 'SELECT dcep.vault(2)'), '22023', 'no vault before the line');
is(refused(1, 'SELECT dcep.issue(2, 100)'), '22023', 'no issue before the line');

open_line($_) for @operators;
settle();
is(query(2, 'SELECT code, name, kind, is_here FROM dcep.institution ORDER BY code'),
	"1|Central Bank|central_bank|f\n2|Bank 2|operator|t\n3|Bank 3|operator|f\n4|Bank 4|operator|f\n9|Supervisor|supervisor|f",
	'the registry has told who takes part');
is(query(4, 'SELECT institution, number, suite FROM dcep.signing_key ORDER BY 1, 2'), "1|1|ed25519\n2|1|ed25519\n3|1|p256\n4|1|sm2", 'and their keys');
like(refused(1, "SELECT dcep.open_line(dcep.node_facts())"), qr/^55000$/, 'no line to oneself');

# --- issue, pay, redeem ------------------------------------------------------------------------

query(1, "SELECT dcep.issue(code, 50000, 'first of ' || code) FROM generate_series(2, 4) AS code");
is(query(2, 'SELECT dcep.balance(dcep.vault(2))'), 0, 'issued, and not here yet');
is(query(1, 'SELECT state FROM dcep.transfer_status(1)'), 'pending', 'an issue under way');
settle();
is(query(2, 'SELECT dcep.balance(dcep.vault(2))'), 50000, 'issued');
is(query(1, 'SELECT state FROM dcep.transfer_status(1)'), 'settled', 'the registry knows');
books_close('issue');

my (%alice, %bob);
for my $code (@operators)
{
	$alice{$code} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 1}')));
	$bob{$code} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 4}')));
	query($code, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault($code), '$alice{$code}', 10000)");
}

sub pay
{
	my ($from, $payer, $payee, $amount, $key) = @_;
	$key = defined $key ? "'$key'" : 'NULL';
	return query($from, "SELECT (dcep.transfer('$payer', '$payee', $amount, $key, 'a memo')).transfer");
}
sub balance { my ($code, $wallet) = @_; return query($code, "SELECT dcep.balance('$wallet')"); }
sub status { my ($code, $transfer) = @_; return query($code, "SELECT state, sqlstate FROM dcep.transfer_status($transfer)"); }

my $paid = pay(2, $alice{2}, $alice{3}, 1250, 'order 1');
is(status(2, $paid), 'pending|', 'a payment across is under way');
is(balance(2, $alice{2}), 8750, 'the payer has paid');
is(pay(2, $alice{2}, $alice{3}, 1250, 'order 1'), $paid, 'the same key is the same payment');
is(query(2, 'SELECT count(*) FROM dcep.message WHERE sender = 2 AND kind = \'pay\''), 0, 'which is told of when it has committed');
settle();
is(query(2, 'SELECT count(*) FROM dcep.message WHERE sender = 2 AND kind = \'pay\''), 1, 'by one message');
is(status(2, $paid), 'settled|', 'settled');
is(balance(3, $alice{3}), 11250, 'the payee has it');
is(query(3, "SELECT kind, payer, payee, amount, memo, issuer FROM dcep.transfer WHERE payer = '$alice{2}'"),
	"transfer|$alice{2}|$alice{3}|1250|a memo|3", 'in a journal signed by its own bank');
books_close('one payment');
is(query(1, "SELECT priority, action, institution FROM dcep.instructions WHERE origin = 2 AND transfer = $paid"),
	"1|consume and mint|2\n2|re-assign|1\n3|credit|3\n4|acknowledge|1", 'the registry has its instructions in order');

# Many at once, in one statement, there and back.
query(3, "INSERT INTO dcep.transfer (payer, payee, amount) SELECT '$alice{3}', w::dcep.wallet_id, n FROM generate_series(1, 50) AS n,
	unnest(ARRAY['$alice{2}', '$alice{4}', '$bob{2}']) AS w");
query(4, "SELECT count(*) FROM dcep.submit(ARRAY(SELECT ('$alice{4}', '$alice{2}', n::text, 'line ' || n, NULL)::dcep.instruction FROM generate_series(1, 20) AS n))");
settle();
is(balance(2, $alice{2}), 8750 + 1275 + 210, 'many payments');
is(balance(2, $bob{2}), 1275, 'to a wallet with a cap');
books_close('many payments');

my $redeemed = query(2, "SELECT (dcep.redeem(2, 7000, 'evening')).transfer");
settle();
is(status(2, $redeemed), 'settled|', 'redeemed');
is(query(1, 'SELECT sum(amount) FROM dcep.reserve_entry WHERE institution = 2'), 57000, 'the reserve has it back');
books_close('redemption');

# --- the ways back ---------------------------------------------------------------------------------

my $before = balance(2, $alice{2});
my $closed = query(3, qq(SELECT dcep.open_wallet(3, '{"class": 1}')));
query(3, "SELECT dcep.close_wallet('$closed')");
my $frozen = query(3, qq(SELECT dcep.open_wallet(3, '{"class": 1}')));
query(3, "SELECT dcep.freeze('$frozen', 'credit', 'case 1')");
my $full = query(3, qq(SELECT dcep.open_wallet(3, '{"class": 4}')));
query(3, "INSERT INTO dcep.wallet_class (class, valid_from, name, max_balance, demands) VALUES (4, '2020-01-03', 'small', 100, '{}')");
my $nobody = query(3, "SELECT dcep.allot_number(3, 99999, decode(repeat('ab', 32), 'hex'))");
for my $case ([ $closed, 'LG306' ], [ $frozen, 'LG202' ], [ $full, 'LG206' ], [ $nobody, 'LG305' ])
{
	my ($payee, $sqlstate) = @$case;
	my $transfer = pay(2, $alice{2}, $payee, 200);
	is(balance(2, $alice{2}), $before - 200, "$sqlstate: paid");
	settle();
	is(status(2, $transfer), "returned|$sqlstate", "$sqlstate: returned");
	is(balance(2, $alice{2}), $before, "$sqlstate: the money is back");
	is(query(2, "SELECT kind, payer, payee, amount, memo LIKE '$sqlstate: %' FROM dcep.transfer WHERE key = 'return of $transfer'"),
		"return|$payee|$alice{2}|200|t", "$sqlstate: by a transfer of kind return");
}
query(1, 'SELECT dcep.suspend_institution(4)');
my $transfer = pay(2, $alice{2}, $alice{4}, 5);
settle();
is(status(2, $transfer), 'returned|LG202', 'a suspended institution takes nothing');
is(refused(4, "SELECT dcep.transfer('$alice{4}', '$alice{2}', 1)"), 'LG201', 'and pays nothing, on its own node');
is(refused(2, "SELECT dcep.transfer('$alice{2}', '$alice{4}', 1)"), 'LG202', 'the payer\'s node knows now');
query(1, 'SELECT dcep.suspend_institution(4, false)');
settle();

# What the registry does not redeem comes back to the vault.
my $vault_4 = query(4, 'SELECT dcep.balance(dcep.vault(4))');
query(4, 'SELECT dcep.redeem(4, 100)');
carry(4, 1);
query(1, 'SELECT dcep.suspend_institution(4)');
query(1, 'SELECT dcep.work_messages()');
query(1, 'SELECT dcep.suspend_institution(4, false)');
settle();
is(query(4, 'SELECT state, sqlstate FROM dcep.crossing WHERE origin = 4 ORDER BY transfer DESC LIMIT 1'), 'returned|LG201', 'a redemption that was refused');
is(query(4, 'SELECT dcep.balance(dcep.vault(4))'), $vault_4, 'the vault has it back');

# An issue that the operator's node cannot take is redeemed again.
my $reserve = query(1, 'SELECT sum(amount) FROM dcep.reserve_entry WHERE institution = 4');
query(4, "SELECT dcep.freeze(dcep.vault(4), 'credit', 'case 2')");
$transfer = query(1, 'SELECT (dcep.issue(4, 600)).transfer');
settle();
is(status(1, $transfer), 'returned|LG202', 'an issue that was not taken');
is(query(1, 'SELECT sum(amount) FROM dcep.reserve_entry WHERE institution = 4'), $reserve, 'the reserve has it back');
query(4, "SELECT dcep.unfreeze(dcep.vault(4), 'credit', 'case 2')");
books_close('issue returned');

# The payer has closed its wallet while its money was under way.
my $leaver = query(2, qq(SELECT dcep.open_wallet(2, '{"class": 1}')));
query(2, "SELECT dcep.transfer('$alice{2}', '$leaver', 300)");
$transfer = pay(2, $leaver, $nobody, 300);
query(2, "SELECT dcep.close_wallet('$leaver')");
my $vault = query(2, 'SELECT dcep.balance(dcep.vault(2))');
settle();
is(status(2, $transfer), 'returned|LG305', 'returned to a wallet that was closed');
is(query(2, 'SELECT dcep.balance(dcep.vault(2))'), $vault + 300, 'goes to its operator\'s vault');
books_close('ways back');

# --- the central bank's orders ------------------------------------------------------------------

query(1, "SELECT dcep.freeze('$bob{3}', 'both', 'case 7')");
settle();
is(query(3, "SELECT direction, reason FROM dcep.frozen WHERE wallet = '$bob{3}'"), 'both|case 7', 'a wallet of another node is frozen');
$transfer = pay(2, $alice{2}, $bob{3}, 1);
settle();
is(status(2, $transfer), 'returned|LG202', 'and takes nothing');
query(1, "SELECT dcep.unfreeze('$bob{3}', 'both', 'case 7'), dcep.freeze('$nobody', 'both', 'case 8')");
settle();
is(query(3, "SELECT count(*) FROM dcep.frozen WHERE wallet = '$bob{3}'"), 0, 'released');
is(query(3, "SELECT status FROM dcep.line"), 'open', 'a wallet that there is not stops nothing');
is(refused(1, "SELECT dcep.freeze('$alice{2}', 'nothing', 'case 9')"), '22023', 'a direction that there is not');

# --- what is refused at once ---------------------------------------------------------------------

is(refused(2, "SELECT dcep.transfer('$alice{3}', '$alice{2}', 1)"), '42501', 'nobody pays from a wallet of another node');
is(refused(2, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('return', '$alice{3}', '$alice{2}', 1)"), '42501', 'nor makes a return');
is(refused(2, "SELECT dcep.transfer('$alice{2}', '$alice{3}', 99999999)"), 'LG301', 'nor more than it has');
is(refused(2, "SELECT dcep.pay_kind('issue', dcep.vault(1), dcep.vault(2), 1, NULL)"), '42501', 'an operator\'s node issues nothing');
is(refused(2, "SELECT dcep.pay_kind('exchange_in', dcep.vault(2), '$alice{3}', 1, NULL)"), '22023', 'exchange across');

# --- messages come late, twice, in any order ------------------------------------------------------

my $state = sub {
	return join "\n", map { query($_, 'SELECT (SELECT sum(amount) FROM dcep.coin), (SELECT count(*) FROM dcep.transfer), (SELECT string_agg(l::text, \',\' ORDER BY peer) FROM dcep.line AS l)') }
		1, @operators;
};
my $was = $state->();
for my $code (@operators) { carry($code, 1); carry(1, $code); }
query($_, 'SELECT dcep.work_messages()') for 1, @operators;
is($state->(), $was, 'messages that come again change nothing');

$transfer = pay(2, $alice{2}, $alice{3}, $_) for (11, 12, 13);
query(2, 'SELECT dcep.post_payments(1000)');
my $last = query(2, 'SELECT posted FROM dcep.line WHERE peer = 1');
carry(2, 1, "number = $last");
is(query(1, 'SELECT dcep.work_messages()'), 0, 'a message that came before its elders waits');
carry(2, 1, 'number < ' . ($last - 1));
is(query(1, 'SELECT dcep.work_messages(1)'), 1, 'one at a time');
is(query(1, 'SELECT dcep.work_messages(2)'), 0, 'the next one has not come');
settle();
is(status(2, $transfer), 'settled|', 'all settled in the end');
books_close('late messages');

# Keys change while payments are under way.
$transfer = pay(2, $alice{2}, $alice{3}, 21);
query(2, "SELECT dcep.generate_key(2, 'p256')");
my $second = pay(2, $alice{2}, $alice{3}, 22);
query(1, "SELECT dcep.generate_key(1, 'p256')");
settle();
is(status(2, $_), 'settled|', 'settled across a change of keys') for ($transfer, $second);
is(query(3, 'SELECT institution, number, suite FROM dcep.signing_key WHERE institution IN (1, 2) ORDER BY 1, 2'),
	"1|1|ed25519\n1|2|p256\n2|1|ed25519\n2|2|p256", 'the new keys are known');

# A key whose file is lost cannot vouch for the next one, which is made all the same; the registry is told by joining again.
my $keys = cluster()->data_dir . '/keys';
my ($lost) = grep { -f } glob("$keys/0002*2.pem"), glob("$keys/0002-2*"), glob("$keys/0002.2*");
isnt($lost, undef, 'the file of the key');
rename($lost, "$lost.lost") or die;
my (undef, $stdout, $stderr) = cluster()->psql('bank2', "SELECT dcep.generate_key(2, 'p256')");
is($stdout, 3, 'the next key');
like($stderr, qr/WARNING:  other nodes are not told of the new key\nDETAIL:  No key before it can sign that: .*\nHINT:  Have dcep\.join\(\) called again on the registry\./, 'of which nobody is told');
$transfer = pay(2, $alice{2}, $alice{3}, 23);
is(query(2, "SELECT key_number FROM dcep.transfer WHERE id = $transfer"), 3, 'signs from then on');
settle();
is(status(2, $transfer), 'pending|', 'what it says waits');
is(query(1, "SELECT status FROM dcep.line WHERE peer = 2"), 'open', 'and is no fault');
open_line(2);
settle();
is(status(2, $transfer), 'settled|', 'until the registry knows the key');
rename("$lost.lost", $lost) or die;

# --- an operator's machine in an attacker's hands -------------------------------------------------

# It mints without cover: its own books allow it, the registry's do not.
query(4, "SELECT dcep.deliver('transfer', '$alice{3}', '$alice{4}', 1000000, 'made up', NULL, NULL)");
is(query(4, 'SELECT check_name, wallet FROM dcep.audit()'), "payment that came without a message|$alice{4}", 'its own audit shows it');
$transfer = pay(4, $alice{4}, $alice{2}, 900000);
$before = balance(2, $alice{2});
my $supply = query(1, 'SELECT sum(amount) FROM dcep.holding');
settle();
is(balance(2, $alice{2}), $before, 'money without cover goes nowhere');
is(query(1, 'SELECT sum(amount) FROM dcep.holding'), $supply, 'the supply is what it was');
is(query(1, 'SELECT status FROM dcep.line WHERE peer = 4'), 'quarantined', 'the node is quarantined');
is(query(1, 'SELECT sender, kind, sqlstate FROM dcep.evidence'), '4|pay|LG702', 'with evidence');
is(query(1, q(SELECT dcep.act_defect(e.sender, e.number, e.prev_hash, e.receiver, e.made_at, 'message ' || e.kind, e.by_role,
	lpad(e.receiver::text, 4, '0'), e.body, e.suite, e.key_number, e.hash, e.signature) IS NULL FROM dcep.evidence AS e)), 't', 'that it has signed');
$transfer = pay(2, $alice{2}, $alice{4}, 5);
settle(2, 3);
is(status(2, $transfer), 'returned|LG202', 'a quarantined node takes nothing');
$transfer = pay(2, $alice{2}, $alice{3}, 5);
settle(2, 3);
is(status(2, $transfer), 'settled|', 'the others go on');

# It sends one coin twice, between payments that are right: those before it are taken, those after it are not.
$transfer = query(3, "SELECT max(transfer) FROM dcep.crossing WHERE origin = 3");
my $before_it = pay(3, $alice{3}, $alice{2}, 6);
query(3, 'SELECT dcep.post_payments(1000)');
query(3, "SELECT dcep.post_message(1, 'pay', (SELECT body::jsonb FROM dcep.message WHERE sender = 3 AND kind = 'pay' AND (body::jsonb ->> 'transfer')::bigint = $transfer))");
my $after_it = pay(3, $alice{3}, $alice{2}, 7);
carry(3, 1);
for (1 .. 5) { last if query(1, 'SELECT dcep.work_messages()') == 0; }
is(query(1, "SELECT string_agg(transfer::text, ',') FROM dcep.crossing WHERE origin = 3 AND transfer IN ($before_it, $after_it)"), $before_it, 'what came before it is taken');
is(query(1, 'SELECT sender, kind, sqlstate FROM dcep.evidence WHERE sender = 3'), '3|pay|LG701', 'a coin that is sent twice');
like(query(1, 'SELECT reason FROM dcep.line WHERE peer = 3'), qr/The coin was sent before/, 'is named');

query(1, 'ALTER TABLE dcep.holding DISABLE TRIGGER USER; UPDATE dcep.holding SET amount = amount + 1 WHERE institution = 2');
like(query(1, 'SELECT check_name, institution FROM dcep.audit()'), qr/^holding\|2$/m, 'a holding that was altered');
query(1, 'UPDATE dcep.holding SET amount = amount - 1 WHERE institution = 2; ALTER TABLE dcep.holding ENABLE TRIGGER USER');

query(2, "UPDATE dcep.crossing SET waits = true WHERE origin = 2 AND transfer = $second");
is(query(2, "SELECT count(*) FROM dcep.audit() WHERE check_name = 'payment that left without a message'"), 0, 'a payment that waits for its message is sound');
query(2, "UPDATE dcep.crossing SET waits = false, amount = amount + 1 WHERE origin = 2 AND transfer = $second");
is(query(2, "SELECT DISTINCT transfer FROM dcep.audit() WHERE check_name = 'payment that left without a message'"), $second, 'one that another amount was told of is not');
query(2, "UPDATE dcep.crossing SET amount = amount - 1 WHERE origin = 2 AND transfer = $second");

# It rewrites its past: a message under a number that the registry has seen.
query(2, <<'SQL');
SET session_replication_role = replica;
ALTER TABLE dcep.message DISABLE TRIGGER append_only;
ALTER TABLE dcep.message DISABLE TRIGGER append_only_row;
UPDATE dcep.message SET made_at = made_at + interval '1 second' WHERE sender = 2 AND number = 5;
SQL
like(query(2, 'SELECT check_name, detail FROM dcep.audit()'), qr/^message\|5 to 1: the row is not what was hashed/m, 'its own audit shows a message that was altered');
carry(2, 1, 'number = 5');
is(query(1, 'SELECT sender, number, sqlstate FROM dcep.evidence WHERE sender = 2'), '2|5|LG402', 'a past that was changed');
is(query(1, 'SELECT status FROM dcep.line WHERE peer = 2'), 'quarantined', 'quarantined at the first message');

finish_nodes();
done_testing();
