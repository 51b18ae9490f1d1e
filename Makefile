# What people type. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON := .venv/bin/python
# The stack needs root: it runs programs as postgres and www-data, and mounts s3fs.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env env PYTHONDONTWRITEBYTECODE=1)
# A folder with site.yaml and collections/, such as examples/central-europe.
IN_SITE := $(if $(SITE),COGMILL_SITE_FILE=$(abspath $(SITE))/site.yaml COGMILL_COLLECTIONS_DIR=$(abspath $(SITE))/collections)
IF_SET_UP := test -x $(PYTHON) || { echo "nothing is set up here; see make setup"; exit 0; };

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2> /dev/null \
	  || sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1  \2/p' $(MAKEFILE_LIST)

setup: ## install Debian packages and .venv; quick when nothing changed
	@setup/install.sh

viewer: setup ## build the public viewer, viewer/, into include/viewer/; quick when nothing changed
	@setup/viewer.sh

demo: viewer ## start everything, upload a synthetic survey, wait for its map, save a picture; SITE=folder of another site
	@$(IN_SITE) $(SUDO) $(PYTHON) -m demo

stack: viewer ## start PostGIS, S3, MapServer, the mount and Airflow, without data
	@$(IN_SITE) $(SUDO) $(PYTHON) -m demo.stack start

status: ## how each program of the stack is
	@$(IF_SET_UP) $(SUDO) $(PYTHON) -m demo.stack status

stop: ## stop the stack; no process, mount or port stays
	@$(IF_SET_UP) $(SUDO) $(PYTHON) -m demo.stack stop

clean: ## stop the stack and remove everything it wrote
	@$(IF_SET_UP) $(SUDO) $(PYTHON) -m demo.stack clean

test: setup lint ## what CI runs: lint, types, every test, those in a browser too
	@setup/install.sh browser
	@$(SUDO) $(PYTHON) -m pytest -q -p no:cacheprovider

test-long: setup ## the long tests: hours of random work, backfills beside uploads, GDAL's bindings built anew
	@COGMILL_LONG=1 $(SUDO) $(PYTHON) -m pytest -q -rP -p no:cacheprovider tests/system/test_operations_live.py tests/system/test_crowd.py \
	  tests/system/test_secrets.py tests/cogmill_airflow/observability/test_lineage.py tests/cogmill/pipeline tests/packaging/test_requirements.py

test-oldest-airflow: setup ## the tests of DAGs, operators, the page and a whole stack with the oldest Airflow and providers that requirements.txt allows
	@setup/install.sh browser
	@setup/oldest_airflow.sh
	@$(SUDO) .venv-oldest-airflow/bin/python -m pytest -q -p no:cacheprovider tests/cogmill_airflow tests/dags \
	  tests/system/test_no_hands.py tests/system/test_airflow_journeys.py

lanes: setup ## every lane that `make test` leaves out, one after another; results go to docs/verification.md; hours (LANES="faults ...": some)
	@$(PYTHON) -m tools.lanes $(LANES)

cve: setup ## known holes of MapServer, GDAL, nginx, PostgreSQL, libtiff and curl in the packages of this machine
	@$(PYTHON) -m tools.cve

fuzz-maps: setup ## 10,000 random requests to the map host, and every file that MapServer opens meanwhile; 5 minutes
	@COGMILL_LONG=1 $(SUDO) $(PYTHON) -m pytest -q -s -p no:cacheprovider tests/system/test_random_requests.py

clients: setup ## QGIS, JOSM and web maps open a collection, and their pictures are compared with the ground; installs 1 GB of Debian packages
	@setup/install.sh browser clients
	@COGMILL_CLIENT_TESTS=1 $(SUDO) $(PYTHON) -m pytest -q -rP -p no:cacheprovider tests/system/clients

faults: setup ## everything fails in turn: S3, PostgreSQL, disks, notifications, and Airflow's components while 300 frames arrive
	@COGMILL_LONG=1 $(SUDO) $(PYTHON) -m pytest -q -rP -p no:cacheprovider tests/system/test_killed_stack.py tests/system/test_faults.py tests/faults

test-unit: setup ## all tests but those that start the whole stack
	@$(PYTHON) -m pytest -q -m "not system"

lint: setup ## ruff and mypy
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

bench: setup ## the benchmarks of COG building
	@$(PYTHON) -m bench.engine

fuzz-uploads: setup ## 2,000 spoiled uploads in all codecs, each of which must end as a verified COG or rejected; 7 minutes
	@$(PYTHON) -m bench.mutations

