
# The sample payments of 20,000 accounts, 1,804 of which take part in 200 fan-ins and 200 cycles: how many of them the
# reports find among how many that they name, and that all reports hold together on a ledger of that size. What the
# reports see is the ledger; the labels serve to count alone. Times are shown and never asked for.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $data = $ENV{DCEP_DATA} // '../shared/data/amlsim';
plan skip_all => "there are no sample payments in $data" unless -r "$data/transactions.csv";
$data = File::Spec->rel2abs($data);

my $node = PostgreSQL::Test::Cluster->new('reports');
$node->init;
$node->append_conf('postgresql.conf', "shared_buffers = 256MB\nmax_wal_size = 4GB\nfsync = off");
$node->start;
for my $script ('ledger', 'accounts')
{
	$node->command_ok(
		[
			'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-v', "data=$data", '-v', 'funding=drawdown',
			'-v', 'bold=', '-v', 'good=', '-v', 'bad=', '-v', 'off=',
			'-d', $node->connstr('postgres'), '-f', "demo/$script.sql"
		],
		"demo/$script.sql");
}
$node->safe_psql('postgres', <<'SQL');
VACUUM ANALYZE;
CREATE SCHEMA label;
CREATE TABLE label.account AS SELECT w.wallet, a.fraud = 1 AS fraud FROM demo.account AS a JOIN demo.wallet AS w USING (id);
SQL
is($node->safe_psql('postgres', 'SELECT count(*) FILTER (WHERE fraud) FROM label.account'), 1804, 'accounts in patterns');

# Precision and recall per account of a query that gives wallets.
sub measure
{
	my ($what, $query) = @_;
	my ($named, $right) = split /\|/, $node->safe_psql('postgres',
		"SELECT count(*), count(*) FILTER (WHERE fraud) FROM (SELECT DISTINCT wallet FROM ($query) AS q) AS q JOIN label.account USING (wallet)");
	my ($precision, $recall) = ($named ? $right / $named : 0, $right / 1804);
	diag(sprintf('%s: %d wallets named, %d of them in patterns: precision %.3f, recall %.3f', $what, $named, $right, $precision, $recall));
	return ($precision, $recall);
}

my ($precision, $recall) = measure('suspects', 'SELECT wallet FROM dcep.suspects()');
cmp_ok($precision, '>=', 0.8, 'suspects: precision');
cmp_ok($recall, '>=', 0.88, 'suspects: recall');

($precision, $recall) = measure('suspects, ring score 1.5', 'SELECT wallet FROM dcep.suspects(ring_score => 1.5)');
cmp_ok($precision, '>=', 0.7, 'with a lower score: precision');
cmp_ok($recall, '>=', 0.88, 'with a lower score: recall');

($precision, $recall) = measure('suspects, ring score 3', 'SELECT wallet FROM dcep.suspects(ring_score => 3, link_score => 3)');
cmp_ok($precision, '>=', 0.85, 'with a higher score: precision');
cmp_ok($recall, '>=', 0.8, 'with a higher score: recall');

($precision, $recall) = measure('frequent pairs',
	'SELECT payer AS wallet FROM dcep.frequent_pairs() UNION ALL SELECT payee FROM dcep.frequent_pairs()');
cmp_ok($precision, '>=', 0.95, 'frequent pairs: precision');
cmp_ok($recall, '>=', 0.6, 'frequent pairs: recall');

for my $kind ('fan-in', 'ring', 'pair', 'fan-out')
{
	measure("rings of the kind $kind", "SELECT unnest(members) AS wallet FROM dcep.rings() WHERE kind = '$kind'");
}

# Without a fifth of the accounts, and so without a third of the payments, it finds less, and errs no more often.
for my $half (0, 1)
{
	my ($named, $right, $all) = split /\|/, $node->safe_psql('postgres', <<"SQL");
WITH pair AS (
    SELECT p.payer, p.payee, p.payments FROM dcep.pairs() AS p
      JOIN label.account AS f ON f.wallet = p.payer JOIN label.account AS g ON g.wallet = p.payee
     WHERE (p.payer::bigint / 10) % 5 <> $half AND (p.payee::bigint / 10) % 5 <> $half),
alert AS (
    SELECT a.members FROM (SELECT array_agg(payer) AS payers, array_agg(payee) AS payees, array_agg(payments) AS payments FROM pair) AS g,
           dcep.find_rings(g.payers, g.payees, g.payments, 2, 1, 0.02) AS a)
SELECT count(*), count(*) FILTER (WHERE fraud),
       (SELECT count(*) FROM label.account WHERE fraud AND (wallet::bigint / 10) % 5 <> $half)
  FROM (SELECT DISTINCT unnest(members) AS wallet FROM alert) AS s JOIN label.account USING (wallet)
SQL
	diag(sprintf('without a fifth of the accounts (%d): precision %.3f, recall %.3f', $half, $right / $named, $right / $all));
	cmp_ok($right / $named, '>=', 0.7, "without a fifth of the accounts ($half): precision");
	cmp_ok($right / $all, '>=', 0.7, "without a fifth of the accounts ($half): recall");
}

# The whole money, and the net positions cancel.
is($node->safe_psql('postgres', 'SELECT outstanding, sound FROM dcep.conservation'), '1683278079|t', 'conservation');
is($node->safe_psql('postgres', 'SELECT sum(used), sum(remaining) FROM dcep.quota'), '1683278079|0', 'quota');
is($node->safe_psql('postgres', 'SELECT sum(net), count(*) FROM dcep.net_positions()'), '0|6', 'net positions');
is($node->safe_psql('postgres', 'SELECT sum(anonymous_wallets), sum(wallets), sum(held), sum(paid) FROM dcep.anonymous_share()'),
	'0|20000|1683278079|3328371291', 'share of anonymous wallets');
is($node->safe_psql('postgres', 'SELECT count(*), sum(payments), sum(amount) FROM dcep.pairs()'), '117326|120543|3328371291', 'pairs');
is($node->safe_psql('postgres', "SELECT sum(amount) FILTER (WHERE direction = 'payment' AND kind = 'transfer'), count(*) FROM dcep.movement"),
	'3328371291|257933', 'movements');

# Every report, and what it takes here.
for my $report (
	'conservation', 'quota', 'frozen_totals', 'double_spends()', 'chain_gaps()', 'net_positions()', 'anonymous_share()',
	'large_values()', 'structuring()', 'dormant_reactivated()', 'surging()', 'short_lived()', 'fan_in()', 'fan_out()',
	'pass_through()', 'cycles()', 'frequent_pairs()', 'rings()', 'suspects()')
{
	my $began = time;
	my $rows = $node->safe_psql('postgres', "SELECT count(*) FROM dcep.$report");
	diag(sprintf('dcep.%s: %d rows in %.2f s', $report, $rows, time - $began));
	is($rows, 0, "$report is empty") if $report =~ /^(?:frozen_totals|double_spends|chain_gaps|dormant|surging|short_lived|structuring|large_values)/;
}

$node->stop;
done_testing();
