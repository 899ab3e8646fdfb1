
# Operators' nodes whose keys are with dcep-signer: payments across, returns, issues and redemptions go as they go with
# keys in files; and who owns such a node's database gets nothing minted for a payer elsewhere but what the registry's
# signed message asks for, once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepNodes;
use DcepSigner;
use PostgreSQL::Test::Utils;
use Test::More;

my @operators = (2, 3, 4);

# What a statement is refused with: SQLSTATE and detail.
sub refusal
{
	my ($code, $sql) = @_;
	my ($out, $err) = ask($code, $sql);
	return $err =~ /^ERROR:\s+(\w{5}): .*\n(?:DETAIL:\s+(.*)\n)?/m ? join ' | ', $1, $2 // '' : "nothing: $out $err";
}

sub pay
{
	my ($from, $payer, $payee, $amount) = @_;
	return query($from, "SELECT (dcep.transfer('$payer', '$payee', $amount, NULL, 'a memo')).transfer");
}
sub balance { my ($code, $wallet) = @_; return query($code, "SELECT dcep.balance('$wallet')"); }
sub status { my ($code, $transfer) = @_; return query($code, "SELECT state, sqlstate FROM dcep.transfer_status($transfer)"); }
sub open_wallet { my ($code, $class) = @_; return query($code, qq(SELECT dcep.open_wallet($code, '{"class": @{[ $class // 1 ]}}'))); }

# Public keys on record, as lines of a statement.
sub keys_of
{
	my ($code, $line) = @_;
	return query(1, sprintf "SELECT string_agg(format('$line %%s %%s %%s', number, suite, replace(encode(public_key, 'base64'), E'\\n', '')) || E'\\n', '' ORDER BY number)"
		. " FROM (SELECT number, suite, public_key FROM dcep.signing_key WHERE institution = %d) AS k", $code);
}

# --- keys, and statements ----------------------------------------------------------------------

make_nodes(@operators);
my $folder = cluster()->data_dir . '/keys';
my %signer = map { ($_ => DcepSigner->new($folder, $_)->start) } (2, 3);

# Node 2 has had such a key from the beginning; node 3 comes to have one later.
is(query(2, "SELECT dcep.generate_key(2, 'p256', 'process')"), 2, 'the process makes the key of a node');
query(2, "SELECT dcep.revoke_key(2, 1, 'it was in a file')");
open_line($_) for @operators;
settle();
my $registry = keys_of(1, 'registry');
like($registry, qr/^registry 1 ed25519 \S{44}\n\z/, 'the key that the registry signs messages with');

query(1, 'SELECT dcep.issue(2, 50000)');
carry(1, 2);
is(refusal(2, 'SELECT dcep.work_messages()'), 'LG311 | Institution 0002 has no quota statement in force.', 'no statement, nothing is minted');
is($signer{2}->statement(2), 'statement 1 is in force', 'a statement that names no registry');
is(refusal(2, 'SELECT dcep.work_messages()'), 'LG312 | Statement 1 of institution 0002 names no registry.', 'mints nothing for other nodes');
my $other = DcepSigner->new($folder, 7)->start;
unlike($other->statement(7, lines => "registry 1 ed25519 abc\n"), qr/in force/, 'a key of a registry that is none');
$other->statement(7);
my $stranger = $other->{dir};
system("openssl pkey -in '$stranger/authority.pem' -pubin -outform DER -out '$stranger/authority.der'") == 0 or die;
my $wrong_key = MIME::Base64::encode_base64(substr(slurp_file("$stranger/authority.der"), -32), '');
is($signer{2}->statement(2, lines => "registry 1 ed25519 $wrong_key\n"), 'statement 2 is in force', "a statement with another registry's key");
like(refusal(2, 'SELECT dcep.work_messages()'), qr/^LG312 \| Transfer \d+: the message was not signed by a key of the registry that the statement names\.$/, 'mints nothing either');
is(query(2, 'SELECT status, (SELECT count(*) FROM dcep.evidence) FROM dcep.line'), 'open|0', 'the registry is not quarantined for it');
is(query(1, "SELECT state FROM dcep.crossing WHERE origin = 1"), 'pending', 'the issue is under way still');
is($signer{2}->statement(2, lines => $registry), 'statement 3 is in force', 'a statement with the key of the registry');
settle();
is(query(2, 'SELECT dcep.balance(dcep.vault(2))'), 50000, 'the message is tried again: issued');
is(query(2, 'SELECT kind, issuer, key_number FROM dcep.transfer ORDER BY id DESC LIMIT 1'), 'issue|2|2', 'signed by the process');

