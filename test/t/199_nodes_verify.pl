
# dcep-verify on journals of nodes: an auditor with the files of an operator's node, or of the registry's, and public keys
# finds the books sound without a server, and what was altered on purpose by the line that the documentation promises.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use Digest::SHA 'sha256_hex';
use PostgreSQL::Test::Utils;
use Test::More;
use Time::Local;

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

settle();
my %earlier = map { ($_ => "$work/earlier$_") } 1, 2;
export(cluster(), $_ == 1 ? 'registry' : "bank$_", $earlier{$_}) for 1, 2;

# Keys change, the log is sealed, wallets are frozen from the registry.
query(2, "SELECT dcep.generate_key(2, 'sm2')");
query(1, "SELECT dcep.generate_key(1, 'p256'); SELECT dcep.freeze('$alice{2}', 'both', 'case 7'); SELECT dcep.unfreeze('$alice{2}', 'both', 'case 7')");
settle();
my $late = pay(2, $alice{2}, $alice{3}, 11, "'late'");
my $late_back = pay(3, $alice{3}, $alice{2}, 12);
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

append_to_file("$work/keys", slurp_file("$whole{1}/signing_key.copy"));
my %says = (
	1 => [ 'holding 0002: 44821, of which 900 are to be told of; after message 31 of that node and message 36 to it',
		'holding 0003: 49039; after message 27 of that node and message 33 to it', 'registry: holdings 93860, payments under way 40, live coins here 0' ],
	2 => [ 'node 0002: came 52222, left 8808, of which 500 came back and 47 are under way; live coins 43914',
		'holding 0002: 43921; after message 31 of this node and message 36 to it' ],
	3 => [ 'node 0003: came 51261, left 2222, of which 0 came back and 0 are under way; live coins 49039',
		'holding 0003: 49039; after message 27 of this node and message 32 to it' ]);
for my $code (1, 2, 3)
{
	for my $jobs (1, 3)
	{
		my $run = verify('journal', '--jobs', $jobs, '-s', "$work/keys", $whole{$code});
		is_deeply([ $run->{status}, $run->{defects}, $run->{err} ], [ 0, [], '' ], "the books of node $code are sound, $jobs jobs") or diag($run->{out});
		is_deeply([ grep { /^(node|holding|registry)/ } split /\n/, $run->{out} ], $says{$code}, 'and what they hold');
		like($run->{out}, qr/^sound\n\z/m, 'the verdict');
	}
}

# --- compared with what others have exported ---------------------------------------------------------

# The journal of a folder and peers; what it says of the peers.
sub compared
{
	my ($what, $journal, $peers, @expected) = @_;
	my $run = verify('journal', '-s', "$work/keys", (map { ('-p', $_) } @$peers), $journal);
	my @said = grep { /^(?:defect|peer|note: holdings) / } split /\n/, $run->{out};
	is_deeply(\@said, \@expected, "peers: $what") or diag($run->{out}, $run->{err});
	is($run->{status}, (grep { /^defect / } @expected) ? 1 : 0, 'and the status');
	return;
}
sub changed_copy
{
	my ($folder, $table, $change) = @_;
	put_rows($folder, "$work/changed", $table, $change->(rows($folder, $table)));
	return "$work/changed";
}

my $agrees = sub { my ($code, $holding) = @_; return "peer $code: it agrees with the journal, and after all messages $holding are held"; };
compared('an operator with the registry', $whole{2}, [ $whole{1} ], $agrees->('0001', 43921));
compared('another one', $whole{3}, [ $whole{1} ], $agrees->('0001', 49039));
compared('the registry with both', $whole{1}, [ @whole{ 2, 3 } ], $agrees->('0002', 43921), $agrees->('0003', 49039));
compared('an earlier export of the registry', $whole{2}, [ $earlier{1} ], $agrees->('0001', 43921));
compared('an earlier one of an operator', $whole{1}, [ $earlier{2} ], $agrees->('0002', 43921));
compared('both earlier', $earlier{2}, [ $earlier{1} ], $agrees->('0001', 43960));
compared('a later one', $earlier{2}, [ $whole{1} ], 'note: holdings are not compared with node 0001, which has taken messages that the journal has not');
compared('another holding', $whole{2}, [ changed_copy($whole{1}, 'holding', setting(sub { $_[0][0] == 2 }, 1, 44826)) ],
	'defect holding: node 0001: After all messages, 43926 are held by its export, and 43921 by the journal.');
