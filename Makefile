# Everything that a fresh Debian or Ubuntu machine with Rust, git and root needs is installed by the targets themselves.
CARGO ?= cargo
TARGET := $(shell rustc -vV | sed -n 's/^host: //p')
BUILT := $(abspath $(or $(CARGO_TARGET_DIR),target))
TOOLS := $(BUILT)/tools
export PATH := $(PATH):$(TOOLS)/bin
# What tests and demonstrations are built with, and run: soon built.
CI := --profile ci

.PHONY: build demo demo-stack test test-build test-kills test-hostile test-faults bench bench-memory fuzz lint clippy rustdoc docs hosts

# The program as it is shipped.
build:
	$(CARGO) build --release -p toque

# The machines that tests and demo boot: their tools, roots and packages.
hosts:
	$(CARGO) run $(CI) -q -p toque-acceptance --bin prepare

# Converges examples/webserver on a throwaway host, twice.
demo: hosts
	$(CARGO) build $(CI) -p toque -p toque-acceptance --bins
	$(BUILT)/$(TARGET)/ci/demo

# Leads examples/stack, each instance a throwaway host, through a deployment, a rollback and the loss of an instance.
demo-stack: hosts
	$(CARGO) build $(CI) -p toque -p toque-acceptance --bins
	$(BUILT)/$(TARGET)/ci/demo_stack

# cargo-nextest runs the tests: this machine's, else it is installed once.
NEXTEST := 0.9.143
ifeq ($(shell which cargo-nextest),)
test-build: $(TOOLS)/cargo-nextest-$(NEXTEST)
endif

$(TOOLS)/cargo-nextest-$(NEXTEST):
	$(CARGO) install cargo-nextest --version $(NEXTEST) --locked --no-default-features --features default-no-update --root $(TOOLS)
	touch $@

test-build:
	$(CARGO) nextest run --no-run --workspace --cargo-profile ci $(TIMINGS)

# All tests, those on booted hosts too. Hosts mostly wait: the others run beside them.
test: test-build hosts
	$(CARGO) nextest run --workspace --cargo-profile ci --test-threads $$(($$(nproc) + 2))
	$(CARGO) test --doc --workspace $(CI)

# Tests that kill toque at random moments, so many times in all.
TOQUE_TEST_KILLS ?= 1000

test-kills: test-build hosts
	TOQUE_TEST_KILLS=$(TOQUE_TEST_KILLS) $(CARGO) nextest run --workspace --cargo-profile ci --profile kills -E 'test(/no_kill|a_killed_run/)'

# Users who swap what root works on, 200 times for each kind.
test-hostile: test-build hosts
	TOQUE_TEST_SWAPS=200 $(CARGO) nextest run --workspace --cargo-profile ci -E 'test(/^it::hostile::/)'

# System calls that fail, up to 100 of each sort.
test-faults: test-build hosts
	TOQUE_TEST_FAULTS=100 $(CARGO) nextest run --workspace --cargo-profile ci -E 'test(/^it::faults::/)'

# Speed, as ratios to a bare program that does the same to the same files.
bench: build
	$(CARGO) run --release -q -p toque-bench

# The memory that large files take, alone.
bench-memory: build
	$(CARGO) run --release -q -p toque-bench memory

# The book as web pages, in target/book. mdBook is fetched once.
MDBOOK := 0.5.4

docs: $(TOOLS)/mdbook-$(MDBOOK)
	$(TOOLS)/bin/mdbook build docs

$(TOOLS)/mdbook-$(MDBOOK):
	$(CARGO) install mdbook --version $(MDBOOK) --locked --no-default-features --features search --root $(TOOLS)
	touch $@

# Random texts for everything that reads texts, each target for so many seconds. cargo-fuzz is installed once. Sanitizers would need a
# nightly compiler, and find what unsafe code does; there is none here.
CARGO_FUZZ := 0.13.2
FUZZ_SECONDS ?= 60

fuzz: $(TOOLS)/cargo-fuzz-$(CARGO_FUZZ)
	fuzz/run $(FUZZ_SECONDS)

$(TOOLS)/cargo-fuzz-$(CARGO_FUZZ):
	$(CARGO) install cargo-fuzz --version $(CARGO_FUZZ) --locked --root $(TOOLS)
	touch $@

# With the profile of the tests, whose build scripts and macros are used again.
lint: clippy rustdoc

clippy:
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(CI) --workspace --all-targets -- -D warnings

rustdoc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(CI) --workspace --no-deps --document-private-items
