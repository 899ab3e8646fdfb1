
# Who signs: a key in a file, a key in a token, and the process dcep-signer, which signs what the central bank's quota
# allows, whoever asks, keeps a log, and never counts back.

use strict;
use warnings;

use IO::Socket::UNIX ();
use IPC::Run ();
use MIME::Base64 ();
use POSIX ();
use Time::HiRes qw(usleep);

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;
use DcepSigner qw(run_signer write_file);

my $db = 'postgres';
my $dir = PostgreSQL::Test::Utils::tempdir_short . '/signer';
my $socket = "$dir/socket";
my $tokens = PostgreSQL::Test::Utils::tempdir;
my $process;
my $user = getpwuid $>;
my $has_token = system('softhsm2-util --version >/dev/null 2>&1') == 0;

$ENV{SOFTHSM2_CONF} = "$tokens/softhsm2.conf";
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\njit = off\n");
$node->start;
DcepLedger::create($node, $db);
my $keys = $node->data_dir . '/dcep_keys';

# Wallets by operator: w(1), w(4) are of bank 3, w(2), w(8) of bank 4, w(3), w(9), w(12) of bank 2.
# Nothing stays when the test breaks off.
END { $process->kill_kill if $process && $process->pumpable }

# Tries a statement; its SQLSTATE, and what the error says.
sub refusal
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\n$sql");
	return $err =~ /ERROR:  (.{5}): (.*)\n(?:DETAIL:  (.*)\n)?/ ? join ' | ', grep { defined } $1, $2, $3 : 'none';
}

sub value
{
	return $node->safe_psql($db, $_[0]);
}

# --- the process ---------------------------------------------------------------------------

mkdir $dir, 0700 or die $!;
mkdir "$dir/quota" or die $!;
system("openssl genpkey -algorithm ed25519 -out '$dir/authority.key' 2>/dev/null") == 0 or die 'no authority';
system("openssl pkey -in '$dir/authority.key' -pubout -out '$dir/authority.pem'") == 0 or die 'no authority';
write_file("$dir/signer.conf", "# of the test\nsocket $socket\npeer $user\ninstitution 1 CNY 2\ninstitution 2 CNY 2\n"
	. "institution 3 CNY 2\n");

my $said = "$tokens/said";

sub start_signer
{
	$process = run_signer($dir, $socket, $said);
	return;
}

sub signer_pid
{
	return $process->{KIDS}[0]{PID};
}

sub stop_signer
{
	my ($signal) = @_;
	$process->signal($signal);
	eval { $process->finish };
	return;
}

