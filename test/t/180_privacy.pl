
# An attacker with all rights of an operator's application, and of the payer whom it serves, wants to know who was
# paid by a token; another one, at the payee's bank, who paid. What cannot be hidden stands in docs/security.md.

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
$node->append_conf('postgresql.conf', "jit = off\nlog_statement = none\nshared_preload_libraries = 'dcep'\ndcep.consolidation_interval = 0");
$node->start;
DcepLedger::create($node, $db);

# Bank 2's wallet 3 pays bank 3's wallet 4 by tokens; each bank's application is a role of its own. The
# attackers do not know the numbers of each other's wallets, so that the names are taken away from them.
my $payer = $node->safe_psql($db, 'SELECT w(3)');
my $payee = $node->safe_psql($db, 'SELECT w(4)');
my $other = $node->safe_psql($db, 'SELECT w(7)');
$node->safe_psql($db, 'REVOKE SELECT ON numbered FROM PUBLIC');

# What a role gets to see of a statement: output, errors, notices.
sub seen_by
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql($db, "SET SESSION AUTHORIZATION $role;\n\\set VERBOSITY verbose\n$sql", on_error_stop => 0);
	return "$out\n$err";
}
my $issue = sub { my ($token) = seen_by('regress_bank3', "SELECT dcep.issue_token('$_[0]')") =~ /(28\d{16})/; return $token };
my $pay = sub { return seen_by('regress_bank2', "SELECT dcep.pay_token('$payer', '$_[0]', $_[1], " . ($_[2] // 'NULL') . ", 'for you')") };

my @receipts = map { $pay->($issue->($payee), 1001 + $_, "'secret $_'") } (1, 2);
push @receipts, $pay->($issue->($other), 1003, "'secret 3'");
is(scalar(grep { /\(\d+,token,$payer,0000\d{12},100\d,/ } @receipts), 3, 'receipts name the payer and a pseudonym');
my @pseudonyms = map { /,$payer,(0000\d{12}),/ } @receipts;
my %distinct = map { $_ => 1 } @pseudonyms;
is(scalar keys %distinct, 3, 'another pseudonym for each payment, of the same payee too');
my ($transfer) = $receipts[0] =~ /\((\d+),token/;
is($pay->('280000000000000000', 1001, "'secret 1'") =~ /LG302/ ? 1 : 0, 1, 'a key with another token is another payment');

# --- everything that can be read -------------------------------------------------------

# All relations of the schema, all columns; whatever is not granted says so.
my @relations = split /\n/, $node->safe_psql($db, "SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'dcep'::regnamespace AND c.relkind IN ('r', 'v', 'S') ORDER BY 1");
my $everything = join "\n", map { "SELECT * FROM $_;" } @relations;
# Functions of which an application can ask something about these payments or wallets.
my $coins = "SELECT c::text, dcep.owner(c), dcep.coin_id(c), dcep.minted_at(c) FROM dcep.coins('%s') AS c";
my $asks = join ";\n", map { sprintf $_, $payer } (
	"SELECT * FROM dcep.statement('%s')", $coins, "SELECT dcep.receipt_of($transfer)", "SELECT * FROM dcep.verify_chain('%s')",
	"SELECT dcep.balance('%s'), dcep.available('%s')", 'SELECT * FROM dcep.inclusion_proof(' . $transfer . ')',
	"SELECT * FROM dcep.trace_forward($transfer, 'poison')", "SELECT * FROM dcep.trace_back($transfer)", "SELECT * FROM dcep.alerts('-infinity', 'infinity')",
	"SELECT * FROM dcep.net_positions('-infinity', 'infinity')", "SELECT * FROM dcep.movement", 'SELECT * FROM dcep.latest_checkpoint()');
$node->safe_psql($db, 'SELECT dcep.seal(), dcep.checkpoint(); VACUUM ANALYZE');
my $reading = seen_by('regress_bank2', "$everything;\n$asks;\nSELECT * FROM pg_stats;\nSELECT * FROM pg_stat_activity;\nSELECT * FROM pg_prepared_statements");
like($reading, qr/$payer/, 'the application of the payer reads what is its own');
like($reading, qr/secret 1/, 'and its side of the payments');
for my $wallet ($payee, $other)
{
	unlike($reading, qr/$wallet/, 'nowhere the wallet that was paid');
	unlike($reading, qr/@{[ $wallet + 0 ]}/, 'nor its number without zeros');
	my $hex = $node->safe_psql($db, "SELECT encode(dcep.wallet_id_send('$wallet'), 'hex')");
	unlike($reading, qr/$hex/i, 'nor its bytes');
}
my $payee_reads = $everything . ";\n" . ($asks =~ s/$payer/$payee/gr) . ";\nSELECT * FROM pg_stats;\nSELECT * FROM pg_stat_activity";
$reading = seen_by('regress_bank3', $payee_reads);
like($reading, qr/$payee\|/, 'the application of the payee reads what is its own');
# Wallet 3 has paid wallets of bank 3 openly too: only what was by token must not be there.
unlike($reading, qr/secret \d/, 'not the key that the payer chose');
unlike($reading, qr/^$transfer\|[^\n]*$payer/m, 'not the payment by token with its payer');
like(seen_by('regress_bank3', "SELECT counterparty FROM dcep.statement('$payee') WHERE kind = 'token'"), qr/^0000\d{12}$/m, 'a pseudonym stands in its place');
is(seen_by('regress_bank3', "SELECT dcep.receipt_of($transfer)") =~ /$payer/ ? 1 : 0, 0, 'nor does the receipt tell the payee who paid');
isnt($node->safe_psql($db, "SELECT counterparty FROM dcep.statement('$payee') WHERE kind = 'token' LIMIT 1"), $pseudonyms[0], 'the two sides have pseudonyms that do not match');

# --- refusals ------------------------------------------------------------------------

# Whatever is wrong with token or payee, the answer is the same, to the letter.
my $closed = $node->safe_psql($db, "SELECT dcep.open_wallet(3, '{\"class\": 1}')");
my $closed_token = $issue->($closed);
$node->safe_psql($db, "SELECT dcep.close_wallet('$closed')");
my $frozen = $node->safe_psql($db, "SELECT dcep.open_wallet(3, '{\"class\": 1}')");
my $frozen_token = $issue->($frozen);
$node->safe_psql($db, "SELECT dcep.freeze('$frozen', 'credit', 'case 9')");
my $used = $issue->($payee);
$pay->($used, 1004);
my %answers;
my $number = 20;
for my $token ('280000000000000001', $closed_token, $frozen_token, $used)
{
	# A payer each, since failures add up.
	my $guesser = $node->safe_psql($db, "INSERT INTO numbered VALUES (@{[ ++$number + 80 ]}, dcep.open_wallet(2, '{\"class\": 1}')) RETURNING wallet");
	$node->safe_psql($db, "SELECT dcep.transfer(w(3), '$guesser', 50)");
	my $answer = seen_by('regress_bank2', "SELECT dcep.pay_token('$guesser', '$token', 5)");
	$answer =~ s/LOCATION:.*//;
	$answers{$answer}++;
}
is(join('', values %answers), '4', 'unknown, closed, frozen and used: one answer') or diag(join "\n---\n", keys %answers);
like((keys %answers)[0], qr/ERROR:  LG501: payment token not valid/, 'which is LG501');
unlike((keys %answers)[0], qr/280000000000000001|\b0003\d{12}\b/, 'with neither token nor wallet');

# What goes on record of it is the same, too.
$node->safe_psql($db, 'SELECT dcep.keep_refusals()');
is( seen_by('regress_bank2', "SELECT count(*), r.sqlstate, r.message, r.payee, r.class, r.order_id FROM dcep.refusal AS r WHERE r.kind = 'token' AND r.sqlstate <> 'LG302' GROUP BY r.sqlstate, r.message, r.payee, r.class, r.order_id"),
	"4|LG501|payment token not valid|||\n", 'four refusals on record, all alike');

# The log of the server has neither the token nor the payee.
my $log = slurp_file($node->logfile);
unlike($log, qr/$used|$closed_token|$frozen_token/, 'no token that was refused is in the log of the server');
unlike($log, qr/$frozen/, 'nor whom it stood for');

# The registration centre sees the truth, within a case.
like(seen_by('regress_central', "SELECT dcep.open_case('C-1', 'who was paid'); \nSELECT payee FROM dcep.transfer WHERE id = $transfer"), qr/$payee/, 'the central bank sees who was paid, within a case');
unlike(seen_by('regress_central', "SELECT payee FROM dcep.transfer WHERE id = $transfer"), qr/$payee/, 'and not without one');
is($node->safe_psql($db, 'SELECT * FROM dcep.audit()'), '', 'the ledger is sound');
$node->stop;
done_testing();