compared('coins that are not there', $whole{1}, [ changed_copy($whole{3}, 'coin', sub { my ($first, @others) = @_; $first->[1] += 3; return ($first, @others) }) ],
	'defect holding: node 0003: After all messages, 49042 are held by its export, and 49039 by the journal.');
compared('another message', $whole{2}, [ changed_copy($whole{1}, 'message', setting(sub { "@{$_[0]}[0 .. 2]" eq '2 1 5' }, 10, sub { $_[0] =~ s/.$/$& eq '0' ? 1 : 0/er })) ],
	'defect history: message 0002-0001 5: Node 0001 has another one: history was rewritten.', $agrees->('0001', 43921));
compared('each later than the other', $earlier{2}, [ changed_copy($whole{1}, 'line', setting(sub { $_[0][0] == 2 }, 1, 1)) ],
	'defect history: node 0001: Each of the two nodes has taken messages that the other has not posted.');
for my $usage ([ '-p', $whole{3}, $whole{2} ], [ '-p', "$work/nothing", $whole{2} ], [ '-p', $whole{2}, $whole{2} ])
{
	my $run = verify('journal', @$usage);
	ok($run->{status} == 2 && $run->{err} =~ /^dcep-verify: .+\n\z/, "status 2: $run->{err}");
}

# --- what is altered in the files ---------------------------------------------------------------

# The defects that a change of one file of a node makes: exactly these lines.
my $altered = "$work/altered";
sub found
{
	my ($what, $code, $table, $change, @expected) = @_;
	put_rows($whole{$code}, $altered, $table, $change->(rows($whole{$code}, $table)));
	my $run = verify('journal', '-s', "$work/keys", $altered);
	is_deeply($run->{defects}, [ sort @expected ], "node $code: $what") or diag(join "\n", @{ $run->{defects} });
	is($run->{status}, @expected ? 1 : 0, 'and its status');
	return;
}

# These among others, for what makes others too.
sub finds
{
	my ($what, $code, $table, $change, @expected) = @_;
	put_rows($whole{$code}, $altered, $table, $change->(rows($whole{$code}, $table)));
	my $run = verify('journal', '-s', "$work/keys", $altered);
	my %found = map { ($_ => 1) } @{ $run->{defects} };
	is_deeply([ $run->{status}, grep { !$found{$_} } @expected ], [1], "node $code: $what") or diag(join "\n", @{ $run->{defects} });
	return;
}

my ($ID, $AMOUNT, $SEQ, $KIND, $KEY, $MEMO) = (0, 3, 6, 7, 17, 18);
my ($SENDER, $RECEIVER, $NUMBER, $MADE_AT, $MESSAGE_KIND, $BODY, $BY_ROLE, $PREV_HASH, $HASH) = (0, 1, 2, 3, 6, 7, 8, 9, 10);

sub row { my ($code, $table, $wanted) = @_; return (grep { $wanted->($_) } rows($whole{$code}, $table))[0]; }

# The transfer of an id, or of a key; the message of a kind about a payment.
sub transfer { my ($code, $wanted) = @_; return row($code, 'transfer', sub { $_[0][$ID] eq $wanted || $_[0][$KEY] eq $wanted }); }
sub message
{
	my ($code, $kind, $origin, $transfer) = @_;
	return row($code, 'message', sub { $_[0][$MESSAGE_KIND] eq $kind && $_[0][$BODY] =~ /"origin": $origin,/ && $_[0][$BODY] =~ /"transfer": $transfer\b/ });
}
sub name { my ($message) = @_; return sprintf 'message %04d-%04d %d', @$message[ $SENDER, $RECEIVER, $NUMBER ]; }
sub next_name { my ($message) = @_; return sprintf 'message %04d-%04d %d', @$message[ $SENDER, $RECEIVER ], $message->[$NUMBER] + 1; }
# A condition: this row.
sub this { my ($row) = @_; my $name = "@$row[0 .. 2]"; return sub { "@{$_[0]}[0 .. 2]" eq $name }; }
# A condition: the row of this payment on record.
sub crossing { my ($origin, $transfer) = @_; return sub { $_[0][0] == $origin && $_[0][1] == $transfer }; }
# What a message that is gone breaks.
sub broken
{
	my ($message) = @_;
	return 'defect gap: ' . next_name($message) . ": The line goes from " . ($message->[$NUMBER] - 1) . " to " . ($message->[$NUMBER] + 1) . '.',
		'defect link: ' . next_name($message) . ': Its prev_hash is not the hash of the message before it.';
}

