
# The authentication centre: an OpenPGP key pair of gpg's, and what it reads with it.

package DcepCentre;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

my $gpg = 'gpg --batch --quiet --no-tty';

# Is there a gpg?
sub available
{
	return system('gpg --version >/dev/null 2>&1') == 0;
}

# Makes a key pair, RSA with a subkey for encryption, in a folder.
sub new
{
	my ($class, $folder) = @_;
	my $self = bless { home => "$folder/gpg" }, $class;
	mkdir $self->{home}, 0700;
	local $ENV{GNUPGHOME} = $self->{home};
	PostgreSQL::Test::Utils::system_or_bail('sh', '-c', "$gpg --passphrase '' --quick-generate-key 'Authentication Centre' rsa2048 default never 2>/dev/null");
	my ($fingerprint) = `$gpg --list-keys --with-colons` =~ /^fpr:+([0-9A-F]+):/m;
	PostgreSQL::Test::Utils::system_or_bail('sh', '-c', "$gpg --passphrase '' --quick-add-key $fingerprint rsa2048 encrypt never 2>/dev/null");
	$self->{public} = `$gpg --armor --export`;
	$self->{private} = `$gpg --armor --export-secret-keys`;
	return $self;
}

# What it makes of a ciphertext in hexadecimal digits.
sub decrypt
{
	my ($self, $hex) = @_;
	local $ENV{GNUPGHOME} = $self->{home};
	open my $fh, '>', "$self->{home}/cipher" or die $!;
	binmode $fh;
	print $fh pack 'H*', $hex;
	close $fh;
	return scalar `$gpg --decrypt $self->{home}/cipher 2>/dev/null`;
}

1;
