
# dcep-verify: coins, receipts, checkpoints and a whole journal without a server; what is altered in an exported journal,
# or in the database behind the guards' back, is found, by the line that the documentation promises.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;
use DcepVerify qw(verify setting without flip);

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\njit = off\n");
$node->start;
DcepLedger::create($node, $db);
my $work = PostgreSQL::Test::Utils::tempdir_short;

# --- a ledger with something of every kind --------------------------------------------------

sub device_sign
{
	my ($key, $message) = @_;
	open my $fh, '>', "$work/message" or die $!;
	binmode $fh;
	print $fh pack 'H*', $message;
	close $fh;
	system_or_bail('sh', '-c', "openssl pkeyutl -sign -inkey $key -rawin -in $work/message -out $work/signature");
	return unpack 'H*', slurp_file("$work/signature");
}

system_or_bail('sh', '-c', "openssl genpkey -algorithm ED25519 -out $work/device.pem 2>/dev/null");
my $device = `openssl pkey -in $work/device.pem -pubout`;
$node->safe_psql($db, "SELECT dcep.add_device_key(w(9), \$k\$$device\$k\$)");
my $message = $node->safe_psql($db, "SELECT encode(dcep.instruction_bytes(w(9), w(10), 250, 'd-1', 'for tea'), 'hex')");
my $device_signature = device_sign("$work/device.pem", $message);
my $by_device = $node->safe_psql($db, "SELECT (dcep.transfer(w(9), w(10), 250, 'd-1', 'for tea', '\\x$device_signature')).transfer");
my $by_token = $node->safe_psql($db, "SELECT dcep.issue_token(w(4)) AS token \\gset\nSELECT (dcep.pay_token(w(1), :'token', 5)).transfer");
$node->safe_psql($db, 'SELECT dcep.consolidate(w(2))');
my $theft = $node->safe_psql($db, 'SELECT (dcep.transfer(w(0), w(12), 1000)).transfer');
$node->safe_psql($db, "SELECT dcep.generate_key(5, 'ed25519')");
$node->safe_psql($db, $_) for (
	"SET ROLE regress_supervisor; SELECT dcep.agree(5, 2, '{hold_amount}', '{transfers}')",
	"SET ROLE regress_bank2; SELECT dcep.agree(5, 2, '{hold_amount}', '{transfers}')");
my $hold = $node->safe_psql($db, "SET ROLE regress_supervisor; SELECT dcep.report_fraud($theft, 'F-1')");
$node->safe_psql($db, $_) for (
	"SET ROLE regress_supervisor; SELECT dcep.recover($hold, '" . $node->safe_psql($db, 'SELECT w(0)') . "')",
	"SET ROLE regress_central; SELECT dcep.recover($hold, '" . $node->safe_psql($db, 'SELECT w(0)') . "')");
is($node->safe_psql($db, 'SELECT string_agg(DISTINCT kind::text, $$ $$ ORDER BY kind::text) FROM dcep.transfer'),
	'consolidate exchange_in exchange_out issue recover redeem token transfer', 'transfers of all kinds');
is($node->safe_psql($db, 'SELECT count(DISTINCT suite) FROM dcep.transfer'), 3, 'and of all suites');

$node->safe_psql($db, 'SELECT dcep.seal(), dcep.checkpoint()');
PostgreSQL::Test::Utils::append_to_file("$work/old.note", $node->safe_psql($db, 'SELECT dcep.latest_checkpoint()'));
$node->safe_psql($db, "CREATE DATABASE fork TEMPLATE $db");
$node->safe_psql($db, 'SELECT dcep.issue(3, 4000), dcep.transfer(w(1), w(2), 3); SELECT dcep.seal(), dcep.checkpoint()');
PostgreSQL::Test::Utils::append_to_file("$work/new.note", $node->safe_psql($db, 'SELECT dcep.latest_checkpoint()'));
# One that is not in the log yet.
my $unsealed = $node->safe_psql($db, 'SELECT (dcep.transfer(w(1), w(2), 4)).transfer');
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the auditor finds nothing');

# --- the program, and what it says ----------------------------------------------------------

sub export
{
	my ($database, $folder) = @_;
	return DcepVerify::export($node, $database, $folder);
}

my $whole = "$work/whole";
export($db, $whole);
my $log_key = $node->safe_psql($db, 'SELECT dcep.log_verifier_key()');
my $transfers = $node->safe_psql($db, 'SELECT count(*) FROM dcep.transfer');
my $live = $node->safe_psql($db, 'SELECT sum(amount) FROM dcep.coin');

