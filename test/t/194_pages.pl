
# README.md and docs/tutorial.md do what they say: every command of theirs is run on a fresh server, and its output compared.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use DcepCentre;
use DcepPage;

plan skip_all => 'there is no gpg' if !DcepCentre::available();

my $root = "$FindBin::RealBin/../..";
for my $page ([ 'README.md', 'readme', '## A first session', '## What it guarantees' ], [ 'docs/tutorial.md', 'tutorial' ])
{
	my ($file, $database, $from, $until) = @$page;
	my $node = PostgreSQL::Test::Cluster->new($database);
	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\njit = off");
	$node->start;
	$node->safe_psql('postgres', "DO \$\$ BEGIN CREATE ROLE postgres SUPERUSER LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$");
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my @blocks = DcepPage::run($node, $database, DcepPage::blocks("$root/$file", $from, $until));
	cmp_ok(scalar @blocks, '>', 5, "$file has commands");
	my (%promised, %got);
	for my $block (@blocks)
	{
		my $name = "$file, line $block->{line}";
		if (defined $block->{output})
		{
			my ($got, $promised) = DcepPage::compare($block, \%promised, \%got);
			is($got, $promised, $name) or diag($block->{result});
		}
		else { unlike($block->{result}, qr/^(ERROR|FATAL|psql: error|.*: error):/m, $name); }
	}
	$node->stop;
}

done_testing();
