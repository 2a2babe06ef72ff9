# Every target installs what it needs when it is missing: Debian packages on Linux, nothing on macOS.
.PHONY: all demo test bench study methods recipes lint docs format clean need

SWIFT ?= swift
WALSH = $(shell $(SWIFT) build -c release --show-bin-path)/walsh

all: need
	$(SWIFT) build -c release --product walsh

demo: all
	$(WALSH) demo --output out/demo

test: need
	$(SWIFT) test -c release

bench: need
	cd Benchmarks && $(SWIFT) run -c release walsh-benchmarks --output results

study: all
	Benchmarks/study.sh $(WALSH)

methods: all
	Benchmarks/methods.sh $(WALSH)

recipes: all
	Benchmarks/recipes.sh $(WALSH)

lint:
	$(SWIFT) format lint --strict -r Sources Tests Benchmarks/Sources Package.swift Benchmarks/Package.swift

format:
	$(SWIFT) format -i -r Sources Tests Benchmarks/Sources Package.swift Benchmarks/Package.swift

docs: need
	rm -rf out/symbols out/docs && mkdir -p out/symbols
	$(SWIFT) build --target WalshReports -Xswiftc -emit-symbol-graph -Xswiftc -emit-symbol-graph-dir -Xswiftc out/symbols
	find out/symbols -name '*.symbols.json' ! -name 'Walsh*' -delete
	docc convert Documentation/Walsh.docc --additional-symbol-graph-dir out/symbols --output-dir out/docs \
	  --fallback-display-name Walsh --fallback-bundle-identifier walsh --transform-for-static-hosting
	@echo "out/docs/index.html"

need:
	@if [ "$$(uname)" = Linux ] && ! pkg-config --exists openblas 2>/dev/null; then \
	  sudo= ; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq libopenblas-dev pkg-config; \
	fi

clean:
	rm -rf .build out Benchmarks/.build Benchmarks/results
