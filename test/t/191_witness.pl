
# A ledger and a witness in two clusters; a ledger that goes on from an old backup is caught.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepLedger;

my $ledger = PostgreSQL::Test::Cluster->new('ledger');
$ledger->init(allows_streaming => 1);
$ledger->start;
DcepLedger::create($ledger, 'postgres');

# A witness need not be a ledger.
my $witness = PostgreSQL::Test::Cluster->new('witness');
$witness->init;
$witness->start;
$witness->safe_psql('postgres', 'CREATE EXTENSION dcep CASCADE');

# --- helpers -------------------------------------------------------------------

# A text as SQL.
sub quote { return '$text$' . $_[0] . '$text$'; }

# A note as a query returns it: with the newline at its end, beside which psql writes another one.
sub note_of { my ($node, $query) = @_; return $node->safe_psql('postgres', $query); }

# Pays so often, seals, and makes a checkpoint; the checkpoint.
sub go_on
{
	my ($node, $payments, $amount) = @_;
	$node->safe_psql('postgres',
		"INSERT INTO dcep.transfer (payer, payee, amount) SELECT w(1), w(2), $amount FROM generate_series(1, $payments); SELECT dcep.seal()");
	return note_of($node, 'SELECT dcep.checkpoint()');
}

sub size_of { my ($note) = @_; return (split /\n/, $note)[1]; }

