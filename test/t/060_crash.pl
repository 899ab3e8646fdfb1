
# Crashes under load: what was acknowledged is there afterwards, and the ledger is sound.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use DcepLedger;

my $db = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nrestart_after_crash = on\ncheckpoint_timeout = 30s");
$node->start;
DcepLedger::create($node, $db);
my $issued = $node->safe_psql($db, 'SELECT sum(amount) FROM dcep.coin');

# A client that pays one by one and writes down what was acknowledged.
my $dir = PostgreSQL::Test::Utils::tempdir;
my $singles = "$dir/singles.sql";
append_to_file($singles, join '', map { "SELECT key FROM dcep.transfer(w(3), w(1), 1, 'single $_:' || :round);\n" } 1 .. 3000);
my $bulks = "$dir/bulks.sql";
append_to_file($bulks, join '', map {
	"WITH paid AS (INSERT INTO dcep.transfer (payer, payee, amount, key)"
	  . " SELECT w(CASE n % 2 WHEN 0 THEN 4 ELSE 7 END), w(8), 1, 'bulk $_:' || :round || ':' || n FROM generate_series(1, 500) AS n RETURNING key)"
	  . " SELECT string_agg(key, E'\\n') FROM paid;\n" } 1 .. 200);

my $round = 0;
for my $crash ('kill -9 of a backend', 'immediate shutdown', 'kill -9 of a backend', 'immediate shutdown')
{
	$round++;
	my %outcome;
	my @clients = map {
		my ($in, $out, $err) = ('', '', '');
		$outcome{$_} = \$out;
		IPC::Run::start(
			[ 'psql', '-XAtq', '-v', "round=$round", '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', $_ ],
			'<', \$in, '>', \$out, '2>', \$err)
	} ($singles, $bulks);

	# Both must be well under way.
	my $start = time;
	until (${ $outcome{$singles} } =~ /single 100:/ && ${ $outcome{$bulks} } =~ /bulk 3:/)
	{
		$_->pump_nb for @clients;
		usleep(10_000);
		last if time - $start > 60;
	}
	if ($crash =~ /backend/)
	{
		my $pid = $node->safe_psql($db, "SELECT pid FROM pg_stat_activity WHERE query LIKE 'WITH paid%' LIMIT 1");
		kill 'KILL', $pid;
		eval { $_->finish } for @clients;
		$node->poll_query_until($db, 'SELECT NOT pg_is_in_recovery()');
	}
	else
	{
		$node->stop('immediate');
		eval { $_->finish } for @clients;
		$node->start;
	}

	my @acknowledged = map { grep { /:/ } split /\n/, ${ $outcome{$_} } } ($singles, $bulks);
	cmp_ok(scalar(@acknowledged), '>', 500, "$crash: payments had been acknowledged");
	my $list = "$dir/acknowledged$round";
	append_to_file($list, join '', map { "$_\n" } @acknowledged);
	is($node->safe_psql($db, "CREATE TEMP TABLE a (key text); \\copy a from '$list'\nSELECT count(*) FROM a WHERE NOT EXISTS (SELECT FROM dcep.transfer AS t WHERE t.key = a.key)"),
		0, "$crash: they are all there");
	is($node->safe_psql($db, "SELECT count(*) FROM (SELECT split_part(key, ':', 1) FROM dcep.transfer WHERE key LIKE 'bulk %:$round:%' GROUP BY 1 HAVING count(*) <> 500) AS s"),
		0, "$crash: bulks are there whole or not at all");
	is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', "$crash: the audit finds nothing");
	is($node->safe_psql($db, 'SELECT sum(amount) FROM dcep.coin'), $issued, "$crash: money is conserved");

	# Whoever repeats what it does not know the outcome of pays once.
	my $before = $node->safe_psql($db, 'SELECT count(*) FROM dcep.transfer');
	my $again = $node->safe_psql($db, "SELECT dcep.transfer(w(3), w(1), 1, 'single ' || n || ':$round') IS NOT NULL FROM generate_series(1, 50) AS n");
	is($node->safe_psql($db, 'SELECT count(*) FROM dcep.transfer'), $before, "$crash: repeating acknowledged payments pays nothing");
}
$node->stop;
done_testing();
