# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: float32, bfloat16, or int8 (NNCF's static quantisation, the rest in bfloat16 where the CPU
has it)."""

from worker import Worker, serve


class OpenVino(Worker):
    def __init__(self, folder, precision, threads):
        super().__init__(folder)
        import openvino

        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        if precision != "int8":
            settings["INFERENCE_PRECISION_HINT"] = {"float32": "f32", "bfloat16": "bf16"}[precision]
        graph = folder / ("openvino-int8.xml" if precision == "int8" else "model.onnx")
        model = openvino.Core().compile_model(str(graph), "CPU", settings)
        self.request = model.create_infer_request()

    def run(self, ids, mask):
        return self.request.infer([ids, mask, ids * 0], share_inputs=True)[0]


serve(OpenVino)
