
# A ledger that is dumped and restored is the same ledger, to the byte: no payment is executed
# again, everything verifies, and paying goes on where it stopped.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
my $dir = PostgreSQL::Test::Utils::tempdir;

$node->safe_psql('postgres', 'CREATE DATABASE source');
DcepLedger::create($node, 'source');
# Orders too: agreed on, imposed on a wallet and on a class, and one of them lifted.
$node->safe_psql('source', q{
	SELECT dcep.enroll_institution(9009, 'Supervisor', 'supervisor');
	SELECT dcep.generate_key(9009, 'ed25519');
	CREATE ROLE dump_supervisor;
	CREATE ROLE dump_operator;
	SELECT dcep.grant_institution('dump_supervisor', 9009);
	SELECT dcep.grant_institution('dump_operator', (SELECT min(code) FROM dcep.institution WHERE kind = 'operator'));
	SELECT set_config('dump.operator', (SELECT min(code) FROM dcep.institution WHERE kind = 'operator')::text, false);
	SELECT set_config('dump.wallet', w(6)::text, false);
	SET ROLE dump_supervisor;
	SELECT dcep.agree(9009, current_setting('dump.operator')::int, dcep.order_kinds());
	SET ROLE dump_operator;
	SELECT dcep.agree(9009, current_setting('dump.operator')::int, dcep.order_kinds());
	SET ROLE dump_supervisor;
	SELECT dcep.impose('cap_day', jsonb_build_object('wallet', current_setting('dump.wallet')), 'C', 10);
	SELECT dcep.impose('time_window', jsonb_build_object('operator', current_setting('dump.operator')::int, 'class', 4), 'C',
		daily_from => '08:00', daily_until => '18:00');
	SELECT dcep.lift(dcep.impose('freeze', jsonb_build_object('wallet', current_setting('dump.wallet')), 'C'), 'over');
	RESET ROLE});
is($node->safe_psql('source', 'SELECT * FROM dcep.audit()'), '', 'the ledger to be dumped is sound');

my $tables = DcepLedger::contents($node, 'source');
cmp_ok($tables->{'table transfer'} =~ tr/\n//, '>', 100, 'there is something to compare');
cmp_ok(scalar(keys %$tables), '>=', 14, 'of all tables and sequences');

# --- whole databases: dumped and restored by several processes too ----------------------------------------------------------------

my %dump = (
	plain => ["$dir/plain.sql", ['--format=plain']],
	custom => ["$dir/custom", ['--format=custom']],
	directory => ["$dir/directory", [ '--format=directory', '--jobs=2' ]]);

for my $format (sort keys %dump)
{
	my ($file, $options) = @{ $dump{$format} };
	$node->command_ok([ 'pg_dump', @$options, '--file', $file, '--dbname', $node->connstr('source') ], "$format: dumped");
	$node->safe_psql('postgres', "CREATE DATABASE $format");
	my @restore =
	  $format eq 'plain'
	  ? ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $file)
	  : ('pg_restore', '--exit-on-error', ($format eq 'custom' ? '--single-transaction' : '--jobs=2'), $file);
	$node->command_ok([ @restore, '--dbname', $node->connstr($format) ], "$format: restored");
	check_restored($format);
}

# --- data alone, into a database that has the extension ------------------------------

$node->command_ok(
	[ 'pg_dump', '--data-only', '--file', "$dir/data.sql", '--dbname', $node->connstr('source') ],
	'data alone: dumped');
$node->safe_psql('postgres', 'CREATE DATABASE data_only');
$node->safe_psql('data_only', 'CREATE EXTENSION dcep CASCADE');
$node->safe_psql('data_only', DcepLedger::names());
$node->command_ok(
	[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '--dbname', $node->connstr('data_only'), '-f', "$dir/data.sql" ],
	'data alone: restored');
check_restored('data_only');

# --- edited dumps ----------------------------------------------------------------------

my $plain = slurp_file("$dir/plain.sql");

