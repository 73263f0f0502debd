.PHONY: install run test lint e2e bench

install:
	@scripts/install.sh

run: install
	@exec .venv/bin/python manage.py run

test: install
	@scripts/test.sh

lint: install
	@scripts/lint.sh

e2e: install
	@scripts/e2e.sh

bench: install
	@scripts/bench.sh
