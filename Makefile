# Everything that a fresh Debian or Ubuntu machine with Rust, git and root needs is installed by the targets themselves.
CARGO ?= cargo
TARGET := $(shell rustc -vV | sed -n 's/^host: //p')
TOQUE := $(or $(CARGO_TARGET_DIR),target)/$(TARGET)/release/toque

.PHONY: build demo demo-stack test bench fuzz lint docs hosts

build:
	$(CARGO) build --release -p toque

# The machines that tests and demo boot: their tools, roots and packages.
hosts:
	$(CARGO) run --release -q -p toque-acceptance --bin prepare

# Converges examples/webserver on a throwaway host, twice.
demo: build hosts
	TOQUE_BINARY=$(TOQUE) $(CARGO) run --release -q -p toque-acceptance --bin demo

# Leads examples/stack, each instance a throwaway host, through a deployment, a rollback and the loss of an instance.
demo-stack: build hosts
	TOQUE_BINARY=$(TOQUE) $(CARGO) run --release -q -p toque-acceptance --bin demo_stack

# All tests, those on booted hosts too.
test: build hosts
	TOQUE_BINARY=$(abspath $(TOQUE)) $(CARGO) test --workspace

# Speed, as ratios to a bare program that does the same to the same files.
bench: build
	TOQUE_BINARY=$(abspath $(TOQUE)) $(CARGO) run --release -q -p toque-acceptance --bin bench

# The book as web pages, in target/book. mdBook is fetched once.
MDBOOK := 0.5.4
TOOLS := $(abspath $(or $(CARGO_TARGET_DIR),target))/tools

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
	PATH="$(TOOLS)/bin:$$PATH" fuzz/run $(FUZZ_SECONDS)

$(TOOLS)/cargo-fuzz-$(CARGO_FUZZ):
	$(CARGO) install cargo-fuzz --version $(CARGO_FUZZ) --locked --root $(TOOLS)
	touch $@

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items
