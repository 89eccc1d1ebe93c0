"""Fits LightGBM to the training rows that `vaho-bench rows` has written: one quantile model for each lead time and level, for all series together.

usage: training.py ROWS-FOLDER
"""
import json
import resource
import sys
import time

import lightgbm
import numpy

LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
HOURS = [1, 3, 6, 12, 24, 48, 120]


def main(folder):
    shape = json.load(open(folder + "/shape.json"))
    rows, hours, inputs = shape["rows"], shape["knot_hours"], shape["lead_inputs"]
    shared = numpy.fromfile(folder + "/shared.f32", "<f4").reshape(rows, -1)
    leads = numpy.fromfile(folder + "/leads.f32", "<f4").reshape(rows, len(hours), inputs)
    targets = numpy.fromfile(folder + "/targets.f32", "<f4").reshape(rows, len(hours))
    weights = numpy.fromfile(folder + "/weights.f32", "<f4").reshape(rows, len(hours))
    started, size = time.time(), 0
    for hour in HOURS:
        knot = hours.index(float(hour))
        known = ~numpy.isnan(targets[:, knot])
        x = numpy.hstack([shared[known], leads[known, knot]])
        data = lightgbm.Dataset(x, targets[known, knot], weight=weights[known, knot], free_raw_data=False)
        for level in LEVELS:
            model = lightgbm.train(
                {"objective": "quantile", "alpha": level, "num_leaves": 31, "learning_rate": 0.1, "num_threads": 2, "verbose": -1, "seed": 1},
                data, num_boost_round=100)
            size += len(model.model_to_string())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"LightGBM {lightgbm.__version__}, {len(HOURS) * len(LEVELS)} models of 100 trees on {rows} rows: {time.time() - started:.1f} s on 2 threads, "
          f"at most {memory} kB of memory, {size} bytes of models; without reading, sampling and comparing")


main(sys.argv[1])
