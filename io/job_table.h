/* The option table of the job file. One entry a key says where its value is kept, what is allowed, the
 * default and the help; parsing, defaults, --set, release, the effective job, the manual and the JSON Schema
 * all walk it. Inside io/job*.c only. */
#ifndef CW_IO_JOB_TABLE_H
#define CW_IO_JOB_TABLE_H

#include "job.h"
#include "yaml.h"

typedef enum cw_option_type {
    CW_T_MAP,     /* children, kept in the same structure */
    CW_T_NAMED,   /* free names, each with a map; an array of structures whose first member is char *name */
    CW_T_LIST,    /* a list of maps; an array of structures */
    CW_T_TEXT,    /* char * */
    CW_T_TEXTS,   /* cw_strings */
    CW_T_REAL,    /* double */
    CW_T_WHOLE,   /* no storage but a check */
    CW_T_SEED,    /* uint64_t */
    CW_T_BYTES,   /* int64_t */
    CW_T_CHOICE,  /* int: the word's place + first; -1 without a default */
    CW_T_CHOICES, /* int[] of distinct words */
    CW_T_REALS,   /* double * and a count */
    CW_T_PAIR,    /* double[2], two different numbers */
    CW_T_RANGE,   /* double[2], each may be null; ascending */
    CW_T_LATER    /* in the grammar, not in this version */
} cw_option_type;

enum {
    CW_O_REQUIRED = 1,
    CW_O_PATH = 2,           /* relative to the job file's folder */
    CW_O_NAME = 4,           /* of a column: at most CW_NAME_BYTES - 1 bytes */
    CW_O_NONE = 8,           /* the bare word `none` says: empty on purpose */
    CW_O_AUTO = 16,          /* the bare word `auto` stands for the list; `given` holds whether it does */
    CW_O_ONE = 32,           /* no list, though kept as one */
    CW_O_LINES = 64,         /* a text of several lines is several texts */
    CW_O_DISTINCT = 128,     /* no text twice */
    CW_O_EMPTY = 256,        /* may be the empty text */
    CW_O_LIST_LATER = 512,   /* a list of more than one is in the grammar, not in this version */
    CW_O_MAYBE = 1024,       /* a map that may be absent: its children then have no defaults */
    CW_O_NAN = 2048,         /* open ends of the range are NaN, not infinite */
    CW_O_FIXED = 4096,       /* nothing is kept: there is just one value */
    CW_O_SILENT = 8192,      /* another spelling of the next key: never written */
    CW_O_OUTSIDE = 16384,    /* may differ between a plan and its run */
    CW_O_BETWEEN = 32768,    /* the bounds themselves are excluded */
    CW_O_ID = 65536,         /* letters, digits, _ . - only */
    CW_O_EXPRESSION = 131072 /* arithmetic on columns (src/base/expression.h) */
};

typedef struct cw_option cw_option;
struct cw_option {
    const char *key;
    cw_option_type type;
    int flags;
    size_t at;                 /* of the value in its structure */
    size_t given, count, line; /* of int, int32_t, int beside it; 0: none */
    size_t size;               /* of a list's structures */
    const cw_option *child;    /* of maps; ends with a NULL key */
    const char *bare;          /* the child that a bare word in the map's place stands for */
    const char *const *words;  /* of choices; ends with NULL */
    const char *const *later;  /* words of the grammar that this version does not have; may be NULL */
    int first;                 /* number of the first word */
    double low, high;          /* of numbers; of texts, high is the largest count (0: any) */
    const char *preset;        /* the default as it would be written; NULL: absent */
    const char *help;
};

extern const cw_option cw_job_options; /* the root map */

const cw_option *cw_option_find(const cw_option *map, const char *key, size_t length);

/* What an option takes, for messages and the manual: "a number above 0 and below 1". */
void cw_option_expects(const cw_option *option, char *text, size_t size);

/* The most similar of the words, or NULL if none is near (Damerau-Levenshtein, restricted). */
typedef struct cw_nearest {
    const char *wanted, *best;
    int distance;
} cw_nearest;
void cw_nearest_try(cw_nearest *nearest, const char *word);

/* Scalars as YAML 1.2 means them, 0 where the text is none. Numbers are finite decimals. */
int cw_scalar_real(const char *text, double *value);
int cw_scalar_seed(const char *text, uint64_t *value);
int cw_scalar_bytes(const char *text, int64_t *value);
void cw_bytes_text(int64_t bytes, char text[32]); /* the largest binary unit that divides it */

/* A job being read. */
typedef struct cw_job_reader {
    cw_env *env;
    cw_yaml *yaml;
    cw_yaml_node *root;
    cw_job *job;
    char *folder;   /* of the job file, with its final slash; "" for the working folder */
    char path[256]; /* of the key being read, for messages */
} cw_job_reader;

/* Binds the tree to reader->job (defaults first). */
cw_code cw_job_bind(cw_job_reader *reader) CW_CHECKED;

/* Gives the children of `map` their defaults in the structure at `base`. */
cw_code cw_job_defaults(cw_job_reader *reader, const cw_option *map, void *base) CW_CHECKED;

/* Refuses a tree where data is not named, or named in two ways; before the tree is bound. */
cw_code cw_job_sources(cw_job_reader *reader) CW_CHECKED;

/* Applies one `key.path=value` to the tree. */
cw_code cw_job_set(cw_job_reader *reader, const char *text) CW_CHECKED;

/* Refuses impossible combinations and fills in what follows from the rest (names of estimates, the default
 * method). */
cw_code cw_job_check(cw_job_reader *reader) CW_CHECKED;

/* Gives back everything that the options of `map` keep in the structure at `base`. */
void cw_job_release(cw_env *env, const cw_option *map, void *base);

/* A scalar that may stand where the option expects the word (none, auto). */
int cw_is_word(const cw_yaml_node *node, const char *word);

#endif
