/* The job file under hostile input and without memory: mutated jobs never crash, never leak and never fail
 * with anything but a bad job; what is accepted keeps its meaning through its effective text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/job.h"
#include "src/base/random.h"

static const char *const samples[] = {
    "data: {file: nsw.csv}\nquestion: {treatment: treat, outcome: re78}\n",
    ("causeway: 1\ntitle: \"a \\\"b\\\" \\u2029\"\nkind: effect\ndata:\n  files: [\"m_*.h5\", x.h5]\n  path: "
     "/a/*\n"
     "  parts: rows\n  part: {id: member}\n  columns:\n    re78: {description: d, unit: USD, kind: real, "
     "missing: "
     "[-9999, 1.5], range: [0, null]}\n    no: {kind: binary}\n    z: {formula: a + b}\n    e:\n  unit: id\n"
     "  time: t\n  cluster: [village]\n  weights: {column: w, kind: precision}\n  where: \"age >= 18\"\n"
     "  missing: drop\nquestion:\n  treatment: {name: treat, contrast: [0, 1]}\n  outcome: {name: re78, "
     "range: [0, "
     "60308]}\n  effects: [ate, att]\n  scale: difference\ngraph:\n  edges: |\n    a -> b\n    b -> c, "
     "d\nestimate:\n"
     "  - difference\n  - {method: ols, covariates: [age], absorb: [r], se: [CR1, HC1], level: 0.9}\n  - "
     "lin\n"
     "run: {seed: 12, memory: 512 MiB, scratch: tmp, checkpoint_seconds: 0.1, watchdog_minutes: 5}\n"
     "output: {folder: out/x}\n"),
    ("data: {manifest: parts.csv, cluster: none, weights: w}\nquestion: {treatment: t, outcome: y}\n"
     "graph: {edges: [\"a, b -> c\", b <-> d]}\nestimate: [{method: lin, id: a.b, covariates: none}]\n"),
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static const char *const pieces[] = {
    "[",
    "]",
    "{",
    "}",
    ": ",
    ", ",
    "\n",
    "\n  ",
    "- ",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "!!int ",
    "|\n",
    ">\n",
    "null",
    "none",
    "auto",
    "~",
    "\t",
    "\\",
    "\\u2028",
    "\xE2\x80\xA8",
    "\xEF\xBB\xBF",
    "\xC2\x85",
    "\xFF",
    "%",
    "1e999",
    "-0",
    ".5",
    "1e-320",
    "999999999999999999999",
    "unit: id",
    "estimate",
    "ols",
    "difference",
    "\r\n",
    "?",
    "---\n",
    "...",
    "<<",
    "  ",
    "5 GiB",
    "file: ",
    "range: [1, 2]",
};
enum { PIECES = sizeof pieces / sizeof *pieces };

typedef struct dice {
    cw_stream stream;
    uint64_t roll;
} dice;

static size_t throw_dice(dice *d, size_t below) {
    uint64_t words[2];
    cw_stream_words(d->stream, d->roll++, 0, 0, words);
    return (size_t)(words[0] % below);
}

enum { ROOM = 1 << 14 };

/* Puts `length` bytes in the place of `gone` bytes at `at`. */
static size_t replace(char *text, size_t size, size_t at, size_t gone, const char *with, size_t length) {
    if (at + gone > size) gone = size - at;
    if (size - gone + length >= ROOM) return size;
    memmove(text + at + length, text + at + gone, size - at - gone);
    memcpy(text + at, with, length);
    return size - gone + length;
}

static size_t mutate(dice *d, char *text, size_t size) {
    size_t at = throw_dice(d, size + 1);
    char byte = (char)throw_dice(d, 256);
    switch (throw_dice(d, 6)) {
    case 0:
        return replace(text, size, at, 1, &byte, 1);
    case 1:
        return replace(text, size, at, 1 + throw_dice(d, 20), "", 0);
    case 2: {
        const char *piece = pieces[throw_dice(d, PIECES)];
        return replace(text, size, at, throw_dice(d, 3), piece, strlen(piece));
    }
    case 3: { /* a stretch of itself again */
        char copy[40];
        size_t from = throw_dice(d, size + 1), length = throw_dice(d, sizeof copy);
        if (from + length > size) length = size - from;
        memcpy(copy, text + from, length);
        return replace(text, size, at, 0, copy, length);
    }
    case 4: { /* a stretch of another sample */
        const char *other = samples[throw_dice(d, SAMPLES)];
        size_t from = throw_dice(d, strlen(other)), length = throw_dice(d, 60);
        if (from + length > strlen(other)) length = strlen(other) - from;
        return replace(text, size, at, throw_dice(d, 10), other + from, length);
    }
    default:
        byte = (char)(text[at < size ? at : 0] ^ (1 << throw_dice(d, 8)));
        return replace(text, size, at, 1, &byte, 1);
    }
}

