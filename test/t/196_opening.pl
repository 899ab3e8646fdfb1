
# Customers as they come: wallets of the real-name classes opened with documents and a device's key by an operator's role,
# upgraded, paid from with signatures, disclosed under an order, and read by the authentication centre.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepCentre;
use DcepDevice;

plan skip_all => 'there is no gpg' if !DcepCentre::available();

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nfsync = off");
$node->start;
my $work = PostgreSQL::Test::Utils::tempdir_short;

# A ledger whose classes demand what they do from the first day on.
$node->safe_psql($db, <<'SQL');
CREATE EXTENSION dcep CASCADE;
SELECT dcep.create_ledger('CNY', 2, 'Asia/Shanghai', 'Central Bank');
SELECT dcep.enroll_institution(2, 'Harbour Bank', 'operator'), dcep.enroll_institution(3, 'Mountain Bank', 'operator'), dcep.enroll_institution(9, 'Supervisor', 'supervisor');
SELECT dcep.generate_key(code, 'p256') FROM unnest(ARRAY[1, 2, 3, 9]) AS code;
SELECT dcep.deposit_reserve(2, 1000000000), dcep.issue(2, 1000000000);
CREATE ROLE bank LOGIN;
CREATE ROLE other_bank LOGIN;
CREATE ROLE supervisor LOGIN;
CREATE ROLE central LOGIN;
CREATE ROLE officer LOGIN;
SELECT dcep.grant_institution('bank', 2), dcep.grant_institution('other_bank', 3), dcep.grant_institution('supervisor', 9),
       dcep.grant_institution('central', 1), dcep.grant_institution('officer', 1);
GRANT dcep_identity_officer TO officer;
SQL