# The witness's answer to a checkpoint that a ledger proves from where the witness saw the log last: the signature line, and errors.
sub cosign
{
	my ($node, $note, $session) = @_;
	my $old = $witness->safe_psql('postgres', 'SELECT size FROM dcep.watched_log');
	my $proof = $old <= size_of($note)
		? $node->safe_psql('postgres', "SELECT dcep.consistency_proof($old, " . size_of($note) . ')') : '\x';
	my ($status, $line, $errors) = $witness->psql('postgres',
		'\set VERBOSITY verbose' . "\n" . ($session // '') . "CALL dcep.witness_cosign($old, " . quote($note) . ", '$proof')");
	chomp $line;
	return ($line, $errors);
}

# The checkpoint's text, with the witness's line in the log's place.
sub cosigned_note { my ($note, $line) = @_; return $note =~ s/\n\n.*/\n\n$line\n/sr; }

# --- a witness, and its cosignatures ----------------------------------------------

my $first = go_on($ledger, 5, 1);
my $log_key = $ledger->safe_psql('postgres', 'SELECT dcep.log_verifier_key()');
my $witness_key = $witness->safe_psql('postgres', q{SELECT dcep.rotate_witness_key('witness.example')});
like($witness_key, qr/^witness\.example\+[0-9a-f]{8}\+[A-Za-z0-9+\/]{44}$/, 'the witness has a key');
is($witness->safe_psql('postgres', "SELECT dcep.watch_log('$log_key')"), (split /\n/, $first)[0], 'it watches the log');
is($ledger->safe_psql('postgres', "SELECT dcep.register_witness('$witness_key')"), '1', 'the ledger knows the witness');

my ($line, $errors) = cosign($ledger, $first);
is($errors, '', 'the first checkpoint is cosigned');
like($line, qr/^\xe2\x80\x94 witness\.example [A-Za-z0-9+\/]{102}==$|^\x{2014} witness\.example [A-Za-z0-9+\/]{102}==$/, 'by a signature line');
is($ledger->safe_psql('postgres', 'SELECT dcep.add_cosignature(' . quote(cosigned_note($first, $line)) . ')'), '1', 'the ledger takes it');
is($ledger->safe_psql('postgres', 'SELECT witnesses, missing, witnessed FROM dcep.checkpoint_status'), '{witness.example}|{}|t', 'and shows it');
$ledger->append_conf('postgresql.conf', 'dcep.checkpoint_quorum = 1');
$ledger->reload;

my $second = go_on($ledger, 7, 2);
is($ledger->safe_psql('postgres', 'SELECT witnesses, missing, witnessed FROM dcep.checkpoint_status ORDER BY size DESC LIMIT 1'),
	'{}|{witness.example}|f', 'the next one waits for its witness');
is(size_of(note_of($ledger, 'SELECT dcep.latest_checkpoint(true)')), size_of($first), 'the newest that is witnessed is the one before');
($line, $errors) = cosign($ledger, $second);
is($errors, '', 'the witness goes on with the log');
is($ledger->safe_psql('postgres', 'SELECT dcep.add_cosignature(' . quote(cosigned_note($second, $line)) . ')'), '1', 'and its ledger with it');

# A bundle is verified where no ledger is, by keys that were brought.
my $bundle = note_of($ledger, 'SELECT dcep.receipt_bundle(min(id)) FROM dcep.transfer WHERE amount = 2');
is($witness->safe_psql('postgres', 'SELECT dcep.verify_bundle(' . quote($bundle) . ", '$log_key', ARRAY['$witness_key'], 1) IS NULL"), 't',
	'a bundle with its cosignature is verified without a ledger');
is($witness->safe_psql('postgres', 'SELECT dcep.verify_bundle(' . quote($bundle =~ s/witness\.example/another.example/r) . ", '$log_key', ARRAY['$witness_key'], 1)"),
	'Too few of the witnesses have cosigned the checkpoint.', q{not with another one's});
my ($status, $answer, $problem) = $witness->psql('postgres', 'SELECT dcep.verify_bundle(' . quote($bundle) . ')');
like($problem, qr/no ledger/, 'without a key there must be a ledger');

# --- crashes: what was signed was on disk before ------------------------------------

my $third = go_on($ledger, 3, 3);
($line, $errors) = cosign($ledger, $third, "SET synchronous_commit = off;\n");
is($errors, '', 'a checkpoint is cosigned without waiting for the disk');
$witness->stop('immediate');
$witness->start;
is($witness->safe_psql('postgres', 'SELECT size FROM dcep.watched_log'), size_of($third), 'and yet the witness waited');
my ($again) = cosign($ledger, $third);
is($again, $line, 'asked again, it signs the same');
$ledger->safe_psql('postgres', 'SELECT dcep.add_cosignature(' . quote(cosigned_note($third, $line)) . ')');

# --- a ledger that goes on from an old backup -----------------------------------------

$ledger->backup('old');
my $kept = go_on($ledger, 10, 4);
($line, $errors) = cosign($ledger, $kept);
is($errors, '', 'the ledger goes on after its backup');
$ledger->safe_psql('postgres', 'SELECT dcep.add_cosignature(' . quote(cosigned_note($kept, $line)) . ')');
is($ledger->safe_psql('postgres', 'SELECT count(*) FROM dcep.check_checkpoint(' . quote($kept) . ')'), '0', 'its checkpoint agrees with it');
is($ledger->safe_psql('postgres', 'SELECT * FROM dcep.audit()'), '', 'and its audit finds nothing');

my $forked = PostgreSQL::Test::Cluster->new('forked');
$forked->init_from_backup($ledger, 'old');
chmod 0600, glob $forked->data_dir . '/dcep_keys/*'; # which the copy did not keep
$forked->start;
my $smaller = go_on($forked, 4, 5);
is($forked->safe_psql('postgres', 'SELECT * FROM dcep.audit()'), '', 'the restored ledger is sound in itself');
is($forked->safe_psql('postgres', 'SELECT defect FROM dcep.check_checkpoint(' . quote($kept) . ')'), 'lost',
	'a checkpoint that was kept tells that transfers were lost');
($line, $errors) = cosign($forked, $smaller);
like($errors, qr/LG403: log shows another history/, 'its first checkpoint has fewer transfers, later');
is($line, '', 'and is not cosigned');

my $same = go_on($forked, 6, 5);
is(size_of($same), size_of($kept), 'as many transfers as were cosigned');
is($forked->safe_psql('postgres', 'SELECT defect FROM dcep.check_checkpoint(' . quote($kept) . ') ORDER BY 1'), "record\nroot",
	'the checkpoint that was kept tells that history was rewritten');
($line, $errors) = cosign($forked, $same);
like($errors, qr/LG403: log shows another history\n.*other root/s, 'another root of the same size');
is($line, '', 'is not cosigned');

my $longer = go_on($forked, 3, 5);
($line, $errors) = cosign($forked, $longer);
like($errors, qr/LG403: log shows another history\n.*not proven/s, 'a longer history that does not begin with the one that was cosigned');
is($line, '', 'is not cosigned either');
is($witness->safe_psql('postgres', 'SELECT kind, size, against_size FROM dcep.split_view ORDER BY seen_at'),
	join("\n", map { join '|', @$_ } [ 'smaller', size_of($smaller), size_of($kept) ], [ 'other root', size_of($same), size_of($kept) ],
		[ 'not proven', size_of($longer), size_of($kept) ]), 'the evidence is kept');
is($witness->safe_psql('postgres', "SELECT count(*) FROM dcep.split_view WHERE dcep.note_signed_at(note, '$log_key') = 0"), '3', q{with the log's signature});

# After a restart as before, and the ledger that did not fork goes on.
$witness->restart;
($line, $errors) = cosign($forked, $same);
like($errors, qr/LG403/, 'after a restart too');
my $next = go_on($ledger, 2, 6);
($line, $errors) = cosign($ledger, $next);
is($errors, '', 'the first history goes on');
is($witness->safe_psql('postgres', 'SELECT size, contradictions, unproven FROM dcep.witness_status'), size_of($next) . '|2|1', 'and the contradictions stay');
$forked->stop;

# --- the key's file -------------------------------------------------------------------

my ($file) = glob $witness->data_dir . '/dcep_keys/witness-1-*.pem';
ok($file, 'the key of the witness is a file');
is((stat $file)[2] & 07777, 0600, 'for the server alone');
rename $file, "$file.away" or die $!;
$next = go_on($ledger, 1, 7);
($line, $errors) = cosign($ledger, $next);
like($errors, qr/55000: private key 1 of the witness cannot be used/, 'without it nothing is cosigned');
rename "$file.away", $file or die $!;
($line, $errors) = cosign($ledger, $next);
is($errors, '', 'with it again the same checkpoint is');
isnt($line, '', 'and signed');

# --- dump and restore --------------------------------------------------------------------

for my $node ($ledger, $witness)
{
	my $dump = $node->basedir . '/dump.sql';
	$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], $node->name . ' is dumped');
	$node->safe_psql('postgres', 'CREATE DATABASE copy');
	$node->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], 'and restored');
	my ($before, $after) = map { DcepLedger::contents($node, $_) } 'postgres', 'copy';
	is_deeply($after, $before, 'nothing is lost');
}
is($ledger->safe_psql('copy', 'SELECT * FROM dcep.audit_log()'), '', q{the copy's audit verifies the cosignatures});

done_testing();
