
# Payment tokens: clients in two languages, guesses that outlive a rollback and a restart, a dump, foreign vectors.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nlog_statement = none");
$node->start;
DcepLedger::create($node, $db);

# The SQLSTATE that a statement ends with, or ''.
sub sqlstate
{
	my ($sql) = @_;
	my (undef, undef, $stderr) = $node->psql($db, "\\set VERBOSITY sqlstate\n$sql");
	return $stderr =~ /ERROR:  (\w{5})/ ? $1 : $stderr;
}

# The reference clients of docs/format.md, as they stand there.
my $page = slurp_file("$FindBin::RealBin/../../docs/format.md");
my $dir = PostgreSQL::Test::Utils::tempdir;
my $vector_secret = join '', map { sprintf '%02x', $_ } 0 .. 31;
my %client = (js => 'node', python => 'python3');
my @vectors = $page =~ /^\| (\d+) \| (28\d{16}) \|$/mg;
is(scalar @vectors, 10, 'the page has five vectors');
for my $language (sort keys %client)
{
  SKIP:
	{
		skip "$client{$language} is not here", 6 unless IPC::Run::run([ 'which', $client{$language} ], '>', \my $path);
		my ($code) = $page =~ /^```$language\n(.*?)^```$/ms;
		append_to_file("$dir/client.$language", $code);
		my $compute = sub {
			my ($out) = run_command([ $client{$language}, "$dir/client.$language", @_ ]);
			return $out;
		};
		for (my $i = 0; $i < @vectors; $i += 2)
		{
			is($compute->($vector_secret, $vectors[$i]), $vectors[ $i + 1 ], "$language: token of step $vectors[$i]");
		}
		my $secret = $node->safe_psql($db, "SELECT encode(dcep.enroll_token(w(4)), 'hex')");
		$node->safe_psql($db, "SELECT dcep.arm_tokens(w(4), '5 minutes')");
		my $token = $compute->($secret);
		is($node->safe_psql($db, "SELECT (dcep.pay_token(w(1), '$token', 5)).amount"), 5, "$language: the server takes its token of now");
	}
}

# One-time passwords agree with another program.
SKIP:
{
	skip 'oathtool is not here', 3 unless IPC::Run::run([ 'which', 'oathtool' ], '>', \my $path);
	my $hex = '3132333435363738393031323334353637383930';
	my ($hotp) = run_command([ 'oathtool', '-c', '7', '-w', '20', $hex ]);
	is($node->safe_psql($db, "SELECT dcep.hotp('\\x$hex', n) FROM generate_series(7, 27) AS n"), $hotp, 'HOTP as oathtool');
	for my $algorithm ('sha1', 'sha256')
	{
		my ($totp) = run_command([ 'oathtool', "--totp=$algorithm", '-d', '8', '-w', '50', '-N', '2026-07-01 00:00:00 UTC', $hex ]);
		is( $node->safe_psql($db, "SELECT dcep.totp('\\x$hex', '2026-07-01 00:00:00+00'::timestamptz + n * interval '30 s', '$algorithm', 8) FROM generate_series(0, 50) AS n"),
			$totp, "TOTP with $algorithm as oathtool");
	}
}

# A failure counts though its transaction rolls back, and after a restart; the locked payer pays wallets as before.
my $wrong = "SELECT dcep.pay_token(w(2), '280000000000000000', 1);";
is(sqlstate("BEGIN; $wrong ROLLBACK;"), 'LG501', 'a wrong token');
is(sqlstate($wrong), 'LG501', 'and again') for 1 .. 5;
is($node->safe_psql($db, 'SELECT failures FROM dcep.token_guess WHERE payer = w(2)'), 6, 'all were counted');
$node->stop('immediate');
$node->start;
is($node->safe_psql($db, 'SELECT failures FROM dcep.token_guess WHERE payer = w(2)'), 6, 'also after a crash');
my $token = $node->safe_psql($db, "SELECT dcep.issue_token(w(7), '1 hour')");
is(sqlstate("SELECT dcep.pay_token(w(2), '$token', 1);"), 'LG502', 'locked out, though the token is good');
is(sqlstate('SELECT dcep.transfer(w(2), w(7), 1);'), '', 'wallets can be paid');

# A dump carries the tokens; another database of the server, with the same secret's file, takes them.
my $dump = "$dir/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr($db) ], 'dump');
unlike(slurp_file($dump), qr/\Q$token\E/, 'the dump does not have the token');
$node->safe_psql($db, 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restore');
is($node->safe_psql('restored', "SELECT (dcep.pay_token(w(1), '$token', 3)).amount"), 3, 'the restored ledger takes the token');
is($node->safe_psql('restored', 'SELECT * FROM dcep.audit()'), '', 'and is sound');
is($node->safe_psql($db, "SELECT (dcep.pay_token(w(1), '$token', 3)).amount"), 3, 'so does the first');

# Neither a token nor a payee is in the server's log, but for statements that it was told to log.
is(sqlstate("SELECT dcep.pay_token(w(1), '$token', 3);"), 'LG501', 'used');
unlike(slurp_file($node->logfile), qr/\Q$token\E/, 'the refused token is not in the log');

done_testing();
