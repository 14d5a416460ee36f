# SPDX-License-Identifier: Apache-2.0
"""Brings a model into every peer's format, each step in that peer's own virtual environment.

Usage: make_models.py STEP FOLDER [ARGUMENT]. FOLDER/hf is the Transformers checkpoint (step random-bert makes it, with
random weights in the shape of BERT-base and the tokenizer of ARGUMENT, a checkpoint); the other steps write beside it:
  onnx         model.onnx                      (torch)
  fused        fused.onnx, int8.onnx           (ONNX Runtime's transformer optimizer, dynamic quantisation)
  openvino     openvino-int8.xml               (NNCF, static, calibrated on 300 of the sentences in ARGUMENT)
  ctranslate2  ctranslate2/
"""

import json
import pathlib
import shutil
import sys

CALIBRATION = 300


def random_bert(folder, tokenizer_from):
    import torch
    import transformers

    torch.manual_seed(0)
    # CTranslate2's converter asks for the position type, which Transformers no longer writes.
    model = transformers.BertModel(transformers.BertConfig(position_embedding_type="absolute"))
    model.save_pretrained(folder / "hf")
    for name in ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"]:
        shutil.copy(pathlib.Path(tokenizer_from, name), folder / "hf")


def onnx(folder):
    import torch
    import transformers

    # Attention written out: the optimizer's fusions know that form.
    model = transformers.AutoModel.from_pretrained(folder / "hf", dtype=torch.float32, attn_implementation="eager").eval()

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask,
                              token_type_ids=token_type_ids).last_hidden_state

    ids = torch.ones(2, 16, dtype=torch.int64)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(Hidden(), (ids, ids, ids * 0), folder / "model.onnx", dynamo=False, input_names=names,
                      output_names=["hidden"], opset_version=17,
                      dynamic_axes={n: {0: "batch", 1: "length"} for n in [*names, "hidden"]})


def fused(folder):
    import onnx
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    # Constants are folded first, or the patterns of the fusions do not match. optimize_model would
    # do that too (opt_level=1), but imports PyTorch for it.
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "folded.onnx")
    onnxruntime.InferenceSession(str(folder / "model.onnx"), options, ["CPUExecutionProvider"])
    config = json.loads((folder / "hf/config.json").read_text())
    model = optimizer.optimize_model(options.optimized_model_filepath, "bert", config["num_attention_heads"],
                                     config["hidden_size"], opt_level=0)
    print("fused:", model.get_fused_operator_statistics())
    model.save_model_to_file(str(folder / "fused.onnx"))
    quantize_dynamic(folder / "fused.onnx", folder / "int8.onnx", per_channel=True, weight_type=QuantType.QInt8,
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
    (folder / "folded.onnx").unlink()


def openvino(folder, sentences):
    import nncf
    import numpy
    import openvino
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "hf/tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.no_padding()
    lines = pathlib.Path(sentences).read_text().splitlines()
    rows = [tokenizer.encode(line).ids for line in lines[::len(lines) // CALIBRATION]][:CALIBRATION]

    def inputs(row):
        ids = numpy.array([row], numpy.int64)
        return [ids, numpy.ones_like(ids), ids * 0]

    model = openvino.Core().read_model(folder / "model.onnx")
    quantized = nncf.quantize(model, nncf.Dataset(rows, inputs), model_type=nncf.ModelType.TRANSFORMER,
                              subset_size=CALIBRATION)
    openvino.save_model(quantized, folder / "openvino-int8.xml", compress_to_fp16=False)


def ctranslate2(folder):
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(folder / "hf")).convert(str(folder / "ctranslate2"), force=True)


STEPS = {"random-bert": random_bert, "onnx": onnx, "fused": fused, "openvino": openvino, "ctranslate2": ctranslate2}

step, folder, *arguments = sys.argv[1:]
pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
STEPS[step](pathlib.Path(folder), *arguments)
