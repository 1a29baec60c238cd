# The only entry to everything: the same targets here and in CI.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

MODULES   := . examples internal/bench internal/e2e
TESTED    := . examples internal/e2e
BIN       := $(CURDIR)/bin
FUZZTIME  ?= 20000x
# TESTS is how many packages are tested at once: more than there are cores, for many wait.
TESTS     ?= 3
LARGE     := /1M|/1000000|/users=10000
BENCH     ?= .
BENCHTIME ?= 100ms
COUNT     ?= 6
ARGS      ?=

FUZZED    := $(BIN)/fuzz

# each runs the command $(2) in every module of $(1).
each = for m in $(1); do echo "== $$m"; (cd $$m && $(2)); done

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: run
run: ## serve the reference server on http://127.0.0.1:8080 (ARGS="-redis redis://127.0.0.1:6379")
	@cd examples && go run ./reference $(ARGS)

.PHONY: test
test: ## run every test; at the end: what this machine could not exercise
	@report=$$(mktemp); trap 'rm -f $$report' EXIT; export SALLYPORT_REPORT=$$report; status=0; \
	(cd examples && go build -o $(BIN)/ ./reference) && export SALLYPORT_REFERENCE=$(BIN)/reference; \
	for m in $(TESTED); do (cd $$m && go test -p $(TESTS) -vet=off -count=1 ./...) || status=1; done; \
	if [ -s $$report ]; then echo; echo "Not exercised on this machine:"; cut -f1 $$report | sort | uniq -c | sed -E 's/^ *([0-9]+) (.*)/  \2 (\1 tests)/'; \
	else echo; echo "Everything was exercised."; fi; exit $$status
test: | $(BIN)

CHECKS := vet lint race fuzz examples-build bench-compile api-check vuln

.PHONY: check
check: ## with make test, everything: run both before you commit
	@start=$$SECONDS; for c in $(CHECKS); do printf '\n### %4ds  make %s\n' $$((SECONDS - start)) $$c; $(MAKE) --no-print-directory $$c; done

.PHONY: race
race: ## run every test under the race detector, shuffled, but those of programs, which are built without it, and what api-check runs
	@$(call each,$(TESTED),go test -p $(TESTS) -race -vet=off -shuffle=on -count=1 $$(go list ./... | grep -vE '/internal/house$$|/examples/docs$$|/e2e/(blackbox|browser|faults|running|scale)'))

.PHONY: attack
attack: ## try the reference server as an attacker and as a stranger does, over HTTP, and print what held
	@cd internal/e2e && table=$$(mktemp) && trap 'rm -f $$table' EXIT && status=0 && \
	{ SALLYPORT_LONG=1 SALLYPORT_TABLE=$$table go test -count=1 -timeout 30m $(if $(RUN),-run '$(RUN)') ./blackbox/... || status=1; } && \
	sort -V $$table | awk -F'\t' '{ printf "%-34s %-8s %s -> %s\n", $$1, $$2, $$3, $$4 } $$2 == "held" { held++ } END { printf "\n%d of %d held\n", held, NR }' && exit $$status

.PHONY: faults
faults: ## take Redis, PostgreSQL and processes away from the running reference server; minutes
	@cd internal/e2e && table=$$(mktemp) && trap 'rm -f $$table' EXIT && status=0 && \
	{ SALLYPORT_LONG=1 SALLYPORT_TABLE=$$table go test -count=1 -timeout 40m ./faults/... || status=1; } && \
	sort -V $$table | awk -F'\t' '{ printf "%-6s %-8s %s -> %s\n", $$1, $$2, $$3, $$4 } $$2 == "held" { held++ } END { printf "\n%d of %d held\n", held, NR }' && exit $$status

.PHONY: scale
scale: ## two processes on a Redis Cluster and PostgreSQL under load, with kills; prints the tables of docs/scale.md; minutes, on an idle machine
	@cd internal/e2e && table=$$(mktemp) && trap 'rm -f $$table' EXIT && status=0 && \
	{ SALLYPORT_LONG=1 SALLYPORT_TABLE=$$table go test -count=1 -timeout 30m -run TestScale ./scale || status=1; } && cat $$table && exit $$status

.PHONY: vet
vet: ## go vet, gofmt and go.mod of every module
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@$(call each,$(MODULES),go vet ./... && go mod tidy -diff)

