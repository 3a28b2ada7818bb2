/* The C API of libengine: load a GGUF model, look at its text and numbers, let it answer.

   Results. Functions that can fail return an engine_status; engine_last_error() then tells in one
   line what was wrong. After a failure an output is untouched, unless its function says otherwise.
   No input crashes the library: a null pointer, a wrong size or an unknown flag is
   ENGINE_INVALID_ARGUMENT.

   Memory. The caller owns what it passes in and the buffers that are filled; the library keeps
   nothing of them after a call. A model belongs to the caller until engine_model_free(). Strings
   that come back belong to the library.

   Buffers. A function that fills a buffer takes its capacity, and reports the size that is needed,
   whether or not it fits. With a null buffer it only reports the size. One that is too small is not
   touched: ENGINE_BUFFER_TOO_SMALL. Texts get a final NUL, which the capacity must have room for
   and the reported size does not count.

   Structs. Each begins with `size`, sizeof the struct as the caller was compiled, so that later
   versions can add members at the end. Options are made by their _init function, which sets it; of
   a struct to be filled the caller sets it.

   Threads. Every function may be called from every thread, and several threads may use one model at
   the same time: answers that are computed at the same time share their steps. Only
   engine_model_free() must be the last call with its model. Each model has worker threads of its
   own.

   Text is UTF-8; what is not becomes U+FFFD. Times are nanoseconds. Warnings are lines on stderr.
 */
#ifndef ENGINE_H_
#define ENGINE_H_

#include <stddef.h>
#include <stdint.h>

#define ENGINE_VERSION "0.1.0"

#if defined(__GNUC__)
#define ENGINE_API __attribute__((visibility("default")))
#else
#define ENGINE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct engine_model engine_model;
typedef int32_t engine_token;

typedef enum engine_status {
  ENGINE_OK = 0,
  ENGINE_INVALID_ARGUMENT = 1,
  ENGINE_NOT_FOUND = 2,   /* no such file */
  ENGINE_UNSUPPORTED = 3, /* a sound file that this library cannot run; or not for this model */
  ENGINE_CORRUPT = 4,     /* not a GGUF file, or one that contradicts itself */
  ENGINE_OUT_OF_MEMORY = 5,
  ENGINE_BUSY = 6, /* no room in the cache beside the answers that run; try again */
  ENGINE_IO = 7,
  ENGINE_INTERNAL = 8,
  ENGINE_BUFFER_TOO_SMALL = 9
} engine_status;

/* Version of the library, which may differ from ENGINE_VERSION, the version of this header. */
ENGINE_API const char* engine_version(void);

/* Why the last failed call of this thread failed; "" when none did. Valid until the next failure in
 * this thread. */
ENGINE_API const char* engine_last_error(void);

/* ---- models ---- */

enum { ENGINE_KV_F16 = 0, ENGINE_KV_Q8_0 = 1 };

typedef struct engine_model_options {
  size_t size;
  int32_t n_ctx;       /* tokens per sequence; 0: 4096, or what the model has if that is less */
  int32_t n_sequences; /* sequences the cache has room for at full context, 1 to 64; default 1 */
  int32_t n_batch;     /* most tokens computed in one step, 1 to 65536; default 512 */
  int32_t threads;     /* 1 to 1024; 0: one per core that this process may use */
  int32_t kv_type;     /* type of the key/value cache, ENGINE_KV_*; default ENGINE_KV_F16 */
  int32_t reference;   /* 1: weights as 32-bit floats, inputs not quantized: a slow yardstick */
} engine_model_options;

typedef struct engine_model_info {
  size_t size;
  const char* architecture; /* "llama"; this and the next two live as long as the model */
  const char* name;         /* "" when the file has none */
  const char* file_type;    /* "Q4_K_M"; "unknown" when the file does not say */
  int64_t n_params;
  int32_t n_vocab; /* also the length of a row of logits */
  int32_t n_ctx;   /* in use */
  int32_t n_ctx_train;
  int32_t n_embd;
  int32_t n_layer;
} engine_model_info;

/* The defaults. size: sizeof *options. */
ENGINE_API engine_status engine_model_options_init(engine_model_options* options, size_t size);