# The hash of a message, as docs/format.md has it.
sub hash_of
{
	my ($row) = @_;
	my ($year, $month, $day, $hour, $minute, $second, $fraction) = $row->[$MADE_AT] =~ /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)(?:\.(\d+))?\+00$/;
	my $made_at = timegm($second, $minute, $hour, $day, $month - 1, $year) * 1_000_000 + substr(($fraction // '') . '000000', 0, 6);
	my $act = "\x06" . pack 'a16', 'dcep act v1';
	$act .= pack('N', length) . $_ for pack('H*', substr $row->[$PREV_HASH], 3), pack('n', $row->[$SENDER]), pack('q>', $row->[$NUMBER]), pack('q>', $row->[$RECEIVER]),
		pack('q>', $made_at), "message $row->[$MESSAGE_KIND]", $row->[$BY_ROLE], sprintf('%04d', $row->[$RECEIVER]), $row->[$BODY];
	return '\\\\x' . sha256_hex($act);
}

# A message with another body, and the hash that fits: what a stranger to the sender's key can make.
sub forging
{
	my ($message, $change) = @_;
	my $changed = setting(this($message), $BODY, $change);
	return sub { my @rows = $changed->(@_); for my $row (@rows) { $row->[$HASH] = hash_of($row) if this($message)->($row); } return @rows; };
}

found('nothing', $_, 'message', sub { reverse @_ }) for 1, 2, 3;

# Money that came.
my $entered = transfer(3, "2:$late");
my $credit = message(3, 'credit', 2, $late);
is(hash_of($credit), $credit->[$HASH], 'the hash of a message');
my $uncovered = "defect uncovered: transfer $entered->[$ID]: It came from another node as payment 0002 $late, and no message asks for that.";
my $unasked = "defect unasked: payment 0002 $late: This node has answered for it, and the registry has not asked.";
my $without = 'defect holding: operator 0003: Messages of the registry make it 49028, its live coins are worth 49039.';
found('another amount', 3, 'transfer', setting(this($entered), $AMOUNT, 12),
	"defect hash: transfer $entered->[$ID]: The row is not what was hashed.",
	"defect differs: transfer $entered->[$ID]: " . ucfirst(name($credit)) . ' asks for another payer, payee, amount or kind.',
	'defect live: coin ' . 2 * $entered->[$ID] . ': It is live with 11, and was minted with 12.',
	'defect conservation: operator 0003: Its wallets received and kept 49040, and hold 49039.');
found('another memo', 3, 'transfer', setting(this($entered), $MEMO, 'tea'),
	"defect hash: transfer $entered->[$ID]: The row is not what was hashed.",
	"defect differs: transfer $entered->[$ID]: " . ucfirst(name($credit)) . ' asks for another memo.');
found('another key', 3, 'transfer', setting(this($entered), $KEY, '2:x'),
	"defect hash: transfer $entered->[$ID]: The row is not what was hashed.",
	"defect uncovered: transfer $entered->[$ID]: It came from another node, and names no payment there.",
	"defect unpaid: payment 0002 $late: This node has accepted it, and the journal does not have it.",
	"defect record: payment 0002 $late: It is on record with another transfer of this node.", $without);
found('a message of the registry that is gone', 3, 'message', without(this($credit)), broken($credit), $unasked, $uncovered, $without);
found('a message of the registry with another body', 3, 'message', setting(this($credit), $BODY, sub { $_[0] =~ s/"amount": 11/"amount": 9/r }),
	'defect hash: ' . name($credit) . ': The row is not what was hashed.', $unasked, $uncovered, $without);
found('a forged message of the registry', 3, 'message', forging($credit, sub { $_[0] =~ s/"amount": 11/"amount": 9/r }),
	'defect signature: ' . name($credit) . ': The signature does not match the hash.',
	'defect link: ' . next_name($credit) . ': Its prev_hash is not the hash of the message before it.', $unasked, $uncovered, $without);
found('a message of a key that you do not trust', 3, 'message', setting(this($credit), 4, 9), 'defect key: ' . name($credit) . ': Its signing key is not known.', $unasked, $uncovered, $without);
found('a message twice', 3, 'message', sub { (@_, $credit) }, 'defect twice: ' . name($credit) . ': It stands in the export twice.');
found('a message of another node', 3, 'message', sub { (@_, do { my @other = @$credit; $other[$RECEIVER] = 2; \@other }) },
	"defect hash: message 0001-0002 $credit->[$NUMBER]: The row is not what was hashed.",
	"defect parties: message 0001-0002 $credit->[$NUMBER]: There is no line of this node that it belongs to.");
my $accepted = message(3, 'accepted', 2, $late);
found('an answer that is gone', 3, 'message', without(this($accepted)), $accepted->[$NUMBER] == 27 ? 'defect head: line 0003-0001: It ends on record with message 27, in the export with 26.' : broken($accepted),
	"defect unanswered: payment 0002 $late: The registry asks for it, and this node has neither accepted nor declined it.",
	"defect uncovered: transfer $entered->[$ID]: It enters payment 0002 $late, which this node has not accepted.",
	"defect record: payment 0002 $late: It is settled on record, and pending by the messages.");
my $issued = row(3, 'transfer', sub { $_[0][$KIND] eq 'issue' });
finds('an issue that no message brought', 3, 'message', without(this(message(3, 'credit', 1, 2))),
	"defect uncovered: transfer $issued->[$ID]: It came from another node as payment 0001 2, and no message asks for that.",
	'defect holding: operator 0003: Messages of the registry make it -961, its live coins are worth 49039.');

# Money that left, and what came back of it.
finds('a payment that is gone', 2, 'transfer', without(this(transfer(2, $under_way))),
	"defect unpaid: payment 0002 $under_way: A message of this node tells of it, and the journal does not have it.",
	"defect link: transfer $untold: Its prev_hash is not the hash of the transfer before it.",
	'defect holding: operator 0002: Messages of the registry make it 43954, its live coins are worth 43914.');
finds('a payment that is gone with what was told of it', 2, 'message', without(this(message(2, 'pay', 2, $late))),
	broken(message(2, 'pay', 2, $late)), "defect unasked: payment 0002 $late: The registry has ended it, and this node has not told of it.",
	"defect untold: payment 0002 $late: It has left for another node, and no message tells of it.");
my $left = transfer(2, $late);
found('a coin that has left and is live', 2, 'coin', sub { (@_, [ $left->[2], 11, 2 * $late ]) }, 'defect live: coin ' . 2 * $late . ': It is live, and left for another node.');
my $back = transfer(2, "return of $returned");
finds('a return that is gone', 2, 'transfer', without(this($back)), "defect unpaid: payment 0002 $returned: It was returned, and the journal does not have it back.");
my $returns = message(2, 'returned', 2, $returned);
found('a return that no message brought', 2, 'message', without(this($returns)), broken($returns),
	"defect uncovered: transfer $back->[$ID]: It brings payment 0002 $returned back, and no message returns that.",
	"defect record: payment 0002 $returned: It is returned on record, and pending by the messages.",
	'defect holding: operator 0002: Messages of the registry make it 43714, its live coins are worth 43914.');
my ($spent) = transfer(2, $untold)->[13] =~ /(\d+)/;
finds('a coin that is spent twice', 2, 'transfer', setting(this(transfer(2, $under_way)), 13, "{$spent,$spent}"), "defect hash: transfer $under_way: The row is not what was hashed.",
	"defect respent: coin $spent: It was consumed more than once.");

# What is on record.
found('a payment on record with another amount', 2, 'crossing', setting(crossing(2, $late), 5, 12), "defect record: payment 0002 $late: It is on record with another payer, payee, amount or kind.");
found('with another state', 2, 'crossing', setting(crossing(2, $late), 7, 'returned'), "defect record: payment 0002 $late: It is returned on record, and settled by the messages.");
found('with another transfer', 3, 'crossing', setting(crossing(2, $late), 6, 1), "defect record: payment 0002 $late: It is on record with another transfer of this node.");
found('not at all', 2, 'crossing', without(crossing(2, $late)), "defect record: payment 0002 $late: It is not on record.");
found('one more', 2, 'crossing', sub { (@_, [ 3, 9999, @$left[ 7, 1, 2, 3 ], '\N', 'pending', 'f' ]) }, 'defect record: payment 0003 9999: It is on record, and neither a message nor the journal tells of it.');
found('one that waits no more', 2, 'crossing', setting(crossing(2, $untold), 8, 'f'), "defect untold: payment 0002 $untold: It has left for another node, and no message tells of it.");
found('a line that has taken less', 3, 'line', setting(sub { 1 }, 2, 31), 'defect head: line 0001-0003: It ends on record with message 31, in the export with 31, of another hash.',
	"defect record: payment 0003 ${\ last_settled()}: It is settled on record, and pending by the messages.");
sub last_settled { my $last = (grep { $_->[0] == 1 } rows($whole{3}, 'message'))[-1]; return $last->[$BODY] =~ /"transfer": (\d+)/ ? $1 : 0; }
found('a line that has posted more', 3, 'line', setting(sub { 1 }, 1, 28), 'defect head: line 0003-0001: It ends on record with message 28, in the export with 27.');
found('wallets that are elsewhere', 2, 'institution', setting(sub { $_[0][0] == 3 }, 2, 't'), 'defect damaged: institution line 3: Its wallets cannot be where it says.');

# The registry.
found('a holding', 1, 'holding', setting(sub { $_[0][0] == 2 }, 1, 44826), 'defect holding: holding 0002: It is 44826 on record, and 44821 by messages.');
found('a holding that is gone', 1, 'holding', without(sub { $_[0][0] == 2 }), 'defect holding: holding 0002: It is not on record.');
my $pay = message(1, 'pay', 2, $late);
found('a message of an operator that is gone', 1, 'message', without(this($pay)), broken($pay), "defect unasked: payment 0002 $late: The registry tells of it, and no node has made it.",
	'defect holding: holding 0002: It is 44821 on record, and 44832 by messages.', 'defect holding: holding 0003: It is 49039 on record, and 49028 by messages.');
my $passed = message(1, 'credit', 2, $late);
found('a payment that was not passed on', 1, 'message', without(this($passed)), broken($passed), "defect unasked: payment 0002 $late: A node has answered for it that was not asked.");
my $said = message(1, 'accepted', 2, $late);
found('a payment that nobody has accepted', 1, 'message', without(this($said)), $said->[$NUMBER] == 27 ? 'defect head: line 0003-0001: It ends on record with message 27, in the export with 26.' : broken($said),
	"defect unasked: payment 0002 $late: It was settled, and its payee's node has not accepted it.");
my $forged = message(1, 'pay', 3, $late_back);
found('a forged message of an operator', 1, 'message', forging($forged, sub { $_[0] =~ s/"amount": 12/"amount": 9/r }), 'defect signature: ' . name($forged) . ': The signature does not match the hash.',
	'defect link: ' . next_name($forged) . ': Its prev_hash is not the hash of the message before it.', "defect unasked: payment 0003 $late_back: The registry tells of it, and no node has made it.",
	'defect holding: holding 0002: It is 44821 on record, and 44809 by messages.', 'defect holding: holding 0003: It is 49039 on record, and 49051 by messages.');
finds('a redemption that is gone', 1, 'transfer', without(sub { $_[0][$KEY] =~ /^2:/ }), 'defect conservation: ledger: Issued less redeemed is 100900, reserves were debited 93900.',
	'defect holding: ledger: Holdings are 93860, payments under way 40, live coins here 0, issued less redeemed 100900.');
finds('an issue that is gone', 1, 'transfer', without(this(transfer(1, 2))), 'defect unpaid: payment 0001 2: A message of this node tells of it, and the journal does not have it.');

# Bytes altered at random in files at random, of the journal or of a peer: an answer, and never a crash.
srand 20200702;
my %statuses;
for my $round (1 .. 60)
{
	my $code = 1 + $round % 3;
	system_or_bail('sh', '-c', "rm -rf $altered && cp -r $whole{$code} $altered");
	my @files = grep { !/checkpoint|log_/ } glob "$altered/*.copy";
	for (1 .. 1 + rand 3)
	{
		my $file = $files[ rand @files ];
		my $content = slurp_file($file);
		next unless length $content;
		my $place = int rand length $content;
		substr($content, $place, 1) = (chr rand 256, '', "\t", "\n", '\\', '9', '-', '"', '}')[ rand 9 ];
		$content = substr $content, 0, $place if rand() < 0.1;
		open my $fh, '>', $file or die $!;
		binmode $fh;
		print $fh $content;
		close $fh;
	}
	my $other = $code == 1 ? 2 : 1;
	my $run = verify('journal', '-j', 1 + $round % 2, $round % 4 < 2 ? ('-p', $whole{$other}, $altered) : ('-p', $altered, $whole{$other}));
	$statuses{ $run->{status} }++;
	diag("round $round: $run->{status} $run->{err}") unless $run->{status} =~ /^[012]$/;
}
is_deeply([ grep { !/^[012]$/ } keys %statuses ], [], 'garbage has an answer: ' . join ', ', map { "$statuses{$_} times $_" } sort keys %statuses);

# --- what is altered in the databases, with the nodes' own keys --------------------------------------

finish_nodes();

# A copy of a node's database in which somebody did something; exactly these lines.
sub attacked
{
	my ($what, $code, $sql, @expected) = @_;
	my $database = $code == 1 ? 'registry' : "bank$code";
	cluster()->safe_psql('postgres', 'DROP DATABASE IF EXISTS attacked');
	cluster()->safe_psql('postgres', "CREATE DATABASE attacked TEMPLATE $database");
	cluster()->safe_psql('attacked', $sql);
	system_or_bail('rm', '-rf', "$work/attacked");
	export(cluster(), 'attacked', "$work/attacked");
	my $run = verify('journal', '-s', "$work/keys", "$work/attacked");
	is_deeply([ $run->{status}, $run->{defects} ], [ @expected ? 1 : 0, [ sort @expected ] ], "node $code: $what") or diag(join "\n", @{ $run->{defects} });
	return;
}

my $next = 1 + (sort { $a <=> $b } map { $_->[$ID] } rows($whole{3}, 'transfer'))[-1];
attacked('money that no message brought', 3, "SELECT dcep.deliver('transfer', '$alice{2}', '$alice{3}', 5000, '2:9999', NULL, NULL)",
	"defect uncovered: transfer $next: It came from another node as payment 0002 9999, and no message asks for that.",
	'defect record: payment 0002 9999: It is not on record.', 'defect holding: operator 0003: Messages of the registry make it 49039, its live coins are worth 54039.');
attacked('money that came by a message twice', 3, <<"SQL",
ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
UPDATE dcep.transfer SET key = 'away' WHERE id = $entered->[$ID];
ALTER TABLE dcep.transfer ENABLE TRIGGER ALL;
SELECT dcep.deliver('transfer', '$alice{2}', '$alice{3}', 11, '2:$late', 'late', NULL);
ALTER TABLE dcep.transfer DISABLE TRIGGER ALL;
DROP INDEX dcep.transfer_payer_key;
UPDATE dcep.transfer SET key = '2:$late' WHERE id = $entered->[$ID];
SQL
	"defect uncovered: transfer $next: Payment 0002 $late had come before, by transfer $entered->[$ID].",
	'defect holding: operator 0003: Messages of the registry make it 49039, its live coins are worth 49050.');
attacked('a return that nobody has sent', 2, "SELECT dcep.deliver('return', '$alice{3}', '$alice{2}', 11, 'return of $late', NULL, NULL)",
	"defect uncovered: transfer ${\ ($untold + 1)}: It brings payment 0002 $late back, and no message returns that.",
	"defect record: payment 0002 $late: It is on record with another transfer of this node.",
	'defect holding: operator 0002: Messages of the registry make it 43914, its live coins are worth 43925.');
my $posts = "FROM dcep.message AS m WHERE m.sender = 1 AND m.receiver = 3 AND m.number = $passed->[$NUMBER]";
attacked('the registry has a payment credited twice', 1, "SELECT dcep.post_message(3, 'credit', m.body::jsonb) $posts",
	"defect twice: payment 0002 $late: Messages 0001-0003 $passed->[$NUMBER] and 0001-0003 34 both tell what only one can.");
attacked('the registry makes a payment up', 1, "SELECT dcep.post_message(3, 'credit', m.body::jsonb || '{\"transfer\": 9999}') $posts",
	'defect coin: message 0001-0003 34: It does not carry the coin of its payment.');

# A node that tells another story of its last payment, with its own key: sound by itself, and not with the registry's export.
my $told = message(2, 'pay', 2, $under_way)->[$NUMBER];
attacked('history is told anew', 2, <<"SQL");
ALTER TABLE dcep.message DISABLE TRIGGER ALL;
DELETE FROM dcep.message WHERE sender = 2 AND number = $told;
ALTER TABLE dcep.message ENABLE TRIGGER ALL;
UPDATE dcep.line SET posted = $told - 1, posted_head = (SELECT hash FROM dcep.message WHERE sender = 2 AND number = $told - 1);
UPDATE dcep.crossing SET waits = true WHERE origin = 2 AND transfer = $under_way;
SELECT dcep.post_payments(1);
SQL
compared('history was told anew', "$work/attacked", [ $whole{1} ],
	"defect history: message 0002-0001 $told: Node 0001 has another one: history was rewritten.", $agrees->('0001', 43921));

done_testing();
