"""Compares the shipped network in ONNX Runtime with Vaho's own code: the same weights, inputs and outputs, measured alternately.

usage: forecast.py VAHO-BENCH RELEASE DATA-FOLDER EXPORT-FOLDER ROUNDS
"""
import json
import subprocess
import sys
import time

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

LANES = 16


def network(folder):
    """The release's network as an ONNX model: takes the inputs and each knot's inputs, returns departures by knot and level."""
    shape = json.load(open(folder + "/shape.json"))
    first, second, knots, levels, shared = (shape[name] for name in ("first", "second", "knots", "levels", "shared"))
    inputs, outputs, linear = shared + 3 * knots, LANES * shape["output_blocks"], LANES * shape["linear_blocks"]
    parameters = numpy.fromfile(folder + "/parameters.f32", "<f4")
    tensors, at = {}, 0
    for name, size in (("w1", (inputs, first)), ("b1", (first,)), ("w2", (first, second)), ("b2", (second,)),
                       ("w3", (second, outputs)), ("b3", (outputs,)), ("ws", (shared, linear)), ("wl", (knots, LANES))):
        count = int(numpy.prod(size))
        tensors[name] = parameters[at:at + count].reshape(size)
        at += count
    assert at == len(parameters)
    used = knots * levels
    tensors["w3"], tensors["b3"], tensors["ws"] = tensors["w3"][:, :used], tensors["b3"][:used], tensors["ws"][:, :knots]
    # A level's departure is the median's departure plus the steps between the median and the level; below the median the steps are subtracted.
    # Each level has one step: its distance from the next level nearer to the median.
    steps, median = numpy.zeros((levels, levels), "f4"), levels // 2
    for level in range(levels):
        for step in range(min(level, median), max(level, median) + 1):
            if step != median:
                steps[step, level] = 1 if level > median else -1
    pick = numpy.zeros((levels, 1), "f4")
    pick[median] = 1
    tensors |= {"steps": steps, "pick": pick, "one": numpy.array(1, "f4"), "half": numpy.array(0.5, "f4"),
                "by_knot": numpy.array([knots, levels], "i8"), "column": numpy.array([knots, 1], "i8"),
                "from": numpy.array([0], "i8"), "to": numpy.array([shared], "i8"), "axis": numpy.array([1], "i8")}
    node = helper.make_node
    nodes = [
        node("Gemm", ["x", "w1", "b1"], ["z1"]), node("Relu", ["z1"], ["h1"]),
        node("Gemm", ["h1", "w2", "b2"], ["z2"]), node("Relu", ["z2"], ["h2"]),
        node("Gemm", ["h2", "w3", "b3"], ["flat"]), node("Reshape", ["flat", "by_knot"], ["raw"]),
        node("Slice", ["x", "from", "to", "axis"], ["common"]), node("MatMul", ["common", "ws"], ["row"]), node("Reshape", ["row", "column"], ["l1"]),
        node("Mul", ["leads", "wl"], ["products"]), node("ReduceSum", ["products", "axis"], ["l2"], keepdims=1),
        node("MatMul", ["raw", "pick"], ["m0"]), node("Add", ["m0", "l1"], ["m1"]), node("Add", ["m1", "l2"], ["m"]),
        node("Sub", ["raw", "one"], ["moved"]), node("Mul", ["moved", "moved"], ["square"]), node("Add", ["square", "one"], ["above"]),
        node("Sqrt", ["above"], ["root"]), node("Add", ["moved", "root"], ["twice"]), node("Mul", ["twice", "half"], ["step"]),
        node("MatMul", ["step", "steps"], ["distances"]), node("Add", ["distances", "m"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "vaho", [value("x", TensorProto.FLOAT, [1, inputs]), value("leads", TensorProto.FLOAT, [knots, LANES])],
        [value("y", TensorProto.FLOAT, [knots, levels])], [numpy_helper.from_array(numpy.ascontiguousarray(t), n) for n, t in tensors.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString(), (inputs, knots, levels)


def main():
    bench, release, data, folder, rounds = sys.argv[1:]
    forecast = [bench, "forecast", "--release", release, "--data", data, "--rounds", "1"]
    subprocess.run(forecast + ["--export", folder], check=True, stdout=subprocess.DEVNULL)
    model, (inputs, knots, levels) = network(folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    read = lambda name, size: numpy.fromfile(f"{folder}/{name}.f32", "<f4").reshape(size)  # noqa: E731
    x, leads, wanted = read("inputs", (-1, 1, inputs)), read("leads", (-1, knots, LANES)), read("outputs", (-1, knots, levels))
    farthest = max(float(abs(session.run(None, {"x": a, "leads": b})[0] - c).max()) for a, b, c in zip(x, leads, wanted))
    print(f"onnxruntime {onnxruntime.__version__}, {len(x)} inputs: largest difference {farthest:.1e} deviations")
    if farthest > 1e-4:
        sys.exit("forecast.py: ONNX Runtime and Vaho compute different forecasts")
    # The arrays are wrapped and the output is bound before the measurement, so that a call has as little Python overhead as possible.
    binding = session.io_binding()
    values = [(onnxruntime.OrtValue.ortvalue_from_numpy(a), onnxruntime.OrtValue.ortvalue_from_numpy(b)) for a, b in zip(x, leads)]
    binding.bind_output("y")
    print(f"{'microseconds':34}{'p50':>8}{'p99':>8}{'mean':>8}{'max':>8}")
    show = lambda name, s: print(f"{name:34}" + "".join(f"{s[k]:8.2f}" for k in ("p50", "p99", "mean", "max")))  # noqa: E731
    for _ in range(int(rounds)):
        own = json.loads(subprocess.run(forecast, check=True, capture_output=True, text=True).stdout)
        taken = []
        for a, b in values:
            binding.bind_ortvalue_input("x", a)
            binding.bind_ortvalue_input("leads", b)
            started = time.perf_counter_ns()
            session.run_with_iobinding(binding)
            taken.append((time.perf_counter_ns() - started) / 1_000)
        taken.sort()
        show("onnxruntime: network", {"p50": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100], "mean": sum(taken) / len(taken), "max": taken[-1]})
        show("vaho: network", own["network_us"])
        show("vaho: forecast, all lead times", own["forecast_us"])
        show("vaho: inputs", own["inputs_us"])
        show("vaho: whole observation", own["observation_us"])


if __name__ == "__main__":
    main()
