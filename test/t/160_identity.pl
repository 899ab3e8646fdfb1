
# Identities, disclosed under orders and read with gpg; devices that sign with openssl; the ledger's secret as a file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepCentre;
use DcepDevice;
use DcepLedger;

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
fsync = off
jit = off
log_statement = all
END
$node->start;
DcepLedger::create($node, $db);
my $work = PostgreSQL::Test::Utils::tempdir_short;

# A statement as one who has logged in; what is refused, as its SQLSTATE.
sub as_login
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', $role ]);
	return $status == 0 && $err eq '' ? $out : $err =~ /(?:ERROR|FATAL):  (\w{5})/ ? $1 : $err;
}

# --- the ledger's secret -------------------------------------------------------------------

my $mac = $node->safe_psql($db, "SELECT dcep.secret_mac('test', 'x')");
my ($secret, @others) = glob $node->data_dir . '/dcep_keys/secret-*';
ok(-f $secret && !@others, 'the secret is a file, made when it was first needed');
is(sprintf('%04o', (stat $secret)[2] & 07777), '0600', 'that only the server may read');
is(-s $secret, 32, 'of 32 bytes');
my $bytes = slurp_file($secret);
unlike($node->safe_psql($db, 'SELECT * FROM dcep.ledger_secret'), qr/${\ unpack 'H*', $bytes}/, 'that no table has');

