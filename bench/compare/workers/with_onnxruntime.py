# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on the fused graph: float32, or int8 (dynamic quantisation)."""

from worker import Worker, serve


class OnnxRuntime(Worker):
    def __init__(self, folder, precision, threads):
        super().__init__(folder)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        graph = {"float32": "fused.onnx", "int8": "int8.onnx"}[precision]
        self.session = onnxruntime.InferenceSession(str(folder / graph), options, ["CPUExecutionProvider"])
        self.given = {i.name for i in self.session.get_inputs()}

    def run(self, ids, mask):
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0}
        return self.session.run(None, {k: v for k, v in inputs.items() if k in self.given})[0]


serve(OnnxRuntime)