bench-scale: setup ## an archive of a million frames in a ledger, and Airflow with 3,000 collections, also in a browser, against their bars
	@setup/install.sh browser
	@$(SUDO) $(PYTHON) -m bench.scale
	@$(SUDO) $(PYTHON) -m bench.stac
	@$(SUDO) $(PYTHON) -m bench.watching
	@$(SUDO) $(PYTHON) -m bench.scale_airflow

bench-getmap: setup ## GetMap over 10 to 10,000 frames beside titiler and GDAL's GTI; writes docs/maps.md, half an hour
	@$(SUDO) $(PYTHON) -m bench.getmap

bench-tiles: setup ## tiles: what one costs to draw, and how many cached ones two cores serve
	@$(SUDO) $(PYTHON) -m bench.tiles

bench-overviews: setup ## what the overviews of collections cost to build and to keep
	@$(SUDO) $(PYTHON) -m bench.overviews

screenshots: ## the pictures in docs/, from the running demo
	@setup/install.sh browser
	@$(PYTHON) -m demo.screenshots

# The hashes of all files of a version, so that any machine can take the one it needs and nothing else. GDAL has the version of each
# machine's libgdal: setup/gdal.lock has those of Debian 12 and 13.
UPGRADE ?= --upgrade
LOCK = VIRTUAL_ENV=$(CURDIR)/.venv .venv/bin/uv pip compile -q $(UPGRADE) --generate-hashes --no-emit-package gdal --no-emit-index-url \
  --no-emit-find-links --custom-compile-command "make lock"

lock: setup ## resolve requirements again into the locks, with hashes; UPGRADE= keeps the versions that still fit
	@$(LOCK) requirements-dev.txt --universal --python-version 3.11 -o requirements.lock
	@$(LOCK) docker/requirements.in -c requirements.lock --python-version 3.13 --no-header --no-annotate \
	  -o docker/requirements.lock
	@$(LOCK) setup/build.in -c <(sed -n 's/^\(numpy==.*\) .*/\1/p' requirements.lock) --universal --python-version 3.11 --no-annotate -o setup/build.lock
	@$(LOCK) ansible/requirements.txt --universal --python-version 3.11 -o ansible/requirements.lock
	@echo ansible-core | $(LOCK) - -c ansible/requirements.lock --universal --python-version 3.11 --no-annotate -o ansible/core.lock

.PHONY: help setup viewer demo stack status stop clean test test-long test-oldest-airflow lanes clients faults cve fuzz-maps fuzz-uploads test-unit lint bench bench-scale bench-getmap bench-tiles bench-overviews screenshots lock

.venv-ansible/bin/ansible-lint: ansible/requirements.lock | setup
	@test -x .venv-ansible/bin/python || .venv/bin/uv venv -q --python /usr/bin/python3 .venv-ansible
	@.venv/bin/uv pip install -q --python .venv-ansible/bin/python --require-hashes -r ansible/requirements.lock && touch $@

ansible-lint: .venv-ansible/bin/ansible-lint ## ansible-lint, profile production
	@cd ansible && PATH=$(CURDIR)/.venv-ansible/bin:$$PATH ansible-lint -q

ansible-test: ansible-lint ## the roles on fresh Debian 12 and 13 machines, in containers, and the plays for Amazon; needs root, an hour
	@COGMILL_HOST_TESTS=1 $(SUDO) $(PYTHON) -m pytest -v -rs -s tests/ansible

.PHONY: ansible-lint ansible-test

compose-test: setup ## builds the images, starts docker-compose.yaml, draws maps, kills a worker; needs Docker or root, 4 minutes, 9 the first time
	@COGMILL_COMPOSE_TESTS=1 $(SUDO) $(PYTHON) -m pytest -v -rs -s tests/compose/test_compose.py

compose-scale: setup ## 400 frames with one worker slot and with two workers; 7 minutes
	@COGMILL_COMPOSE_TESTS=1 COGMILL_SCALE_TEST=1 $(SUDO) $(PYTHON) -m pytest -v -rs -s tests/compose/test_scale.py

compose-bars: setup ## the tests that start no stack, in a container with the versions of Debian 13; 7 minutes
	@COGMILL_COMPOSE_TESTS=1 COGMILL_BARS_TEST=1 $(SUDO) $(PYTHON) -m pytest -v -rs -s tests/compose/test_bars.py

.PHONY: compose-test compose-scale compose-bars
