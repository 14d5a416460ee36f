# SPDX-License-Identifier: Apache-2.0
"""CTranslate2's folder of a language model in a GGUF file, by way of Transformers and CTranslate2's own converter.
Usage: make_llm_ctranslate2.py MODEL.gguf FOLDER"""

import pathlib
import sys
import tempfile

import torch
import transformers
from ctranslate2.converters import TransformersConverter

source, target = map(pathlib.Path, sys.argv[1:])
with tempfile.TemporaryDirectory() as folder:
    model = transformers.AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    model.hf_quantizer = None  # the weights are no blocks any more, and save_pretrained refuses these
    del model.config.quantization_config
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(folder)
    TransformersConverter(folder).convert(str(target), force=True)
