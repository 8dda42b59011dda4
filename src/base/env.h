/* The environment every fallible call is handed first: where errors are recorded, memory is counted and log
 * lines go. There is no global state: a program makes one cw_env a process, a test as many as it likes. */
#ifndef CW_BASE_ENV_H
#define CW_BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { CW_ERROR_TEXT = 512, CW_ERROR_PLACE = 320 };

/* The first failure: one line of what, where, how to mend it. Empty strings where there is nothing to say. */
typedef struct cw_error {
    cw_code code;
    char what[CW_ERROR_TEXT];
    char where[CW_ERROR_PLACE]; /* file, line, column, row */
    char mend[CW_ERROR_TEXT];
} cw_error;

typedef enum cw_level { CW_DEBUG, CW_INFO, CW_WARNING, CW_ERROR } cw_level;

/* Receives one finished log line (no newline). `self` is the sink's own. */
typedef void (*cw_log_sink)(void *self, cw_level level, const char *line);

typedef struct cw_env {
    cw_error error;
    int64_t bytes_now;  /* allocated and not freed */
    int64_t bytes_peak; /* the largest bytes_now so far */
    int64_t blocks_now; /* allocations not freed; 0 at a clean exit */
    int64_t calls;      /* allocations asked for so far */
    int64_t fail_at;    /* the call with this number (from 1) and all later ones fail; 0: never. For tests. */
    cw_log_sink log_sink; /* NULL: silent */
    void *log_self;
} cw_env;

/* Makes `env` ready: no error, nothing allocated, silent. */
void cw_env_init(cw_env *env);

/* Records a failure and returns `code`. The first failure is kept: a later one, raised while unwinding,
 * changes nothing. `where` and `mend` may be NULL. The format is what went wrong, without a final full stop.
 */
cw_code cw_fail(cw_env *env, cw_code code, const char *where, const char *mend, const char *format, ...)
    CW_PRINTF(5, 6);

/* Forgets the recorded failure (the caller has dealt with it). */
void cw_env_clear(cw_env *env);

/* Writes the recorded failure as one line, "what; where; how to mend", to `line` (always terminated). */
void cw_error_line(const cw_error *error, char *line, size_t size);

/* Sends one formatted line to the log sink. */
void cw_log(cw_env *env, cw_level level, const char *format, ...) CW_PRINTF(3, 4);

/* Memory: counted, 64-byte aligned, overflow-checked. `*out` gets count*size bytes (zeroed by cw_alloc_zero),
 * or NULL when count*size is 0. Fails with CW_NO_MEMORY, *out = NULL. */
cw_code cw_alloc(cw_env *env, size_t count, size_t size, void *out) CW_CHECKED;
cw_code cw_alloc_zero(cw_env *env, size_t count, size_t size, void *out) CW_CHECKED;

/* Grows or shrinks `*ptr` (of cw_alloc, or NULL) to count*size bytes, keeping its head. On failure *ptr
 * stays. */
cw_code cw_realloc(cw_env *env, size_t count, size_t size, void *ptr) CW_CHECKED;

/* Frees what `ptr`, the address of a pointer, points to and sets it to NULL. */
void cw_free(cw_env *env, void *ptr);

/* Copies a string (strdup, counted) or its first `length` bytes; formats a new string. */
cw_code cw_strdup(cw_env *env, const char *text, char **out) CW_CHECKED;
cw_code cw_strndup(cw_env *env, const char *text, size_t length, char **out) CW_CHECKED;
cw_code cw_format(cw_env *env, char **out, const char *format, ...) CW_PRINTF(3, 4) CW_CHECKED;

#endif
