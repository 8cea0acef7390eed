# ruff: noqa: E501 (messages and suites stand on one line)
"""What a suite may not say, and what the message of each mistake says of it."""

LINES = [
    ("axes: {batch: []}", "axes.batch: expected at least one value, got an empty list"),
    ("axes:", "axes: expected a mapping, got nothing"),
    ("axes: {batch: true}", "axes.batch: expected an integer from 1 to 1048576, got the boolean true"),
    ("axes: {batch: 8.0}", "axes.batch: expected an integer from 1 to 1048576, got the number 8.0"),
    ("axes: {batch: [1, 8, 1]}", "axes.batch: '1' is there twice"),
    ("axes: {intra_threads: [0, auto]}", "axes.intra_threads: '0' is there twice"),
    ("axes: {graph_opt: [all, 99]}", "axes.graph_opt: 'all' is there twice"),
    (
        "axes: {graph_opt: 3}",
        "axes.graph_opt: expected one of disable, basic, extended, all, or 0, 1, 2, 99, got the number 3",
    ),
    (
        "axes: {graph_opt: al}",
        "axes.graph_opt: unknown graph_opt 'al': did you mean 'all'? known: all, basic, disable, extended",
    ),
    ("axes: {opset: 6}", "axes.opset: expected an integer from 7 to 30, got the number 6"),
    ("axes: {opset: 31}", "axes.opset: expected an integer from 7 to 30, got the number 31"),
    (
        "axes: {inter_threads: -1}",
        "axes.inter_threads: expected an integer from 0 to 4096, or auto, got the number -1",
    ),
    ("axes: {io: off}", "axes.io: expected one of iobinding, run, got the boolean off"),
    (
        "axes: {provider: CPUExecutionProvider}",
        "axes.provider: unknown provider 'CPUExecutionProvider': known: coreml, cpu, cuda, dml, openvino, tensorrt",
    ),
    (
        "axes: {provider: {cpu: {provider: cpu}}}",
        "axes.provider: 'cpu' has a meaning already: give this one a name of its own",
    ),
    (
        "axes: {provider: {a b : {provider: cpu}, c: {}}}",
        "axes.provider: expected a name, or a mapping of one new name to what it stands for, got a mapping",
    ),
    (
        "axes: {provider: {ov: {provider: openvino, options: {x: true}}}}",
        "axes.provider.ov.options.x: expected text, in quotes, as ONNX Runtime should get it, got the boolean true",
    ),
    (
        "axes: {precision: {default: {method: static}, b: 1}}",
        "axes.precision: expected a name, or a mapping of one new name to what it stands for, got a mapping",
    ),
    (
        "axes: {exporter: {e: {exporter: torchscript, optimize: false}}}",
        "axes.exporter.e: optimize is an option of dynamo, not of torchscript",
    ),
    ("axes: {exporter: {e: {exporter: dynamo}}}", "axes.exporter.e: there is no option: write dynamo alone"),
    (
        "axes: {exporter: {dynamo: {exporter: dynamo, optimize: false}}}",
        "axes.exporter: 'dynamo' has a meaning already: give this one a name of its own",
    ),
    (
        "axes: {quantizer: onnxruntime>=1.20}",
        "axes.quantizer: expected current, or a requirement such as onnxruntime==1.20.1, got 'onnxruntime>=1.20'",
    ),
    (
        "axes: {optimizer: onnxsin}",
        "axes.optimizer: unknown optimizer 'onnxsin': did you mean 'onnxsim'? known: none, onnxoptimizer, onnxsim, onnxslim, ort",
    ),
    (
        "axes: {optimizer: ort==1.2}",
        "axes.optimizer: unknown tool 'ort': known: onnxoptimizer, onnxsim, onnxslim",
    ),
    (
        "axes: {optimizer: {s: {optimizer: onnxsim, passes: [nop]}}}",
        "axes.optimizer.s: passes is an option of onnxoptimizer, not of onnxsim",
    ),
    (
        "axes: {optimizer: {ort: {optimizer: ort}}}",
        "axes.optimizer: 'ort' has a meaning already: give this one a name of its own",
    ),
    (
        "axes: {precision: {q: {}}}",
        "axes.precision.q: expected a mapping with a method (static, dynamic, fp16, bf16, int4 or uint4) and its options, got an empty mapping",
    ),
    (
        "axes: {precision: {q: {method: dynamic, calibration: minmax}}}",
        "axes.precision.q.calibration: unknown key 'calibration': known: method, nodes_to_exclude, op_types, per_channel, reduce_range, weight_type",
    ),
    (
        "axes: {precision: {q: {method: static, percentile: 99.9}}}",
        "axes.precision.q: percentile needs calibration: percentile",
    ),
    (
        "axes: {precision: {q: {method: int4, block_size: 48}}}",
        "axes.precision.q.block_size: expected one of 16, 32, 64, 128, 256, got the number 48",
    ),
    ("axes: {config: no_spin}", "axes.config: unknown config 'no_spin': known: default"),
    (
        "axes: {config: {default: {a: b}}}",
        "axes.config: 'default' has a meaning already: give this one a name of its own",
    ),
    (
        "axes: {shapes: {s: {seq: -1}}}",
        "axes.shapes.s.seq: expected an integer from 0 to 2147483647, got the number -1",
    ),
    (
        "axes: {shapes: {s: {}}}",
        "axes.shapes.s: expected a mapping of dimension to size, got an empty mapping",
    ),
    ("models: {}", "models: expected a mapping with at least one entry, got an empty mapping"),
    ("strict_provider: yes please", "strict_provider: expected true or false, got 'yes please'"),
    ("name: 2026", "name: expected a name, got the number 2026"),
    ("description: ' '", "description: expected text, got ' '"),
    ("skip: {when: {batch: 1}}", "skip: expected a list, got a mapping"),
    ("skip: [{when: {batch: 1}}]", "skip[0]: missing key 'because'"),
    (
        "skip: [{when: {}, because: x}]",
        "skip[0].when: expected a mapping with at least one entry, got an empty mapping",
    ),
    (
        "skip: [{when: {batch: []}, because: x}]",
        "skip[0].when.batch: expected at least one value, got an empty list",
    ),
    (
        "skip: [{when: {precision: on}, because: x}]",
        "skip[0].when.precision: expected a value of precision: text, an integer or null, got the boolean on",
    ),
    ("only: [3]", "only[0]: expected a mapping with at least one entry, got the number 3"),
    (
        "sampling: {seconds: -1}",
        "sampling.seconds: expected a duration such as 2, '1.5 s' or '200 ms', at least 1e-06, at most 2592000, got the number -1",
    ),
    (
        "sampling: {seconds: 2 parsecs}",
        "sampling.seconds: expected a duration such as 2, '1.5 s' or '200 ms', got '2 parsecs'",
    ),
    (
        "sampling: {seconds: .nan}",
        "sampling.seconds: expected a duration such as 2, '1.5 s' or '200 ms', at least 1e-06, at most 2592000, got the number .nan",
    ),
    (
        "sampling: {seconds: null}",
        "sampling: nothing ends the timed stretch: set one of calls, seconds, target_ci",
    ),
    (
        "sampling: {target_ci: 200%}",
        "sampling.target_ci: expected a ratio such as '3%' or 0.03, at least 1e-06, at most 0.99, got '200%'",
    ),
    ("sampling: {min_calls: 9, max_calls: 8}", "sampling: min_calls (9) is above max_calls (8)"),
    ("sampling: {calls: 9, max_calls: 8}", "sampling: calls (9) is above max_calls (8)"),
    ("sampling: {seconds: 40}", "sampling: seconds (40) is above max_seconds (30)"),
    ("sampling: {timeout: 1}", "sampling: a case cannot end within its timeout of 1 s"),
    (
        "sampling: {processes: 0}",
        "sampling.processes: expected an integer from 1 to 1000, got the number 0",
    ),
    ("measure: {cores: [1, 1]}", "measure.cores: a core is there twice"),
    ("measure: {cores: all}", "measure.cores: expected a core's number, or a list of them, got 'all'"),
    ("measure: {memory: 1}", "measure.memory: expected true or false, got the number 1"),
    (
        "measure: {strict_provider: true}",
        "measure.strict_provider: unknown key 'strict_provider': known: accuracy, accuracy_samples, cores, drift_samples, inputs, instructions, memory, proof, seed, telemetry",
    ),
    (
        "baseline: {batch: [1]}",
        "baseline.batch: expected a value of batch: text, an integer or null, got a list",
    ),
]
"""A line of a suite, and the mistake in it."""

