#include "options.h"

#include <string.h>

typedef struct command_name {
    const char *name;
    cw_command command;
} command_name;

static const command_name commands[] = {
    {"check", CW_COMMAND_CHECK},     {"run", CW_COMMAND_RUN}, {"import", CW_COMMAND_IMPORT},
    {"inspect", CW_COMMAND_INSPECT}, {"job", CW_COMMAND_JOB},
};

/* Words of the design's command line that this version cannot do yet: refused by name, never ignored. */
static const char *const later[] = {"plan",     "report",   "graph",     "identify", "discover",
                                    "suggest",  "critique", "knowledge", "bound",    "sensitivity",
                                    "simulate", "audit",    "draft",     "status"};

static const char help_all[] =
    "causeway: causal questions answered on clusters\n"
    "\n"
    "usage: causeway COMMAND [options]        (alone, or under mpirun or srun)\n"
    "\n"
    "  check JOB              validate a job; print the plan, the memory a rank needs, the passes\n"
    "  run JOB                answer the question of a job, resuming where an earlier run stopped\n"
    "  import SRC... -o X.h5  make a canonical table of CSV, CSV.gz or HDF5 files\n"
    "  inspect X...           columns, types, missing values, ranges, layout advice\n"
    "  job                    the manual of the job file (--schema: its JSON Schema)\n"
    "\n"
    "options\n"
    "  --set KEY.PATH=VALUE   overrides a key of the job file (may be repeated)\n"
    "  --fresh                run: put an output folder of another job aside and start anew\n"
    "  --strict               leave with 3 when the effect is not identified or a flag says stop\n"
    "  --path PATH            import, inspect: the HDF5 path (or glob) of the table\n"
    "  --json                 machine-readable answer on standard output\n"
    "  --quiet, --verbose     fewer or more lines on standard error\n"
    "  --help, --version\n"
    "\n"
    "exit codes: 0 answered, 3 with --strict, 64 usage, 65 bad data, 66 missing input, 69 service "
    "unavailable,\n"
    "70 internal, 71 machine, 73 cannot write, 74 input/output, 75 stopped with a checkpoint, 78 bad job\n";

static const char help_check[] = "usage: causeway check JOB [--set KEY.PATH=VALUE]... [--json]\n"
                                 "Parses and validates the job, opens the metadata of its data, and prints "
                                 "the plan: columns, estimators,\n"
                                 "passes over the data, memory a rank will need, disk for imported tables. "
                                 "Reads no rows and needs no MPI.\n";
static const char help_run[] =
    "usage: causeway run JOB [--set KEY.PATH=VALUE]... [--fresh] [--strict] [--json]\n"
    "Runs the job. Its output folder belongs to it: a finished run is printed again, a stopped one goes on "
    "from its\n"
    "checkpoint at any number of ranks, and the folder of another job is refused (73) unless --fresh puts it "
    "aside.\n"
    "USR1 and TERM make it stop at the next block with a checkpoint (75).\n";
static const char help_import[] = "usage: causeway import SRC... -o TABLE.h5 [--path PATH] [--json]\n"
                                  "Reads CSV (also .gz) or HDF5 files, infers types over all rows, and "
                                  "writes one canonical table in parallel.\n";
static const char help_inspect[] =
    "usage: causeway inspect SRC... [--path PATH] [--json]\n"
    "Prints columns, kinds, missing values, ranges, parts, and advice on the layout.\n";
static const char help_job[] =
    "usage: causeway job [--schema]\nPrints the manual of the job file, or its JSON Schema.\n";

const char *cw_help_text(cw_command command) {
    switch (command) {
    case CW_COMMAND_CHECK:
        return help_check;
    case CW_COMMAND_RUN:
        return help_run;
    case CW_COMMAND_IMPORT:
        return help_import;
    case CW_COMMAND_INSPECT:
        return help_inspect;
    case CW_COMMAND_JOB:
        return help_job;
    case CW_COMMAND_NONE:
        break;
    }
    return help_all;
}

static cw_code usage(cw_env *env, const char *text, const char *word) {
    return cw_fail(env, CW_USAGE, NULL, "see causeway --help", text, word);
}

static cw_code parse_command(cw_env *env, const char *word, cw_options *out) {
    for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
        if (strcmp(word, commands[k].name) == 0) {
            out->command = commands[k].command;
            return CW_OK;
        }
    }
    for (size_t k = 0; k < sizeof later / sizeof *later; k++) {
        if (strcmp(word, later[k]) == 0)
            return usage(env, "the command %s is not available in this version", word);
    }
    return usage(env, "unknown command %s", word);
}

