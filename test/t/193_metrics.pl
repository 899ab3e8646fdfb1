
# Metrics as Prometheus gets them: Debian's exporter with the query file that comes with dcep, read by HTTP.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use HTTP::Tiny;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

use DcepLedger;

my $exporter = '/usr/bin/prometheus-postgres-exporter';
plan skip_all => 'prometheus-postgres-exporter is not installed' unless -x $exporter;
my $folder = "$FindBin::RealBin/../../monitoring";

my $db = 'ledger';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
jit = off
max_prepared_transactions = 4
shared_preload_libraries = 'dcep'
dcep.upkeep_naptime = 1
dcep.seal_interval = 1
dcep.checkpoint_interval = 1
CONF
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $db");
DcepLedger::create($node, $db);
sub sql { return $node->safe_psql($db, $_[0]) }
sql('CREATE ROLE dcep_exporter LOGIN IN ROLE dcep_monitor');

# --- the exporter ------------------------------------------------------------------

my $port = PostgreSQL::Test::Cluster::get_free_port();
my $log = $node->basedir . '/exporter.log';
my $run;
{
	local $ENV{DATA_SOURCE_NAME} = 'host=' . $node->host . ' port=' . $node->port . " user=dcep_exporter dbname=$db sslmode=disable";
	$run = IPC::Run::start(
		[ $exporter, "--extend.query-path=$folder/dcep_queries.yaml", "--web.listen-address=127.0.0.1:$port",
			'--disable-default-metrics', '--disable-settings-metrics' ],
		'<', \'', '>', $log, '2>&1');
}

# What a scrape gives: { name => { labels => value } }; the label of the server, which is in all, left out.
sub scrape
{
	my $answer = HTTP::Tiny->new(timeout => 30)->get("http://127.0.0.1:$port/metrics");
	return {} unless $answer->{success};
	my %metrics;
	for my $line (split /\n/, $answer->{content})
	{
		my ($name, $labels, $value) = $line =~ /^(\w+)(?:\{(.*)\})? (\S+)$/ or next;
		my %labels = map { /^(\w+)="(.*)"$/ ? ($1 => $2) : () } split /,/, $labels // '';
		delete $labels{server};
		$metrics{$name}{ join ',', map { $labels{$_} } sort keys %labels } = $value;
	}
	return \%metrics;
}

