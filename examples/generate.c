/* Asks a model one question and prints the answer as it comes.

     cc -std=c99 examples/generate.c -lengine -o generate
     ./generate MODEL.gguf "Why is the sky blue?" [TOKENS] */
#include <engine.h>
#include <stdio.h>
#include <stdlib.h>

static int print(const char* text, size_t n_bytes, void* user) {
  (void)user;
  fwrite(text, 1, n_bytes, stdout);
  fflush(stdout);
  return 0; /* go on */
}

static int fail(void) {
  fprintf(stderr, "error: %s\n", engine_last_error());
  return 1;
}

int main(int argc, char** argv) {
  engine_model* model;
  engine_generate_options options;
  engine_generate_stats stats;
  engine_message question = {"user", NULL};
  engine_status status;

  if (argc < 3) {
    fprintf(stderr, "usage: %s MODEL.gguf PROMPT [TOKENS]\n", argv[0]);
    return 2;
  }
  question.content = argv[2];
  if (engine_model_open(argv[1], NULL, &model) != ENGINE_OK) return fail();

  engine_generate_options_init(&options, sizeof options);
  options.temperature = 0;
  options.num_predict = argc > 3 ? atoi(argv[3]) : 256;
  stats.size = sizeof stats;
  status = engine_chat(model, &question, 1, &options, print, NULL, &stats);
  engine_model_free(model);
  if (status != ENGINE_OK) return fail();

  printf("\n");
  fprintf(stderr, "%d tokens, %.1f per second\n", (int)stats.output_tokens,
          stats.output_tokens / (stats.output_ns / 1e9 + 1e-9));
  return 0;
}
