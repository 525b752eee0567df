# make models: train the shipped networks anew, about 40 minutes on 2 cores.
# Needs the training images of Fashion-MNIST: Debian's dataset-fashion-mnist, or
# DATA=folder. It can be stopped and goes on where it was; rm -r .cache/models starts
# over. Networks in .cache/models are compared with the shipped ones by
# 'make models-check', and become them by 'make models-ship'.

MODELS := .cache/models
DATA ?= /usr/share/datasets/fashion-mnist
SHIPPED := lenet-float32 lenet-binary-u1 lenet-ternary-u2 lenet-pow2x3-u3 lenet-pow2x4-u4
FLOAT := $(MODELS)/lenet-float32.safetensors

# What all runs share, and what all discrete ones do: their first weights are the
# float network's, rounded to the levels.
TRAIN = $(MODELS)/netrun train -resume -data $(DATA) -batch 128 -seed 1 -flip -log $(MODELS)/lenet.jsonl -out $@
DST = $(TRAIN) -method dst -init $(FLOAT).checkpoint -beta1 0.99 -contrast 2 -normlr 0.01 -statistics 0.02

.PHONY: models models-check models-ship
models: $(SHIPPED:%=$(MODELS)/%.safetensors)

$(MODELS)/netrun:
	mkdir -p $(MODELS)
	go build -o $@ ./netrun

$(FLOAT): | $(MODELS)/netrun
	$(TRAIN) -method float -epochs 20 -lr 0.002 -normlr 0.002 -decay 0.05

$(MODELS)/lenet-binary-u1.safetensors: $(FLOAT)
	$(DST) -weights binary -acts u1 -epochs 8 -lr 0.1 -halfwidth 1 -fan-in 1

$(MODELS)/lenet-ternary-u2.safetensors: $(FLOAT)
	$(DST) -weights ternary -acts u2 -epochs 14 -lr 0.05 -shift 1 -fan-in 1

$(MODELS)/lenet-pow2x3-u3.safetensors: $(FLOAT)
	$(DST) -weights pow2:3 -acts u3 -epochs 12 -lr 0.02 -shift 1

$(MODELS)/lenet-pow2x4-u4.safetensors: $(FLOAT)
	$(DST) -weights pow2:4 -acts u4 -epochs 8 -lr 0.01 -shift 1

models-check: models
	for n in $(SHIPPED); do cmp $(MODELS)/$$n.safetensors netrun/models/$$n.safetensors || exit 1; done

models-ship: models
	for n in $(SHIPPED); do cp $(MODELS)/$$n.safetensors netrun/models/ || exit 1; done
	go test ./netrun/models -run TestExact -update