for my $jobs (1, 2, 5)
{
	my $run = verify('journal', '--jobs', $jobs, $whole);
	is_deeply([ $run->{status}, $run->{defects}, $run->{err} ], [ 0, [], '' ], "a sound journal, $jobs jobs");
	like($run->{out}, qr/^CNY: $transfers transfers, issued 27004000, redeemed 5000, live coins $live \(minor units, exponent 2\)$/m, 'what it holds');
	like($run->{out}, qr/^note: signatures are verified with the export's own keys/m, 'with whose keys');
	like($run->{out}, qr/^sound\n\z/m, 'and the verdict');
}
PostgreSQL::Test::Utils::append_to_file("$work/keys", slurp_file("$whole/signing_key.copy"));
my $trusting = verify('journal', '-s', "$work/keys", '-l', $log_key, '-c', "$work/old.note", '-c', "$work/new.note", $whole);
is_deeply([ $trusting->{status}, $trusting->{defects} ], [ 0, [] ], 'sound by keys and checkpoints that were brought');
like($trusting->{out}, qr/^checkpoint \Q$work\E\/old.note: the journal agrees with it$/m, 'with the old checkpoint');
like($trusting->{out}, qr/^note: signatures are verified with the keys that you brought$/m, 'with whose keys');
is((stat $whole)[2] & 07777, 0700, 'what was exported is for its owner alone');
isnt(system_log('dcep-export', $whole, '-d', $node->connstr($db)), 0, 'an export does not go where another one is');
mkdir "$work/denied";
isnt(system_log('dcep-export', "$work/denied", '-d', $node->connstr($db), '-U', 'regress_bank2'), 0, 'nor leaves rows out for who may not see them');

# --- what is altered in the files ------------------------------------------------------------

# Rows of a file, each a list of columns.
sub rows
{
	my ($table) = @_;
	return DcepVerify::rows($whole, $table);
}

# A copy of the export in which one file has other rows.
my $altered = "$work/altered";
sub put_rows
{
	my ($table, @rows) = @_;
	return DcepVerify::put_rows($whole, $altered, $table, @rows);
}

# The defects that a change of one file makes: exactly these lines.
sub found
{
	my ($what, $table, $change, @expected) = @_;
	my @rows = rows($table);
	@rows = $change->(@rows);
	put_rows($table, @rows);
	my $run = verify('journal', $altered);
	is_deeply($run->{defects}, [ sort @expected ], $what);
	is($run->{status}, @expected ? 1 : 0, 'and its status');
	return;
}

# Like that, where each line is counted by its check alone.
sub found_checks
{
	my ($what, $table, $change, %expected) = @_;
	put_rows($table, $change->(rows($table)));
	my $run = verify('journal', $altered);
	my %checks;
	$checks{ (/^defect (\w+): /)[0] }++ for @{ $run->{defects} };
	is_deeply(\%checks, \%expected, $what) or diag(join "\n", @{ $run->{defects} }[ 0 .. 20 ]);
	is($run->{status}, 1, 'and its status');
	return;
}

my ($ID, $PAYER, $PAYEE, $AMOUNT, $CHANGE, $CREATED, $SEQ, $KIND, $KEY_NUMBER, $ISSUER, $SUITE, $INDEX, $BATCH, $INPUTS, $PREV, $HASH, $SIGNATURE, $KEY, $MEMO, $TOKEN, $DEVICE) = (0 .. 20);
my $one = sub { my ($id) = @_; return sub { $_[0][0] eq $id } };
my ($alone) = map { $_->[$ID] } grep { $_->[$KIND] eq 'transfer' && $_->[$SIGNATURE] ne '\N' && $_->[$DEVICE] eq '\N' } rows('transfer');
my ($batched) = grep { $_->[$KIND] eq 'transfer' && $_->[$BATCH] ne '\N' } rows('transfer');

found('nothing', 'transfer', sub { @_ });
found('the order of rows says nothing', 'transfer', sub { reverse @_ });
found('another memo', 'transfer', setting($one->($alone), $MEMO, 'donation'), "defect hash: transfer $alone: The row is not what was hashed.");
found('an empty memo instead of none', 'transfer', setting($one->($by_token), $MEMO, ''), "defect hash: transfer $by_token: The row is not what was hashed.");
found('another key', 'transfer', setting($one->($alone), $KEY, 'x'), "defect hash: transfer $alone: The row is not what was hashed.");
found('another time', 'transfer', setting($one->($alone), $CREATED, '2026-01-01 00:00:00+00'), "defect hash: transfer $alone: The row is not what was hashed.");
found('another token', 'transfer', setting($one->($by_token), $TOKEN, \&flip), "defect hash: transfer $by_token: The row is not what was hashed.");
found('another signature', 'transfer', setting($one->($alone), $SIGNATURE, \&flip), "defect signature: transfer $alone: The signature does not match the hash.");
found('another place in the batch', 'transfer', setting($one->($batched->[$ID]), $INDEX, sub { $_[0] + 1 }),
	"defect signature: transfer $batched->[$ID]: Its batch has another hash in its place.",
	"defect batch: batch $batched->[$BATCH]: It covers " . batch_size($batched->[$BATCH]) . ' transfers, and the journal has ' . (batch_size($batched->[$BATCH]) - 1) . ' of them.');
found('a batch that there is not', 'transfer', setting($one->($batched->[$ID]), $BATCH, '4611686018427387903'),
	"defect signature: transfer $batched->[$ID]: Its batch is missing.",
	"defect batch: batch $batched->[$BATCH]: It covers " . batch_size($batched->[$BATCH]) . ' transfers, and the journal has ' . (batch_size($batched->[$BATCH]) - 1) . ' of them.');
found('a row twice', 'transfer', sub { my @rows = @_; return (@rows, $rows[7]) }, "defect twice: transfer ${\ (rows('transfer'))[7][$ID]}: It stands in the export twice.",
	batch_line((rows('transfer'))[7]));

# What a row more claims of its batch.
sub batch_line
{
	my ($row) = @_;
	return () if $row->[$BATCH] eq '\N';
	my $size = batch_size($row->[$BATCH]);
	return "defect batch: batch $row->[$BATCH]: It covers $size transfers, and the journal has " . ($size + 1) . ' of them.';
}

sub batch_size
{
	my ($batch) = @_;
	return (length((grep { $_->[0] eq $batch } rows('signed_batch'))[0][4]) - 3) / 64;
}

# A hash that is made to fit: the row is what was hashed, and neither signed nor linked.
my $forged_hash = $node->safe_psql($db, "SELECT encode(sha256('forged'), 'hex')");
found_checks('another hash', 'transfer', setting($one->($by_device), $HASH, "\\\\x$forged_hash"), hash => 1, leaf => 1, checkpoint => 2, head => 1);
found('another prev_hash', 'transfer', setting($one->($by_device), $PREV, "\\\\x$forged_hash"),
	"defect hash: transfer $by_device: The row is not what was hashed.", "defect link: transfer $by_device: Its prev_hash is not the hash of the transfer before it.");

# A payment that is gone: its chain, its coins, its place in the log.
my ($last) = grep { $_->[$ID] == $unsealed } rows('transfer');
my @inputs = $last->[$INPUTS] =~ /\d+/g;
found('the last payment of a chain is gone', 'transfer', without($one->($unsealed)),
	"defect head: wallet $last->[$PAYER]: Its chain on record has $last->[$SEQ] transfers, the journal " . ($last->[$SEQ] - 1) . '.',
	"defect unminted: coin " . 2 * $unsealed . ": It is live, and no transfer minted it.",
	"defect unminted: coin " . (2 * $unsealed + 1) . ": It is live, and no transfer minted it.",
	(map { "defect lost: coin $_: It is neither live nor was it consumed." } @inputs), operators($last));

# Operators of a payment that is gone.
sub operators
{
	my ($row) = @_;
	my ($payer, $payee) = map { substr $row->[$_], 0, 4 } $PAYER, $PAYEE;
	return () if $payer eq $payee;
	my %held;
	$held{ substr $_->[0], 0, 4 } += $_->[1] for rows('coin');
	return "defect conservation: operator $payer: Its wallets received and kept " . ($held{$payer} + $row->[$AMOUNT]) . ", and hold $held{$payer}.",
		"defect conservation: operator $payee: Its wallets received and kept " . ($held{$payee} - $row->[$AMOUNT]) . ", and hold $held{$payee}.";
}

# A payment of the middle is gone: the next one betrays it, too.
put_rows('transfer', grep { $_->[$ID] != $by_device } rows('transfer'));
like(verify('journal', $altered)->{out}, qr/^defect leaf: log \d+: Transfer $by_device is not in the journal\.$/m, 'a payment that the log has is gone');
my ($middle) = grep { my $row = $_; $row->[$SEQ] == 2 && grep { $_->[$PAYER] eq $row->[$PAYER] && $_->[$SEQ] == 3 } rows('transfer') } rows('transfer');
my ($next) = grep { $_->[$PAYER] eq $middle->[$PAYER] && $_->[$SEQ] == 3 } rows('transfer');
put_rows('transfer', grep { $_->[$ID] != $middle->[$ID] } rows('transfer'));
my $run = verify('journal', $altered);
like($run->{out}, qr/^defect gap: transfer $next->[$ID]: The payer's chain goes from 1 to 3\.$/m, 'a gap');
like($run->{out}, qr/^defect link: transfer $next->[$ID]: /m, 'and a link that does not hold');

# Coins.
my ($coin) = rows('coin');
my $operator = substr $coin->[0], 0, 4;
my $held = 0;
$held += $_->[1] for grep { substr($_->[0], 0, 4) eq $operator } rows('coin');
my $the_coin = sub { $_[0][2] eq $coin->[2] };
my $ledger = sub { my ($now) = @_; return "defect conservation: ledger: Issued less redeemed is $live, live coins are worth $now, reserves were debited $live." };
my $bank = sub { my ($now) = @_; return "defect conservation: operator $operator: Its wallets received and kept $held, and hold $now." };
found('a coin that is worth more', 'coin', setting($the_coin, 1, $coin->[1] + 7),
	"defect live: coin $coin->[2]: It is live with " . ($coin->[1] + 7) . ", and was minted with $coin->[1].", $ledger->($live + 7), $bank->($held + 7));
my ($other) = grep { substr($_->[0], 0, 4) eq $operator && $_->[0] ne $coin->[0] } rows('coin');
found('a coin of another owner', 'coin', setting($the_coin, 0, $other->[0]), "defect live: coin $coin->[2]: It is live, and was minted for another wallet.");
found('a coin that is gone', 'coin', without($the_coin), "defect lost: coin $coin->[2]: It is neither live nor was it consumed.",
	$ledger->($live - $coin->[1]), $bank->($held - $coin->[1]));
found('a coin that stands there twice', 'coin', sub { (@_, $coin) }, "defect twice: coin $coin->[2]: It stands among the live coins twice.",
	$ledger->($live + $coin->[1]), $bank->($held + $coin->[1]));
found('a coin from nowhere', 'coin', sub { (@_, [ $coin->[0], 7, '4611686018427387904' ]) }, 'defect unminted: coin 4611686018427387904: It is live, and no transfer minted it.',
	$ledger->($live + 7), $bank->($held + 7));
my ($spent) = grep { $_->[$KIND] eq 'exchange_in' && substr($_->[$PAYEE], 0, 4) eq $operator && is_spent(2 * $_->[$ID]) } rows('transfer');
sub is_spent
{
	my ($wanted) = @_;
	return !grep { $_->[2] == $wanted } rows('coin');
}
found('a coin that was spent is back', 'coin', sub { (@_, [ $spent->[$PAYEE], $spent->[$AMOUNT], 2 * $spent->[$ID] ]) },
	'defect respent: coin ' . 2 * $spent->[$ID] . ': It was consumed and is live.', $ledger->($live + $spent->[$AMOUNT]), $bank->($held + $spent->[$AMOUNT]));

# Inputs. The row's hash does not fit then, whoever altered it.
my $hash_line = "defect hash: transfer $unsealed: The row is not what was hashed.";
my ($foreign) = grep { $_->[0] ne $last->[$PAYER] && $_->[2] < 2 * $unsealed } rows('coin');
my ($twice_spent) = grep { $_->[$INPUTS] =~ /^\{\d+\}$/ && $_->[$PAYER] eq $last->[$PAYER] && $_->[$ID] != $unsealed } rows('transfer');
my @lost = map { "defect lost: coin $_: It is neither live nor was it consumed." } @inputs;
my $spends = $last->[$AMOUNT] + $last->[$CHANGE];
found("a coin of somebody else's", 'transfer', setting($one->($unsealed), $INPUTS, "{$foreign->[2]}"), $hash_line, @lost,
	"defect foreign: transfer $unsealed: It consumed coin $foreign->[2], which was not the payer's.", "defect respent: coin $foreign->[2]: It was consumed and is live.",
	"defect unbalanced: transfer $unsealed: Its inputs are worth $foreign->[1], amount and change $spends.");
my ($again) = $twice_spent->[$INPUTS] =~ /(\d+)/;
my $worth = $twice_spent->[$AMOUNT] + $twice_spent->[$CHANGE];
found('a coin that was spent already', 'transfer', setting($one->($unsealed), $INPUTS, "{$again}"), $hash_line, @lost, "defect respent: coin $again: It was consumed more than once.",
	$worth == $spends ? () : "defect unbalanced: transfer $unsealed: Its inputs are worth $worth, amount and change $spends.");
found('the same coin twice', 'transfer', setting($one->($unsealed), $INPUTS, '{' . join(',', @inputs, @inputs) . '}'), $hash_line,
	(map { "defect respent: coin $_: It was consumed more than once." } @inputs), "defect unbalanced: transfer $unsealed: Its inputs are worth " . 2 * $spends . ", amount and change $spends.");
found('a coin from nowhere is spent', 'transfer', setting($one->($unsealed), $INPUTS, '{' . join(',', @inputs, 9000000000) . '}'), $hash_line,
	"defect unminted: transfer $unsealed: It consumed coin 9000000000, which no transfer minted.");
my $own_change = 2 * $unsealed + 1;
found('a coin before it was minted', 'transfer', setting($one->($unsealed), $INPUTS, '{' . join(',', @inputs, $own_change) . '}'), $hash_line,
	"defect early: transfer $unsealed: It consumed coin $own_change before that was minted.", "defect respent: coin $own_change: It was consumed and is live.",
	"defect unbalanced: transfer $unsealed: Its inputs are worth " . ($spends + $last->[$CHANGE]) . ", amount and change $spends.");
found('a payment to oneself', 'transfer', setting($one->($unsealed), $PAYEE, $last->[$PAYER]), $hash_line,
	"defect live: coin " . 2 * $unsealed . ': It is live, and was minted for another wallet.', "defect parties: transfer $unsealed: The payer is the payee.",
	moved($last));

# Operators, where a payment has its payer as payee.
sub moved
{
	my ($row) = @_;
	return map { my ($line) = $_; $line } operators($row);
}

# Batches.
my ($batch) = rows('signed_batch');
found("another signature of a batch", 'signed_batch', setting($one->($batch->[0]), 5, \&flip), "defect signature: batch $batch->[0]: The signature does not match its leaves.");
found('a batch is gone', 'signed_batch', without($one->($batch->[0])),
	map { "defect signature: transfer $_->[$ID]: Its batch is missing." } grep { $_->[$BATCH] eq $batch->[0] } rows('transfer'));
found("a batch of another key", 'signed_batch', setting($one->($batch->[0]), 3, 77),
	map { "defect signature: transfer $_->[$ID]: Its batch was signed with another key." } grep { $_->[$BATCH] eq $batch->[0] } rows('transfer'));

# Keys: of an institution whose key is unknown, another one, or not valid, all that it has signed.
my @of_bank3 = grep { $_->[$ISSUER] == 3 } rows('transfer');
my $key3 = sub { $_[0][0] == 3 };
my $of_key3 = sub { my ($sentence) = @_; return map { "defect key: transfer $_->[$ID]: $sentence" } @of_bank3 };
found('a key that is gone', 'signing_key', without($key3), $of_key3->('Its signing key is not known.'), map { "defect signature: transfer $_: The signature does not match the hash." } ());
found('a key that was revoked before', 'signing_key', setting($key3, 6, '2020-01-01 00:00:00+00'), $of_key3->('Its signing key was revoked or not valid when this was signed.'));
found('a key that is valid from later on', 'signing_key', setting($key3, 4, '2100-01-01 00:00:00+00'), $of_key3->('Its signing key was revoked or not valid when this was signed.'));
my ($foreign_key) = map { $_->[3] } grep { $_->[0] == 1 } rows('signing_key');
put_rows('signing_key', setting(sub { $_[0][0] == 2 && $_[0][1] == 1 }, 3, $foreign_key)->(rows('signing_key')));
$run = verify('journal', '-s', "$work/keys", $altered);
is_deeply([ $run->{status}, $run->{defects} ], [ 1, ['defect key: key 0002-1: The export has another public key under this number.'] ], 'another key of an institution is found by the keys that were brought');

# Chains on record.
my ($chain) = grep { $_->[1] > 0 } rows('wallet_chain');
found('another head', 'wallet_chain', setting($one->($chain->[0]), 2, \&flip), "defect head: wallet $chain->[0]: The head on record is not the hash of its last transfer.");
found('another length', 'wallet_chain', setting($one->($chain->[0]), 1, 9999), "defect head: wallet $chain->[0]: Its chain on record has 9999 transfers, the journal $chain->[1].");
found('a chain that is not on record', 'wallet_chain', without($one->($chain->[0])), "defect head: wallet $chain->[0]: The end of its chain is not on record.");

# Reserves.
my @entries = grep { $_->[0] == 2 } rows('reserve_entry');
my $entry = sub { my ($seq) = @_; return sub { $_[0][0] == 2 && $_[0][1] == $seq } };
found('another reference', 'reserve_entry', setting($entry->(1), 12, 'gift'), 'defect hash: reserve 0002 entry 1: The row is not what was hashed.');
found('another signature of a reserve entry', 'reserve_entry', setting($entry->(2), 11, \&flip), 'defect signature: reserve 0002 entry 2: The signature does not match the hash.');
found('another amount of a deposit', 'reserve_entry', setting($entry->(1), 2, 10000001), 'defect hash: reserve 0002 entry 1: The row is not what was hashed.',
	'defect balance: reserve 0002 entry 1: Its balance is not the one before and its amount.');
found('a redemption is not in the reserves', 'reserve_entry', without($entry->(3)), "defect counterpart: transfer $entries[2][4]: It has no reserve entry.",
	'defect head: reserve 0002: The head on record is not its last entry.',
	"defect conservation: ledger: Issued less redeemed is $live, live coins are worth $live, reserves were debited " . ($live + 5000) . '.',
	'defect conservation: operator 0002: It was issued 9000000, redeemed 5000, and its reserve was debited 9000000.');
found('an issue is not in the reserves', 'reserve_entry', without($entry->(2)), "defect counterpart: transfer $entries[1][4]: It has no reserve entry.",
	"defect gap: reserve 0002 entry 3: The chain goes from 1 to 3.", 'defect link: reserve 0002 entry 3: Its prev_hash is not the hash of the entry before it.',
	'defect balance: reserve 0002 entry 3: Its balance is not the one before and its amount.',
	"defect conservation: ledger: Issued less redeemed is $live, live coins are worth $live, reserves were debited " . ($live - 9000000) . '.',
	'defect conservation: operator 0002: It was issued 9000000, redeemed 5000, and its reserve was debited -5000.');
found('another end of a reserve account', 'reserve_account', setting($one->('2'), 1, 9), 'defect head: reserve 0002: The head on record is not its last entry.');
found('a reserve account is gone', 'reserve_account', without($one->('2')), 'defect head: reserve 0002: The account is not on record.');

# Devices.
my $no_device = "defect device: transfer $by_device: The payer had a device key, which did not sign it.";
my $wrong_device = "defect device: transfer $by_device: The device's signature is not one by a key that held.";
my $hash_of_device = "defect hash: transfer $by_device: The row is not what was hashed.";
found('a device has not signed', 'transfer', setting($one->($by_device), $DEVICE, '\N'), $no_device, $hash_of_device);
found("another signature of a device", 'transfer', setting($one->($by_device), $DEVICE, \&flip), $wrong_device, $hash_of_device);
found("another device's key", 'device_key', setting(sub { 1 }, 3, $foreign_key), $wrong_device);
found("a device's key of later", 'device_key', setting(sub { 1 }, 4, '2100-01-01 00:00:00+00'), $wrong_device);
found("a device's key that was revoked before", 'device_key', setting(sub { 1 }, 5, '2020-01-01 00:00:00+00'), $wrong_device);
found("a device's key is gone", 'device_key', sub { () }, $wrong_device);

# The log and its checkpoints.
my ($tile, $last_tile) = (rows('log_tile'))[ 0, -1 ];
my @notes = rows('checkpoint');
my ($old_size, $new_size) = map { $_->[0] } @notes;
my $first_id = hex substr $tile->[1], 3, 16;
found('another leaf', 'log_tile', setting($one->(0), 2, sub { my ($hashes) = @_; substr $hashes, 10, 1, substr($hashes, 10, 1) eq '0' ? '1' : '0'; $hashes }),
	"defect leaf: log 0: Transfer $first_id has another hash in the journal.");
found('a transfer twice in the log', 'log_tile', setting($one->(0), 1, sub { my ($ids) = @_; substr $ids, 19, 16, substr $ids, 3, 16; $ids }),
	'defect leaf: log 1: Transfer ' . $first_id . ' is in the log twice.', 'defect leaf: log 1: Transfer ' . $first_id . ' has another hash in the journal.',
	"defect unsealed: transfer ${\ hex substr $tile->[1], 19, 16}: It is not in the log, which has all up to ${\ (rows('log_state'))[0][1]}.",
	supply_lines(hex substr($tile->[1], 19, 16)));
sub supply_lines
{
	my ($id) = @_;
	return map { "defect checkpoint: checkpoint $_: The journal makes another root." } $old_size, $new_size;
}
found('the log is longer on record', 'log_state', setting(sub { 1 }, 0, 9999), "defect leaf: log $new_size: The log on record has 9999 transfers.");
found('the log must have more', 'log_state', setting(sub { 1 }, 1, $unsealed), "defect unsealed: transfer $unsealed: It is not in the log, which has all up to $unsealed.");
found('another note', 'checkpoint', setting($one->($new_size), 2, sub { my ($note) = @_; $note =~ s/\\ntime 1/\\ntime 2/; $note }), "defect signature: checkpoint $new_size: It is not signed by a key of the log.");
found('a supply that does not add up', 'checkpoint', setting($one->($new_size), 2, sub { my ($note) = @_; $note =~ s/issued/issued/; $note =~ s/supply CNY 2 27004000/supply CNY 2 27004001/; $note }),
	"defect supply: checkpoint $new_size: What is outstanding is not what was issued less what was redeemed.");
found('another root on record', 'checkpoint', setting($one->($new_size), 1, \&flip), "defect checkpoint: checkpoint $new_size: The note is of another size or root.");
found('a checkpoint is gone', 'checkpoint', without($one->($old_size)), "defect checkpoint: checkpoint $new_size: It does not follow the one before it.");
found('checkpoints in another order', 'checkpoint', sub { reverse @_ }, "defect checkpoint: checkpoint $new_size: It does not follow the one before it.",
	"defect checkpoint: checkpoint $old_size: It does not follow the one before it.", "defect checkpoint: checkpoint $old_size: It is not in the order of sizes.");
found("another key of the log", 'log_key', setting(sub { 1 }, 1, $foreign_key), map { "defect signature: checkpoint $_: It is not signed by a key of the log." } $old_size, $new_size);

# Rows that are none.
for my $damage (
	[ 'a column too many', sub { "$_[0]\tx" }, 'The row has another number of columns.' ],
	[ 'an escape that COPY does not write', sub { $_[0] =~ s/\\N/\\x/r }, 'A backslash stands where COPY writes none.' ],
	[ 'a character that COPY does not write', sub { $_[0] =~ s/\ttransfer\t/\ttrans\rfer\t/r }, 'A character stands there that COPY does not write.' ],
	[ 'a number with a sign', sub { "+$_[0]" }, 'A number is missing, or out of its range.' ],
	[ 'a kind that there is not', sub { $_[0] =~ s/\ttransfer\t/\tgift\t/r }, 'Its kind is unknown.' ],
	[ 'a wallet number that is none', sub { $_[0] =~ s/\t0(\d{14})(\d)\t/"\t0$1" . ($2 + 1) % 10 . "\t"/er }, 'The payer or the payee is not a wallet number.' ],
	[ 'a hash that is too short', sub { $_[0] =~ s/[0-9a-f]{2}(\t\\\\x[0-9a-f]{64}\t)/$1/r }, 'A hash does not have 32 bytes.' ],
	[ 'inputs that are none', sub { $_[0] =~ s/\{/{x/r }, 'Its inputs are not numbers.' ],
	[ 'no signature', sub { $_[0] =~ s/\\\\x[0-9a-f]{128}/\\N/r }, 'It has neither a signature of 64 bytes nor a place in a batch, or both.' ],
	[ 'a row that is very long', sub { $_[0] . 'x' x 4_000_001 }, 'The row has more than 4,000,000 bytes.' ])
{
	my ($what, $change, $sentence) = @$damage;
	my @lines = map { "$_\n" } split /\n/, slurp_file("$whole/transfer.copy");
	my ($line) = grep { $lines[$_] =~ /^$alone\t/ } 0 .. $#lines;
	chomp $lines[$line];
	$lines[$line] = $change->($lines[$line]) . "\n";
	put_rows('transfer', @lines);
	$run = verify('journal', $altered);
	like($run->{out}, qr/^defect damaged: transfer line ${\ ($line + 1)}: \Q$sentence\E$/m, $what);
	is($run->{status}, 1, 'and its status');
}
put_rows('coin', substr slurp_file("$whole/coin.copy"), 0, -3);
like(verify('journal', $altered)->{out}, qr/^defect damaged: coin line ${\ scalar rows('coin')}: The file ends within a row\.$/m, 'a file that was cut off');

# --- what is altered in the database --------------------------------------------------------

$node->safe_psql($db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$db' AND pid <> pg_backend_pid()");
$node->safe_psql('template1', "CREATE DATABASE behind TEMPLATE $db");
$node->safe_psql('behind', "ALTER TABLE dcep.transfer DISABLE TRIGGER ALL; UPDATE dcep.transfer SET memo = 'donation' WHERE id = $alone;"
	  . "ALTER TABLE dcep.coin DISABLE TRIGGER ALL; DELETE FROM dcep.coin WHERE id = $coin->[2]");
export('behind', "$work/behind");
$run = verify('journal', "$work/behind");
is_deeply($run->{defects}, [ sort "defect hash: transfer $alone: The row is not what was hashed.", "defect lost: coin $coin->[2]: It is neither live nor was it consumed.",
	$ledger->($live - $coin->[1]), $bank->($held - $coin->[1]) ], 'what was altered in the database is found in its export');

# Another history, which nothing inside contradicts: the checkpoint that was kept does.
$node->safe_psql('fork', 'SELECT dcep.issue(3, 4000), dcep.transfer(w(1), w(2), 33); SELECT dcep.seal(), dcep.checkpoint()');
is($node->safe_psql('fork', 'SELECT * FROM dcep.audit()'), '', 'another history is sound');
export('fork', "$work/forked");
is(verify('journal', "$work/forked")->{status}, 0, 'by itself');
$run = verify('journal', '-l', $log_key, '-c', "$work/old.note", '-c', "$work/new.note", "$work/forked");
is_deeply([ $run->{status}, $run->{defects} ], [ 1, ["defect checkpoint: checkpoint $work/new.note: The journal makes another root: history was rewritten."] ],
	'and the checkpoint that was kept shows that it is another one');
PostgreSQL::Test::Utils::append_to_file("$work/fork.note", $node->safe_psql('fork', 'SELECT dcep.latest_checkpoint()'));
$run = verify('consistency', '-l', $log_key, "$work/new.note", "$work/fork.note", '/dev/null');
is_deeply([ $run->{status}, $run->{defects} ], [ 1, ["defect consistency: checkpoint $work/fork.note: Two checkpoints of one size have different roots: the log has shown two histories."] ],
	'two checkpoints of one size');

# --- checkpoints ----------------------------------------------------------------------------

$run = verify('checkpoint', '-l', $log_key, "$work/old.note", "$work/new.note");
is($run->{status}, 0, 'checkpoints are sound');
like($run->{out}, qr/^checkpoint \Q$work\E\/new.note: size $new_size, CNY issued 27004000, redeemed 5000, outstanding 26999000$/m, 'and what they state');
(my $forged = slurp_file("$work/new.note")) =~ s/^supply CNY 2 27004000 5000 26999000$/supply CNY 2 27004001 5000 26999001/m;
PostgreSQL::Test::Utils::append_to_file("$work/forged.note", $forged);
is_deeply(verify('checkpoint', '-l', $log_key, "$work/forged.note")->{defects}, ["defect supply: checkpoint $work/forged.note: The operators do not make up the supply."], 'another supply');
($forged = slurp_file("$work/new.note")) =~ s/^time \d/time 1/m;
$forged =~ s/^time 1/time 2/m if $forged eq slurp_file("$work/new.note");
PostgreSQL::Test::Utils::append_to_file("$work/forged2.note", $forged);
is_deeply(verify('checkpoint', '-l', $log_key, "$work/forged2.note")->{defects}, ["defect signature: checkpoint $work/forged2.note: It is not signed by a key of the log."], 'another time');
my $proof = $node->safe_psql($db, "SELECT dcep.consistency_proof($old_size, $new_size)");
PostgreSQL::Test::Utils::append_to_file("$work/proof", "$proof\n");
PostgreSQL::Test::Utils::append_to_file("$work/proof64", join '', map { encode_base64(pack('H*', $_)) } substr($proof, 2) =~ /([0-9a-f]{64})/g);
for my $file ('proof', 'proof64')
{
	$run = verify('consistency', '-l', $log_key, "$work/old.note", "$work/new.note", "$work/$file");
	is_deeply([ $run->{status}, $run->{defects} ], [ 0, [] ], "the log only grew ($file)");
	like($run->{out}, qr/from size $old_size to $new_size, issued 4000 and redeemed 0 meanwhile$/m, 'and by how much');
}
PostgreSQL::Test::Utils::append_to_file("$work/wrong", flip($proof) . "\n");
is_deeply(verify('consistency', '-l', $log_key, "$work/old.note", "$work/new.note", "$work/wrong")->{defects},
	["defect consistency: checkpoint $work/new.note: The proof does not show that the new log begins with the old one."], 'another proof');
is_deeply(verify('consistency', '-l', $log_key, "$work/old.note", "$work/fork.note", "$work/wrong")->{defects},
	["defect consistency: checkpoint $work/fork.note: The proof does not show that the new log begins with the old one."], 'of another log');
is_deeply(verify('consistency', '-l', $log_key, "$work/new.note", "$work/old.note", "$work/proof")->{defects},
	["defect consistency: checkpoint $work/old.note: The old checkpoint is larger than the new one."], 'the wrong way round');

# Another database as witness.
$node->safe_psql('template1', 'CREATE DATABASE witness');
$node->safe_psql('witness', 'CREATE EXTENSION dcep CASCADE');
my $witness_key = $node->safe_psql('witness', "SELECT dcep.rotate_witness_key('witness.example')");
$node->safe_psql('witness', "SELECT dcep.watch_log('$log_key')");
$node->safe_psql('template1', 'CREATE DATABASE stranger');
$node->safe_psql('stranger', 'CREATE EXTENSION dcep CASCADE');
my $stranger_key = $node->safe_psql('stranger', "SELECT dcep.rotate_witness_key('stranger.example')");
my $cosignature = $node->safe_psql('witness', 'CALL dcep.witness_cosign(0, $note$' . slurp_file("$work/new.note") . q{$note$, '')});
PostgreSQL::Test::Utils::append_to_file("$work/witnessed.note", slurp_file("$work/new.note") . $cosignature);
$run = verify('checkpoint', '-l', $log_key, '-w', $witness_key, "$work/witnessed.note");
is_deeply([ $run->{status}, $run->{out} =~ /^checkpoint \Q$work\E\/witnessed.note: witness witness.example has cosigned it$/m ], [ 0, 1 ], 'a witness has cosigned');
is_deeply(verify('checkpoint', '-l', $log_key, '-w', $witness_key, "$work/new.note")->{defects}, ["defect signature: checkpoint $work/new.note: Too few of the witnesses have cosigned it."], 'not this one');
is_deeply(verify('checkpoint', '-l', $log_key, '-w', $witness_key, '-w', $stranger_key, "$work/witnessed.note")->{defects},
	["defect signature: checkpoint $work/witnessed.note: Too few of the witnesses have cosigned it."], 'all of them must have');
$run = verify('checkpoint', '-l', $log_key, '-w', $witness_key, '-w', $stranger_key, '-q', 1, "$work/witnessed.note");
is_deeply([ $run->{status}, $run->{out} =~ /witness stranger.example has not cosigned it$/m ], [ 0, 1 ], 'or so many as one asks for');
(my $forged_witness = slurp_file("$work/witnessed.note")) =~ s/(witness\.example .{20})(.)/$1 . ($2 eq 'A' ? 'B' : 'A')/e;
PostgreSQL::Test::Utils::append_to_file("$work/badly.note", $forged_witness);
is(verify('checkpoint', '-l', $log_key, '-w', $witness_key, "$work/badly.note")->{status}, 1, 'an altered cosignature is none');
is(verify('journal', '-l', $log_key, '-w', $witness_key, '-c', "$work/witnessed.note", $whole)->{status}, 0, 'a journal agrees with a checkpoint that was witnessed');

# --- coins ----------------------------------------------------------------------------------

my @coins = split /\n/, $node->safe_psql($db, 'SELECT dcep.coins(wallet) FROM numbered WHERE number <= 20');
PostgreSQL::Test::Utils::append_to_file("$work/coins", join '', map { "$_\n" } @coins);
$run = verify('coin', '-s', "$work/keys", "$work/coins");
is_deeply([ $run->{status}, scalar(() = $run->{out} =~ /^line \d+: coin \d+, CNY \d+ of wallet \d{16}, signed by 000[234]-[12]$/mg) ], [ 0, scalar @coins ], scalar(@coins) . ' coins are sound');
$run = verify('coin', '-s', "$work/keys", $coins[0], substr($coins[0], 0, 60) . ($coins[0] =~ /^.{60}A/ ? 'B' : 'A') . substr($coins[0], 61), 'dcep1', substr $coins[0], 0, -1);
is_deeply([ $run->{status}, map { /^(defect \w+: argument \d+:)/ } @{ $run->{defects} } ],
	[ 1, 'defect damaged: argument 3:', 'defect damaged: argument 4:', ($run->{out} =~ /^(defect \w+: argument 2:)/m) ], 'altered ones are not');
like($run->{out}, qr/^argument 1: coin /m, 'the first is');
PostgreSQL::Test::Utils::append_to_file("$work/key2", join "\n", grep { /^3\t/ } split /^/, slurp_file("$work/keys"));
$run = verify('coin', '-s', "$work/key2", "$work/coins");
ok($run->{status} == 1 && (grep { /^defect key: line \d+: Its signing key is not known\.$/ } @{ $run->{defects} }) == @coins - (() = $run->{out} =~ /signed by 0003-/g), 'whose key is not trusted is told apart');

# --- receipts -------------------------------------------------------------------------------

# A bundle, put together from what SQL says; all in one statement of a transfer signed alone.
my $bundle = $node->safe_psql($db, <<"SQL");
SELECT E'dcep receipt v1\\ntransfer ' || t.id || E'\\ncurrency CNY 2\\nsigner ' || lpad(t.issuer::text, 4, '0') || ' ' || t.key_number || ' ' || k.suite || ' '
    || replace(encode(k.public_key, 'base64'), E'\\n', '') || E'\\nbatch 0 1\\nsignature ' || replace(encode(t.signature, 'base64'), E'\\n', '')
    || E'\\nhash ' || encode(t.hash, 'base64') || E'\\nc2sp.org/tlog-proof\@v1\\nindex ' || p.leaf_index || E'\\n'
    || (SELECT string_agg(encode(substr(p.path, n, 32), 'base64') || E'\\n', '' ORDER BY n) FROM generate_series(1, octet_length(p.path), 32) AS n)
    || E'\\n' || dcep.latest_checkpoint()
  FROM dcep.transfer AS t JOIN dcep.signing_key AS k ON k.institution = t.issuer AND k.number = t.key_number, dcep.inclusion_proof(t.id, $new_size) AS p
 WHERE t.id = $alone
SQL
my %bundles = (hash => $bundle);
# All views, where the ledger gives them out.
if ($node->safe_psql($db, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'dcep'::regnamespace AND proname = 'receipt_bundle'") > 0)
{
	$bundles{"of $_"} = $node->safe_psql($db, "SELECT dcep.receipt_bundle($alone, '$_')") for 'payment', 'coin', 'hash';
	is($bundles{'of hash'}, $bundle, 'the ledger gives out the same bundle');
}
for my $view (sort keys %bundles)
{
	my $path = "$work/bundle " . $view;
	PostgreSQL::Test::Utils::append_to_file($path, $bundles{$view});
	$run = verify('bundle', '-l', $log_key, '-s', "$work/keys", $path);
	is_deeply([ $run->{status}, $run->{defects} ], [ 0, [] ], "bundle, $view: sound");
	like($run->{out}, qr/^bundle \Q$path\E: transfer $alone, signed by 000\d-\d, in the log of size $new_size$/m, 'and what it proves');
	is_deeply(verify('bundle', '-l', $log_key, '-s', "$work/key2", $path)->{defects}, ["defect key: bundle $path: Its signing key is not known."], 'its key is not trusted')
	  unless $bundles{$view} =~ /^signer 0003/m;
	my $other_key = $log_key =~ s/^dcep/dcap/r;
	my $refused = 0;
	for my $place (map { $_ * 29 + 3 } 0 .. (length($bundles{$view}) - 10) / 29)
	{
		my $altered_bundle = $bundles{$view};
		substr($altered_bundle, $place, 1) = substr($altered_bundle, $place, 1) eq 'A' ? 'B' : 'A';
		PostgreSQL::Test::Utils::append_to_file("$work/bad", $altered_bundle);
		$refused++ if verify('bundle', '-l', $log_key, '-s', "$work/keys", "$work/bad")->{status} == 1;
		unlink "$work/bad";
	}
	is($refused, int((length($bundles{$view}) - 10) / 29) + 1, "altered anywhere it is refused");
}

# --- usage, and garbage ---------------------------------------------------------------------

for my $usage ([], ['nothing'], ['coin'], [ 'coin', $coins[0] ], ['bundle'], [ 'bundle', "$work/bundle hash" ], [ 'journal', '--jobs', '0', $whole ], [ 'journal', '--unknown', $whole ],
	[ 'journal', "$work/nothing" ], [ 'journal', '-s', "$work/nothing", $whole ], [ 'journal', '-l', 'nonsense', $whole ], [ 'checkpoint', '-l', $log_key, "$work/nothing" ],
	[ 'checkpoint', '-l', $log_key, '-q', '1', "$work/new.note" ], [ 'consistency', '-l', $log_key, "$work/old.note" ], [ 'coin', '-s', "$work/coins", $coins[0] ])
{
	$run = verify(@$usage);
	ok($run->{status} == 2 && $run->{err} =~ /^dcep-verify: .+\n\z/, 'status 2: dcep-verify ' . join ' ', map { substr $_, 0, 20 } @$usage);
}
is(verify('--version')->{out}, "dcep-verify 0.1\n", 'the version');
like(verify('--help')->{out}, qr/^  dcep-verify journal /m, 'the help');
unlink "$altered/wallet_chain.copy" if system_log('sh', '-c', "rm -rf $altered && cp -r $whole $altered") == 0;
$run = verify('journal', $altered);
is_deeply([ $run->{status}, $run->{out} =~ /^note: without wallet_chain.copy the ends of chains are not verified$/m ], [ 0, 1 ], 'what is not there is not verified, and that is said');

# Bytes altered at random in files at random: an answer, and never a crash.
srand 20200701;
my %statuses;
for my $round (1 .. 60)
{
	system_or_bail('sh', '-c', "rm -rf $altered && cp -r $whole $altered");
	my @files = glob "$altered/*.copy";
	for (1 .. 1 + rand 3)
	{
		my $file = $files[ rand @files ];
		my $content = slurp_file($file);
		next unless length $content;
		my $what = int rand 3;
		my $place = int rand length $content;
		substr($content, $place, 1) = $what == 0 ? chr rand 256 : $what == 1 ? '' : ("\t", "\n", '\\', '9', '-')[ rand 5 ];
		$content = substr $content, 0, $place if rand() < 0.1;
		open my $fh, '>', $file or die $!;
		binmode $fh;
		print $fh $content;
		close $fh;
	}
	$run = verify('journal', '-j', 1 + $round % 3, $altered);
	$statuses{ $run->{status} }++;
	diag("round $round: $run->{status} $run->{err}") unless $run->{status} =~ /^[012]$/;
}
is_deeply([ grep { !/^[012]$/ } keys %statuses ], [], 'garbage has an answer: ' . join ', ', map { "$statuses{$_} times $_" } sort keys %statuses);

$node->stop;
done_testing();
