# make               the extension, by PGXS (PG_CONFIG=… chooses the PostgreSQL)
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
# make bench, soak   speed; endurance
# make private-clean stops the private servers and removes them

TOOLS = check lint format demo demo-federation demo-stop report bench soak private-clean

# Kept apart from PGXS, which is not there yet when one of them installs the packages.
ifneq ($(filter $(TOOLS),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)

check:
	@test/check
lint:
	@test/lint
format:
	clang-format -i src/*.[ch] test/*/*.[ch]
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

OBJS = $(patsubst %.c,%.o,$(call find_here,src/*.c))
OUR_HEADERS = $(call find_here,src/*.h)

# The install script is the pieces in name order; update scripts stand beside them under their full name.
SCRIPT = dcep--0.1.sql
UPDATES = $(call find_here,src/sql/dcep--*.sql)
PIECES = $(filter-out $(UPDATES),$(call find_here,src/sql/*.sql))
DATA = $(UPDATES)
DATA_built = $(SCRIPT)

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

$(SCRIPT): $(PIECES) $(this)
	@echo "assembling $@"
	@for piece in $(filter %.sql,$^); do cat "$$piece" && echo; done >$@.tmp
	@mv $@.tmp $@

endif