# A process that serves other institutions could not tell the ids of their ledger from those of a node.
my $both = DcepSigner->new($folder, 7, 8)->start;
is($both->statement(7, lines => $registry) =~ s/the statement \S+ is left: //r, 'it is for a node, and the process serves other institutions', 'one process, one node');
$_->stop('TERM') for $other, $both;

# Node 3 changes to the process while its line is open. The key in the file was the last that it could make up itself.
query(1, "SELECT dcep.issue(code, 50000) FROM generate_series(3, 4) AS code");
settle();
is(query(3, "SELECT dcep.generate_key(3, 'sm2', 'process')"), 2, 'a key of a process at an open line');
is($signer{3}->statement(3, lines => $registry), 'statement 1 is in force', 'a statement');
is(refusal(3, "SELECT dcep.revoke_key(3, 1, 'it was in a file')"), 'LG312 | A key of institution 0003 is neither held by the process nor trusted by its statement.',
	'of a key that the process knows nothing of it tells nobody');
my $trust = keys_of(3, 'trust 0003') =~ s/^trust 0003 2.*\n//mr;
like($trust, qr/^trust 0003 1 p256 \S+\n\z/, 'the key in the file');
is($signer{3}->statement(3, lines => $registry . $trust), 'statement 2 is in force', 'which the statement trusts');
query(3, "SELECT dcep.revoke_key(3, 1, 'it was in a file')");
settle();
is(query(1, 'SELECT institution, number, revoked_at IS NOT NULL FROM dcep.signing_key WHERE institution IN (2, 3) ORDER BY 1, 2'), "2|1|t\n2|2|f\n3|1|t\n3|2|f", 'the registry knows');
is(refusal(2, "SELECT dcep.generate_key(2, 'ed25519')"), 'LG312 | A key of institution 0002 is neither held by the process nor trusted by its statement.',
	'and a new key of its own the database cannot tell anybody of');
is(query(2, 'SELECT count(*) FROM dcep.signing_key WHERE institution = 2'), 2, 'nor has it one');
is(query(2, "SELECT dcep.generate_key(2, 'ed25519', 'process')"), 3, 'another one that the process makes');
settle();
books_close('issued');

# --- payments across -----------------------------------------------------------------------------

my (%alice, %bob);
for my $code (@operators)
{
	$alice{$code} = open_wallet($code);
	$bob{$code} = open_wallet($code, 4);
	query($code, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault($code), '$alice{$code}', 10000)");
}
my $paid = pay(2, $alice{2}, $alice{3}, 1250);
is(status(2, $paid), 'pending|', 'a payment across');
settle();
is(status(2, $paid), 'settled|', 'settled');
is(query(3, "SELECT kind, payer, payee, amount, memo, issuer, key_number FROM dcep.transfer WHERE payer = '$alice{2}'"),
	"transfer|$alice{2}|$alice{3}|1250|a memo|3|2", 'signed by the process of the payee');
is(query(3, "SELECT bool_and(dcep.verify(c)) FROM dcep.coins('$alice{3}') AS c"), 't', 'whose coin verifies');

# Texts of the payer's stand in the message, and are none of its members.
$paid = query(4, qq(SELECT (dcep.transfer('$alice{4}', '$bob{2}', 5, 'k', '", "amount": 9, "payee": "$alice{2}", \\\\"{[')).transfer));
settle();
is(status(4, $paid), 'settled|', 'a memo that looks like JSON');
is(balance(2, $bob{2}), 5, 'is a memo');

query(3, "INSERT INTO dcep.transfer (payer, payee, amount) SELECT '$alice{3}', w::dcep.wallet_id, n FROM generate_series(1, 50) AS n,
	unnest(ARRAY['$alice{2}', '$alice{4}', '$bob{2}']) AS w");
query(4, "SELECT count(*) FROM dcep.submit(ARRAY(SELECT ('$alice{4}', '$alice{2}', n::text, 'line ' || n, NULL)::dcep.instruction FROM generate_series(1, 20) AS n))");
settle();
is(balance(2, $alice{2}), 8750 + 1275 + 210, 'many, in one statement, from a process and from a file');
is(balance(2, $bob{2}), 1280, 'to a wallet with a cap');
is(query(2, "SELECT dcep.consolidate('$alice{2}') IS NOT NULL"), 't', 'what has come is consolidated');
my $redeemed = query(2, "SELECT (dcep.redeem(2, 7000, 'evening')).transfer");
settle();
is(status(2, $redeemed), 'settled|', 'redeemed');
is(query(1, 'SELECT sum(amount) FROM dcep.reserve_entry WHERE institution = 2'), 57000, 'the reserve has it back');
is(query(2, 'SELECT kind, statement, minted, mint_limit FROM dcep.signer_status() WHERE institution = 2'), 'process|3|0|0', 'nothing of it counts against the quota');
books_close('paid');

# --- the ways back -----------------------------------------------------------------------------------

my $before = balance(2, $alice{2});
my $closed = open_wallet(3);
query(3, "SELECT dcep.close_wallet('$closed')");
my $nobody = query(4, "SELECT dcep.allot_number(4, 99999, decode(repeat('ab', 32), 'hex'))");
for my $case ([ $closed, 'LG306' ], [ $nobody, 'LG305' ])
{
	my ($payee, $sqlstate) = @$case;
	my $transfer = pay(2, $alice{2}, $payee, 200);
	settle();
	is(status(2, $transfer), "returned|$sqlstate", "$sqlstate: returned");
	is(balance(2, $alice{2}), $before, "$sqlstate: the money is back");
	is(query(2, "SELECT kind, payer, payee, amount, issuer FROM dcep.transfer WHERE key = 'return of $transfer'"), "return|$payee|$alice{2}|200|2", "$sqlstate: signed by the process");
	is(query(2, "SELECT body::jsonb ->> 'payer', body::jsonb ->> 'payee', body::jsonb ->> 'amount' FROM dcep.message WHERE kind = 'returned' AND (body::jsonb ->> 'transfer')::bigint = $transfer"),
		"$alice{2}|$payee|200", "$sqlstate: as the registry's message says");
}
# What the registry does not redeem comes back to the vault.
my $vault = query(2, 'SELECT dcep.balance(dcep.vault(2))');
$redeemed = query(2, 'SELECT (dcep.redeem(2, 100)).transfer');
query(1, 'SELECT dcep.suspend_institution(2)');
carry(2, 1);
query(1, 'SELECT dcep.work_messages()');
query(1, 'SELECT dcep.suspend_institution(2, false)');
settle();
is(status(2, $redeemed), 'returned|LG201', 'a redemption that was refused');
is(query(2, 'SELECT dcep.balance(dcep.vault(2))'), $vault, 'the vault has it back');

# The payer has closed its wallet while its money was under way: the vault has it, where the statement names the vault.
my $leaver = open_wallet(2);
query(2, "SELECT dcep.transfer('$alice{2}', '$leaver', 300)");
my $transfer = pay(2, $leaver, $nobody, 300);
query(2, "SELECT dcep.close_wallet('$leaver')");
$vault = query(2, 'SELECT dcep.balance(dcep.vault(2))');
settle(4);
for (1 .. 3) { carry(2, 1); query(1, 'SELECT dcep.work_messages()'); settle(4); carry(1, 2) }
like(refusal(2, 'SELECT dcep.work_messages()'), qr/^LG312 \| Transfer \d+ is not what the message asks for: its payee\.$/, 'money goes back to nobody but its payer');
is($signer{2}->statement(2, lines => $registry . 'vault ' . query(2, 'SELECT dcep.vault(2)') . "\n"), 'statement 4 is in force', 'or a vault that the statement names');
settle();
is(status(2, $transfer), 'returned|LG305', 'returned');
is(query(2, 'SELECT dcep.balance(dcep.vault(2))'), $vault + 300, 'to the vault');
books_close('ways back');

# --- the process goes, and comes again --------------------------------------------------------------------

$paid = pay(3, $alice{3}, $alice{2}, 777);
carry(3, 1);
query(1, 'SELECT dcep.work_messages()');
carry(1, 2);
$signer{2}->stop('KILL');
like(refusal(2, 'SELECT dcep.work_messages()'), qr/^55000 \| /, 'a message comes while the process is away');
is(query(2, 'SELECT status FROM dcep.line'), 'open', 'nobody is quarantined');
$signer{2}->start;
# Signed, and rolled back: when it comes again the first one is void.
query(2, 'BEGIN; SELECT dcep.work_messages(); ROLLBACK');
$signer{2}->stop('KILL');
$signer{2}->start;
settle();
is(status(3, $paid), 'settled|', 'taken when it is back, also where it had signed before');
is(query(2, "SELECT count(*) FROM dcep.transfer WHERE payer = '$alice{3}' AND amount = 777"), 1, 'once');
is(query(2, 'SELECT minted FROM dcep.signer_status() WHERE institution = 2'), 0, 'which costs no quota');
$transfer = pay(2, $alice{2}, $closed, 60);
carry(2, 1);
query(1, 'SELECT dcep.work_messages()');
settle(3);
carry(1, 2);
query(2, 'BEGIN; SELECT dcep.work_messages(); ROLLBACK');
$signer{2}->stop('KILL');
$signer{2}->start;
settle();
is(status(2, $transfer), 'returned|LG306', 'a return likewise');
is(query(2, 'SELECT minted FROM dcep.signer_status() WHERE institution = 2'), 0, 'it costs none either');
books_close('restarts');

# The registry changes to a key that the statement does not have.
query(1, "SELECT dcep.generate_key(1, 'p256')");
$paid = pay(3, $alice{3}, $alice{2}, 41);
settle(3);
for (1 .. 2) { carry(3, 1); query(1, 'SELECT dcep.work_messages()'); carry(1, 3); }
carry(1, 2);
for (1 .. 3) { ask(2, 'SELECT dcep.work_messages()') }
like(refusal(2, 'SELECT dcep.work_messages()'), qr/^LG312 \| Transfer \d+: the message was not signed by a key of the registry/, 'a new key of the registry');
$registry = keys_of(1, 'registry');
like($registry, qr/^registry 1 ed25519 .*\nregistry 2 p256 .*\n\z/, 'both keys');
$signer{$_}->statement($_, lines => $registry . ($_ == 3 ? $trust : 'vault ' . query(2, 'SELECT dcep.vault(2)') . "\n")) for (2, 3);
settle();
is(status(3, $paid), 'settled|', 'comes with the next statement');
books_close('a new key of the registry');

# --- who owns the database --------------------------------------------------------------------------------

my $credit = "kind = 'credit' AND sender = 1 AND receiver = 2 AND body::jsonb ->> 'payer' = '$alice{3}' AND body::jsonb ->> 'amount' = '41'";
my $supply = query(2, 'SELECT sum(amount) FROM dcep.coin');

# Asks for a delivery with a message of the table.
sub deliver
{
	my ($kind, $payer, $payee, $amount, $where, $change) = @_;
	return refusal(2, "SELECT dcep.deliver('$kind', '$payer', '$payee', $amount, gen_random_uuid()::text, NULL, @{[ $change // 'm' ]}) FROM dcep.message AS m WHERE $where");
}
sub altered { my ($set) = @_; return "jsonb_populate_record(m, to_jsonb(m) || jsonb_build_object($set))"; }
sub not_asked { my ($what) = @_; return qr/^LG312 \| Transfer \d+ is not what the message asks for: $what\.$/; }
my $not_signed = qr/^LG312 \| Transfer \d+: the message was not signed by a key of the registry that the statement names\.$/;

is(refusal(2, "SELECT dcep.deliver('transfer', '$alice{3}', '$alice{2}', 1000, 'made up', NULL, NULL)") =~ s/Transfer \d+/Transfer N/r, 'LG312 | Transfer N: the payer is not of institution 0002.',
	'without a message');
like(deliver('transfer', $alice{3}, $alice{2}, 41000, $credit, altered("'body', replace(m.body, '\"amount\": 41', '\"amount\": 41000')")), $not_signed, 'an amount that was altered');
like(deliver('transfer', $alice{3}, $alice{2}, 41, $credit, altered("'number', m.number + 1")), $not_signed, 'another number');
like(deliver('transfer', $alice{3}, $alice{2}, 41, $credit, altered("'signature', '\\x' || repeat('00', 64)")), $not_signed, 'no signature');
like(deliver('transfer', $alice{3}, $alice{2}, 42, $credit), not_asked('its amount'), 'more than it says');
like(deliver('transfer', $alice{3}, $alice{2}, 40, $credit), not_asked('its amount'), 'and less');
like(deliver('transfer', $alice{3}, $bob{2}, 41, $credit), not_asked('its payee'), 'to somebody else');
like(deliver('transfer', $bob{3}, $alice{2}, 41, $credit), not_asked('its payer'), 'from somebody else');
like(deliver('return', $alice{3}, $alice{2}, 41, $credit), not_asked('its kind'), 'as a return');
like(deliver('transfer', $alice{3}, $alice{2}, 41, "kind = 'settled' LIMIT 1"), qr/the message asks for no payment\.$/, 'by a message of another kind');
like(deliver('transfer', $alice{2}, $alice{3}, 1, "kind = 'pay' LIMIT 1"), qr/^\S+ \| /, 'by one of its own');
like(deliver('transfer', $closed, $alice{2}, 60, "kind = 'returned' AND body::jsonb ->> 'amount' = '60'"), not_asked('its kind'), 'a return as a payment');
like(deliver('return', $closed, $bob{2}, 60, "kind = 'returned' AND body::jsonb ->> 'amount' = '60'"), not_asked('its payee'), 'a return to somebody else');
like(deliver('return', $closed, $alice{2}, 61, "kind = 'returned' AND body::jsonb ->> 'amount' = '60'"), not_asked('its amount'), 'or of more');
{
	# A credit to another node, which its superuser has got hold of.
	my $row = query(3, "SELECT row_to_json(m) FROM dcep.message AS m WHERE kind = 'credit' AND receiver = 3 LIMIT 1");
	my ($payer, $payee, $amount) = split /\|/, query(3, "SELECT body::jsonb ->> 'payer', body::jsonb ->> 'payee', body::jsonb ->> 'amount' FROM dcep.message WHERE kind = 'credit' AND receiver = 3 LIMIT 1");
	$row =~ s/'/''/g;
	like(refusal(2, "SELECT dcep.deliver('transfer', '$alice{3}', '$alice{2}', $amount, 'stolen', NULL, json_populate_record(NULL::dcep.message, '$row'))"),
		qr/the message is not one of the registry to this institution\.$/, 'a message to another node');
}
is(query(2, 'SELECT sum(amount) FROM dcep.coin'), $supply, 'nothing of it has made a coin');

# The same message again: what it minted before is void from then on; where that has left it is not signed.
my %gone = map { ($_ => open_wallet(2)) } qw(credit return);
pay(3, $alice{3}, $gone{credit}, 500);
query(2, "SELECT dcep.transfer('$alice{2}', '$gone{return}', 70)");
$transfer = pay(2, $gone{return}, $closed, 70);
settle();
is(status(2, $transfer), 'returned|LG306', 'one that was returned');
pay(2, $gone{credit}, $alice{4}, 500);
pay(2, $gone{return}, $alice{4}, 70);
settle();
books_close('before the attack');
my $again_credit = sub { return deliver('transfer', $alice{3}, $gone{credit}, 500, "kind = 'credit' AND body::jsonb ->> 'payee' = '$gone{credit}'") };
my $again_return = sub { return deliver('return', $closed, $gone{return}, 70, "kind = 'returned' AND (body::jsonb ->> 'transfer')::bigint = $transfer") };
is($again_credit->(), 'LG311 | Institution 0002 would mint 500 more; it has 0 left of 0.', 'a message a second time, when its money has left');
is($again_return->(), 'LG311 | Institution 0002 would mint 70 more; it has 0 left of 0.', 'a return likewise');
$signer{2}->stop('KILL');
$signer{2}->start;
is($again_credit->(), 'LG311 | Institution 0002 would mint 500 more; it has 0 left of 0.', 'and when the process has started anew');
is($again_return->(), 'LG311 | Institution 0002 would mint 70 more; it has 0 left of 0.', 'likewise');
books_close('after the attack');

# --- the process itself --------------------------------------------------------------------------------------

# The log has the deliveries by a type of their own, and stands being cut anywhere.
my $types = join ',', $signer{2}->record_types;
my $deliveries = () = $types =~ /\b6\b/g;
is($deliveries, 2 + query(2, 'SELECT count(*) FROM dcep.transfer WHERE NOT dcep.is_here(payer)'), 'records of deliveries: two were signed and rolled back');
$signer{2}->stop('KILL');
like($signer{2}->verify, qr/^records \d+\nhead [0-9a-f]{64}\ninstitution 0002 statement \d+ minted 0 paid out \d+\n\z/, 'the log verifies');
my ($records) = $signer{2}->verify =~ /^records (\d+)/;
$signer{2}->start;
pay(3, $alice{3}, $alice{2}, 43);
settle();
$signer{2}->stop('TERM');
my $whole = slurp_file("$signer{2}{dir}/log");
{
	# The last delivery's record is cut short: nobody has had an answer, and it can be signed again.
	my $at = 0;
	my $last;
	while ($at < length $whole)
	{
		$last = $at if ord(substr $whole, $at + 20, 1) == 6;
		$at += 4 + unpack 'N', substr $whole, $at, 4;
	}
	DcepSigner::write_file("$signer{2}{dir}/log", substr $whole, 0, $last + 100);
	like($signer{2}->verify, qr/^dcep-signer: the log's last write was cut short: \d+ bytes behind record \d+ count for nothing\nrecords \d+$/m, 'a torn end');
	my $spoiled = $whole;
	substr($spoiled, $last + 25, 1) = chr(1 ^ ord substr $spoiled, $last + 25, 1);
	DcepSigner::write_file("$signer{2}{dir}/log", $spoiled);
	like($signer{2}->verify, qr/^dcep-signer: the log is broken after record \d+: a record's hash does not follow/, 'a bit of it turned over');
	DcepSigner::write_file("$signer{2}{dir}/log", $whole);
}
$signer{2}->start;

# Without the ledger.
my $public = pack 'H*', query(2, "SELECT encode(public_key, 'hex') FROM dcep.signing_key WHERE institution = 2 AND number = 3");
is($signer{2}->ask('D', pack('C/a', $public)), 'e4 The request cannot be read.', 'a request without a transfer');
is($signer{2}->ask('D', pack('C/a N/a N/a a64', $public, 'x' x 100, '', '')), 'e4 The request cannot be read.', 'one that is none');
is($signer{2}->ask('D', pack('C/a N/a N/a a63', $public, 'x' x 100, '', '')), 'e4 The request cannot be read.', 'one that is cut short');
is($signer{2}->ask('D', pack('C/a', 'y' x 65) . 'xyz'), 'e3 It is not among the keys of the process.', 'an unknown key');

# The same twice while its money is here: from then on the first of the two is void, and no more than one leaves.
my $twice = open_wallet(2);
pay(3, $alice{3}, $twice, 600);
settle();
is(deliver('transfer', $alice{3}, $twice, 600, "kind = 'credit' AND body::jsonb ->> 'payee' = '$twice'"), 'nothing: ' . query(2, 'SELECT max(id) FROM dcep.transfer') . ' ', 'a second time at once');
is(balance(2, $twice), 1200, 'the database says so');
is(refusal(2, "SELECT dcep.transfer('$twice', '$alice{4}', 1200)"), 'LG311 | Institution 0002 would mint 600 more; it has 0 left of 0.', 'the process knows of one');
is(query(2, "SELECT DISTINCT check_name FROM dcep.audit() WHERE wallet = '$twice'"), 'payment that came without a message', "and the node's own audit of the other");
is(query($_, 'SELECT count(*) FROM dcep.evidence'), 0, "nothing was set aside at $_") for (1, @operators);

# Back to a file without the process, in an emergency: the central bank brings the key to the registry.
$signer{3}->stop('KILL');
query(3, "ALTER TABLE dcep.signing_key DISABLE TRIGGER tell_nodes; SELECT dcep.generate_key(3, 'p256'); ALTER TABLE dcep.signing_key ENABLE TRIGGER tell_nodes");
open_line(3);
$paid = pay(4, $alice{4}, $alice{3}, 3);
my $sent = pay(3, $alice{3}, $alice{4}, 2);
settle(3, 4);
is(status(4, $paid) . ' ' . status(3, $sent), 'settled| settled|', 'node 3 has a key in a file again');
is(query(3, 'SELECT * FROM dcep.audit()'), '', 'its audit');

$signer{2}->stop('TERM');
finish_nodes();
done_testing();