# A package is built once for all its targets, and the next one while they run. They
# run in its folder, where their seeds are, and keep what they find where go test does.
.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (default 20000x: a count, since Go's own deadline can end a timed run in an error)
	@rm -rf $(FUZZED); mkdir -p $(FUZZED); cache=$$(go env GOCACHE)/fuzz; \
	run() { cd $$1; for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' *_test.go | sed 's/func //'); do \
	    echo "== $${1#$(CURDIR)/} $$target"; $$3.test -test.run '^$$' -test.fuzz "^$$target$$" -test.fuzztime $(FUZZTIME) \
	      -test.fuzzminimizetime 20x -test.fuzzcachedir $$cache/$$2 >$$3.log 2>&1 || { cat $$3.log; return 1; }; \
	  done; }; \
	packages=$$(for m in $(TESTED); do (cd $$m && go list -f '{{.Dir}} {{.ImportPath}}' ./...); done); running= n=0; \
	while read -r dir path; do if grep -qsE '^func Fuzz' $$dir/*_test.go; then \
	    n=$$((n + 1)); (cd $$dir && go test -c -fuzz . -ldflags '-s -w' -o $(FUZZED)/$$n.test .); \
	    [ -z "$$running" ] || wait $$running; run $$dir $$path $(FUZZED)/$$n & running=$$!; \
	  fi; done <<<"$$packages"; wait $$running

.PHONY: bench
bench: $(BIN)/benchstat ## the peer table: ours and the peers' side by side in one run (BENCH, BENCHTIME, COUNT)
	@cd internal/bench && go test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) -count $(COUNT) ./... | tee $(BIN)/bench.txt
	@$(BIN)/benchstat -col /who $(BIN)/bench.txt

.PHONY: storm
storm: ## 200 password hashes at once of 64 MiB, with the Pool and without, each in its own process
	@go test -tags timing -run '^$$' -bench Storm/pool -benchtime 1x ./password | grep -E '^Bench'
	@go test -tags timing -run '^$$' -bench Storm/unbounded -benchtime 1x ./password | grep -E '^Bench'

.PHONY: timing
timing: ## the statistical test of even timing; takes minutes and wants an idle machine
	@go test -tags timing -run Timing -timeout 30m -v ./password

.PHONY: bench-compile
bench-compile: ## compile every benchmark and run each once, but those over a million of something
	@go test -vet=off -run '^$$' -bench . -skip '$(LARGE)' -benchtime 1x $$(git grep -lE '^func Benchmark' -- '*_test.go' ':!examples' ':!internal/bench' ':!internal/e2e' | xargs -n1 dirname | sort -u | sed 's|^|./|') >/dev/null
	@cd internal/bench && go test -vet=off -run '^$$' -bench . -skip '$(LARGE)' -benchtime 1x ./... >/dev/null

.PHONY: lint
lint: $(BIN)/golangci-lint ## golangci-lint with staticcheck and gosec
	@$(call each,$(MODULES),$(BIN)/golangci-lint run --config $(CURDIR)/.golangci.yml ./...)

.PHONY: vuln
vuln: $(BIN)/govulncheck ## govulncheck; VULNDB is the URL of a database (default: the live one)
	@for m in $(MODULES); do echo "== $$m"; (cd $$m; \
	  out=$$($(BIN)/govulncheck $(if $(VULNDB),-db '$(VULNDB)') -test ./... 2>&1) && status=0 || status=$$?; echo "$$out"; \
	  if [ $$status -ne 0 ] && [ -z '$(VULNDB)' ] && grep -qE 'dial tcp|no such host|fetching|vuln.go.dev' <<<"$$out"; then \
	    echo "vuln: THE VULNERABILITY DATABASE CANNOT BE REACHED FROM HERE, NOTHING WAS CHECKED. Set VULNDB to the URL of a copy."; \
	  else exit $$status; fi); done

.PHONY: api
api: ## rewrite the golden files of the public API in api/
	@go test -count=1 -run TestAPI ./internal/house -update

.PHONY: api-check
api-check: ## compare the public API with its golden files; import rules, zero values, problem codes
	@go test -count=1 ./internal/house

.PHONY: examples-build
examples-build: ## build the example programs; their tests are in test and race
	@cd examples && go build -o $(BIN)/ ./...
examples-build: | $(BIN)

.PHONY: examples
examples: examples-build ## build and test the example programs
	@cd examples && go test -count=1 ./...

.PHONY: mutate
mutate: $(BIN)/gremlins ## delete each guard of PKG in turn and require a red test (PKG=./rbac)
	@$(BIN)/gremlins unleash $(PKG)

.PHONY: tools
tools: $(BIN)/golangci-lint $(BIN)/govulncheck $(BIN)/benchstat ## build the pinned tools

$(BIN):
	@mkdir -p $@

$(BIN)/golangci-lint $(BIN)/govulncheck $(BIN)/benchstat $(BIN)/gremlins: tools/go.sum | $(BIN)
	@cd tools && go build -o $@ $$(go list -f '{{.ImportPath}}' tool | grep '/$(@F)$$') && touch $@
