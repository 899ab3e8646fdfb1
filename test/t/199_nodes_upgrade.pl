
# Nodes are upgraded one after the other while payments between all of them go on.  The later version has more
# columns in the tables that travel, another function, and a message that the earlier one does not know.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use DcepServers;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

start_servers('fsync = off');

# --- the later version ----------------------------------------------------------------------------------

# It lies in the test's own installation, beside the present one, while this test runs.
my $version = '0.1.upgrade';
my ($folder) = run_command([ 'pg_config', '--sharedir' ]);
my $file = "$folder/extension/dcep--0.1--$version.sql";
END { unlink $file if defined $file; }

# Its functions, made of the present ones.
my $kinds = query(1, "SELECT pg_get_functiondef('dcep.message_kinds()'::regprocedure)");
$kinds =~ s/'institution'/'institution', 'greeting'/ or die $kinds;
my $do = query(1, "SELECT pg_get_functiondef('dcep.do_message(dcep.message)'::regprocedure)");
$do =~ s/    CASE\n/    CASE\n        WHEN message.kind = 'greeting' THEN INSERT INTO dcep.greeting VALUES (message.sender, body ->> 'text');\n/ or die $do;
my $post = query(1, "SELECT pg_get_functiondef('dcep.post_message(integer,text,jsonb,timestamptz)'::regprocedure)");
$post =~ s/suite, key_number, prev_hash, hash, signature\)/suite, key_number, prev_hash, hash, signature, posted_by)/ or die $post;
$post =~ s/line\.posted_head, signed\.hash,\s+signed\.signature\)/line.posted_head, signed.hash, signed.signature, 'the later version')/ or die $post;
unlink $file;
append_to_file($file, <<"SQL");
ALTER TABLE dcep.message ADD COLUMN posted_by text NOT NULL DEFAULT 'another node', ADD COLUMN entered_at timestamptz NOT NULL DEFAULT clock_timestamp();
ALTER TABLE dcep.signing_key ADD COLUMN note text NOT NULL DEFAULT '';
ALTER TABLE dcep.crossing ADD COLUMN note text NOT NULL DEFAULT '';
CREATE TABLE dcep.greeting (sender smallint NOT NULL, body text NOT NULL);
$kinds;
$do;
$post;
SQL

# --- payments that do not stop -------------------------------------------------------------------------------

# A client of each node pays to the other, one payment after the other and each with its key, until the file is there.
my $stop = "$ENV{TESTDATADIR}/stop";
my @clients;

sub start_client
{
	my ($from) = @_;
	my $to = 5 - $from;
	my ($out, $err) = ('', '');
	my $script = "$ENV{TESTDATADIR}/client_$from.sh";
	append_to_file($script, <<"SH");
n=0
while [ ! -e '$stop' ]; do
	n=\$((n + 1))
	echo "SELECT dcep.transfer('$wallet{$from}', '$wallet{$to}', 1, 'client \$n');"
	sleep 0.02
done | psql -XAtq -v ON_ERROR_STOP=1 -d '@{[ $node{$from}->connstr($db) ]}' >'$script.out'
SH
	my $client = { from => $from, err => \$err };
	$client->{run} = IPC::Run::start([ 'bash', '-o', 'pipefail', $script ], '<', \'', '>', \$out, '2>', \$err);
	push @clients, $client;
	return;
}
# However this test ends, they do.
END { append_to_file($stop, '') if defined $stop; }
start_client($_) for (2, 3);

# So many more have been settled in either direction.
sub goes_on
{
	my ($what) = @_;
	for my $code (2, 3)
	{
		my $before = query($code, "SELECT count(*) FROM dcep.crossing WHERE origin = $code AND state = 'settled'");
		until_is($code, "SELECT count(*) >= $before + 20 FROM dcep.crossing WHERE origin = $code AND state = 'settled'", 't', "$what: payments of $code go on");
	}
	is(query($_, "SELECT count(*) FROM dcep.line WHERE status <> 'open'"), 0, "$what: nobody is quarantined at $_") for (1, 2, 3);
	is(query($_, 'SELECT COALESCE(sum(apply_error_count), 0) FROM pg_stat_subscription_stats'), 0, "$what: no apply worker of $_ has failed") for (1, 2, 3);
	return;
}
goes_on('before');

