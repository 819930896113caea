"""Counts the operators of a TFLite file, and how many of them XNNPACK runs."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Operators:
    """The operators of a TFLite file.

    Attributes:
        counts: how often each one occurs.
        partitions: the number of parts that XNNPACK runs; 1 is best.
        delegated: the share of operators that XNNPACK runs, in [0, 1].
    """

    counts: dict[str, int]
    partitions: int
    delegated: float

    @property
    def foreign(self) -> list[str]:
        """Operators that are not built in, which phones and browsers do not support."""
        return [name for name in self.counts if name.startswith(("Flex", "CUSTOM"))]


def inspect_operators(content: bytes) -> Operators:
    """Prepares a TFLite file with the interpreter, and counts its operators."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    for image in interpreter.get_input_details():
        if min(image["shape_signature"]) < 0:
            interpreter.resize_tensor_input(image["index"], [1, 64, 64, 3])
    interpreter.allocate_tensors()
    # No public function lists the nodes. A delegate's node is listed beside those it replaces.
    nodes = interpreter._get_ops_details()
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    others = [node for node in nodes if node["op_name"] != "DELEGATE"]
    by_output = {tensor: node for node in others for tensor in node["outputs"]}
    delegated = {tensor for node in delegates for tensor in node["outputs"]}
    wanted = [tensor for node in delegates for tensor in node["inputs"]]
    wanted += [output["index"] for output in interpreter.get_output_details()]
    # Tensors that a delegate or the caller needs and no delegate computes come from other nodes.
    left = set()
    while wanted:
        tensor = wanted.pop()
        node = by_output.get(tensor)
        if node and tensor not in delegated and node["index"] not in left:
            left.add(node["index"])
            wanted.extend(node["inputs"])
    counts = Counter(node["op_name"] for node in others)
    return Operators(dict(counts), len(delegates), 1 - len(left) / len(others))