SOURCES = [
    ("{}", "models.a.source: expected one of onnx, zoo, torch, sklearn, xgboost, lightgbm, keras, tensorflow, jax, fake, such as {onnx: model.onnx}, got an empty mapping"),
    ("digits.onnx", "models.a.source: expected one of onnx, zoo, torch, sklearn, xgboost, lightgbm, keras, tensorflow, jax, fake, such as {onnx: model.onnx}, got 'digits.onnx'"),
    ("{onxx: a.onnx}", "models.a.source: unknown source 'onxx': did you mean 'onnx'? known: fake, jax, keras, lightgbm, onnx, sklearn, tensorflow, torch, xgboost, zoo"),
    ("{zoo: vgg19, onnx: a.onnx}", "models.a.source: expected one of onnx, zoo, torch, sklearn, xgboost, lightgbm, keras, tensorflow, jax, fake, such as {onnx: model.onnx}, got a mapping"),
    ("{onnx: 3}", "models.a.source.onnx: expected text, got the number 3"),
    ("{torch: module}", "models.a.source.torch: expected module:function or file.py:function, got 'module'"),
    ("{torch: 'os; rm:x'}", "models.a.source.torch: expected module:function or file.py:function, got 'os; rm:x'"),
    ("{fake: 3}", "models.a.source.fake: expected a mapping of what the fake engine answers, got the number 3"),
]  # fmt: skip
"""A source, and the mistake in it."""