sub upgrade
{
	my ($code) = @_;
	query($code, "SET lock_timeout = '60s'; ALTER EXTENSION dcep UPDATE TO '$version'");
	is(query($code, "SELECT extversion FROM pg_extension WHERE extname = 'dcep'"), $version, "node $code has the later version");
	return;
}
upgrade(2);
goes_on('node 2 is later');
is(query(2, "SELECT count(*) > 0 FROM dcep.message WHERE sender = 2 AND posted_by = 'the later version'"), 't', 'it posts by its own function');

# A key of a node with the other version, either way.
query(3, "SELECT dcep.generate_key(3, 'ed25519')");
query(2, "SELECT dcep.generate_key(2, 'sm2')");
until_is($_, 'SELECT count(*) FROM dcep.signing_key', 5, "new keys reach node $_") for (2, 3);
goes_on('with new keys');

# All messages come again, and are those that came, although they would be entered at another time now.
query(2, 'SELECT dcep.leave(1)');
query(2, "SELECT dcep.join('" . connection(1, 'node2') . "')");
goes_on('the later node has joined anew');
query(1, 'SELECT dcep.leave(2)');
query(1, "SELECT dcep.join('" . connection(2, 'registry') . "')");
goes_on('the earlier node has joined the later anew');

# What the registry does not know yet waits there, as does what comes after it; node 3 goes on.
query(2, q{SELECT dcep.post_message(1, 'greeting', '{"text": "hello"}')});
until_is(1, "SELECT m.kind FROM dcep.line AS l JOIN dcep.message AS m ON m.sender = l.peer AND m.number = l.taken + 1 WHERE m.receiver = 1 AND m.kind = 'greeting'",
	'greeting', 'a message of an unknown kind waits');
is(query(1, 'SELECT status FROM dcep.line WHERE peer = 2'), 'open', 'and its sender is no suspect');
my $before = query(1, 'SELECT taken FROM dcep.line WHERE peer = 3');
until_is(1, "SELECT taken > $before + 20 FROM dcep.line WHERE peer = 3", 't', 'the other node goes on');
is(query(1, 'SELECT waiting > 0 FROM dcep.peers WHERE peer = 2'), 't', 'dcep.peers shows that it waits');
upgrade(1);
until_is(1, 'SELECT body FROM dcep.greeting', 'hello', 'upgraded, the registry takes it');
goes_on('the registry is later');
upgrade(3);
goes_on('all are later');

append_to_file($stop, '');
for my $client (@clients)
{
	$client->{run}->finish;
	is($client->{run}->result(0), 0, "the client of $client->{from} has come to its end") or diag(${ $client->{err} });
	is(${ $client->{err} }, '', 'without an error');
}

# --- all is settled, each once ---------------------------------------------------------------------------------

until_is($_, "SELECT count(*) FROM dcep.crossing WHERE state = 'pending'", 0, "nothing is under way at $_") for (2, 3, 1);
for my $code (2, 3)
{
	my $other = 5 - $code;
	my $made = () = slurp_file("$ENV{TESTDATADIR}/client_$code.sh.out") =~ /\n/g;
	is(query($code, "SELECT count(*), count(DISTINCT key) FROM dcep.transfer WHERE payer = '$wallet{$code}' AND key IS NOT NULL"), "$made|$made",
		"every payment of the client of $code was made once");
	is(query($other, "SELECT count(*), sum(amount) FROM dcep.transfer WHERE payer = '$wallet{$code}' AND kind = 'transfer'"), "$made|$made", 'and has come once');
	is(query($code, 'SELECT sum(amount) FROM dcep.coin'), query(1, "SELECT amount FROM dcep.holding WHERE institution = $code"), "holding of $code");
}
is(query(1, 'SELECT sum(amount) FROM dcep.holding'), 1000000, 'the supply');
is(query($_, "SELECT count(*) FROM dcep.crossing WHERE state <> 'settled'"), 0, "nothing was returned at $_") for (1, 2, 3);
is(query($_, 'SELECT count(*) FROM dcep.evidence'), 0, "nothing was set aside at $_") for (1, 2, 3);
is(query($_, 'SELECT * FROM dcep.audit()'), '', "the audit of $_ finds nothing") for (1, 2, 3);
$node{$_}->stop for (1, 2, 3);
done_testing();
