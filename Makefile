PYTHON ?= python3
TORCH_INDEX ?=
COHORT ?= simulated
MEDSCIENCE_SAMPLES ?= ../shared/data
export MEDSCIENCE_SAMPLES

BIN := .venv/bin
READY := .venv/ready
CODE := medscience tests plugins docs
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help setup check format test demo liver demo-model demo-accuracy fringe-model fringe-accuracy liver-model liver-accuracy liver-unet cbct4d cbct4d-model cbct4d-accuracy training-accuracy strikes-accuracy pictures bench faults slurm container-check fuzz lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 19

setup: $(READY) ## make .venv with every version pinned (TORCH_INDEX=URL chooses another torch)

PLUGIN := plugins/napari-medscience
$(READY): envs/requirements.lock envs/install.sh pyproject.toml $(PLUGIN)/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which with make PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(if $(TORCH_INDEX),$(BIN)/pip install --quiet --index-url $(TORCH_INDEX) torch==2.13.0)
	envs/install.sh $(BIN)/python --editable
	@touch $@

check: setup ## format, lint, types, import rules, workflow
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflows
	$(RUN) snakemake --dry-run --quiet all

format: setup ## put code and workflows into the house's form
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/snakefmt Snakefile workflows

test: setup ## the whole test suite
	$(RUN) python -m pytest --numprocesses logical --dist loadfile

demo: setup demo-$(COHORT) ## the demo; COHORT=real runs a real scan with published weights

.PHONY: demo-simulated demo-real
demo-simulated:
	$(RUN) medscience simulate head results/demo --seed 1 --count 3
	$(RUN) medscience simulate espi results/demo/strikes --seed 27 --frames 120
	$(RUN) medscience simulate espi results/demo/strikes --seed 56 --frames 120
	$(RUN) snakemake --cores all --config settings=config/demo.yaml
	@echo; echo "The report: $(CURDIR)/results/report/cohort.html"

demo-real:
	@test -e "$(MEDSCIENCE_SAMPLES)/t1/t1_crop.nii.gz" || \
		{ echo "The samples are not at MEDSCIENCE_SAMPLES=$(MEDSCIENCE_SAMPLES)"; exit 1; }
	@for model in model20chan3cls model21_104class model5_gw_ae; do test -e config/models/$$model.yaml || \
		$(RUN) medscience models import brainchop "$(MEDSCIENCE_SAMPLES)/meshnet/$$model" --name $$model || exit 1; done
	@mkdir -p results/real
	@printf 'sample\ttrack\tsource\nt1\tbrain_mri\t%s\n' "$(MEDSCIENCE_SAMPLES)/t1/t1_crop.nii.gz" > results/real/samples.tsv
	$(RUN) snakemake --cores all --config settings=config/real.yaml
	@echo; echo "The report: $(CURDIR)/results/report/cohort.html"

liver: setup ## the workflow on two simulated abdomens, one of them a DICOM series
	rm -rf results/liver
	$(RUN) medscience simulate abdomen results/liver --seed 501 --count 2 --size 128 --thickness 5
	$(RUN) medscience ingest results/liver/abdomen-501.nii.gz results/liver/scan.ome.zarr --hounsfield
	$(RUN) medscience export ct results/liver/scan.ome.zarr results/liver/dicom --hounsfield
	$(RUN) snakemake --cores all --config settings=config/liver.yaml
	@echo; echo "The report: $(CURDIR)/results/report/cohort.html"

demo-model: setup ## train the demo's network again from its recipe, into results/models (about half an hour)
	$(RUN) medscience train demo-head --name demo-head

demo-accuracy: setup ## measure the demo's network on unseen simulated heads and on the real scan
	$(RUN) python -m tests.accuracy

fringe-model: setup ## train the detector of antinodes again from its recipe, into results/models (an hour and a half)
	$(RUN) medscience train config/recipes/fringe.yaml --name fringe

