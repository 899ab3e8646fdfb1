
# A device of a wallet's holder: a key pair, and signatures by it. It makes the bytes that it signs itself, by docs/format.md.

package DcepDevice;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

my %algorithm = (ed25519 => 'ED25519', p256 => 'EC -pkeyopt ec_paramgen_curve:P-256', sm2 => 'SM2');
my %digest = (ed25519 => '-rawin', p256 => '-rawin -digest sha256', sm2 => '-rawin -digest sm3 -pkeyopt distid:1234567812345678');
my $count = 0;

# Makes a key of a suite (ed25519, p256, sm2) in a folder.
sub new
{
	my ($class, $folder, $suite) = @_;
	my $self = bless { suite => $suite, file => "$folder/device" . ++$count }, $class;
	PostgreSQL::Test::Utils::system_or_bail('sh', '-c', "openssl genpkey -algorithm $algorithm{$suite} -out $self->{file}.pem 2>/dev/null");
	return $self;
}

# Its public half, as PEM.
sub public_pem
{
	my ($self) = @_;
	return scalar `openssl pkey -in $self->{file}.pem -pubout`;
}

# Its signature of bytes, in hexadecimal digits.
sub sign
{
	my ($self, $bytes) = @_;
	open my $fh, '>', "$self->{file}.message" or die $!;
	binmode $fh;
	print $fh $bytes;
	close $fh;
	PostgreSQL::Test::Utils::system_or_bail('sh', '-c',
		"openssl pkeyutl -sign -inkey $self->{file}.pem $digest{$self->{suite}} -in $self->{file}.message -out $self->{file}.signature");
	return unpack 'H*', PostgreSQL::Test::Utils::slurp_file("$self->{file}.signature");
}

# The bytes of an instruction; kind 2 is a transfer, 4 an exchange_out, 8 a payment to a token, whose digits stand for the payee.
sub instruction
{
	my ($currency, $payer, $payee, $amount, $key, $memo, $kind) = @_;
	my @fields = ($currency, pack('C', $kind // 2), pack('q>', $payer), pack('q>', $payee), pack('q>', $amount), $key, $memo);
	return 'dcep instruct v1' . join '', map { defined $_ ? pack('N/a*', $_) : pack('N', 0xFFFFFFFF) } @fields;
}

1;
