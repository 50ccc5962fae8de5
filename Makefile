# Samplegate. `make help` says what there is; each target is one script in scripts/.
.PHONY: help run test bench screenshots local-model icons packages check fmt clean-cache
.DEFAULT_GOAL := help

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name words; do \
		printf '  make %-12s %s\n' "$$name" "$$words"; done

run: ## Build Samplegate and start it: the tray app, or the terminal where there is no display
	@scripts/run

test: ## Install what tests need and run everything: formatting, lints, unit, property, integration, UI, real windows
	@scripts/test

bench: ## Measure against the budgets, beside a bare rmcp client and FastMCP's Python client
	@scripts/bench

screenshots: ## Take the README's pictures from the real windows
	@scripts/screenshots

local-model: ## Serve a small real model on 127.0.0.1:8080 (PORT=N for another port)
	@PORT="$(PORT)" scripts/local-model

icons: ## Draw the icons in icons/ from their SVG sources
	@scripts/icons

packages: ## Install the system packages that building and testing need
	@scripts/system-packages build test

check: ## The quick part of `make test`: formatting, lints, types and unit tests
	@scripts/test --quick

fmt: ## Format the Rust sources
	@cargo fmt

clean-cache: ## Throw away what tests installed beside the sources
	@rm -rf .cache