/* 1 when the job was accepted. Its effective text must be accepted too, and be its own effective text. */
static int holds(const char *text, size_t length, int32_t sets, const char *const *set) {
    cw_env env;
    cw_env_init(&env);
    cw_job *job, *again;
    cw_code code = cw_job_parse(&env, "f/j.yaml", text, length, sets, set, &job);
    if (code != CW_OK) {
        assert_int_equal(code, CW_BAD_JOB);
        assert_true(env.error.what[0] && env.error.where[0]);
        assert_null(job);
        assert_int_equal(env.blocks_now, 0);
        return 0;
    }
    char *first, *second;
    assert_int_equal(cw_job_effective(&env, job, 1, &first), CW_OK);
    code = cw_job_parse(&env, "f/j.yaml", first, strlen(first), 0, NULL, &again);
    if (code != CW_OK) fail_msg("%s; %s in\n%s", env.error.what, env.error.where, first);
    assert_int_equal(cw_job_effective(&env, again, 1, &second), CW_OK);
    assert_string_equal(first, second);
    cw_free(&env, &first);
    cw_free(&env, &second);
    cw_job_destroy(&job);
    cw_job_destroy(&again);
    assert_int_equal(env.blocks_now, 0);
    return 1;
}

static void mutated_jobs(void **state) {
    (void)state;
    static char text[ROOM];
    dice d = {.stream = cw_stream_make(1, "test", "job", 0)};
    int accepted = 0;
    enum { TURNS = 6000 };
    for (int turn = 0; turn < TURNS; turn++) {
        const char *sample = samples[turn % SAMPLES];
        size_t size = strlen(sample);
        memcpy(text, sample, size);
        for (size_t n = 1 + throw_dice(&d, 4); n > 0; n--) size = mutate(&d, text, size);
        accepted += holds(text, size, 0, NULL);
    }
    /* both ends are reached: much is refused, and much gets through */
    assert_in_range(accepted, TURNS / 50, TURNS / 2);
}

static void mutated_settings(void **state) {
    (void)state;
    static const char *const paths[] = {
        "estimate.0.level=0.9",
        "estimate.1=lin",
        "question.treatment.contrast=[1, 0]",
        "data.cluster=none",
        "data.columns.\"a.b\".unit=kg",
        "title=",
        "run.memory=64 MiB",
        "graph.edges.0=\"a -> b\"",
        "data.files.1=z.h5",
        "question.effects.0=att",
        "estimate.0.covariates.0=q",
    };
    dice d = {.stream = cw_stream_make(1, "test", "set", 0)};
    static char text[ROOM], other[ROOM];
    int accepted = 0;
    enum { TURNS = 3000 };
    for (int turn = 0; turn < TURNS; turn++) {
        const char *set[2] = {text, other};
        for (int k = 0; k < 2; k++) {
            const char *path = paths[throw_dice(&d, sizeof paths / sizeof *paths)];
            size_t size = strlen(path);
            char *to = k ? other : text;
            memcpy(to, path, size);
            if (throw_dice(&d, 2)) size = mutate(&d, to, size);
            to[size] = '\0';
        }
        accepted += holds(samples[turn % SAMPLES], strlen(samples[turn % SAMPLES]), 2, set);
    }
    assert_in_range(accepted, TURNS / 50, TURNS - TURNS / 10);
}

/* Truncated anywhere. */
static void truncated_jobs(void **state) {
    (void)state;
    for (int s = 0; s < SAMPLES; s++)
        for (size_t length = 0; length < strlen(samples[s]); length++) {
            char *exact = malloc(length + 1); /* ends where it ends, so that a read beyond it is seen */
            assert_non_null(exact);
            memcpy(exact + 1, samples[s], length);
            holds(exact + 1, length, 0, NULL);
            free(exact);
        }
}

static cw_code all_of_it(cw_env *env, const char *text, int32_t sets, const char *const *set) {
    cw_job *job = NULL;
    char *yaml = NULL;
    uint64_t digest;
    cw_code code;
    CW_TRY_GOTO(code, cw_job_parse(env, "f/j.yaml", text, strlen(text), sets, set, &job), done);
    CW_TRY_GOTO(code, cw_job_effective(env, job, 1, &yaml), done);
    CW_TRY_GOTO(code, cw_job_digest(env, job, &digest), done);
    cw_free(env, &yaml);
    CW_TRY_GOTO(code, cw_job_manual(env, &yaml), done);
    cw_free(env, &yaml);
    CW_TRY_GOTO(code, cw_job_schema(env, &yaml), done);
done:
    cw_free(env, &yaml);
    cw_job_destroy(&job);
    return code;
}

static void no_memory(void **state) {
    (void)state;
    static const char *const set[] = {"estimate.0.level=0.9", "data.columns.q.missing=[1, 2]"};
    for (int s = 0; s < SAMPLES; s++) {
        int64_t calls = 0;
        for (int64_t fail = 1;; fail++) {
            cw_env env;
            cw_env_init(&env);
            env.fail_at = fail;
            cw_code code = all_of_it(&env, samples[s], s == 1 ? 2 : 0, set);
            assert_int_equal(env.blocks_now, 0);
            assert_int_equal(env.bytes_now, 0);
            calls = env.calls;
            if (code == CW_OK) break;
            assert_int_equal(code, CW_NO_MEMORY);
            assert_int_equal(env.error.code, CW_NO_MEMORY);
        }
        assert_true(calls > 20);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutated_jobs),
        cmocka_unit_test(mutated_settings),
        cmocka_unit_test(truncated_jobs),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