/* Loads a GGUF file; of a split model the first one. options: null for the defaults. *model is
 * null after a failure. */
ENGINE_API engine_status engine_model_open(const char* path, const engine_model_options* options,
                                           engine_model** model);

typedef struct engine_adapter {
  const char* path; /* a LoRA adapter of this model, as GGUF */
  float scale;      /* factor of its effect, on top of what the file asks for; 1: as it was made */
} engine_adapter;

/* The same with adapters, whose effects add up; their files must fit the model. */
ENGINE_API engine_status engine_model_open_adapted(const char* path,
                                                   const engine_model_options* options,
                                                   const engine_adapter* adapters,
                                                   size_t n_adapters, engine_model** model);

/* Null is allowed. */
ENGINE_API void engine_model_free(engine_model* model);

ENGINE_API engine_status engine_model_get_info(const engine_model* model, engine_model_info* info);

/* ---- text ---- */

enum {
  ENGINE_ADD_SPECIAL = 1,  /* begin and end tokens, as the vocabulary asks for */
  ENGINE_PARSE_SPECIAL = 2 /* texts of control tokens become these tokens: not for text of others */
};
enum {
  ENGINE_REMOVE_SPECIAL = 4, /* drop the tokens that ENGINE_ADD_SPECIAL added */
  ENGINE_SHOW_SPECIAL = 8    /* show control tokens by their texts */
};

/* text: n_bytes bytes, with or without a final NUL. flags: ENGINE_ADD_SPECIAL,
 * ENGINE_PARSE_SPECIAL. capacity and *n_tokens count tokens. */
ENGINE_API engine_status engine_tokenize(const engine_model* model, const char* text,
                                         size_t n_bytes, uint32_t flags, engine_token* tokens,
                                         size_t capacity, size_t* n_tokens);

/* flags: ENGINE_REMOVE_SPECIAL, ENGINE_SHOW_SPECIAL. The text of some of the tokens of a longer one
 * may begin or end inside a character. */
ENGINE_API engine_status engine_detokenize(const engine_model* model, const engine_token* tokens,
                                           size_t n_tokens, uint32_t flags, char* text,
                                           size_t capacity, size_t* n_bytes);

typedef struct engine_message {
  const char* role; /* "system", "user", "assistant" */
  const char* content;
} engine_message;

/* The conversation as the chat template of the model writes it; ChatML when the model has none. A
   last message of the assistant is left open, to be continued. add_generation_prompt: 1: followed
   by the beginning of an answer. A template may refuse: ENGINE_INVALID_ARGUMENT. */
ENGINE_API engine_status engine_render_chat(const engine_model* model,
                                            const engine_message* messages, size_t n_messages,
                                            int add_generation_prompt, char* text, size_t capacity,
                                            size_t* n_bytes);

/* ---- answers ---- */

typedef struct engine_generate_options {
  size_t size;
  int32_t num_predict; /* most tokens of the answer; negative: until it ends or the context is full;
                          0: only the prompt is computed */
  float temperature;   /* randomness of the choice; 0: always the most likely token */
  int32_t top_k;       /* choose among the k most likely tokens; 0: off */
  float top_p; /* choose among the most likely tokens that have this probability together; 1: off */
  float min_p; /* drop tokens less likely than this share of the most likely one; 0: off */
  float typical_p; /* keep the tokens of typical information that have this probability together; 1:
                      off */
  float repeat_penalty;    /* divides the logits of repeated tokens; 1: off */
  float presence_penalty;  /* subtracted from the logits of tokens that occurred; 0: off */
  float frequency_penalty; /* subtracted once per occurrence; 0: off */
  int32_t repeat_last_n;   /* tokens that the penalties look back; 0: off, -1: the whole context */
  int64_t seed;            /* the same seed gives the same answer; -1: a new one each time */
  const char* const* stop; /* texts that end the answer and are not part of it */
  size_t n_stop;

  /* Further samplers; docs/API.md has the rules. */
  float top_n_sigma;       /* drop tokens whose logit is more than so many standard deviations below
                              the best; 0 and less: off */
  int32_t min_keep;        /* tokens that typical_p, top_p, min_p and xtc leave at least */
  float dynatemp_range;    /* the temperature varies by so much; 0: off */
  float dynatemp_exponent; /* power of the evenness of the distribution in that */
  float xtc_probability;   /* how often xtc takes place; 0: off */
  float xtc_threshold;  /* xtc drops the tokens at least this likely but the least likely of them */
  int32_t mirostat;     /* 1, 2: in the place of all other samplers but temperature; 0: off */
  float mirostat_tau;   /* the mean surprise that mirostat keeps to, in bits */
  float mirostat_eta;   /* how fast mirostat adapts */
  float dry_multiplier; /* subtracted from what would carry on a repetition; 0: off */
  float dry_base;       /* the penalty grows by this factor with each token of the repetition */
  int32_t dry_allowed_length; /* tokens of a repetition from which on the penalty begins */
  int32_t dry_penalty_last_n; /* tokens that are searched for the repetition; 0: off */
  const char* const* dry_sequence_breakers; /* texts across which no repetition is seen; null: the
                                               usual four */
  size_t n_dry_sequence_breakers;

  /* The form of the answer; at most one. Null: free. */
  const char* grammar;     /* GBNF */
  const char* json_schema; /* a JSON schema, of which the answer is a value */
} engine_generate_options;

