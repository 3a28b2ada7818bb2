"""Quantizes by llama.cpp, inside the Python that has the package llama-cpp-python: IN OUT NUMBER THREADS. Prints the seconds."""
import sys
import time


def main():
    import llama_cpp
    source, target, number, threads = sys.argv[1:5]
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread, params.allow_requantize = int(number), int(threads), True
    begin = time.monotonic()
    if llama_cpp.llama_model_quantize(source.encode(), target.encode(), params) != 0:
        sys.exit(f"error: llama.cpp could not quantize to type {number}")
    print(f"seconds {time.monotonic() - begin:.4f} version {llama_cpp.__version__}")


if __name__ == "__main__":
    main()
