# Every target works from a fresh clone: the first one installs, generates and compiles what it needs.
# `make help` lists them.

PNPM := npx --yes pnpm@10.34.8
BIN := node_modules/.bin
INSTALLED := node_modules/.install-stamp
GENERATED := packages/proto/src/gen/tinykvpb.ts
ARGS ?=
# One line for a step, with its time.
STEP := node scripts/step.mjs

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.PHONY: build up pack check fix test test-long sim ci stages bench bench-vs clean-data clean help

$(INSTALLED): pnpm-lock.yaml package.json pnpm-workspace.yaml $(wildcard packages/*/package.json)
	@$(STEP) install $(PNPM) install --frozen-lockfile --prefer-offline
	@touch $@

$(GENERATED): $(INSTALLED) $(wildcard proto/*.proto) $(wildcard packages/proto/scripts/*.ts) packages/proto/src/timestamps.ts
	@cd packages/proto && node ../../scripts/step.mjs generate ../../$(BIN)/tsx scripts/generate.ts

## build: install, generate, compile; ends with the list of binaries
build: $(GENERATED)
	@$(STEP) compile $(BIN)/tsc -b
	@node scripts/write-launchers.mjs

## up: a cluster on this machine in the foreground; data stays in ./data (ARGS="--stores 4")
up: build
	@scripts/tinykv playground --data data $(ARGS)

## pack: the packages as npm installs them, in ./packed; each tarball is what `pnpm publish` would send
pack: build
	@rm -rf packed && mkdir packed
	@$(PNPM) --recursive --filter './packages/*' --filter '!@tinykv/simulator' pack --pack-destination "$(CURDIR)/packed" >/dev/null
	@ls packed/*.tgz

## check: format, lint, types, layers, dead code, unit tests; under a minute
check: build
	@$(BIN)/tsx scripts/check.ts $(ARGS)

## fix: mends what `make check` complains about, where a machine can
fix: $(INSTALLED)
	$(BIN)/biome check --write .

## test: the whole suite; the last line is `N passed, M failed`
test: build
	@$(BIN)/tsx scripts/test.ts $(ARGS)

## test-long: the full sizes, area by area; a rerun goes on where the last one ended
test-long: build
	@$(BIN)/tsx scripts/test-long.ts

test-long-%: build
	@$(BIN)/tsx scripts/test-long.ts $* $(ARGS)

## sim: simulated clusters with faults, each from a seed (ARGS="--seeds 100", ARGS="planted", ARGS=--help)
sim: build
	@node --enable-source-maps packages/simulator/dist/bin/sim.js $(ARGS)

## stages: the staged suites; also project1, project2a, project2aa … project4c one by one
stages: $(GENERATED)
	@$(BIN)/tsx scripts/test.ts --stage project

project%: $(GENERATED)
	@$(BIN)/tsx scripts/test.ts --stage $@

## ci: what .ci/run does: check, then test; the unit tests run once, with the rest of the suite
ci:
	@$(MAKE) --no-print-directory check ARGS=--static
	@$(MAKE) --no-print-directory test

## bench: speed of a running cluster (ARGS="raw-put --clients 64", ARGS="--rate 1000")
bench: build
	@scripts/tinykv bench $(ARGS)

## bench-vs: the same work on ours and on a peer, in turns (ARGS="etcd", ARGS="redis --rounds 7")
bench-vs bench\:vs: build
	@scripts/tinykv bench --vs $(ARGS)

## clean-data: removes the data of `make up`
clean-data:
	rm -rf data

## clean: removes everything that the build made
clean:
	rm -rf node_modules packed packages/*/node_modules packages/*/dist packages/proto/src/gen
	rm -f scripts/tinykv scripts/tinykv-server scripts/scheduler scripts/tinyscheduler-server scripts/tinykv-gateway

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
