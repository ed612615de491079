# A thin front door; the build itself is meson.build.  See HACKING.md.
#
#   make run      install what is missing, build, start the demo
#   make test     install what is missing, build, run everything
#   make          build/kontor, build/kontor-sim, and the tests
#   make release  the same programs optimised as a whole: build-release/
#
# Each flavour has a build directory of its own; B=DIR names another.
B ?= build
# Instrumented code draws warnings that the plain build does not have.
SAN = -Db_lundef=false -Dbuildtype=debugoptimized -Dwerror=false

all:
	@sh tools/console.sh
	@sh tools/build.sh $B
	@echo "built: $B/kontor $B/kontor-sim"

run:
	@sh tools/deps.sh run
	@sh tools/console.sh
	@sh tools/build.sh $B
	@exec $B/kontor demo $(DEMO)

test:
	@sh tools/deps.sh test
	@sh tools/console.sh --need
	@sh tools/build.sh $B
	@.venv/bin/python tests/run.py --build $B all

# Before every commit: no network, no root, under a minute; the models, which
# take longer, run in make test.
check:
	@sh tools/build.sh $B
	@python3 tests/run.py --build $B --but model/spin,model/explore \
	    lint unit corpus

check-asan:
	@sh tools/build.sh build-asan $(SAN) -Db_sanitize=address,undefined
	@ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 \
	    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	    python3 tests/run.py --build build-asan unit corpus

check-tsan:
	@sh tools/build.sh build-tsan $(SAN) -Db_sanitize=thread
	@TSAN_OPTIONS=halt_on_error=1 python3 tests/run.py \
	    --build build-tsan --suite shm,journal,ledger unit

# The e2e suite against sanitized programs.  What is freed stays in quarantine
# a while: not so much of it that it passes for what calls need.
test-asan:
	@sh tools/deps.sh test
	@sh tools/build.sh build-asan $(SAN) -Db_sanitize=address,undefined
	@ASAN_OPTIONS=quarantine_size_mb=8 \
	    .venv/bin/python tests/run.py --build build-asan e2e

e2e browser clients:
	@sh tools/deps.sh test
	@sh tools/console.sh --need
	@sh tools/build.sh $B
	@.venv/bin/python tests/run.py --build $B $@

# The console's types of the admin API, from its own document.
openapi:
	@sh tools/deps.sh test
	@sh tools/console.sh --packages
	@sh tools/build.sh $B
	@KONTOR_BUILD=$B .venv/bin/python tests/lib/apitypes.py

lint:
	@sh tools/lint.sh $B

lint-tidy:
	@sh tools/deps.sh lint
	@sh tools/build.sh $B
	@sh tools/tidy.sh $B

format:
	@git ls-files -co --exclude-standard '*.c' '*.h' | \
	    xargs clang-format-14 -i

bench:
	@sh tools/deps.sh bench
	@sh tools/release.sh
	@.venv/bin/python tests/bench/bench.py --build build-release $(BENCH)

# make proof [NAME]: all of them, or `make proof books`
ifeq (proof,$(firstword $(MAKECMDGOALS)))
NAME ?= $(wordlist 2,9,$(MAKECMDGOALS))
ifneq (,$(wordlist 2,9,$(MAKECMDGOALS)))
$(eval .PHONY: $(wordlist 2,9,$(MAKECMDGOALS)))
$(eval $(wordlist 2,9,$(MAKECMDGOALS)):;@:)
endif
endif
proof:
	@sh tools/deps.sh test
	@sh tools/build.sh $B
	@.venv/bin/python tests/proof.py --build $B $(NAME)

# make fuzz T=h1 S=60
T ?= all
S ?= 60
fuzz:
	@sh tools/deps.sh fuzz
	@CC=clang-14 sh tools/build.sh build-fuzz $(SAN) -Dfuzzers=true \
	    -Dc_args=-fsanitize=fuzzer-no-link \
	    -Db_sanitize=address,undefined
	@sh tools/fuzz.sh build-fuzz $T $S

cover:
	@sh tools/deps.sh cover
	@sh tools/build.sh build-cover -Db_coverage=true
	@python3 tests/run.py --build build-cover unit corpus
	@gcovr -r . --object-directory build-cover -f 'src/' \
	    --exclude-throw-branches -s --txt build-cover/coverage.txt
	@sh tools/cover.sh build-cover/coverage.txt

# Optimised as a whole, which takes the linker a while; without the tests.
release:
	@sh tools/console.sh
	@sh tools/release.sh
	@echo "built: build-release/kontor build-release/kontor-sim"

install:
	@sh tools/console.sh --need
	@$(MAKE) release
	@DESTDIR=$(DESTDIR) meson install -C build-release

clean:
	rm -rf build build-release build-train build-asan build-tsan build-fuzz build-cover

.PHONY: all run test check check-asan check-tsan test-asan e2e clients \
    openapi lint lint-tidy format bench proof fuzz cover release install clean