typedef struct flag_name {
    const char *name;
    size_t at;
} flag_name;

static int parse_flag(const char *word, cw_options *out) {
    static const flag_name flags[] = {
        {"--help", offsetof(cw_options, help)},       {"-h", offsetof(cw_options, help)},
        {"--version", offsetof(cw_options, version)}, {"--json", offsetof(cw_options, json)},
        {"--fresh", offsetof(cw_options, fresh)},     {"--strict", offsetof(cw_options, strict)},
        {"--quiet", offsetof(cw_options, quiet)},     {"--verbose", offsetof(cw_options, verbose)},
        {"--schema", offsetof(cw_options, schema)},
    };
    for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
        if (strcmp(word, flags[k].name) == 0) {
            int one = 1;
            memcpy((char *)out + flags[k].at, &one, sizeof one);
            return 1;
        }
    }
    return 0;
}

/* Options with a value: "-o X", "--set X", "--set=X". Returns 1 when `word` was one. */
static int parse_valued(const char *word, const char *next, int *used, cw_options *out, cw_code *code,
                        cw_env *env) {
    static const char *const names[] = {"-o", "--output", "--path", "--set"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        size_t length = strlen(names[k]);
        const char *value = NULL;
        if (strcmp(word, names[k]) == 0) {
            value = next;
            *used = 1;
        } else if (strncmp(word, names[k], length) == 0 && word[length] == '=' && length > 2) {
            value = word + length + 1;
        } else {
            continue;
        }
        if (!value) {
            *code = usage(env, "the option %s needs a value", word);
        } else if (k <= 1) {
            out->output = value;
        } else if (k == 2) {
            out->path = value;
        } else {
            out->set[out->sets++] = value;
        }
        return 1;
    }
    return 0;
}

static cw_code check_arguments(cw_env *env, const cw_options *options) {
    if (options->help || options->version) return CW_OK;
    switch (options->command) {
    case CW_COMMAND_NONE:
        return usage(env, "a command is needed%s", "");
    case CW_COMMAND_CHECK:
    case CW_COMMAND_RUN:
        if (options->arguments != 1) return usage(env, "one job file is needed%s", "");
        break;
    case CW_COMMAND_IMPORT:
        if (!options->output) return usage(env, "import needs -o %s", "TABLE.h5");
        if (options->arguments < 1) return usage(env, "a file to read is needed%s", "");
        break;
    case CW_COMMAND_INSPECT:
        if (options->arguments < 1) return usage(env, "a file to read is needed%s", "");
        break;
    case CW_COMMAND_JOB:
        if (options->arguments > 0)
            return usage(env, "job takes no file, but was given %s", options->argument[0]);
        break;
    }
    if (options->output && options->command != CW_COMMAND_IMPORT) {
        return usage(env, "-o goes with import; a job names its own output.folder%s", "");
    }
    return CW_OK;
}

cw_code cw_options_parse(cw_env *env, int argc, char **argv, cw_options *out) {
    memset(out, 0, sizeof *out);
    if (argc > CW_MAX_ARGUMENTS) return usage(env, "too many arguments%s", "");
    CW_TRY(cw_alloc_zero(env, (size_t)argc + 1, sizeof *out->set, &out->set));
    CW_TRY(cw_alloc_zero(env, (size_t)argc + 1, sizeof *out->argument, &out->argument));
    int plain = 0; /* after "--" everything is a file */
    for (int k = 1; k < argc; k++) {
        const char *word = argv[k];
        const char *next = k + 1 < argc ? argv[k + 1] : NULL;
        int used = 0;
        cw_code code = CW_OK;
        if (!plain && strcmp(word, "--") == 0) {
            plain = 1;
        } else if (!plain && word[0] == '-' && word[1] != '\0') {
            if (parse_flag(word, out)) continue;
            if (!parse_valued(word, next, &used, out, &code, env))
                return usage(env, "unknown option %s", word);
            CW_TRY(code);
            k += used;
        } else if (out->command == CW_COMMAND_NONE && !plain) {
            CW_TRY(parse_command(env, word, out));
        } else {
            out->argument[out->arguments++] = word;
        }
    }
    return check_arguments(env, out);
}

void cw_options_clear(cw_env *env, cw_options *options) {
    cw_free(env, &options->set);
    cw_free(env, &options->argument);
}