enum {
  ENGINE_REASON_STOP = 0,     /* the model ended the answer, or a stop text was found */
  ENGINE_REASON_LENGTH = 1,   /* num_predict, or the context is full */
  ENGINE_REASON_CANCELLED = 2 /* by the callback */
};

typedef struct engine_generate_stats {
  size_t size;
  int32_t reason;        /* ENGINE_REASON_* */
  int32_t prompt_tokens; /* cached ones included */
  int32_t cached_tokens; /* of the prompt, known from earlier answers */
  int32_t output_tokens; /* computed, also those that no text was made of */
  int64_t prompt_ns;
  int64_t output_ns;
} engine_generate_stats;

/* Gets the answer piece by piece: n_bytes bytes of whole characters, and a final NUL; valid during
   the call. Runs on the thread that asked for the answer, and may call every function but
   engine_model_free(). Not 0: the answer ends here. */
typedef int (*engine_text_callback)(const char* text, size_t n_bytes, void* user);

/* The defaults. size: sizeof *options. */
ENGINE_API engine_status engine_generate_options_init(engine_generate_options* options,
                                                      size_t size);

/* Continues the prompt, in which texts of control tokens are recognised. Returns when the answer
   has ended. options: null for the defaults. on_text and stats may be null. A prompt that leaves no
   room in the context is ENGINE_INVALID_ARGUMENT. After a failure on the way, the pieces that came
   so far are part of the answer. */
ENGINE_API engine_status engine_generate(engine_model* model, const char* prompt,
                                         const engine_generate_options* options,
                                         engine_text_callback on_text, void* user,
                                         engine_generate_stats* stats);

/* Answers the last message of a conversation, or continues it when it is one of the assistant.
   Texts of messages never become control tokens. Else as engine_generate(). */
ENGINE_API engine_status engine_chat(engine_model* model, const engine_message* messages,
                                     size_t n_messages, const engine_generate_options* options,
                                     engine_text_callback on_text, void* user,
                                     engine_generate_stats* stats);

/* ---- numbers ---- */

enum {
  ENGINE_EMBED_RAW = 1, /* as computed, not scaled to length 1 */
  ENGINE_EMBED_TRUNCATE =
      2 /* cut texts that are longer than the context, rather than refuse them */
};

/* The vectors of texts, by an embedding model: row i of [n_texts, n_embd] is about texts[i]. capacity
   counts floats; there is no null buffer here. A model without a pooling type is ENGINE_UNSUPPORTED.
   After a failure no vector is written. */
ENGINE_API engine_status engine_embed(engine_model* model, const char* const* texts, size_t n_texts,
                                      uint32_t flags, float* vectors, size_t capacity);

/* The logits behind every token of a sequence that begins with the first one: row i of [n_tokens,
   n_vocab] is about the token that follows tokens[i]. capacity counts floats; there is no null
   buffer here. After a failure on the way the buffer may be filled in part. */
ENGINE_API engine_status engine_logits(engine_model* model, const engine_token* tokens,
                                       size_t n_tokens, float* logits, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif /* ENGINE_H_ */
