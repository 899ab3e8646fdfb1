
# dcep-verify on journals of nodes: an auditor with the files of an operator's node, or of the registry's, and public keys
# finds the books sound without a server, and what was altered on purpose by the line that the documentation promises.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Utils;
use Test::More;

use DcepNodes;
use DcepVerify;

start_nodes(2, 3);
my $work = PostgreSQL::Test::Utils::tempdir_short;

# --- books with something of every kind -----------------------------------------------------

sub pay
{
	my ($from, $payer, $payee, $amount, $memo) = @_;
	return query($from, "SELECT (dcep.transfer('$payer', '$payee', $amount, NULL, " . ($memo // 'NULL') . ')).transfer');
}

query(1, "SELECT dcep.issue(code, 50000, 'first of ' || code) FROM generate_series(2, 3) AS code");
settle();
my %alice;
for my $code (2, 3)
{
	$alice{$code} = query($code, qq(SELECT dcep.open_wallet($code, '{"class": 1}')));
	query($code, "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault($code), '$alice{$code}', 10000)");
}
my $out = pay(2, $alice{2}, $alice{3}, 1250, q(E'to "3", C:\\\\ \t\n\x01 caf\u00e9'));
my $in = pay(3, $alice{3}, $alice{2}, 2000);
settle();
query(3, "INSERT INTO dcep.transfer (payer, payee, amount) SELECT '$alice{3}', '$alice{2}', n FROM generate_series(1, 20) AS n");
query(2, 'SELECT (dcep.redeem(2, 7000)).transfer');
settle();

# What comes back: a payment to a wallet that is closed, one whose payer has closed its own meanwhile, an issue that was not taken.
my $closed = query(3, qq(SELECT dcep.open_wallet(3, '{"class": 1}')));
query(3, "SELECT dcep.close_wallet('$closed')");
my $returned = pay(2, $alice{2}, $closed, 200);
my $leaver = query(2, qq(SELECT dcep.open_wallet(2, '{"class": 1}')));
pay(2, $alice{2}, $leaver, 300);
pay(2, $leaver, $closed, 300);
query(2, "SELECT dcep.close_wallet('$leaver')");
query(2, "SELECT dcep.freeze(dcep.vault(2), 'credit', 'case 2')");
my $not_taken = query(1, 'SELECT (dcep.issue(2, 600)).transfer');
settle();
query(2, "SELECT dcep.unfreeze(dcep.vault(2), 'credit', 'case 2')");

# Keys change, the log is sealed, wallets are frozen from the registry.
query(2, "SELECT dcep.generate_key(2, 'sm2')");
query(1, "SELECT dcep.generate_key(1, 'p256'); SELECT dcep.freeze('$alice{2}', 'both', 'case 7'); SELECT dcep.unfreeze('$alice{2}', 'both', 'case 7')");
settle();
pay(2, $alice{2}, $alice{3}, 11);
pay(3, $alice{3}, $alice{2}, 12);
settle();
query($_, 'SELECT dcep.seal(), dcep.checkpoint()') for 1, 2, 3;
books_close('all is settled');

# A payment that the registry has, and its payee's node not; one that no one has been told of; an issue on its way.
my $under_way = pay(2, $alice{2}, $alice{3}, 40);
carry(2, 1);
query(1, 'SELECT dcep.work_messages()');
my $untold = pay(2, $alice{2}, $alice{3}, 7);
query(1, 'SELECT dcep.issue(2, 900)');

my %whole = map { ($_ => "$work/whole$_") } 1, 2, 3;
export(cluster(), $_ == 1 ? 'registry' : "bank$_", $whole{$_}) for 1, 2, 3;

# --- sound books ------------------------------------------------------------------------------

PostgreSQL::Test::Utils::append_to_file("$work/keys", query(1, "COPY (SELECT institution, number, suite, public_key, valid_from, valid_until, revoked_at FROM dcep.signing_key) TO STDOUT"));
for my $code (1, 2, 3)
{
	for my $jobs (1, 3)
	{
		my $run = verify('journal', '--jobs', $jobs, $whole{$code});
		is_deeply([ $run->{status}, $run->{defects}, $run->{err} ], [ 0, [], '' ], "the books of node $code are sound, $jobs jobs") or diag($run->{out});
		diag($run->{out});
	}
}

finish_nodes();
done_testing();