# Puts a statement into force, by the authority's key unless another is named; returns what the process says of it.
my $trusted = '';
sub set_quota
{
	my ($number, $code, $mint, $payout, %more) = @_;
	my $text = "dcep quota v1\nnumber $number\ninstitution $code\ncurrency CNY 2\nkey " . ($more{key} // 'any')
	  . "\nvalid " . ($more{valid} // '2020-01-01T00:00:00Z 2100-01-01T00:00:00Z')
	  . "\nperiod " . ($more{period} // 0) . "\nmint $mint\npayout $payout\n" . ($more{lines} // '') . $trusted;
	my ($statement, $errors);
	IPC::Run::run([ 'dcep-signer', 'sign-quota', $more{by} // "$dir/authority.key" ], '<', \$text, '>', \$statement, '2>', \$errors)
	  or return $errors;
	$statement = $more{spoil}->($statement) if $more{spoil};
	write_file("$dir/quota/$code", $statement, 0644);
	my $before = -s $said;
	$process->signal('HUP');
	for (1 .. 600)
	{
		my $new = substr slurp_file($said), $before;
		return $new =~ /institution $code: (.*)/ ? $1 : die 'nothing' if $new =~ /institution $code: .*\n/;
		# A statement that is in force already is taken in silence.
		return 'in force' if value("SELECT count(*) FROM dcep.signer_status() WHERE institution = $code AND statement = $number") eq '1'
		  && $more{same};
		usleep 50_000;
	}
	die "no word about the statement";
}

like(refusal(q{SELECT dcep.generate_key(2, 'p256', 'process')}), qr/^55000 \| private key 3 of institution 0002 cannot be used/,
	'without a file that names the socket there is no key of a process');
is(refusal(q{SELECT dcep.generate_key(2, 'p256', 'hsm')}), '22023 | kind of key "hsm" does not exist', 'kinds are three');
is(refusal(q{SELECT dcep.generate_key(2, 'p256', NULL)}), '22004 | kind of key must not be null', 'and not null');
write_file("$keys/$_.socket", "$socket\n") for qw(0001 0002 0003 0004);
is(refusal(q{SELECT dcep.generate_key(2, 'p256', 'process')}),
	'55000 | signer process cannot be reached | The socket cannot be connected to: No such file or directory.',
	'nor while nobody listens');

start_signer();
is(refusal(q{SELECT dcep.generate_key(4, 'p256', 'process')}),
	'55000 | signer does not hold this key | The process makes no keys for institution 0004.', 'nor for an institution that it does not serve');
is(value(q{SELECT dcep.generate_key(2, 'p256', 'process')}), 3, 'the process makes a key');
my ($file) = glob "$keys/0002-3-*.socket";
is(sprintf('%04o', (stat $file)[2] & 07777), '0600', 'whose file here says where the socket is');
my ($held) = glob "$dir/keys/0002-3-*.pem";
is(sprintf('%04o', (stat $held)[2] & 07777), '0600', 'and there has the key');

# --- statements ----------------------------------------------------------------------------

my $pay = 'SELECT amount FROM dcep.transfer(w(3), w(9), 5)';
is(refusal($pay), 'LG311 | signer refuses: quota exceeded | Institution 0002 has no quota statement in force.', 'no statement, no signature');
system("openssl genpkey -algorithm ed25519 -out '$dir/other.key' 2>/dev/null");
is(set_quota(1, '0002', 0, 'none', by => "$dir/other.key"), "the statement $dir/quota/0002 is left: its signature is not the authority's",
	'a statement by somebody else');
is(set_quota(1, '0002', 0, 'none', spoil => sub { $_[0] =~ s/mint 0/mint 9/r }),
	"the statement $dir/quota/0002 is left: its signature is not the authority's", 'one that was altered');
like(set_quota(1, '0002', -1, 'none'), qr/cannot be signed: its limit of minting is neither/, 'one that makes no sense is not signed');
is(set_quota(1, '0002', 0, 'none', valid => '2020-01-01T00:00:00Z 2021-01-01T00:00:00Z'), 'statement 1 is in force', 'a statement');
is(refusal($pay), 'LG311 | signer refuses: quota exceeded | Statement 1 of institution 0002 is not valid now.', 'that is over');
is(set_quota(2, '0002', 0, 'none', key => MIME::Base64::encode_base64('x' x 32, '')), 'statement 2 is in force', 'a statement');
is(refusal($pay), 'LG311 | signer refuses: quota exceeded | Statement 2 of institution 0002 is for another key.', 'for another key');
is(set_quota(3, '0002', 0, 'none'), 'statement 3 is in force', 'a statement that suits');
is(set_quota(2, '0002', 0, 'none'), "the statement $dir/quota/0002 is left: a newer one has been in force", 'an older one is not taken any more');
is(set_quota(3, '0002', 1, 'none'), "the statement $dir/quota/0002 is left: another one of its number has been in force", 'nor another one of its number');

# --- payments ------------------------------------------------------------------------------

# The wallet's coins were signed by keys of files, of which the process knows nothing.
like(refusal($pay), qr/^LG312 \| signer refuses what is to be signed \| Coin \d+ was not signed by a key that the signer trusts\./,
	'coins of an unknown key do not cover');
$trusted = value(<<'SQL') . "\n";
SELECT string_agg(format('trust %s %s %s %s', lpad(institution::text, 4, '0'), number, suite,
                         replace(encode(public_key, 'base64'), E'\n', '')), E'\n' ORDER BY institution, number)
  FROM dcep.signing_key WHERE NOT (institution = 2 AND number = 3)
SQL
is(set_quota(4, '0002', 0, 'none'), 'statement 4 is in force', 'a statement that trusts them');
is(value($pay), 5, 'a payment');
is(value("SELECT key_number FROM dcep.transfer WHERE payer = w(3) ORDER BY seq DESC LIMIT 1"), 3, 'signed by the process');
is(value('SELECT count(*), bool_and(dcep.verify(c)) FROM dcep.coins(w(9)) AS c WHERE dcep.issuer(c) = 2'),
	value('SELECT count(*), true FROM dcep.coins(w(9)) AS c WHERE dcep.issuer(c) = 2'), 'whose coins verify');

# One statement, payers of several institutions in turn, each paying on what the one before has just paid.
value("SELECT dcep.generate_key(3, 'ed25519', 'process')");
set_quota(1, '0003', 0, 'none');
is(value(<<'SQL'), 300, 'money that goes round and round in one statement');
WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount)
    SELECT w((ARRAY[3, 1, 2])[1 + n % 3]), w((ARRAY[1, 2, 3])[1 + n % 3]), (SELECT dcep.balance(w(3)))
      FROM generate_series(0, 299) AS n RETURNING id)
SELECT count(*) FROM paid
SQL
is(value('SELECT count(*) FROM dcep.submit(ARRAY(SELECT (w(3), w(9), 1, NULL, NULL)::dcep.instruction FROM generate_series(1, 500))) AS s WHERE s.sqlstate IS NOT NULL'),
	0, 'a payment file');
is(value('SELECT dcep.consolidate(w(9)) IS NOT NULL'), 't', 'a consolidation');
is(value('SELECT amount FROM dcep.redeem(2, 5)'), 5, 'a redemption');
is(value('SELECT * FROM dcep.audit()'), '', 'all is sound');
is(value('SELECT kind, statement, minted, mint_limit, paid_out, payout_limit FROM dcep.signer_status() WHERE institution IN (2, 3, 4) ORDER BY institution'),
	"process|4|0|0|0|\nprocess|1|0|0|0|\nfile|||||", 'nothing of it counts against the quota');
is(value('SET ROLE regress_bank3; SELECT institution FROM dcep.signer_status()'), 3, 'an operator sees its own');

# --- what the quota counts -----------------------------------------------------------------

# A payment that is rolled back is made void when its coins are paid again.
is(value("BEGIN; SELECT amount FROM dcep.transfer(w(3), w(9), 7); SELECT amount FROM dcep.transfer(w(9), w(3), 6); ROLLBACK; SELECT amount FROM dcep.transfer(w(3), w(9), 8)"),
	"7\n6\n8", 'rolled back, and paid again');
is(value('SELECT minted FROM dcep.signer_status() WHERE institution = 2'), 0, 'which costs no quota');

# To a wallet whose institution another signer serves it cannot be.
my $all = value('SELECT dcep.consolidate(w(3)) IS NOT NULL') && value('SELECT dcep.balance(w(3))');
my $abroad = "SELECT amount FROM dcep.transfer(w(3), w(2), 50)";
is(value("BEGIN; $abroad; ROLLBACK"), 50, 'paid abroad, and rolled back');
is(refusal($abroad), 'LG311 | signer refuses: quota exceeded | Institution 0002 would mint 50 more; it has 0 left of 0.', 'that signature is in the world');
is(value('SELECT dcep.balance(w(3))'), $all, 'nothing has moved');
set_quota(5, '0002', 120, 'none');
is(value($abroad), 50, 'the quota allows for it');
is(value('SELECT minted, mint_limit FROM dcep.signer_status() WHERE institution = 2'), '50|120', 'and counts it');

# A superuser puts back what was spent.
sub put_back
{
	my ($payee) = @_;
	value(<<SQL);
CREATE TABLE IF NOT EXISTS old_coin AS SELECT * FROM dcep.coin LIMIT 0;
TRUNCATE old_coin;
INSERT INTO old_coin SELECT * FROM dcep.coin WHERE owner = w(12) ORDER BY amount DESC LIMIT 1;
SQL
	my $worth = value('SELECT amount FROM old_coin');
	value("SELECT amount FROM dcep.transfer(w(12), $payee, $worth)");
	value('SET session_replication_role = replica; INSERT INTO dcep.coin SELECT * FROM old_coin');
	return refusal("SELECT amount FROM dcep.transfer(w(12), w(8), $worth)");
}
value('SELECT dcep.consolidate(w(12))');
like(put_back('w(2)'), qr/^LG311 \| signer refuses: quota exceeded \| Institution 0002 would mint \d+ more; it has 70 left of 120\.$/,
	'a coin that was put back is not spent abroad again');
isnt(value('SELECT count(*) FROM dcep.audit()'), 0, 'the audit finds it too');
value('ALTER TABLE dcep.coin DISABLE TRIGGER ALL; DELETE FROM dcep.coin AS c USING old_coin AS o WHERE c.id = o.id');
value("SELECT format('ALTER TABLE dcep.coin ENABLE ALWAYS TRIGGER %I', tgname) FROM pg_trigger WHERE tgrelid = 'dcep.coin'::regclass \\gexec");
is(value('SELECT * FROM dcep.audit()'), '', 'until it is taken away');

# What leaves the vault.
set_quota(6, '0002', 120, 100, lines => 'vault ' . value('SELECT dcep.vault(2)') . "\n");
my $payout = 'INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES (\'exchange_in\', dcep.vault(2), w(9), %d)';
is(refusal(sprintf $payout, 60), 'none', 'the vault pays out');
is(refusal(sprintf $payout, 41), 'LG311 | signer refuses: quota exceeded | Institution 0002 would pay out 41 more; it has 40 left of 100.', 'no more than it may');
is(refusal("INSERT INTO dcep.transfer (payer, payee, amount) VALUES (dcep.vault(2), w(9), 41)"),
	'LG311 | signer refuses: quota exceeded | Institution 0002 would pay out 41 more; it has 40 left of 100.', 'by whatever name');
is(refusal(sprintf $payout, 40), 'none', 'up to the last');
is(value('SELECT paid_out, payout_limit FROM dcep.signer_status() WHERE institution = 2'), '100|100', 'counted');
set_quota(7, '0002', 120, 30, period => 3_153_600_000, lines => 'vault ' . value('SELECT dcep.vault(2)') . "\n");
is(refusal(sprintf $payout, 30), 'none', 'a limit for a period begins at nothing');
like(refusal(sprintf $payout, 1), qr/pay out 1 more; it has 0 left of 30\.$/, 'and is one');
set_quota(8, '0002', 120, 'none');

# The central bank's own key: acts, reserves and issues.
value("SELECT dcep.generate_key(1, 'p256', 'process')");
set_quota(1, '0001', 500, 'none');
is(value('SELECT amount FROM dcep.issue(3, 400)'), 400, 'an issue within the quota');
is(refusal('SELECT dcep.issue(3, 200)'), 'LG311 | signer refuses: quota exceeded | Institution 0001 would mint 200 more; it has 100 left of 500.', 'and one beyond it');
value("SELECT dcep.deposit_reserve(3, 100, 'by the process')");
is(value('SELECT * FROM dcep.audit()'), '', 'acts and reserve entries verify');

# --- asking without the ledger ---------------------------------------------------------------

# Whoever is the server's user can ask the process himself.
sub ask
{
	my ($type, $body) = @_;
	my $client = IO::Socket::UNIX->new(Peer => $socket) or die $!;
	$client->syswrite(pack('N', 1 + length $body) . $type . $body);
	my ($head, $answer) = ('', '');
	while (length $head < 5) { $client->sysread($head, 5 - length $head, length $head) or return 'closed' }
	my ($len, $kind) = unpack 'N a', $head;
	while (length $answer < $len - 1) { $client->sysread($answer, $len - 1 - length $answer, length $answer) or return 'closed' }
	return $kind eq 'e' ? 'e' . ord($answer) . ' ' . substr($answer, 1) : $kind;
}

sub field { return pack 'N/a', $_[0] }
sub number { return field(pack 'q>', $_[0]) }
our $public = pack 'H*', value("SELECT encode(public_key, 'hex') FROM dcep.signing_key WHERE institution = 2 AND number = 3");
my ($payer, $payee) = map { value("SELECT w($_)::text::bigint") } 3, 2;

# A transfer of these coins, as the ledger would ask for it.
sub transfer
{
	my (%of) = @_;
	my $context = "dcep context v1\0" . field("\0" x 32) . number(1) . number($of{id} // 4_000_000_000) . field(pack 'C', $of{kind} // 2)
	  . number($of{payer} // $payer) . number($of{payee} // $payee) . number($of{amount} // 10) . number(($of{at} // time) * 1_000_000)
	  . pack('N', 0xffffffff) . field(pack 'q>*', @{ $of{inputs} // [] }) . pack('N', 0xffffffff);
	return pack('q> N/a', $of{change} // 0, $context);
}

sub ask_transfers
{
	my ($coins, @transfers) = @_;
	return ask('T', pack('C/a N', $public, scalar @transfers) . join('', @transfers) . pack('N', scalar @$coins)
		  . join('', map { field($_) } @$coins));
}

sub coin_bytes
{
	my ($text) = value($_[0]);
	return MIME::Base64::decode_base64(($text =~ s/^dcep1//r) =~ tr{-_}{+/}r . '===');
}

my $coin = value('SELECT id FROM dcep.coin WHERE owner = w(3) ORDER BY amount DESC LIMIT 1');
my $worth = value("SELECT amount FROM dcep.coin WHERE id = $coin");
is(ask_transfers([], transfer(inputs => [])), 'e2 Transfer 4000000000 mints 10 from coins worth 0.', 'from nothing');
is(ask_transfers([], transfer(kind => 1)), 'e2 Transfer 4000000000: this is no issue of the central bank.', 'an issue');
is(ask_transfers([], transfer(inputs => [8_000_000])), 'n', 'from a coin that nobody knows: it is to be shown');
is(ask_transfers([], transfer(inputs => [$coin], amount => $worth + 1)), "e2 Transfer 4000000000 mints " . ($worth + 1) . " from coins worth $worth.", 'more than a coin is worth');
is(ask_transfers([], transfer(inputs => [ $coin, $coin ], amount => 2 * $worth)), "e1 Institution 0002 would mint $worth more; it has 70 left of 120.", 'a coin twice');
is(ask_transfers([], transfer(payer => $payee, inputs => [$coin], amount => $worth)), 'e2 Transfer 4000000000: the payer is not of institution 0002.', "another bank's wallet");
is(ask_transfers([], transfer(payer => value('SELECT w(9)::text::bigint'), inputs => [$coin], amount => $worth)), 'n', 'a coin of somebody else');
is(ask_transfers([], transfer(at => time - 7200, inputs => [$coin], amount => $worth)), "e2 Transfer 4000000000: its time is not within an hour of the signer's.", 'dated back');
my $forged = coin_bytes("SELECT c FROM dcep.coins(w(3)) AS c WHERE dcep.coin_id(c) = $coin");
substr($forged, 12, 8) = pack 'q>', 8_000_000;
like(ask_transfers([$forged], transfer(inputs => [8_000_000], amount => $worth)), qr/^e2 Coin 8000000 was not signed by a key/, 'a forged coin');
is(ask_transfers([], transfer(inputs => [$coin], amount => 10, change => $worth - 10, id => 4_000_000_000)
		. '', transfer(id => 4_000_000_000, inputs => [8_000_000_000])), 'e4 The request cannot be read.', 'one id twice');
is(ask_transfers([], transfer(kind => 5, payer => value('SELECT w(2)::text::bigint'), payee => value('SELECT dcep.vault(1)::text::bigint'))),
	'e2 Transfer 4000000000: the payer is not of institution 0002.', "what another bank's wallet redeems, by an operator's key");
{
	# The registry ends there what was redeemed on a node; institution 4 has another signer.
	local $public = pack 'H*', value("SELECT encode(public_key, 'hex') FROM dcep.signing_key WHERE institution = 1 ORDER BY number DESC LIMIT 1");
	my ($bank, $vault) = map { value("SELECT $_\::text::bigint") } 'w(2)', 'dcep.vault(1)';
	my $before = value('SELECT minted FROM dcep.signer_status() WHERE institution = 1');
	is(ask_transfers([], transfer(kind => 5, payer => $bank, payee => $vault, id => 4_000_000_001)), 's', "by the central bank's key: it mints nothing");
	is(value('SELECT minted FROM dcep.signer_status() WHERE institution = 1'), $before, 'so it counts for nothing');
	is(ask_transfers([], transfer(kind => 5, payer => $bank, payee => $vault, change => 1, id => 4_000_000_002)),
		'e2 Transfer 4000000002: the payer is not of institution 0001.', 'but with change');
	is(ask_transfers([], transfer(kind => 5, payer => $bank, payee => $bank, id => 4_000_000_002)),
		'e2 Transfer 4000000002: the payer is not of institution 0001.', 'or to a wallet elsewhere');
	is(ask_transfers([], transfer(kind => 2, payer => $bank, payee => $vault, id => 4_000_000_002)),
		'e2 Transfer 4000000002: the payer is not of institution 0001.', 'and a transfer');
	is(ask_transfers([], transfer(kind => 5, payer => $payer, payee => $vault, id => 4_000_000_002)),
		'e2 Transfer 4000000002: the payer is not of institution 0001.', 'or of a wallet that the process serves');
}
is(ask('R', pack('C/a', $public) . field("\x02" . 'x' x 96)), 'e2 It is no record of institution 0002.', 'a transfer as a record');
is(ask('R', pack('C/a', $public) . field("\x05dcep reserve v1\0" . 'x' x 96)), 'e2 It is no record of institution 0002.', 'a reserve entry, by an operator');
is(ask('?', ''), 'e4 The request cannot be read.', 'nonsense');
is(ask('T', 'xyz'), 'e4 The request cannot be read.', 'a request that is cut short');
is(ask('T', pack('C/a', 'y' x 65) . 'xyz'), 'e3 It is not among the keys of the process.', 'an unknown key');
my $client = IO::Socket::UNIX->new(Peer => $socket);
$client->syswrite(pack 'N a', 0x7fffffff, 'T');
is($client->sysread(my $nothing, 1), 0, 'a message without end: hung up on');
is(value($pay), 5, 'and the ledger pays on');

# --- when the process goes -------------------------------------------------------------------

sub counter
{
	return value('SELECT counter FROM dcep.signer_status() WHERE institution = 2');
}

my $veteran = $node->background_psql($db, on_error_stop => 0);
$veteran->query($pay);
my $counter = counter();
my $rows = value('SELECT count(*) FROM dcep.transfer');
my $balance = value('SELECT dcep.balance(w(3))');

# It hangs: payments wait, and can be cancelled.
kill 'STOP', signer_pid();
is(refusal("SET statement_timeout = 300; $pay"), '57014 | canceling statement due to statement timeout', 'a payment that waits is cancelled');
# It dies with a request in its hands.
my ($paid, $failure) = ('', '');
my $waiting = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db), '-c', '\\set VERBOSITY verbose', '-c', $pay ],
	'<', '/dev/null', '>', \$paid, '2>', \$failure);
$node->poll_query_until($db, "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%w(3), w(9), 5%' AND state = 'active' AND pid <> pg_backend_pid() AND wait_event_type = 'Extension'")
  or die 'it does not wait';
stop_signer('KILL');
$waiting->finish;
like($failure, qr/^ERROR:  55000: signer process cannot be reached\nDETAIL:  The (?:process has closed the connection|answer cannot be received: Connection reset by peer)\./m,
	'a payment in flight fails');
is($paid, '', 'and says nothing else');
is(refusal($pay), '55000 | signer process cannot be reached | The socket cannot be connected to: Connection refused.', 'and so do those after it');
is(refusal('SELECT amount FROM dcep.transfer(w(2), w(8), 1)'), 'none', 'but not those of other keys');
is(value('SELECT bool_and(dcep.verify(c)) FROM dcep.coins(w(3)) AS c'), 't', 'verifying goes on');
is(value('SELECT count(*) FROM dcep.transfer'), $rows + 1, 'no half payment is there');
is(value('SELECT dcep.balance(w(3))'), $balance, 'and no money is gone');
start_signer();
cmp_ok(counter(), '>=', $counter, 'the counter has not gone back');
is(value('SELECT minted FROM dcep.signer_status() WHERE institution = 2'), 50, 'nor has the quota');
is(value($pay), 5, 'payments go on');
is($veteran->query($pay), 5, 'also of a session that had a connection');
$veteran->quit;

# Many at once, and the process is killed among them, over and over.
my @scripts = map {
	my $n = $_;
	"\\set VERBOSITY verbose\n" . join '', map { "SELECT amount FROM dcep.transfer(w(" . (3 + 3 * (($n + $_) % 5)) . "), w(" . (3 + 3 * (($n + 2 * $_ + 1) % 5)) . "), 1);\n" } 1 .. 300
} 1 .. 6;
{
	stop_signer('TERM');
	my $keeper = IPC::Run::start([ 'bash', '-c', 'while [[ ! -e $1/enough ]]; do dcep-signer run "$1" & sleep 0.4; kill -9 $!; wait $!; done',
			'keeper', $dir ], '<', '/dev/null', '>>', $said, '2>>', $said);
	my %refusals = DcepLedger::play($node, $db, @scripts);
	write_file("$dir/enough", '');
	$keeper->finish;
	my @strange = grep { !/^(?:55000: signer process cannot be reached|LG301:|LG303:)/ } keys %refusals;
	is("@strange", '', 'no other error');
	cmp_ok($refusals{'55000: signer process cannot be reached'} // 0, '>', 0, 'some payments have met no signer');
}
start_signer();
cmp_ok(counter(), '>', $counter, 'the counter went on');
is(value('SELECT * FROM dcep.audit()'), '', 'all is sound');

# --- the log ----------------------------------------------------------------------------------

sub verify_log
{
	my $output = '';
	IPC::Run::run([ 'dcep-signer', 'verify', $_[0] ], '<', '/dev/null', '>', \$output, '2>&1');
	return $output;
}

my $head = value("SELECT counter, encode(head, 'hex') FROM dcep.signer_status() WHERE institution = 2");
like(verify_log($dir), qr/^records (\d+)\nhead ([0-9a-f]+)\n/, 'the log verifies');
is(join('|', verify_log($dir) =~ /^records (\d+)\nhead ([0-9a-f]+)\n/), $head, 'and is what the process says');
like(verify_log($dir), qr/^institution 0002 statement 8 minted \d+ paid out 130$/m, 'with what was counted');
my ($minted) = verify_log($dir) =~ /^institution 0002 statement 8 minted (\d+)/m;
my $records = value('SELECT count(*) FROM dcep.transfer WHERE (issuer, key_number) IN ((2, 3), (3, 2), (1, 2))');
stop_signer('TERM');
like(slurp_file($said), qr/stopped at record \d+\n\z/, 'the process ends when it is told to');

my $log = "$dir/log";
my $whole = slurp_file($log);
my $copy = "$tokens/copy";
mkdir $copy, 0700;
system "cp -p $dir/signer.conf $dir/authority.pem $copy";
sub with_log
{
	my ($content) = @_;
	write_file("$copy/log", $content);
	return verify_log($copy);
}
is(with_log($whole), verify_log($dir), 'a copy of the log');
for my $at (100, length($whole) / 2, length($whole) - 1)
{
	my $spoiled = $whole;
	substr($spoiled, $at, 1) = chr(ord(substr $spoiled, $at, 1) ^ 1);
	like(with_log($spoiled), qr/^dcep-signer: the log is broken after record \d+: /, 'a bit turned over is found');
}
my $first = 4 + unpack 'N', $whole;
like(with_log(substr $whole, $first), qr/broken after record 0: a record's hash does not follow/, 'its beginning cannot be cut off');
like(with_log(substr($whole, 0, -3)), qr/^records \d+$/m, 'a record that was never finished is passed over');
is(with_log($whole . "\0" x 100_000), verify_log($dir), 'and so are the zeros that were written ahead');
is(with_log($whole . "\0" x 1000 . 'x' x 2000 . "\0" x 100_000) =~ s/^dcep-signer: the log's last write was cut short: 3000 bytes .*\n//r,
	verify_log($dir), 'with what is left of a write of which the beginning never came');
like(with_log($whole . 'x' x 100), qr/is broken after record \d+: a record's length is none/, 'garbage is not');
like(with_log($whole . "\0" x 20_000_000 . 'x'), qr/is broken after record \d+: more stands behind it than one write has/, 'nor what no write has left');
write_file($log, substr($whole, 0, $first) . 'x' . substr($whole, $first + 1));
my ($refused, $errors) = (IPC::Run::run([ 'dcep-signer', 'run', $dir ], '<', '/dev/null', '>', \my $out, '2>', \my $err), undef);
like($err, qr/the log .* is broken after record 1/, 'with a broken log nothing is signed');
write_file($log, $whole);

# What stands ahead while it runs, and when it was killed, is gone when it has stopped.
start_signer();
cmp_ok(-s $log, '>=', length($whole) + 4_000_000, 'a running process has zeros ahead');
stop_signer('KILL');
cmp_ok(-s $log, '>=', length($whole) + 4_000_000, 'one that was killed leaves them');
like(verify_log($dir), qr/^records \d+\n/, 'and its log verifies');
start_signer();
stop_signer('TERM');
is(-s $log, length($whole) + 2 * (4 + 8 + 8 + 1 + 32), 'one that stops ends its log with the last record: two starts');
is(substr(slurp_file($log), 0, length $whole), $whole, 'nothing before them has changed');

# Files of which others could read or replace anything.
chmod 0644, "$dir/signer.conf";
IPC::Run::run([ 'dcep-signer', 'run', $dir ], '<', '/dev/null', '>', \$out, '2>', \$err);
like($err, qr/signer.conf: others could read or replace it/, 'settings that others can read');
chmod 0600, "$dir/signer.conf";
chmod 0755, $dir;
IPC::Run::run([ 'dcep-signer', 'run', $dir ], '<', '/dev/null', '>', \$out, '2>', \$err);
like($err, qr/must be a directory of the signer's user with mode 0700/, 'a directory that others can look into');
chmod 0700, $dir;
write_file("$dir/signer.conf", slurp_file("$dir/signer.conf") =~ s/^peer .*\n/peer 4711\n/mr);
start_signer();
like(refusal($pay), qr/^55000 \| signer process cannot be reached/, 'a user that may not ask');
like(slurp_file($said), qr/user \d+ may not ask\n\z/, 'whom the process has told so');
stop_signer('TERM');
write_file("$dir/signer.conf", slurp_file("$dir/signer.conf") =~ s/^peer .*\n/peer $user\n/mr);
start_signer();
is(value($pay), 5, 'and one that may');

# A key of the process that another ledger has lost.
rename $held, "$held.away";
stop_signer('TERM');
start_signer();
is(refusal($pay), '55000 | signer does not hold this key | It is not among the keys of the process.', 'a key that is lost');
rename "$held.away", $held;
stop_signer('TERM');
start_signer();
is(value($pay), 5, 'and found again');

# --- back to a file, and a token -------------------------------------------------------------

is(value("SELECT dcep.generate_key(2, 'ed25519')"), 4, 'a key in a file again');
is(value($pay), 5, 'signs');
stop_signer('TERM');
is(value($pay), 5, 'without the process');

SKIP:
{
	skip 'softhsm2 is not installed', 9 unless $has_token;
	mkdir "$tokens/token";
	write_file($ENV{SOFTHSM2_CONF}, "directories.tokendir = $tokens/token\nobjectstore.backend = file\nlog.level = ERROR\n");
	my ($library) = grep { -e } map { "$_/softhsm/libsofthsm2.so" } '/usr/lib', glob '/usr/lib/*-linux-gnu';
	system("softhsm2-util --init-token --free --label bank2 --pin 1234 --so-pin 5678 >/dev/null") == 0 or die 'no token';
	system("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out '$tokens/p256.pem' 2>/dev/null") == 0 or die;
	system("softhsm2-util --import '$tokens/p256.pem' --token bank2 --label notes --id a1 --pin 1234 >/dev/null") == 0 or die 'no import';
	unlink "$tokens/p256.pem";
	write_file("$tokens/pin", "1234\n");
	write_file("$keys/0002.p11", "pkcs11:token=bank2;object=notes;type=private?module-path=$library&pin-source=file:$tokens/pin\n");
	is(refusal("SELECT dcep.generate_key(2, 'sm2', 'pkcs11')"), "22023 | the token's key is not of suite sm2 | It is of suite p256.", "a token's key is what it is");
	is(value("SELECT dcep.generate_key(2, 'p256', 'pkcs11')"), 5, "a token's key is taken over");
	is(value($pay), 5, 'and signs');
	is(value("SELECT key_number, suite FROM dcep.transfer WHERE payer = w(3) ORDER BY seq DESC LIMIT 1"), '5|3', 'a payment');
	is(value('WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount) SELECT w(3), w(9), 1 FROM generate_series(1, 200) RETURNING id) SELECT count(*) FROM paid'), 200, 'and many');
	is(value('SELECT institution, kind, counter FROM dcep.signer_status() WHERE institution IN (2, 3) ORDER BY institution'),
		"2|pkcs11|\n3|process|", 'of its kind; the process is not there');
	is(value('SELECT * FROM dcep.audit()'), '', 'all is sound');
	my ($named) = glob "$keys/0002-5-*.p11";
	write_file("$tokens/pin", "9999\n");
	like(refusal($pay), qr/^55000 \| private key 5 of institution 0002 cannot be used \| The token does not give the key/, 'not with a wrong PIN');
	chmod 0640, "$tokens/pin";
	like(refusal($pay), qr/^55000 \| private key 5 of institution 0002 cannot be used \| PIN: The file has mode 0640/, 'nor with one that others can read');
	write_file("$tokens/pin", "1234\n");
	is(value($pay), 5, 'and with the right one again');
}

unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'no process of the server has crashed');
done_testing();