# One row of the journal: an amount of 777 is there once.
my $edits = {
	'an amount' => sub { $_[0] =~ s/^(\d+\t\d{16}\t\d{16}\t)777\t/${1}778\t/m },
	'a memo' => sub { $_[0] =~ s/\tseven sevens\t/\tsix sevens\t/ },
	'a device signature' => sub { $_[0] =~ s/\tseven sevens\t\\N\t\\N$/"\tseven sevens\t\\N\t\\\\x" . '00' x 64/me },
	'a key' => sub { $_[0] =~ s/\tkey of 777\t/\tkey of 778\t/ },
	'a time' => sub { $_[0] =~ s/^(\d+\t\d{16}\t\d{16}\t777\t\d+\t)\d{4}/${1}2019/m },
	'a hash' => sub { $_[0] =~ s/^(\d+\t\d{16}\t\d{16}\t777\t.*\t\\\\x)(?:00|01)?[0-9a-f]{2}(\S+\tkey of 777)/${1}$2/m },
};
my $number = 0;
for my $what (sort keys %$edits)
{
	my $edited = $plain;
	ok($edits->{$what}->($edited), "$what of the dump is edited");
	append_to_file("$dir/edited$number.sql", $edited);
	$node->safe_psql('postgres', "CREATE DATABASE edited$number");
	my ($status, $out, $err) = $node->psql("edited$number", "\\set VERBOSITY verbose\n\\i $dir/edited$number.sql", on_error_stop => 1);
	isnt($status, 0, "$what: the load stops");
	like($err, qr/ERROR:  (LG402: hash chain broken|XX001: row of dcep.transfer is damaged)/, "$what: with the reason");
	is($node->safe_psql("edited$number", 'SELECT count(*) FROM dcep.transfer'), 0, "$what: no row has been loaded");
	$number++;
}

# Whoever may pay may not bring rows along.
my ($status, $out, $err) = $node->psql('source',
	"SET SESSION AUTHORIZATION regress_bank2;\nINSERT INTO dcep.transfer SELECT * FROM dcep.transfer LIMIT 1;");
like($err, qr/permission denied/, 'an operator may not insert finished rows');
$node->safe_psql('source', 'GRANT INSERT ON dcep.transfer TO regress_bank2');
($status, $out, $err) = $node->psql('source',
	"\\set VERBOSITY verbose\nSET SESSION AUTHORIZATION regress_bank2;\n"
	  . "INSERT INTO dcep.transfer SELECT * FROM dcep.transfer LIMIT 1;");
like($err, qr/42501: permission denied to insert a transfer that has its hash already/,
	'not even where all columns have been granted');

$node->stop;
done_testing();

sub check_restored
{
	my ($database) = @_;
	my $restored = DcepLedger::contents($node, $database);
	is_deeply([ sort keys %$restored ], [ sort keys %$tables ], "$database: the same tables and sequences");
	for my $name (sort keys %$tables)
	{
		ok($restored->{$name} eq $tables->{$name}, "$database: $name is the same byte for byte")
		  or diag(substr($restored->{$name}, 0, 500), "\ninstead of\n", substr($tables->{$name}, 0, 500));
	}
	is($node->safe_psql($database, 'SELECT * FROM dcep.audit()'), '', "$database: the audit finds nothing");

	# Paying goes on: ids follow, keys are remembered, numbers do not repeat.
	my $last = $node->safe_psql('source', 'SELECT max(id) FROM dcep.transfer');
	cmp_ok($node->safe_psql($database, 'SELECT (dcep.transfer(w(1), w(2), 5)).transfer'), '>', $last,
		"$database: the next payment has the next id");
	cmp_ok($node->safe_psql($database, "SELECT (dcep.transfer(w(1), w(2), 777, 'key of 777', 'seven sevens')).transfer"),
		'<=', $last, "$database: a key from before the dump returns its receipt");
	$node->safe_psql($database, qq{SELECT dcep.open_wallet(2, '{"class": 1}') FROM generate_series(1, 100)});
	my ($status, $out, $err) = $node->psql($database, 'SELECT dcep.transfer(w(5), w(1), 1)');
	like($err, qr/payer may not pay/, "$database: what was frozen is frozen");
	is($node->safe_psql($database, "SELECT dcep.generate_key(2, 'sm2')"), 3, "$database: the next key has the next number");
	is($node->safe_psql($database, "SET SESSION AUTHORIZATION regress_bank2; SELECT amount FROM dcep.transfer(w(3), w(2), 6)"),
		6, "$database: roles are bound as before");
	is($node->safe_psql($database, 'SELECT * FROM dcep.audit()'), '', "$database: and the audit still finds nothing");
	return;
}
