"""Tries a model from the standard input, in a process of its own that ``inkdigits.inference.session`` starts.

A model is a program: it may take any time and all memory, and it may end the process that runs it. The arguments are MB of
memory, what the inputs are called and have for shapes, as JSON, and the folders of the packages. The model is loaded, and run
once where it has these inputs. To the standard output goes what is wrong with it, or ``FINE``. Nothing else of inkdigits is
imported, so that it starts at once.
"""

from __future__ import annotations

import json
import sys

#: What is said of a model that holds.
FINE = "fine"


def limit_memory(megabytes: float) -> None:
    """Limit what this process may take, where the system can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (int(megabytes * 1e6), resource.getrlimit(resource.RLIMIT_DATA)[1]))
    except (ImportError, AttributeError, ValueError, OSError):  # no such system, or a lower limit is set already
        pass


def main() -> None:
    """Load and run it."""
    megabytes, inputs = float(sys.argv[1]), json.loads(sys.argv[2])
    sys.path[:0] = sys.argv[3:]
    import numpy as np
    import onnxruntime

    content = sys.stdin.buffer.read()
    limit_memory(megabytes)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    fault = "is no ONNX model or is damaged"
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        known = {value.name: value.shape for value in session.get_inputs()}
        if known.keys() == inputs.keys() and all(_fits(known[name], shape) for name, shape in inputs.items()):
            fault = "cannot be run"
            session.run(None, {name: np.full(shape, 128, np.float32) for name, shape in inputs.items()})
        print(FINE)
    except Exception as error:  # ONNX Runtime's errors share no base class
        print(f"{fault} ({str(error).splitlines()[0][:120]})")


def _fits(known: list[object], shape: list[int]) -> bool:
    """Whether an input takes that shape; a dimension of any size is a name or None."""
    return len(known) == len(shape) and all(not isinstance(a, int) or a == b for a, b in zip(known, shape, strict=True))


if __name__ == "__main__":
    main()
