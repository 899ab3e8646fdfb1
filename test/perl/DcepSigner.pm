
# A process dcep-signer for one or more institutions of a test's nodes: its directory, its statements, its life.

package DcepSigner;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::UNIX ();
use IPC::Run ();
use MIME::Base64 ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);

our @EXPORT_OK = qw(write_file run_signer);

# Whoever signs statements; one for all signers of a test.
my $authority;

sub write_file
{
	my ($path, $content, $mode) = @_;
	unlink $path;
	open my $fh, '>', $path or die "$path: $!";
	print $fh $content;
	close $fh;
	chmod $mode // 0600, $path;
	return;
}

# Starts the process of a directory, and waits until it can be asked.
sub run_signer
{
	my ($dir, $socket, $said) = @_;
	unlink $socket;
	my $process = IPC::Run::start([ 'dcep-signer', 'run', $dir ], '<', '/dev/null', '>>', $said, '2>>', $said);
	for (1 .. 600)
	{
		return $process if -S $socket && IO::Socket::UNIX->new(Peer => $socket);
		usleep 50_000;
	}
	$process->kill_kill;
	die 'the signer does not start: ' . slurp_file($said);
}

# A signer for these institutions, whose socket is named in the ledger's key directory.
sub new
{
	my ($class, $keys, @codes) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short() . '/signer';
	my $self = bless { dir => $dir, socket => "$dir/socket", said => "$dir/said", codes => [@codes], number => 0 }, $class;
	mkdir $dir, 0700 or die $!;
	mkdir "$dir/quota" or die $!;
	if (!$authority)
	{
		$authority = PostgreSQL::Test::Utils::tempdir() . '/authority.key';
		system("openssl genpkey -algorithm ed25519 -out '$authority' 2>/dev/null") == 0 or die 'no authority';
	}
	system("openssl pkey -in '$authority' -pubout -out '$dir/authority.pem'") == 0 or die 'no authority';
	write_file("$dir/signer.conf", "socket $self->{socket}\npeer " . getpwuid($>) . "\n" . join '', map { "institution $_ CNY 2\n" } @codes);
	write_file(sprintf('%s/%04d.socket', $keys, $_), "$self->{socket}\n") for @codes;
	return $self;
}

sub start
{
	my ($self) = @_;
	$self->{process} = run_signer($self->{dir}, $self->{socket}, $self->{said});
	return $self;
}

sub stop
{
	my ($self, $signal) = @_;
	$self->{process}->signal($signal);
	eval { $self->{process}->finish };
	return;
}

# Nothing stays when the test breaks off.
sub DESTROY
{
	my ($self) = @_;
	local $?;
	$self->{process}->kill_kill if $self->{process} && $self->{process}->pumpable;
	return;
}

# Puts a statement with these lines behind `key` and `valid` into force; what the process says of it.
sub statement
{
	my ($self, $code, %of) = @_;
	my $text = sprintf "dcep quota v1\nnumber %d\ninstitution %04d\ncurrency CNY 2\nkey any\nvalid 2020-01-01T00:00:00Z 2100-01-01T00:00:00Z\n"
	  . "period 0\nmint %s\npayout none\n%s", ++$self->{number}, $code, $of{mint} // 0, $of{lines} // '';
	my ($signed, $errors);
	IPC::Run::run([ 'dcep-signer', 'sign-quota', $authority ], '<', \$text, '>', \$signed, '2>', \$errors) or return $errors;
	write_file(sprintf('%s/quota/%04d', $self->{dir}, $code), $signed, 0644);
	my $before = -s $self->{said};
	$self->{process}->signal('HUP');
	for (1 .. 600)
	{
		return $1 if substr(slurp_file($self->{said}), $before) =~ sprintf('institution %04d: (.*)\n', $code);
		usleep 50_000;
	}
	die 'no word about the statement';
}

# What it prints about its log, or about a copy of its directory.
sub verify
{
	my ($self, $dir) = @_;
	my $output = '';
	IPC::Run::run([ 'dcep-signer', 'verify', $dir // $self->{dir} ], '<', '/dev/null', '>', \$output, '2>&1');
	return $output;
}

# The types of the records of its log.
sub record_types
{
	my ($self) = @_;
	my $log = slurp_file("$self->{dir}/log");
	my @types;
	for (my $at = 0; $at + 4 <= length $log; )
	{
		my $len = unpack 'N', substr $log, $at, 4;
		last if $len == 0;
		push @types, ord substr $log, $at + 4 + 16, 1;
		$at += 4 + $len;
	}
	return @types;
}

# Asks without the ledger: what kind of answer comes, and a refusal's reason and sentence.
sub ask
{
	my ($self, $type, $body) = @_;
	my $client = IO::Socket::UNIX->new(Peer => $self->{socket}) or die $!;
	$client->syswrite(pack('N', 1 + length $body) . $type . $body);
	my ($head, $answer) = ('', '');
	while (length $head < 5) { $client->sysread($head, 5 - length $head, length $head) or return 'closed' }
	my ($len, $kind) = unpack 'N a', $head;
	while (length $answer < $len - 1) { $client->sysread($answer, $len - 1 - length $answer, length $answer) or return 'closed' }
	return $kind eq 'e' ? 'e' . ord($answer) . ' ' . substr($answer, 1) : $kind;
}

1;