ENTRIES = [
    ("data: digit", "data: unknown data set 'digit': did you mean 'digits'? known: digits"),
    ("data: 3", "data: expected the name of a data set, the path of an .npz file, or a mapping with npz, got the number 3"),
    ("data: {npz: a.csv}", "data.npz: expected the path of an .npz file, got 'a.csv'"),
    ("data: {calibration: 3}", "data: missing key 'npz'"),
    ("task: ranking", "task: unknown task 'ranking': known: classification, regression"),
    ("shapes: {seq: x}", "shapes.seq: expected an integer from 0 to 2147483647, got 'x'"),
    ("inputs: {ids: {low: 3, high: 3}}", "inputs.ids: low is not below high"),
    ("inputs: {ids: {fill: 1, low: 3}}", "inputs.ids: fill makes every value the same: low and high have no use beside it"),
    ("inputs: {ids: {lo: 3}}", "inputs.ids.lo: unknown key 'lo': did you mean 'low'? known: fill, high, low"),
    ("inputs: {ids: {low: .inf}}", "inputs.ids.low: expected a number, got the number .inf"),
    ("cut: {}", "cut: expected inputs, outputs or both: names of tensors"),
    ("cut: {inputs: [a, a]}", "cut.inputs: 'a' is there twice"),
    ("axes: {batch: 0}", "axes.batch: expected an integer from 1 to 1048576, got the number 0"),
]  # fmt: skip
"""An entry of a model, and the mistake in it."""

RUNTIMES = [
    "onnxruntime", "onnxruntime==", "onnxruntime>=1.20", "onnxruntime == 1.22.1", "numpy==2.0", "onnxruntime==1.22.1;x",
    "--index-url=http://x", "-r x", "git+https://x", "https://x/onnxruntime.whl", "onnxruntime==1.22.1 --pre",
    "onnxruntime==1.22.1\n", "onnxruntime-gpu[x]==1.2", "onnxruntime==1.*", "onnxruntime==$(id)", "ONNXRUNTIME==1.2",
]  # fmt: skip
"""What must not get near an installer."""

NAMES = ["", " a", "a ", "a/b", "a=b", "a,b", r"a\nb", r"a\x07b", r"a\u202eb", r"a\u200bb"]
"""Names that keys or terminals cannot carry."""

GATES = [
    ("{}", "gates[0]: missing key 'metric'"),
    ("{metric: latency/p50}", "gates[0]: a gate needs one of max_increase, max_drop, min, max"),
    ("{metric: latency/p50, max_increase: 3}", "gates[0].max_increase: 3 would allow 300%: write '3%', or '300%' if meant"),
    ("{metric: latency/p50, max_increase: -3%}", "gates[0].max_increase: expected a ratio such as '3%' or 0.03, at least 0, at most 1000, got '-3%'"),
    ("{metric: latency/p50, max_drop: 3%}", "gates[0].max_drop: of latency/p50, lower is better: use max_increase"),
    ("{metric: accuracy/top1, max_increase: 3%}", "gates[0].max_increase: of accuracy/top1, higher is better: use max_drop"),
    ("{metric: accuracy/top1, max_drop: 101%}", "gates[0].max_drop: expected a ratio such as '3%' or 0.03, at least 0, at most 1, got '101%'"),
    ("{metric: accuracy/top1_delta, max_drop: 1%}", "gates[0].max_drop: accuracy/top1_delta is a difference already: use min or max"),
    ("{metric: accuracy/top1, min: 98}", "gates[0].min: expected a ratio such as '98%' or 0.98, at least 0, at most 1, got the number 98"),
    ("{metric: latency/p50, max: -5 ms}", "gates[0].max: expected a duration such as '5 ms', at least 0, got '-5 ms'"),
    ("{metric: memory/peak, max: 5 ms}", "gates[0].max: expected a size such as '10 MB', got '5 ms'"),
    ("{metric: latency/p50, min: 2, max: 1}", "gates[0]: min is above max: nothing can pass"),
    ("{metric: latency/p50, max: 1, against: anchor}", "gates[0]: `against` needs max_increase or max_drop: min and max hold by themselves"),
    ("{metric: latency/p50, max_increase: 1%, against: fixed}", "gates[0].against: unknown against 'fixed': known: anchor, previous"),
    ("{metric: latency/p50, max: 1, case: {bach: 1}}", "gates[0].case.bach: unknown key 'bach': did you mean 'batch'?"),
]  # fmt: skip
"""A gate, and how the message begins."""
