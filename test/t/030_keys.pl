
# Private keys: files that only the server may read.  Without a usable file nothing is paid from
# that institution's wallets, and all else goes on; nothing of a key ever reaches a log.

use strict;
use warnings;

use MIME::Base64 ();
use POSIX ();

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
fsync = off
jit = off
log_min_messages = debug5
log_statement = all
log_error_verbosity = verbose
log_parameter_max_length = -1
END
$node->start;
DcepLedger::create($node, $db);

my $directory = $node->data_dir . '/dcep_keys';
my $start_of_log = 0;

# The file of institution 2's youngest key.
my ($file) = glob "$directory/0002-2-*.pem";
ok(-f $file, 'a key is a file in dcep_keys below the data directory');
is(sprintf('%04o', (stat $file)[2] & 07777), '0600', 'that only the server may read');
is(sprintf('%04o', (stat $directory)[2] & 07777), '0700', 'in a directory of its own');
my $pem = slurp_file($file);
like($pem, qr/^-----BEGIN PRIVATE KEY-----\n/, 'in PEM form');

my $pay = 'SELECT amount FROM dcep.transfer(w(3), w(1), 1)';

# A session that has paid has the key loaded.
my $veteran = $node->background_psql($db, on_error_die => 1);
is($veteran->query_safe($pay), 1, 'a payment');

# --- unusable files ---------------------------------------------------------------------