# Scrapes until something holds.
sub await
{
	my ($condition, $what) = @_;
	my $start = time;
	my $metrics = scrape();
	while (!$condition->($metrics) && time - $start < 60)
	{
		usleep(100_000);
		$metrics = scrape();
	}
	ok($condition->($metrics), $what) or diag(explain($metrics), slurp_file($log));
	return $metrics;
}
my $transfers = sql('SELECT count(*) FROM dcep.transfer');
my $metrics = await(sub { ($_[0]{dcep_checkpoint_transfers}{''} // 0) == $transfers }, 'the exporter has metrics of the ledger, whose log is complete');

# Everything that the views have arrives, and is documented in the file.
for my $column (split /\n/, sql(<<'SQL'))
SELECT CASE c.relname WHEN 'metrics' THEN 'dcep' ELSE replace(c.relname, 'metrics', 'dcep') END || '_' || a.attname
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'dcep'::regnamespace AND c.relname LIKE 'metrics%' AND a.attnum > 0 AND a.atttypid <> 'text'::regtype
SQL
{
	next if $column eq 'dcep_refused_total';
	ok(exists $metrics->{$column}, "$column is there");
}
is($metrics->{pg_exporter_last_scrape_error}{''}, 0, 'the exporter saw no error');
is($metrics->{pg_up}{''}, 1, 'and the server') if $metrics->{pg_up};

# --- what they say --------------------------------------------------------------------

sub agrees
{
	my ($name, $query) = @_;
	is($metrics->{$name}{''} + 0, sql($query), "$name: $query");
	return;
}
agrees('dcep_issued', 'SELECT sum(issued) FROM dcep.supply');
agrees('dcep_redeemed', 'SELECT sum(redeemed) FROM dcep.supply');
agrees('dcep_outstanding', 'SELECT sum(amount) FROM dcep.coin');
agrees('dcep_reserves', 'SELECT sum(reserve) FROM dcep.supply');
agrees('dcep_log_transfers', 'SELECT count(*) FROM dcep.transfer');
agrees('dcep_transfer_ids_total', 'SELECT last_value FROM dcep.transfer_id_seq');
agrees('dcep_log_undecided', 'SELECT 0');
agrees('dcep_triggers_off', 'SELECT 0');
agrees('dcep_worker_up', 'SELECT 1');
agrees('dcep_orders_in_force', 'SELECT 0');
agrees('dcep_paying_transactions', 'SELECT 0');
is_deeply([ map { $_ + 0 } map { $metrics->{dcep_operator_reserve}{$_} } qw(0002 0003 0004) ],
	[ split /\n/, sql('SELECT reserve FROM dcep.supply ORDER BY institution') ], 'reserves, by operator');
is(join(' ', sort keys %{ $metrics->{dcep_task_rounds_total} }), 'checkpoints consolidation messages refusals sealing tills tokens', 'tasks, by name');
cmp_ok(abs($metrics->{dcep_checkpoint_timestamp_seconds}{''} - time), '<', 600, 'times are seconds since 1970');

# Refusals, by rule. The ledger's making has had some.
my %before = %{ $metrics->{dcep_refused_total} // {} };
$node->psql($db, "SELECT dcep.transfer(w(1), w(2), 1000000000);\n" x 3 . "SELECT dcep.transfer(w(1), w(1), 5);\n" x 2, on_error_stop => 0);
$metrics = scrape();
is($metrics->{dcep_refused_total}{LG301} - ($before{LG301} // 0), 3, 'refusals are counted by rule');
is($metrics->{dcep_refused_total}{LG303} - ($before{LG303} // 0), 2, 'of each');

# A transaction that has paid and stays open, and one that is prepared.
my $payer = $node->background_psql($db);
$payer->query_safe('BEGIN; SELECT dcep.transfer(w(1), w(2), 5)');
sql("BEGIN; SELECT dcep.transfer(w(3), w(2), 5); PREPARE TRANSACTION 'open'");
$metrics = scrape();
is($metrics->{dcep_paying_transactions}{''}, 2, 'transactions that have paid are seen');
is($metrics->{dcep_paying_prepared_transactions}{''}, 1, 'prepared ones too');
cmp_ok($metrics->{dcep_paying_oldest_seconds}{''}, '>', 0, 'and how old the oldest is');
cmp_ok($metrics->{dcep_log_undecided}{''}, '>', 0, 'they hold the log back');
$payer->query_safe('COMMIT');
$payer->quit;
sql("COMMIT PREPARED 'open'");
await(sub { $_[0]{dcep_paying_transactions}{''} == 0 && $_[0]{dcep_log_undecided}{''} == 0 }, 'no longer than they are open');

# Orders.
sql(<<'SQL');
SELECT dcep.generate_key(5, 'ed25519');
SET ROLE regress_supervisor;
SELECT dcep.agree(5, 2, dcep.order_kinds());
SET ROLE regress_bank2;
SELECT dcep.agree(5, 2, dcep.order_kinds());
SET ROLE regress_supervisor;
SELECT dcep.impose('no_debit', '{"operator": 2, "class": 4}', 'case');
SELECT dcep.lift(dcep.impose('no_debit', '{"operator": 2, "class": 4}', 'case'), 'over');
SELECT dcep.impose('no_debit', '{"operator": 2, "class": 4}', 'case', valid_from => now() + interval '1 day');
SQL
is(scrape()->{dcep_orders_in_force}{''}, 1, 'orders in force are counted');

# A trigger that is off.
sql('ALTER TABLE dcep.coin DISABLE TRIGGER ' . sql("SELECT min(tgname) FROM pg_trigger WHERE tgrelid = 'dcep.coin'::regclass AND NOT tgisinternal"));
is(scrape()->{dcep_triggers_off}{''}, 1, 'triggers that are off are counted');

# --- the role, and the alerts ------------------------------------------------------------

for my $relation (qw(transfer coin wallet supply upkeep))
{
	my ($status, $out, $err) = $node->psql($db, "SELECT * FROM dcep.$relation", extra_params => [ '-U', 'dcep_exporter' ]);
	like($err, qr/permission denied/, "the exporter's role does not see dcep.$relation");
}
# Every metric that an alert asks for is one that the exporter has, or was given a name above.
my $alerts = slurp_file("$folder/dcep_alerts.yaml");
my %asked = map { $_ => 1 } $alerts =~ /\b(dcep_\w+)\b/g;
$asked{$_} and ok(exists $metrics->{$_}, "an alert asks for $_") for sort grep { !/^dcep_queries$/ } keys %asked;
SKIP:
{
	my ($promtool) = grep { -x } map { "$_/promtool" } split /:/, $ENV{PATH};
	skip 'promtool is not installed', 1 unless $promtool;
	$node->command_ok([ $promtool, 'check', 'rules', "$folder/dcep_alerts.yaml" ], 'Prometheus accepts the alerts');
}

$run->kill_kill;
$node->stop;
done_testing();
