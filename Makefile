# Everything the project can do. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

MODULES := pkg services/auth services/resources
BIN := $(CURDIR)/.bin
LINT := $(BIN)/golangci-lint
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The same flags stand in the Dockerfiles. Nothing of the directory or of git goes into
# a binary, so that everybody builds the same one. Without grpcnotrace, gRPC (which the
# exporter of traces draws in) brings templates, for which the linker keeps every method
# there is: 12 MB.
BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags grpcnotrace -ldflags '-s -w -X main.version=$(VERSION)'
# $(call sbom,file,name): what is in a program, by what it records of itself.
sbom = (cd deploy/check && GOWORK=off go run ./cmd/sbom -name $(2) -version $(VERSION) $(1) >$(1).cdx.json)
# $(call held,image,program,file): the program in the image is that file.
held = $(call take,$(1),/$(2),-) | tar -xO | cmp - $(3)
# $(call take,image,path,to): copy a file out of an image.
take = (container=$$(docker create $(1)); trap 'docker rm "$$container" >/dev/null' EXIT; docker cp "$$container:$(2)" $(3))
DOCKER_BUILD := DOCKER_BUILDKIT=1 docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION)
# Tests wait for servers more than they compute, so more of them run at once
# than there are processors.
TEST := go test -race -parallel 8 -timeout 30m
each = for module in $(MODULES); do echo "== $$module"; (cd $$module && $(1)); done

.PHONY: help
help: ## list the commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: tandem ## build authd, resourcesd and the development tool into .bin
	@cd services/auth && $(BUILD) -o $(BIN)/authd ./cmd/authd
	@cd services/resources && $(BUILD) -o $(BIN)/resourcesd ./cmd/resourcesd

.PHONY: tandem
tandem:
	@cd pkg && $(BUILD) -o $(BIN)/tandem ./devstack/cmd/tandem

.PHONY: images
images: image-auth image-resources image-dev ## build the images tandem/auth, /resources and /dev:VERSION with docker

image-auth image-resources: image-%:
	@$(DOCKER_BUILD) -f services/$*/Dockerfile -t tandem/$*:$(VERSION) .

image-dev:
	@$(DOCKER_BUILD) -f pkg/devstack/Dockerfile -t tandem/dev:$(VERSION) .

# Neither a file system that can be written to nor a right of root's is needed to say
# that nobody answers.
.PHONY: image-check
image-check: build images ## hold the images to what they promise: small, confined, of the binaries of `make build`
	@for image in auth resources; do \
	  echo "== tandem/$$image:$(VERSION)"; \
	  size=$$(docker image inspect -f '{{.Size}}' tandem/$$image:$(VERSION)); echo "$$size bytes"; \
	  [ "$$size" -lt 25000000 ] || { echo "too large"; exit 1; }; \
	  $(call held,tandem/$$image:$(VERSION),$${image}d,$(BIN)/$${image}d); \
	  says=$$(docker run --rm --read-only --cap-drop ALL --network none -e APP_ENV=dev tandem/$$image:$(VERSION) health 2>&1) && exit 1; \
	  grep -q 'connection refused' <<<"$$says"; \
	done

.PHONY: sbom
sbom: build ## write the bills of materials of both services into .bin
	@$(foreach d,authd resourcesd,$(call sbom,$(BIN)/$(d),$(d));)

