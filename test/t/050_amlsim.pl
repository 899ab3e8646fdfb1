
# The sample payments of 20,000 accounts: what is executed and what is refused
# follows from the data alone, so the ledger must come to the same counts, to the fen.
# The figures were computed from the files without a ledger.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = $ENV{DCEP_DATA} // '../shared/data/amlsim';
plan skip_all => "there are no sample payments in $data" unless -r "$data/transactions.csv";
$data = File::Spec->rel2abs($data);

my %expected = (
	init_balance => {
		executed => 46_538,
		payer_is_payee => 15,
		insufficient_funds => 74_005,
		other => 0,
		moved => 1_102_184_707,
		issued => 560_095_352,
	},
	drawdown => {
		executed => 120_543,
		payer_is_payee => 15,
		insufficient_funds => 0,
		other => 0,
		moved => 3_328_371_291,
		issued => 1_683_278_079,
	});

my $node = PostgreSQL::Test::Cluster->new('amlsim');
$node->init;
$node->append_conf('postgresql.conf', "shared_buffers = 256MB\nmax_wal_size = 4GB");
$node->start;

for my $funding (sort keys %expected)
{
	$node->safe_psql('postgres', "CREATE DATABASE $funding");
	for my $script ('ledger', 'accounts')
	{
		$node->command_ok(
			[
				'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-v', "data=$data", '-v', "funding=$funding",
				'-v', 'bold=', '-v', 'good=', '-v', 'bad=', '-v', 'off=',
				'-d', $node->connstr($funding), '-f', "demo/$script.sql"
			],
			"$funding: demo/$script.sql");
	}

	for my $count (sort keys %{ $expected{$funding} })
	{
		is($node->safe_psql($funding, "SELECT $count FROM demo.counts"), $expected{$funding}{$count}, "$funding: $count");
	}
	is($node->safe_psql($funding, 'SELECT count(*) FROM dcep.verify_chain()'), 0, "$funding: the chains are whole");
	is($node->safe_psql($funding, 'SELECT count(*) FROM dcep.audit()'), 0, "$funding: the audit finds nothing");
}

# The 16,847 wallets that are ever short are the ones that needed funding.
is($node->safe_psql('drawdown', 'SELECT count(*) FROM demo.funding WHERE amount > 0'), 16_847, 'drawdown: wallets funded');

$node->stop;
done_testing();