sub with_secret
{
	my ($what, $why, $content, $mode) = @_;
	rename $secret, "$secret.good" or die $!;
	if (defined $content)
	{
		open my $fh, '>', $secret or die $!;
		print $fh $content;
		close $fh;
		chmod $mode, $secret;
	}
	my ($status, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\nSELECT dcep.secret_mac('test', 'x')");
	like($err, qr/ERROR:  55000: the ledger's secret cannot be used/, "$what: refused");
	like($err, qr/DETAIL:  .*$why/, "$what: because of that");
	like($err, qr/HINT:  Restore/, "$what: with the way out");
	unlink $secret;
	rename "$secret.good", $secret or die $!;
	return;
}
with_secret('lost', 'No such file');
with_secret('legible for a group', 'mode 0640', $bytes, 0640);
with_secret('another one', 'something else', 'x' x 32, 0600);
with_secret('short', 'something else', substr($bytes, 0, 31), 0600);
with_secret('long', 'something else', $bytes . 'x', 0600);
is($node->safe_psql($db, "SELECT dcep.secret_mac('test', 'x')"), $mac, 'with its file back, all is found again');
is($node->safe_psql($db, "BEGIN READ ONLY; SELECT dcep.secret_mac('test', 'x')"), $mac, 'in a transaction that only reads, too');

$node->safe_psql('template1', 'CREATE DATABASE second');
$node->safe_psql('second', "CREATE EXTENSION dcep CASCADE; SELECT dcep.create_ledger('EUR', 2, 'UTC', 'Other')");
my ($status, $out, $err) = $node->psql('second', "\\set VERBOSITY verbose\nBEGIN READ ONLY; SELECT dcep.secret_mac('test', 'x')");
like($err, qr/ERROR:  25006/, 'it is not made where nothing may be written');
isnt($node->safe_psql('second', "BEGIN; SELECT dcep.secret_mac('test', 'x')"), $mac, 'another ledger has another secret');
$node->safe_psql('second', 'SELECT dcep.generate_secret()');
isnt($node->safe_psql('second', "SELECT dcep.secret_mac('test', 'x')"), $mac, 'also after one that was rolled back');
is($node->safe_psql($db, "SELECT dcep.secret_mac('test', 'x')"), $mac, 'and the first one its own');

# --- identities ---------------------------------------------------------------------------------

SKIP:
{
	skip 'there is no gpg', 1 if !DcepCentre::available();

	my $centre = DcepCentre->new($work);
	my ($public, $private) = ($centre->{public}, $centre->{private});
	(my $disguised = $private) =~ s/PRIVATE/PUBLIC/g;

	$node->safe_psql($db, <<'SQL');
CREATE ROLE regress_officer LOGIN;
SELECT dcep.grant_institution('regress_officer', 1);
GRANT dcep_identity_officer TO regress_officer;
SELECT dcep.generate_key(5, 'ed25519');
SQL
	is(as_login('regress_central', "SELECT dcep.set_identity_key(\$k\$$private\$k\$)"), '22023', 'a private key is refused');
	is(as_login('regress_central', "SELECT dcep.set_identity_key(\$k\$$disguised\$k\$)"), '22023', 'under a false name, too');
	is(as_login('regress_bank2', "SELECT dcep.set_identity_key(\$k\$$public\$k\$)"), '42501', 'a bank sets no key');
	is(as_login('regress_central', "SELECT dcep.set_identity_key(\$k\$$public\$k\$)"), 1, 'the public key is set');

	my $wallet = $node->safe_psql($db, 'SELECT w(0)');
	$node->safe_psql($db, qq{SELECT dcep.record_identity('$wallet', '{"class": 1, "name": "Wáng 王芳", "phone": "+86 138 0013 8000", "id_document": "11010519491231002X"}')});
	is(as_login('regress_bank2', "SELECT dcep.find_wallets('id_document', '11010519491231002x') = '$wallet'"), 't', 'its operator finds it');
	is(as_login('regress_bank3', "SELECT count(*) FROM dcep.find_wallets('id_document', '11010519491231002x')"), 0, 'another one does not');
	# Nobody reads a name off the tables or a dump of them.
	my $dump = $node->safe_psql($db, "SELECT string_agg(i::text, ' ') FROM dcep.identity AS i") . $node->safe_psql($db, "SELECT string_agg(i::text, ' ') FROM dcep.wallet_identifier AS i");
	for my $clear ('Wáng', '王芳', '13800138000', '11010519491231002')
	{
		unlike($dump, qr/\Q$clear\E|${\ unpack 'H*', $clear}/, "no $clear in the tables");
	}
	cmp_ok(length $dump, '>', 1000, 'which were looked at');

	my $look = "SELECT encode(ciphertext, 'hex') FROM dcep.disclose('$wallet', 'D-1')";
	is(as_login('regress_officer', $look), 'LG220', 'without an order nothing is disclosed');
	is(as_login('regress_central', $look), '42501', 'and to nobody but an officer');
	is(as_login('regress_supervisor', "SELECT dcep.order_disclosure('$wallet', 'D-1', now() + interval '1 hour')"), 'LG220', 'a supervisor orders within its agreements');
	as_login('regress_supervisor', "SELECT dcep.agree(5, 2, '{}', '{wallets}')");
	as_login('regress_bank2', "SELECT dcep.agree(5, 2, '{}', '{wallets}')");
	like(as_login('regress_supervisor', "SELECT dcep.order_disclosure('$wallet', 'D-1', now() + interval '1 hour')"), qr/^\d+$/, 'it orders');
	is(as_login('regress_officer', "SELECT dcep.disclose('$wallet', 'D-2')"), 'LG220', 'another case is not that one');
	is(as_login('regress_officer', "SELECT dcep.disclose((SELECT w(3)), 'D-1')"), 'LG220', 'nor another wallet that one');
	is(as_login('regress_officer', "SELECT dcep.order_disclosure((SELECT w(3)), 'D-3', now() + interval '1 hour') > 0"), 't', 'an officer may order');
	is(as_login('regress_officer', "SELECT dcep.disclose((SELECT w(3)), 'D-3')"), 'LG220', 'but does not look itself');

	my $hex = as_login('regress_officer', $look);
	like($hex, qr/^[0-9a-f]{200,}$/, 'the officer is given a ciphertext');
	my $clear = $centre->decrypt($hex);
	like($clear, qr/王芳/, 'which the authentication centre reads');
	like($clear, qr/"wallet": "$wallet"/, 'and which names the wallet that it belongs to');

	is($node->safe_psql($db, 'SELECT officer, case_no, wallet, authority, ordered_by, version FROM dcep.disclosures'),
		"regress_officer|D-1|$wallet|5|regress_supervisor|1", 'it is reported who looked, under whose order');
	is(as_login('regress_supervisor', 'SELECT count(*) FROM dcep.disclosures'), 1, 'to the supervisor, too');
	is($node->safe_psql($db, 'SELECT * FROM dcep.verify_acts()'), '', 'acts are sound');
	is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'and all else');
	# An order that has ended, and one that is made up afterwards.
	is($node->safe_psql($db, <<'SQL'), "disclosure order without act\ndisclosure without order", 'an order that was altered is found');
BEGIN;
ALTER TABLE dcep.disclosure_order DISABLE TRIGGER ALL;
UPDATE dcep.disclosure_order SET valid_until = ordered_at + interval '1 microsecond' WHERE case_no = 'D-1';
SELECT check_name FROM dcep.audit_identities() ORDER BY 1;
ROLLBACK;
SQL
}

# --- devices -----------------------------------------------------------------------------------

my $number = 6;
for my $suite ('ed25519', 'p256', 'sm2')
{
	my $device = DcepDevice->new($work, $suite);
	my $public = $device->public_pem;
	$number += 3; # of bank 2
	my ($payer, $payee) = split /\|/, $node->safe_psql($db, "SELECT w($number), w($number + 1)");

	is(as_login('regress_bank2', "SELECT dcep.add_device_key('$payer', \$k\$$public\$k\$)"), 1, "$suite: a device key in PEM");
	my $bytes = as_login('regress_bank2', "SELECT encode(dcep.instruction_bytes('$payer', '$payee', 250, 'k-1', 'for tea'), 'hex')");
	my $signature = $device->sign(pack 'H*', $bytes);
	my $pay = sub { sprintf "SELECT (dcep.transfer('$payer', '%s', %s, '%s', %s, '\\x%s')).seq", @_ };
	is(as_login('regress_bank2', "SELECT dcep.transfer('$payer', '$payee', 250, 'k-1', 'for tea')"), 'LG104', "$suite: no payment without a signature");
	for my $other ([ $payee, 251, 'k-1', "'for tea'" ], [ $payee, 250, 'k-2', "'for tea'" ], [ $payee, 250, 'k-1', "'for teas'" ],
		[ $payee, 250, 'k-1', 'NULL' ], [ $node->safe_psql($db, 'SELECT w(1)'), 250, 'k-1', "'for tea'" ])
	{
		is(as_login('regress_bank2', $pay->(@$other, $signature)), 'LG104', "$suite: nor with one of another instruction");
	}
	my $seq = as_login('regress_bank2', $pay->($payee, 250, 'k-1', "'for tea'", $signature));
	like($seq, qr/^\d+$/, "$suite: it pays");
	is(as_login('regress_bank2', $pay->($payee, 250, 'k-1', "'for tea'", $signature)), $seq, "$suite: once");
	is(as_login('regress_bank2', $pay->($payee, 251, 'k-1', "'for tea'", $signature)), 'LG302', "$suite: a key that was used decides first");
	is($node->safe_psql($db, "SELECT octet_length(device_signature) FROM dcep.transfer WHERE payer = '$payer' AND seq = $seq"), 64, "$suite: the signature is in the journal");

	# A bulk statement, and money back to the bank.
	$bytes = as_login('regress_bank2', "SELECT encode(dcep.instruction_bytes('$payer', dcep.vault(2), 5, 'k-3', NULL, 'exchange_out'), 'hex')");
	$signature = $device->sign(pack 'H*', $bytes);
	is(as_login('regress_bank2', "INSERT INTO dcep.transfer (kind, payer, payee, amount, key, device_signature) VALUES ('transfer', '$payer', dcep.vault(2), 5, 'k-3', '\\x$signature')"), 'LG104', "$suite: another kind is another instruction");
	is(as_login('regress_bank2', "INSERT INTO dcep.transfer (kind, payer, payee, amount, key, device_signature) VALUES ('exchange_out', '$payer', dcep.vault(2), 5, 'k-3', '\\x$signature') RETURNING amount"), "5", "$suite: an INSERT pays");

	# The next device, admitted by this one, and this one lost.
	my $next_device = DcepDevice->new($work, 'ed25519');
	my $next = $next_device->public_pem;
	my $consent = $device->sign(pack 'H*', as_login('regress_bank2', "SELECT encode(dcep.device_key_message('$payer', \$k\$$next\$k\$), 'hex')"));
	is(as_login('regress_bank2', "SELECT dcep.add_device_key('$payer', \$k\$$next\$k\$)"), 'LG104', "$suite: no second device without the first one's consent");
	is(as_login('regress_bank2', "SELECT dcep.add_device_key('$payer', \$k\$$next\$k\$, '\\x$consent')"), 2, "$suite: with it, there is one");
	$bytes = as_login('regress_bank2', "SELECT encode(dcep.instruction_bytes('$payer', '$payee', 1, 'k-4'), 'hex')");
	$signature = $device->sign(pack 'H*', $bytes);
	is(as_login('regress_bank2', "SELECT dcep.revoke_device_key('$payer', 1, 'lost')"), '', "$suite: the first is revoked");
	is(as_login('regress_bank2', $pay->($payee, 1, 'k-4', 'NULL', $signature)), 'LG104', "$suite: it pays nothing more");
	like(as_login('regress_bank2', $pay->($payee, 1, 'k-4', 'NULL', $next_device->sign(pack 'H*', $bytes))), qr/^\d+$/, "$suite: the second does");
}
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the auditor finds nothing');

# Whoever holds the disk cannot take a signature away, move it, or put another key in its place.
sub found
{
	my ($sql) = @_;
	return $node->safe_psql($db, "BEGIN; ALTER TABLE dcep.transfer DISABLE TRIGGER ALL; ALTER TABLE dcep.device_key DISABLE TRIGGER ALL; $sql;"
		  . 'SELECT check_name, count(*) FROM dcep.audit_devices() GROUP BY 1 ORDER BY 1; ROLLBACK');
}
is(found("UPDATE dcep.transfer SET device_signature = NULL WHERE payer = w(9) AND key = 'k-1'"), 'payment not signed by a device|1', 'a signature that is gone');
is(found("UPDATE dcep.transfer SET amount = amount + 1 WHERE payer = w(9) AND key = 'k-1'"), 'payment not signed by a device|1', 'another amount');
is(found("UPDATE dcep.transfer SET key = NULL WHERE payer = w(9) AND key = 'k-1'"), 'payment not signed by a device|1', 'no key');
is(found("UPDATE dcep.device_key SET valid_from = clock_timestamp() WHERE wallet = w(9) AND number = 1"), "device key without act|1\npayment not signed by a device|2", 'a key of later');
is(found("DELETE FROM dcep.device_key WHERE wallet = w(9)"), "act without device key|3\ndevice key not looked at|1\npayment not signed by a device|3", 'no keys');

# A dump carries all of it but the secret, which is a file.
my $dump = "$work/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr($db) ], 'a dump');
unlike(slurp_file($dump), qr/${\ unpack 'H*', $bytes}|\Q$bytes\E/, 'has no secret in it');
$node->safe_psql('template1', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'and is restored');
is($node->safe_psql('restored', 'SELECT * FROM dcep.audit()'), '', 'sound');
is($node->safe_psql('restored', "SELECT dcep.secret_mac('test', 'x')"), $mac, 'with the file, values are found again');

done_testing();