# In another directory, with an empty cache.
.PHONY: reproducible
reproducible: build ## build both services once more from a copy, and compare
	@copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; \
	{ git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$$copy"; }; \
	export GOCACHE=$$copy/.cache; \
	for s in auth resources; do \
	  (cd "$$copy/services/$$s" && $(BUILD) -o "$$copy/$${s}d" ./cmd/$${s}d); \
	  sha256sum $(BIN)/$${s}d; cmp $(BIN)/$${s}d "$$copy/$${s}d"; \
	done

# Where images are pulled from, and by which digests (sha256:…; empty: by the tag).
REGISTRY ?= registry.example.com/tandem
AUTH_DIGEST ?=
RESOURCES_DIGEST ?=
DIST ?= $(BIN)/dist

.PHONY: dist
dist: chart-package ## gather what a release consists of in .bin/dist
	@$(foreach arch,amd64 arm64,$(foreach s,auth resources,$(call release,$(s),$(arch));))
	@cd $(DIST) && sha256sum -- *.tgz *-linux-* >SHA256SUMS

release = (cd services/$(1) && GOOS=linux GOARCH=$(2) $(BUILD) -o $(DIST)/$(1)d-linux-$(2) ./cmd/$(1)d); \
  $(call sbom,$(DIST)/$(1)d-linux-$(2),$(1)d)

.PHONY: chart-package
chart-package: export GOWORK = off
chart-package: ## pack the chart as VERSION, with the images of REGISTRY by AUTH_DIGEST and RESOURCES_DIGEST
	@mkdir -p $(DIST); copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; cp -r deploy/helm/tandem "$$copy"; \
	sed -i -e 's|registry.example.com/tandem|$(REGISTRY)|' \
	  -e '/repository: auth$$/,/digest:/ s|digest: ""|digest: "$(AUTH_DIGEST)"|' \
	  -e '/repository: resources$$/,/digest:/ s|digest: ""|digest: "$(RESOURCES_DIGEST)"|' "$$copy/tandem/values.yaml"; \
	cd deploy/helm/check && go tool helm package "$$copy/tandem" --version $(VERSION) --app-version $(VERSION) -d $(DIST)

.PHONY: dist-check
dist-check: ## hold what `make dist` has built to what REGISTRY has by the digests, for both architectures
	@for arch in amd64 arm64; do \
	  $(call held,--pull always --platform linux/$$arch $(REGISTRY)/auth@$(AUTH_DIGEST),authd,$(DIST)/authd-linux-$$arch); \
	  $(call held,--pull always --platform linux/$$arch $(REGISTRY)/resources@$(RESOURCES_DIGEST),resourcesd,$(DIST)/resourcesd-linux-$$arch); \
	done

.PHONY: chart-push
chart-push: export GOWORK = off
chart-push: ## push the packed chart to REGISTRY
	@cd deploy/helm/check && go tool helm push $(DIST)/tandem-$(VERSION).tgz oci://$(REGISTRY)/charts

# The database of vulnerabilities is asked (vuln.go.dev), so this is no part of lint.
.PHONY: vuln
vuln: ## look for known vulnerabilities in what is called
	@cd deploy/check && GOWORK=off go build -o $(BIN)/govulncheck golang.org/x/vuln/cmd/govulncheck
	@$(call each,$(BIN)/govulncheck ./...)

# From the image that docker-compose.yml pins. With .bin on the PATH, tests use it instead
# of PostgreSQL.
.PHONY: cockroach
cockroach: ## put the program of CockroachDB into .bin
	@mkdir -p $(BIN); $(call take,"$$(grep -m 1 -o 'cockroachdb/cockroach:[^ ]*' docker-compose.yml)",/cockroach/cockroach,$(BIN)/cockroach)

# What the tests and the benchmarks need is installed where that is possible.
.PHONY: prepare
prepare: tandem
	@$(BIN)/tandem prepare

.PHONY: run
run: build ## run the whole pair on throw-away servers; Ctrl-C ends it
	@exec $(BIN)/tandem run

.PHONY: demo
demo: build ## walk through the pair with plain HTTPS and check every step
	@exec $(BIN)/tandem demo

.PHONY: migrate
migrate: build ## bring the schema of DATABASE_URL up to date
	@$(BIN)/authd migrate
	@$(BIN)/resourcesd migrate

.PHONY: test
test: prepare ## run every test with the race detector
	@$(call each,$(TEST) ./...)

.PHONY: race
race: prepare ## run every test three times, in random order
	@$(call each,$(TEST) -count=3 -shuffle=on ./...)

.PHONY: bench
bench: build prepare ## measure both services against bare handlers, then the Go benchmarks
	@cd services/resources && $(BUILD) -o $(BIN)/bench-resources ./cmd/bench && $(BIN)/bench-resources -resourcesd $(BIN)/resourcesd
	@cd services/auth && $(BUILD) -o $(BIN)/bench-auth ./cmd/bench && $(BIN)/bench-auth -authd $(BIN)/authd -other test/oidc-provider
	@cd pkg && go test -run='^$$' -bench=. -benchmem ./bearer ./httpserver
	@cd services/resources && go test -run='^$$' -bench=. -benchmem ./internal/app

.PHONY: model
model: tandem ## run the models of the cache through Spin: at most 300 s, 4 GB
	@$(BIN)/tandem model

.PHONY: model-full
model-full: tandem ## the same with larger bounds: at most 1 h, 12 GB
	@$(BIN)/tandem model -large -limit 1h -memory 12288 -jobs 1

# How long, by which seed (0: another each time), and words in the faults' names.
CHAOS_SECONDS ?= 60
CHAOS_SEED ?= 0
CHAOS_FAULTS ?=
# A part of the cache (marker, deadline, lease, epoch, or all of them) without which
# it is to be seen afterwards that the campaign notices.
CHAOS_CRIPPLES ?=
.PHONY: chaos
chaos: tandem chaos-build ## do harm to a pair for a while, and judge what its clients saw
	@$(BIN)/tandem chaos -length $(CHAOS_SECONDS)s -seed $(CHAOS_SEED) -faults '$(CHAOS_FAULTS)' -cripples '$(CHAOS_CRIPPLES)'

CHAOS_RUNS ?= 6
CHAOS_ANSWERS ?= 200000
.PHONY: chaos-report
chaos-report: tandem chaos-build ## several campaigns, also against crippled builds; rewrites docs/coherence-report.md
	@$(BIN)/tandem chaos -length $(CHAOS_SECONDS)s -seed $(CHAOS_SEED) -runs $(CHAOS_RUNS) -answers $(CHAOS_ANSWERS) -cripples all -report docs/coherence-report.md

# The services with the points at which the campaign takes hold of them.
.PHONY: chaos-build
chaos-build:
	@cd services/auth && $(BUILD) -tags chaos,grpcnotrace -o $(BIN)/authd-chaos ./cmd/authd
	@cd services/resources && $(BUILD) -tags chaos,grpcnotrace -o $(BIN)/resourcesd-chaos ./cmd/resourcesd

# The revision to come from, the newest tag v* before HEAD if it is empty; and what
# the next release is to do wrong: codec, schema, claims, events or drain.
FROM ?=
MISTAKE ?=
.PHONY: upgrade
upgrade: build ## lead a pair from the release before to this one, to a next one, and back, under load
	@$(BIN)/tandem upgrade -from '$(FROM)' -mistake '$(MISTAKE)'

.PHONY: lint
lint: $(LINT) ## check style, formatting and modules
	@$(call each,$(LINT) run ./... && $(LINT) fmt --diff ./... && GOWORK=off go mod tidy -diff)
	@cd tools && GOWORK=off go mod tidy -diff
	@$(MAKE) --no-print-directory chart deployment

# What these tests read lies outside of their modules, where go test does not see that it
# has changed: -count=1. The chart's are helm lint --strict, helm template, kubeconform and kube-score, over the
# defaults and over each file of values alone.
.PHONY: chart
chart: export GOWORK = off
chart: $(LINT) ## check the Helm chart
	@echo "== deploy/helm"
	@cd deploy/helm/check && $(LINT) run ./... && $(LINT) fmt --diff ./... && go mod tidy -diff && go test -count=1 -timeout 20m ./...

.PHONY: deployment
deployment: export GOWORK = off
deployment: $(LINT) ## check the Dockerfiles, docker-compose.yml, the gateways and the workflows
	@echo "== deploy/check"
	@cd deploy/check && $(LINT) run ./... && $(LINT) fmt --diff ./... && go mod tidy -diff && go test -count=1 ./...

# Compiles kube-apiserver and etcd, for some ten minutes the first time.
.PHONY: kube-check
kube-check: export GOWORK = off
kube-check: ## have a real kube-apiserver take the chart as a dry run
	@cd deploy/helm/apiserver && go mod tidy -diff && go test -count=1 -timeout 30m ./...

.PHONY: fmt
fmt: $(LINT) ## format every file
	@$(call each,$(LINT) fmt ./...)

.PHONY: gen
gen: prepare ## rewrite the golden files that tests compare with
	@$(call each,go generate ./...)
	@cd deploy/helm/check && GOWORK=off go test -update .

$(LINT): tools/go.mod tools/go.sum
	@cd tools && GOWORK=off GOBIN=$(BIN) go install tool
	@touch $@
