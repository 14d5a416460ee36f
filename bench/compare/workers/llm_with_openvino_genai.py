# SPDX-License-Identifier: Apache-2.0
"""OpenVINO GenAI: an LLMPipeline of a GGUF file."""

import numpy as np
import openvino
import openvino_genai

from llm_worker import Worker, serve


class Pipeline(Worker):
    vocabulary = 49152  # of SmolLM2; GenAI does not tell

    def __init__(self, path, threads):
        self.pipe = openvino_genai.LLMPipeline(path, "CPU", INFERENCE_NUM_THREADS=threads)

    def seconds(self, prompts, tokens):
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.do_sample = tokens + 1, True, False
        config.apply_chat_template = False
        ids = np.array(prompts, np.int64)
        inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
        metrics = self.pipe.generate(inputs, config).perf_metrics
        times = metrics.raw_metrics.m_new_token_times  # of each step, ms
        return metrics.get_ttft().mean / 1e3, (times[-1] - times[0]) / 1e3


serve(Pipeline)
