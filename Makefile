# make run      builds the agent and a collector and shows live what they see
# make test     installs what is missing and runs every test
# make help     the rest

IFACE    ?=
SAMPLING ?= 10
POLLING  ?= 5
PORT     ?= 6343
PREFIX   ?= /usr/local
DESTDIR  ?=
HSFLOWD  ?=
KERNELS  ?=
MUTANTS  ?=
FUZZ_SECONDS ?= 60

CARGO  ?= cargo
SUDO   := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
TARGET := $(or $(CARGO_TARGET_DIR),target)

# make image-mps2 IMAGE=small, make image-switch ARCH=riscv64
IMAGE    ?= smoltcp
ARCH     ?= aarch64
FIRMWARE := platform-baremetal/firmware

# What `make install` installs beside the programs.
PAGES := $(TARGET)/pages
# make deb ARCH=aarch64
deb rpm tar oci: ARCH := $(shell uname -m)

.PHONY: help run build programs pages deb rpm tar oci test test-kernels mutants lint bench fuzz image-mps2 image-c image-switch install uninstall

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: programs ## agent on IFACE (default route's) and a live view; SAMPLING=10 POLLING=5 PORT=6343
	@tests/demo $(TARGET)/release "$(IFACE)" $(SAMPLING) $(POLLING) $(PORT)

build: programs pages ## the two programs, optimised; their man pages and completions

programs:
	$(CARGO) build --release --locked -p flowmote -p flowmote-analyzer

pages:
	$(CARGO) run -q --locked -p flowmote-package -- \
	 --date $$(git log -1 --format=%ct 2>/dev/null || echo 0) pages $(PAGES)

deb: ## packages for Debian and Ubuntu with static programs, in target/package; ARCH=aarch64
rpm: ## the same for Amazon Linux, RHEL, Fedora and SUSE
tar: ## the same as an archive with an install script
oci: ## an image of the agent for containers, made without a builder
deb rpm tar oci:
	@CARGO="$(CARGO)" deploy/package/build $(ARCH) $@

test: ## installs what is missing, then lints and every test
	@tests/setup
	@tests/all

test-kernels: ## agent and analyzer on kernels of Debian in virtual machines; KERNELS="6.1-amd64"
	@tests/setup kernels
	@CARGO="$(CARGO)" tests/kernels/run $(KERNELS)

mutants: ## the mutations of tests/mutants/list, which the tests must notice; MUTANTS="sampler queue"
	@tests/setup
	@CARGO="$(CARGO)" tests/mutants/run $(MUTANTS)

lint: ## rustfmt and clippy, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy -p flowmote-app --features tower --all-targets --locked -- -D warnings
	@CARGO="$(CARGO)" platform-baremetal/lint

bench: ## instructions, nanoseconds, end to end; HSFLOWD=/path runs it beside
	@tests/setup bench
	@HSFLOWD="$(HSFLOWD)" benches/run

fuzz: ## each fuzz target for FUZZ_SECONDS=60; installs cargo-fuzz where it is missing
	@FUZZ_SECONDS="$(FUZZ_SECONDS)" fuzz/run

image-mps2: ## end station on a Cortex-M3 under QEMU, console here; IMAGE=small: without smoltcp
	@tests/setup firmware
	@IMAGE=$(IMAGE) $(FIRMWARE)/images/mps2-an385/run

image-c: ## the same end station in C, linked with libflowmote.a
	@tests/setup firmware
	@$(MAKE) --no-print-directory -C $(FIRMWARE)/c/firmware run

image-switch: ## switch with four ports under QEMU, console here (Ctrl-A X ends it); ARCH=riscv64
	@tests/setup firmware
	@ARCH=$(ARCH) $(FIRMWARE)/images/virt-switch/run

install: ## programs, man pages, completions, configuration files in /etc (kept if there) and systemd units; PREFIX=/usr/local
	@[ -x $(TARGET)/release/flowmote ] && [ -d $(PAGES) ] || { echo "run 'make build' first, as yourself"; exit 1; }
	install -D -m 755 $(TARGET)/release/flowmote $(DESTDIR)$(PREFIX)/sbin/flowmote
	install -D -m 755 $(TARGET)/release/flowmote-analyzer $(DESTDIR)$(PREFIX)/bin/flowmote-analyzer
	@if [ -e $(DESTDIR)/etc/flowmote.conf ]; then echo "kept $(DESTDIR)/etc/flowmote.conf"; \
	 else install -D -m 644 -v platform-linux/flowmote.conf $(DESTDIR)/etc/flowmote.conf; fi
	@if [ -e $(DESTDIR)/etc/flowmote-analyzer.conf ]; then echo "kept $(DESTDIR)/etc/flowmote-analyzer.conf"; \
	 else install -D -m 644 -v analyzer/collector/dist/flowmote-analyzer.conf $(DESTDIR)/etc/flowmote-analyzer.conf; fi
	for page in $(PAGES)/man/*; do \
	 install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit; done
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(PAGES)/bash/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(PAGES)/fish/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(PAGES)/zsh/*
	install -d $(DESTDIR)/lib/systemd/system
	sed 's|/usr/local|$(PREFIX)|' platform-linux/dist/flowmote.service \
	 > $(DESTDIR)/lib/systemd/system/flowmote.service
	sed 's|/usr/local|$(PREFIX)|' analyzer/collector/dist/flowmote-analyzer.service \
	 > $(DESTDIR)/lib/systemd/system/flowmote-analyzer.service
	@[ -e $(DESTDIR)/etc/hsflowd.auto ] || [ -L $(DESTDIR)/etc/hsflowd.auto ] || \
	 ln -s /run/flowmote/hsflowd.auto $(DESTDIR)/etc/hsflowd.auto
	@[ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload
	@echo "edit /etc/flowmote.conf, run 'flowmote check', then 'systemctl enable --now flowmote'"

uninstall: ## all of that but the configuration; stops and disables the services
	@[ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || systemctl disable --now flowmote flowmote-analyzer || true
	rm -f $(DESTDIR)$(PREFIX)/sbin/flowmote $(DESTDIR)$(PREFIX)/bin/flowmote-analyzer
	rm -f $(DESTDIR)$(PREFIX)/share/man/man[158]/flowmote[-.]*
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/flowmote*
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/flowmote*
	rm -f $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_flowmote*
	rm -f $(DESTDIR)/lib/systemd/system/flowmote.service
	rm -f $(DESTDIR)/lib/systemd/system/flowmote-analyzer.service
	@[ "$$(readlink $(DESTDIR)/etc/hsflowd.auto)" != /run/flowmote/hsflowd.auto ] || rm -f $(DESTDIR)/etc/hsflowd.auto
	@[ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload
