/* Status codes: one list makes the enum, the texts and the exit codes. */
#ifndef CW_BASE_STATUS_H
#define CW_BASE_STATUS_H

/* X(name, exit code, text). A larger enumerator is the graver one: when ranks disagree, the largest wins. */
#define CW_STATUS_LIST(X)                                                                                    \
    X(OK, 0, "ok")                                                                                           \
    X(STRICT, 3, "not identified, or a flag that says stop")                                                 \
    X(STOPPED, 75, "stopped with a checkpoint")                                                              \
    X(USAGE, 64, "wrong usage")                                                                              \
    X(BAD_JOB, 78, "bad job file")                                                                           \
    X(BAD_DATA, 65, "bad data")                                                                              \
    X(NO_INPUT, 66, "missing input")                                                                         \
    X(UNAVAILABLE, 69, "service unavailable")                                                                \
    X(CANNOT_WRITE, 73, "cannot write")                                                                      \
    X(IO, 74, "input/output error")                                                                          \
    X(NO_MEMORY, 71, "out of memory")                                                                        \
    X(MACHINE, 71, "machine error")                                                                          \
    X(INTERNAL, 70, "internal error")

typedef enum cw_code {
#define CW_STATUS_ENUM(name, exit, text) CW_##name,
    CW_STATUS_LIST(CW_STATUS_ENUM)
#undef CW_STATUS_ENUM
} cw_code;

/* Every function that can fail returns cw_code, and its result may not be ignored. */
#if defined(__GNUC__)
#define CW_CHECKED            __attribute__((warn_unused_result))
#define CW_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define CW_CHECKED
#define CW_PRINTF(fmt, first)
#endif

/* Returns from the calling function when `call` fails. Functions that own something use `goto done` instead.
 */
#define CW_TRY(call)                                                                                         \
    do {                                                                                                     \
        cw_code cw_try_code_ = (call);                                                                       \
        if (cw_try_code_ != CW_OK) return cw_try_code_;                                                      \
    } while (0)

/* Jumps to `label` with `code` set when `call` fails. */
#define CW_TRY_GOTO(code, call, label)                                                                       \
    do {                                                                                                     \
        (code) = (call);                                                                                     \
        if ((code) != CW_OK) goto label;                                                                     \
    } while (0)

/* The process exit code of a status (sysexits; docs/DESIGN.md section 7). */
int cw_exit_code(cw_code code);

/* A few words for a status; never NULL. */
const char *cw_code_text(cw_code code);

#endif
