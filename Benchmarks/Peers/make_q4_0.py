"""A GGUF file with its matrices requantized to Q4_0, the 4-bit type that llama.cpp repacks for the processor.

Run: python make_q4_0.py MODEL.gguf Q4_0.gguf
Vectors stay as they are; the embedding stays in its own type. Needs the package gguf.
"""

import sys

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize, quantize


def main():
    reader = GGUFReader(sys.argv[1])
    architecture = reader.fields["general.architecture"].contents()
    writer = GGUFWriter(sys.argv[2], architecture)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        if tensor.n_elements > 32 and len(tensor.shape) == 2 and not tensor.name.startswith("token_embd"):
            codes = quantize(dequantize(tensor.data, tensor.tensor_type).astype(np.float32), GGMLQuantizationType.Q4_0)
            writer.add_tensor(tensor.name, codes, raw_dtype=GGMLQuantizationType.Q4_0)
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