fringe-accuracy: setup ## measure the detector of antinodes on unseen simulated frames
	$(RUN) python -m tests.accuracy.fringe

liver-model: setup ## train the small network of livers again on simulated abdomens, into results/models (an hour and a half, 16 GiB)
	$(RUN) python -m tests.accuracy.abdomens
	$(RUN) medscience train config/recipes/liver-small.yaml --data results/abdomens/sheet.tsv --name liver-small --memory 16G

liver-accuracy: setup ## measure it on unseen simulated abdomens, and on the real CT of the samples
	$(RUN) python -m tests.accuracy.liver

liver-unet: setup ## train a plain 3D U-Net on the abdomens of liver-model, and compare it with liver-small (an hour and a half)
	$(RUN) python -m tests.accuracy.unet

training-accuracy: setup ## train the recipes on simulated heads and measure them (hours; leave the machine alone meanwhile)
	$(RUN) python -m tests.accuracy.training

strikes-accuracy: setup ## measure onsets, frequencies and amplitudes of notes on strikes of two generators (minutes)
	$(RUN) python -m tests.accuracy.strikes

cbct4d: setup ## a simulated chest that breathes: projections, reconstruction, restored phases, report (minutes)
	$(RUN) medscience simulate thorax results/cbct4d --seed 9001
	$(RUN) snakemake --cores all --config settings=config/cbct4d.yaml
	@echo; echo "The report: $(CURDIR)/results/report/cohort.html"

CHESTS ?= 40
cbct4d-model: setup ## train the network for chests that breathe again from its recipe (hours; go on with RESUME=--resume)
	$(RUN) python -m tests.accuracy.chests results/chests $(CHESTS)
	$(RUN) medscience train config/recipes/rstar4d-narrow.yaml --data results/chests/sheet.tsv --name thorax-first $(RESUME)
	$(RUN) python -m tests.accuracy.chests results/chests $(CHESTS) results/models/thorax-first/thorax-first.yaml
	$(RUN) medscience train config/recipes/rstar4d-narrow.yaml --data results/chests/rounds.tsv --name thorax-narrow $(RESUME)

cbct4d-accuracy: setup ## measure it on unseen chests beside FDK and McKinnon-Bates (half an hour; ROOSTER=--rooster: hours)
	$(RUN) python -m tests.accuracy.cbct4d $(ROOSTER)

pictures: setup ## make the pictures of the docs again, from the results of make demo (needs xvfb-run and chromium)
	$(RUN) python docs/pictures/heads.py
	$(RUN) python docs/pictures/report_page.py
	$(RUN) xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX" python docs/pictures/napari_window.py
	$(RUN) xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX" python docs/pictures/review_window.py

bench: setup ## time and memory, as ratios within one run
	$(RUN) python -m tests.bench
	$(RUN) python -m tests.bench.report

faults: setup ## kill a writer 200 times, flip 10,000 bits before verify, and kill 10 reviewers 200 times
	$(RUN) python -m tests.faults
	$(RUN) python -m tests.faults.reviewers

slurm: setup ## a cohort through a Slurm of one node, and what happens to clusters (root; slurm-wlm, munge)
	$(RUN) python -m pytest tests/slurm/test_cohort.py tests/slurm/gpus.py tests/slurm/faults.py

container-check: ## try the container's recipe in a bare Debian (root; mmdebstrap; 8 GB in ROOT=folder)
	envs/check_container.sh $(ROOT)

COUNT ?= 1000000
SEED ?= 0
fuzz: setup ## read a million mutants of good files, or COUNT=n of them from SEED=n
	$(RUN) python -m tests.fuzz --count $(COUNT) --seed $(SEED)

lock: ## pin what is installed now
	$(BIN)/pip freeze --exclude-editable --exclude medscience | sed 's/+cpu//' > envs/requirements.lock

clean: ## delete results, logs and the environment
	rm -rf .venv results logs .snakemake
