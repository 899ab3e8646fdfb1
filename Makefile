# make               the extension, by PGXS (PG_CONFIG=… chooses the PostgreSQL), and dcep-verify
# make install       as in any extension; likewise installcheck, clean, uninstall
#
# These work in private servers below .pg/ and leave the system's PostgreSQL alone:
# make check         builds from scratch, runs all tests
#                      SUITES="unit vectors regress isolation tap"   some of them
#                      TESTS="coin transfer"                         some tests of the regress suite
#                      TAPS="070_memory"                             some files of the tap suite
#                      SANITIZE=1                                    under AddressSanitizer and UBSan
#                      VALGRIND=1                                    the regress suite under valgrind
# make lint          formatting, compilers, cppcheck, clang-tidy, plpgsql_check, shellcheck
# make format        puts the formatting right
# make demo          plays a day of the currency; SEED=n, DATA=folder; make demo-stop ends its server
# make demo-federation   four nodes on one machine pay each other; KEEP=1 leaves them running
# make report        the page of a day, OUT/report.html; OUT=folder, and DATABASE=name, DAY=, AS=role, CASE=, TOP=rows
# make bench, soak   speed; endurance. make bench-signer: what it costs that dcep-signer signs
# make bench-nodes   payments between nodes, and what they cost each
# make private-clean stops the private servers and removes them

TOOLS = check lint format demo demo-federation demo-stop report bench bench-signer bench-nodes soak private-clean

# Kept apart from PGXS, which is not there yet when one of them installs the packages.
ifneq ($(filter $(TOOLS),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)

check:
	@test/check
lint:
	@test/lint
format:
	clang-format -i src/*.[ch] signer/*.[ch] verify/*.[ch] test/*/*.[ch] test/unit/signer/*.[ch]
demo:
	@demo/run
demo-federation:
	@demo/federation
demo-stop:
	@demo/stop
report:
	@report/run
bench:
	@test/bench/run
bench-nodes:
	@test/bench/nodes
bench-signer:
	@test/bench/signer
soak:
	@test/bench/soak
private-clean:
	@test/private_clean

# Other goals of the same command line, as in `make clean check`.
$(filter-out $(TOOLS),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

.NOTPARALLEL:

else

EXTENSION = dcep
MODULE_big = dcep

# Everything is found beside this file, so that a build in another directory works too.
this := $(lastword $(MAKEFILE_LIST))
here := $(dir $(this))
find_here = $(sort $(patsubst $(here)%,%,$(wildcard $(addprefix $(here),$(1)))))

# json is for the programs beside the extension alone, which has jsonb.
OBJS = $(patsubst %.c,%.o,$(filter-out src/json.c,$(call find_here,src/*.c)))
OUR_HEADERS = $(call find_here,src/*.h)

# The install script is the pieces in name order; update scripts stand beside them under their full name.
SCRIPT = dcep--0.1.sql
UPDATES = $(call find_here,src/sql/dcep--*.sql)
PIECES = $(filter-out $(UPDATES),$(call find_here,src/sql/*.sql))
DATA = $(UPDATES)
DATA_built = $(SCRIPT)
# For Prometheus: queries for its exporter, and alerts.
DOCS := $(call find_here,monitoring/*.yaml)

# A program of its own, that knows nothing of PostgreSQL.
SIGNER = dcep-signer
SIGNER_SOURCES = $(call find_here,signer/*.c) $(addprefix src/,act.c codec.c crypto.c json.c note.c opening.c)
EXTRA_CLEAN += $(SIGNER)

# setup makes the ledger that the other tests use; they run one after another in one database.
TESTS_FOUND = $(patsubst sql/%.sql,%,$(call find_here,sql/*.sql))
REGRESS = $(filter setup,$(TESTS_FOUND)) $(filter-out setup teardown,$(TESTS_FOUND)) $(filter teardown,$(TESTS_FOUND))

# PostgreSQL's headers have unused parameters; its flags forbid the mixed declarations of C11.
PG_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Wno-declaration-after-statement
SHLIB_LINK += -lcrypto

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) leads to no PostgreSQL server headers: test/packages says what to install)
endif
include $(PGXS)

# The sources are few: a changed header rebuilds them all.
$(OBJS) $(OBJS:.o=.bc): $(OUR_HEADERS)

# dcep-verify is a program without a server: the plain modules are compiled a second time, without the server's flags.
PLAIN = act bundle codec crypto entry json note opening tree
VERIFY_OBJS = $(patsubst %,verify/plain-%.o,$(PLAIN)) $(patsubst %.c,%.o,$(call find_here,verify/*.c))
VERIFY_HEADERS = $(call find_here,verify/*.h)
VERIFY_VERSION = $(patsubst dcep--%.sql,%,$(SCRIPT))
VERIFY_CFLAGS = -std=gnu11 -O2 -g -Wall -Wextra -fstack-protector-strong $(COPT)
VERIFY_CPPFLAGS = -D_GNU_SOURCE -DVERIFY_VERSION='"$(VERIFY_VERSION)"' -I$(here)src -I$(here)verify

all: verify/dcep-verify
install: install-verify
uninstall: uninstall-verify
clean: clean-verify

verify/dcep-verify: $(VERIFY_OBJS)
	$(CC) $(VERIFY_CFLAGS) -o $@ $^ -lcrypto

verify/plain-%.o: src/%.c $(OUR_HEADERS)
	@mkdir -p verify
	$(CC) $(VERIFY_CFLAGS) $(VERIFY_CPPFLAGS) -c -o $@ $<

verify/%.o: verify/%.c $(OUR_HEADERS) $(VERIFY_HEADERS)
	@mkdir -p verify
	$(CC) $(VERIFY_CFLAGS) $(VERIFY_CPPFLAGS) -c -o $@ $<

.PHONY: install-verify uninstall-verify clean-verify
install-verify: verify/dcep-verify
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) verify/dcep-verify '$(DESTDIR)$(bindir)/dcep-verify'
	$(INSTALL_SCRIPT) $(here)verify/dcep-export '$(DESTDIR)$(bindir)/dcep-export'
uninstall-verify:
	rm -f '$(DESTDIR)$(bindir)/dcep-verify' '$(DESTDIR)$(bindir)/dcep-export'
clean-verify:
	rm -f verify/dcep-verify verify/*.o
all: $(SIGNER)

$(SIGNER): $(SIGNER_SOURCES) $(OUR_HEADERS) $(call find_here,signer/*.h)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -I$(here)src $(LDFLAGS) -o $@ $(filter %.c,$^) -lcrypto

install: install-signer
uninstall: uninstall-signer
.PHONY: install-signer uninstall-signer

install-signer: $(SIGNER)
	$(MKDIR_P) '$(DESTDIR)$(bindir)' '$(DESTDIR)$(datadir)/extension'
	$(INSTALL_PROGRAM) $(SIGNER) '$(DESTDIR)$(bindir)'
	$(INSTALL_DATA) $(here)signer/dcep-signer.service '$(DESTDIR)$(datadir)/extension'

uninstall-signer:
	rm -f '$(DESTDIR)$(bindir)/$(SIGNER)' '$(DESTDIR)$(datadir)/extension/dcep-signer.service'

$(SCRIPT): $(PIECES) $(this)
	@echo "assembling $@"
	@for piece in $(filter %.sql,$^); do cat "$$piece" && echo; done >$@.tmp
	@mv $@.tmp $@

endif