# A statement of one who has logged in: what it returns, or its SQLSTATE and DETAIL.
sub as_login
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', $role ]);
	return $out if $status == 0 && $err eq '';
	my ($code) = $err =~ /ERROR:  (\w{5})/;
	my ($detail) = $err =~ /^DETAIL:  (.*)$/m;
	return join ' ', grep { defined } $code // $err, $detail;
}
sub open_wallet { my ($request, $role) = @_; return as_login($role // 'bank', "SELECT dcep.open_wallet(2, \$j\$$request\$j\$)") }

# --- what each class demands -------------------------------------------------------------

my %document = (
	1 => '"on_site": true, "name": "Wáng 王芳", "id_document": "11010519491231002X", "phone": "+86 138 0013 8000", "bank_account": "6222 0210 0112 2337"',
	2 => '"name": "Lǐ 李雷", "id_document": "310101198001010019", "phone": "+86 139 0013 9000", "bank_account": "6222021001122338"',
	3 => '"name": "Hán 韩梅梅", "id_document": "G12345678", "phone": "+852 5555 1234"');
is(open_wallet("{$document{1}}"), '55000', 'no documents where there is no key to encrypt them to');
is($node->safe_psql($db, 'SELECT count(*) FROM dcep.opening'), 0, 'and nothing is left of it');

my $centre = DcepCentre->new($work);
is(as_login('central', "SELECT dcep.set_identity_key(\$k\$$centre->{public}\$k\$)"), 1, 'the central bank sets the key');

is(open_wallet('{"class": 1, "id_document": "1", "phone": "13800138000", "bank_account": "2"}'), 'LG601 Class 1 demands on_site.', 'class 1 without the person');
is(open_wallet('{"class": 1, "on_site": true}'), 'LG601 Class 1 demands id_document, phone, bank_account.', 'class 1 without papers');
is(open_wallet('{"class": 2, "id_document": "1", "phone": "13800138000"}'), 'LG601 Class 2 demands bank_account.', 'class 2 without an account');
is(open_wallet('{"class": 3, "phone": "13800138000", "name": "N"}'), 'LG601 Class 3 demands id_document.', 'class 3 without a document');
is(open_wallet("{$document{1}}", 'other_bank'), '42501', 'another bank opens none here');

# --- opened, each with a device -------------------------------------------------------------

my (%device, %wallet);
for my $class (1 .. 3)
{
	my $suite = (qw(ed25519 p256 sm2))[ $class - 1 ];
	$device{$class} = DcepDevice->new($work, $suite);
	my $pem = $device{$class}->public_pem =~ s/\n/\\n/gr;
	$wallet{$class} = open_wallet("{$document{$class}, \"device_key\": \"$pem\"}");
	like($wallet{$class}, qr/^0002\d{12}$/, "a wallet opened with what class $class demands");
	is($node->safe_psql($db, "SELECT class, flags & 8, holder FROM dcep.wallet WHERE id = '$wallet{$class}'"), "$class|8|person", "is of class $class, and pays on signed instructions");
	is(as_login('bank', "SELECT suite, number FROM dcep.device_key WHERE wallet = '$wallet{$class}'"), "$suite|1", "by its $suite key");
}
is(open_wallet("{$document{1}, \"class\": 2}"), 'LG601 The person has an open real-name wallet at this institution.', 'one real-name wallet a person');
is(as_login('bank', "SELECT * FROM dcep.find_wallets('phone', '0086-139-0013-9000')"), $wallet{2}, 'its operator finds it by phone');
is(as_login('other_bank', "SELECT * FROM dcep.find_wallets('phone', '0086-139-0013-9000')"), '', 'another one does not');

# --- paid from with signatures --------------------------------------------------------------

sub fund
{
	my ($to, $amount) = @_;
	return as_login('bank', "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault(2), '$to', $amount)");
}
is(fund($wallet{$_}, 600000), '', "class $_ is paid out to") for 1 .. 3;
my $sequence = 0;

# A payment as the device signs it: by the page of the format, not by asking the server.
sub pay
{
	my ($class, $payee, $amount, %given) = @_;
	my $key = 'pay ' . ++$sequence;
	my $bytes = DcepDevice::instruction('CNY', $wallet{$class}, $payee, $amount, $key, 'tea');
	my $signature = ($given{device} // $device{$class})->sign($bytes);
	return as_login('bank', "SELECT (dcep.transfer('$wallet{$class}', '$payee', $amount, '$key', 'tea', '\\x$signature')).amount");
}
my $bytes = DcepDevice::instruction('CNY', $wallet{1}, $wallet{2}, 7, 'k', 'tea');
is(as_login('bank', "SELECT encode(dcep.instruction_bytes('$wallet{1}', '$wallet{2}', 7, 'k', 'tea'), 'hex')"), unpack('H*', $bytes), 'the device and the server make the same bytes');
for my $class (1 .. 3)
{
	my $payee = $wallet{ $class % 3 + 1 };
	is(pay($class, $payee, 100 * $class), 100 * $class, "class $class pays with its signature");
	like(pay($class, $payee, 5, device => $device{ $class % 3 + 1 }), qr/^LG104 /, "class $class: not with another device's");
	like(as_login('bank', "SELECT dcep.transfer('$wallet{$class}', '$payee', 5, 'plain $class')"), qr/^LG104 /, "class $class: not without");
}
is(pay(3, $wallet{1}, 500001), 'LG203 The amount is 500001, spent before 0, the limit is 500000.', 'class 3 has its limits');

# A payment file with signatures, and what would be said of it.
my $file_bytes = DcepDevice::instruction('CNY', $wallet{2}, $wallet{1}, 11, 'file 1', undef);
my $file_signature = $device{2}->sign($file_bytes);
is(as_login('bank', "SELECT verdict FROM dcep.explain_transfer('$wallet{2}', '$wallet{1}', 11, key => 'file 1', device_signature => '\\x$file_signature') WHERE sqlstate = 'LG104'"), 'pass', 'explained: signed');
is(as_login('bank', "SELECT verdict FROM dcep.explain_transfer('$wallet{2}', '$wallet{1}', 12, key => 'file 1', device_signature => '\\x$file_signature') WHERE sqlstate = 'LG104'"), 'refuse', 'explained: another amount is not');
is(as_login('bank', "SELECT line, (receipt).amount, sqlstate FROM dcep.submit(ARRAY[ROW('$wallet{2}', '$wallet{1}', 11, 'file 1', NULL), ROW('$wallet{2}', '$wallet{1}', 12, 'file 2', NULL)]::dcep.instruction[],
	ARRAY['\\x$file_signature', '\\x$file_signature']::bytea[])"), "1|11|\n2||LG104", 'a line with its signature pays, one with another line\'s does not');

# To a token: the device signs the token, which is all that it knows of the payee.
my $token = as_login('bank', "SELECT dcep.issue_token('$wallet{1}')");
my $token_bytes = DcepDevice::instruction('CNY', $wallet{2}, $token, 13, 'to a token', undef, 8);
is(as_login('bank', "SELECT (dcep.pay_token('$wallet{2}', '$token', 13, 'to a token', NULL, '\\x" . $device{2}->sign($token_bytes) . "')).amount"), 13, 'to a token, signed');

# --- upgraded --------------------------------------------------------------------------------

is(as_login('bank', qq{SELECT dcep.change_class('$wallet{3}', '{"class": 1, "bank_account": "6222 9"}')}), 'LG601 Class 1 demands on_site.', 'class 3 to 1 not from afar');
is(as_login('bank', qq{SELECT dcep.change_class('$wallet{3}', '{"class": 2}')}), 'LG601 Class 2 demands bank_account.', 'nor to 2 without an account');
is(as_login('bank', qq{SELECT dcep.change_class('$wallet{3}', '{"class": 2, "bank_account": "6222 0210 0112 2339"}')}), '', 'with one, to 2');
is(pay(3, $wallet{1}, 500001), 500001, 'which may pay more');
is(as_login('bank', qq{SELECT dcep.change_class('$wallet{3}', '{"class": 1, "on_site": true}')}), '', 'and to 1, in person');
is(fund($wallet{3}, 60000000), '', 'which may hold more than class 2');
is(as_login('bank', "SELECT string_agg(class || ' ' || array_to_string(brought, ','), '; ' ORDER BY id) FROM dcep.opening WHERE wallet = '$wallet{3}'"),
	'3 id_document,phone; 2 bank_account,id_document,phone; 1 bank_account,id_document,on_site,phone', 'what was brought is kept by name');
is(pay(3, $wallet{1}, 9000000), 9000000, 'the device goes on signing');

# --- disclosed -------------------------------------------------------------------------------

my $look = "SELECT version, encode(ciphertext, 'hex') FROM dcep.disclose('$wallet{3}', 'D-7')";
like(as_login('officer', $look), qr/^LG220 /, 'without an order nobody is told who it is');
as_login($_, "SELECT dcep.agree(9, 2, '{}', '{wallets}')") for 'supervisor', 'bank';
like(as_login('supervisor', "SELECT dcep.order_disclosure('$wallet{3}', 'D-7', now() + interval '1 hour')"), qr/^\d+$/, 'a supervisor orders it');
my @rows = split /\n/, as_login('officer', $look);
is(scalar @rows, 2, 'the officer is given what the opening and the change of class brought');
my @clear = map { my ($version, $hex) = split /\|/; $centre->decrypt($hex) } @rows;
like($clear[0], qr/韩梅梅.*G12345678|G12345678.*韩梅梅/s, 'the first tells who it is');
like($clear[1], qr/6222 0210 0112 2339/, 'the second the account');
like($_, qr/"wallet": "@{[ $wallet{3} ]}"/, 'each names the wallet') for @clear;
is(as_login('central', 'SELECT officer, ordered_by, version FROM dcep.disclosures'), 'officer|supervisor|2', 'and it is on record who looked');
unlike($node->safe_psql($db, "SELECT string_agg(i::text, '') FROM dcep.identity AS i"), qr/韩梅梅|G12345678/, 'no table says it');
is(as_login('officer', "SELECT version IS NULL, ciphertext IS NULL FROM dcep.disclose('$wallet{2}', 'D-7')"), 'LG220 Wallet ' . $wallet{2} . ', case "D-7": no order of somebody else\'s is in force.', 'the order is for one wallet');

is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the auditor finds nothing');
is(as_login('bank', "SELECT dcep.close_wallet('$wallet{2}', true)"), 'LG104 The wallet pays on signed instructions only, and this one has no signature.', 'it is not emptied without its holder');
$bytes = DcepDevice::instruction('CNY', $wallet{2}, $node->safe_psql($db, 'SELECT dcep.vault(2)'), $node->safe_psql($db, "SELECT dcep.balance('$wallet{2}')"), 'the end', undef, 4);
is(as_login('bank', "INSERT INTO dcep.transfer (kind, payer, payee, amount, key, device_signature) SELECT 'exchange_out', '$wallet{2}', dcep.vault(2), dcep.balance('$wallet{2}'), 'the end', '\\x" . $device{2}->sign($bytes) . "'"), '', 'the holder takes out all');
is(as_login('bank', "SELECT dcep.close_wallet('$wallet{2}')"), '', 'and it is closed');
like(open_wallet("{$document{2}, \"class\": 3}"), qr/^0002\d{12}$/, 'the person may open another');

done_testing();