sub with_file
{
	my ($what, $why, $spoil) = @_;
	rename $file, "$file.good" or die $!;
	$spoil->();
	my ($status, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\n$pay");
	like($err, qr/ERROR:  55000: private key 2 of institution 0002 cannot be used/, "$what: refused");
	like($err, qr/DETAIL:  .*$why/, "$what: because of that");
	like($err, qr/HINT:  .*0600/, "$what: with the way out");
	unlike($err, qr/\Q$directory\E|\.pem/, "$what: the path is not shown");
	$node->wait_for_log(qr/DETAIL:  File "\Q$file\E"/, $start_of_log);
	ok(1, "$what: but is in the server's log");
	$start_of_log = -s $node->logfile;
	is($node->safe_psql($db, 'SELECT count(*) FROM dcep.coins(w(3)) AS c WHERE NOT dcep.verify(c)'), 0,
		"$what: reading and verifying go on");
	is($node->safe_psql($db, 'SELECT amount FROM dcep.transfer(w(1), w(3), 1)'), 1, "$what: other institutions pay");
	is($veteran->query_safe($pay), 1, "$what: a session that has the key loaded pays");
	-d $file ? rmdir $file : unlink $file;
	rename "$file.good", $file or die $!;
	is($node->safe_psql($db, $pay), 1, "$what: and all is well afterwards");
	return;
}

sub write_file
{
	my ($content, $mode) = @_;
	open my $fh, '>', $file or die $!;
	print $fh $content;
	close $fh;
	chmod $mode, $file;
	return;
}

my ($other) = glob "$directory/0004-1-*.pem";
with_file('missing', 'No such file', sub { });
with_file('group may read', 'mode 0640', sub { write_file($pem, 0640) });
with_file('others may write', 'mode 0602', sub { write_file($pem, 0602) });
with_file('unreadable', 'Permission denied', sub { write_file($pem, 0000) }) if $> != 0;
with_file('a symbolic link', '(Too many levels|symbolic)', sub { symlink "$file.good", $file });
with_file('a directory', 'not a regular file', sub { mkdir $file });
with_file('a pipe', 'not a regular file', sub { POSIX::mkfifo($file, 0600) or die $! });
with_file('the key of another', 'does not belong to the public key', sub { write_file(slurp_file($other), 0600) });
with_file('empty', 'no private key', sub { write_file('', 0600) });
with_file('garbage', 'no private key', sub { write_file("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0600) });
with_file('cut short', 'no private key', sub { write_file(substr($pem, 0, length($pem) / 2), 0600) });
with_file('huge', 'no private key', sub { write_file('x' x 1_000_000, 0600) });

my $passphrase = PostgreSQL::Test::Utils::tempdir . '/encrypted.pem';
if (system("openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:secret -in '$file' -out '$passphrase' >/dev/null 2>&1") == 0)
{
	with_file('with a passphrase', 'without a passphrase', sub { write_file(slurp_file($passphrase), 0600) });
}
my $public = PostgreSQL::Test::Utils::tempdir . '/public.pem';
if (system("openssl pkey -pubout -in '$file' -out '$public' >/dev/null 2>&1") == 0)
{
	with_file('the public key', 'no private key|does not belong', sub { write_file(slurp_file($public), 0600) });
}

# --- making keys ------------------------------------------------------------------------

is($node->safe_psql($db, "BEGIN; SELECT dcep.generate_key(3, 'ed25519'); ROLLBACK;"), 2, 'a key that is rolled back');
is($node->safe_psql($db, 'SELECT key_number FROM dcep.transfer(w(1), w(3), 1)'), 1, 'is not used');
is($node->safe_psql($db, "SELECT dcep.generate_key(3, 'ed25519')"), 2, 'its number is given again');
is($node->safe_psql($db, 'SELECT key_number FROM dcep.transfer(w(1), w(3), 1)'), 2, 'to the key that signs next');
is($node->safe_psql($db, "SELECT dcep.generate_key(3, 'sm2'), dcep.generate_key(3, 'p256')"), '3|4', 'two in one statement');

# Rotation while sessions run: they sign with the new key from the next statement on.
is($veteran->query_safe('SELECT key_number FROM dcep.transfer(w(3), w(1), 1)'), 2, 'before the rotation');
is($node->safe_psql($db, "SELECT dcep.generate_key(2, 'sm2')"), 3, 'rotation');
is($veteran->query_safe('SELECT key_number FROM dcep.transfer(w(3), w(1), 1)'), 3, 'after it');
is($node->safe_psql($db, "SELECT string_agg(DISTINCT dcep.suite(c), ' ' ORDER BY dcep.suite(c)) FROM numbered, dcep.coins(wallet) AS c WHERE dcep.verify(c)"),
	'ed25519 p256 sm2', 'coins of all keys verify');

# Where the key cannot be written, there is none.
chmod 0500, $directory;
my ($status, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\nSELECT dcep.generate_key(4, 'ed25519')");
like($err, qr/ERROR:  42501: could not create a key file: Permission denied/, 'a directory that cannot be written');
unlike($err, qr/\Q$directory\E/, 'is not shown');
chmod 0700, $directory;
is($node->safe_psql($db, 'SELECT max(number) FROM dcep.signing_key WHERE institution = 4'), 1, 'no key on record without its file');

# --- two ledgers in one cluster -----------------------------------------------------------

$node->safe_psql($db, 'CREATE DATABASE second');
DcepLedger::create($node, 'second');
is($node->safe_psql('second', $pay), 1, 'a second ledger of the same institutions pays');
is($node->safe_psql($db, $pay), 1, 'and so does the first');
is($node->safe_psql('second', 'SELECT * FROM dcep.audit()'), '', 'the second is sound');
my $coin = $node->safe_psql('second', 'SELECT c FROM dcep.coins(w(1)) AS c LIMIT 1');
is($node->safe_psql($db, "SELECT dcep.coin_state('$coin')"), 'forged', "the second's coins are none of the first");

# --- secrecy ------------------------------------------------------------------------------

$veteran->quit;
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the first ledger is sound');
my $activity = $node->safe_psql($db, 'SELECT * FROM pg_stat_activity');
$node->stop;
my $log = slurp_file($node->logfile);
cmp_ok(length $log, '>', 100_000, 'the log is there to be searched');
my $files = 0;
for my $key (glob "$directory/*.pem")
{
	my $text = slurp_file($key);
	my @lines = grep { !/^-----/ } split /\n/, $text;
	my $bytes = unpack 'H*', MIME::Base64::decode(join '', @lines);
	# The private scalar stands at the end of an Ed25519 key; any 16 bytes of the rest would be too much as well.
	my $leaked = grep { index($log, $_) >= 0 || index($activity, $_) >= 0 }
	  (map({ substr $_, -24 } @lines), substr($bytes, -64), substr($bytes, 72, 64), substr($bytes, -32));
	$files++;
	is($leaked, 0, "nothing of key $files is in the log");
}
cmp_ok($files, '>=', 10, 'keys were looked for');
unlike($log, qr/BEGIN [A-Z ]*PRIVATE KEY/, 'no key in PEM form');

done_testing();
