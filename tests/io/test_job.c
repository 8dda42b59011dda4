/* The job file: what is read, the defaults, --set, the effective job, the digest, the manual and the schema.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/job.h"

static const char smallest[] = "data: {file: nsw.csv}\n"
                               "question: {treatment: treat, outcome: re78}\n";

static const char full[] =
    "causeway: 1\n"
    "title: \"Does training raise \\\"earnings\\\"?\\nYes\\u2028or no\"\n"
    "kind: effect\n"
    "data:\n"
    "  files: [\"run/m_*.h5\", /abs/x.h5]\n"
    "  path: /member_*/series\n"
    "  parts: unit\n"
    "  part: {id: member}\n"
    "  columns:\n"
    "    re78: {description: real earnings, unit: USD, kind: real, missing: [-9999, 1e99], range: [0, "
    "null]}\n"
    "    no: {kind: binary}\n"
    "    log: {formula: \"log(1 + re78)\", range: [null, 0.1]}\n"
    "    empty:\n"
    "  time: year\n"
    "  cluster: [village, district]\n"
    "  weights: {column: w, kind: frequency}\n"
    "  where: \"age >= 18 and `a: b` != 3\"\n"
    "  missing: drop\n"
    "question:\n"
    "  treatment: {name: treat, contrast: [0.1, -2]}\n"
    "  outcome: {name: off, range: [null, 60308]}\n"
    "  effects: [att, ate]\n"
    "  scale: difference\n"
    "graph:\n"
    "  edges: |\n"
    "    age, educ -> treat, off\n"
    "\n"
    "      treat -> off\n"
    "estimate:\n"
    "  - difference\n"
    "  - {method: ols, covariates: [age, educ], absorb: [region, \"null\"], se: [CR1, HC1], level: 0.9}\n"
    "  - {method: ols, id: plain, covariates: none, se: classical}\n"
    "  - ols\n"
    "  - {method: lin}\n"
    "run: {seed: 18446744073709551615, memory: 1.5 GiB, scratch: tmp, checkpoint_seconds: 0.1}\n"
    "output: {folder: results}\n";

static cw_job *parse(cw_env *env, const char *file, const char *text, int32_t sets, const char *const *set) {
    cw_job *job;
    cw_env_init(env);
    cw_code code = cw_job_parse(env, file, text, strlen(text), sets, set, &job);
    if (code != CW_OK) {
        char line[1600];
        cw_error_line(&env->error, line, sizeof line);
        fail_msg("%s", line);
    }
    return job;
}

static void defaults(void **state) {
    (void)state;
    cw_env env;
    cw_job *job = parse(&env, "jobs/nsw.yaml", smallest, 0, NULL);
    assert_string_equal(job->file, "jobs/nsw.yaml");
    assert_null(job->title);
    assert_int_equal(job->data.files.count, 1);
    assert_string_equal(job->data.files.item[0], "jobs/nsw.csv");
    assert_null(job->data.manifest);
    assert_null(job->data.path);
    assert_null(job->data.part_id);
    assert_int_equal(job->data.parts_are_units, 0);
    assert_int_equal(job->data.columns, 0);
    assert_int_equal(job->data.cluster_given, 0);
    assert_int_equal(job->data.cluster.count, 0);
    assert_null(job->data.weight);
    assert_int_equal(job->data.weight_kind, CW_WEIGHT_NONE);
    assert_int_equal(job->data.missing, CW_MISSING_ERROR);
    assert_string_equal(job->question.treatment, "treat");
    assert_string_equal(job->question.outcome, "re78");
    assert_int_equal(job->question.contrast_given, 0);
    assert_true(isnan(job->question.range[0]) && isnan(job->question.range[1]));
    assert_int_equal(job->question.effects, 1);
    assert_int_equal(job->question.effect[0], CW_ATE);
    assert_int_equal(job->graph.given, 0);
    assert_int_equal(job->estimate_auto, 1);
    assert_int_equal(job->estimates, 1);
    assert_int_equal(job->estimate[0].method, CW_METHOD_DIFFERENCE);
    assert_string_equal(job->estimate[0].id, "difference");
    assert_int_equal(job->estimate[0].covariates_given, 0);
    assert_int_equal(job->estimate[0].ses, 0);
    assert_true(job->estimate[0].level == 0.95);
    assert_int_equal(job->run.seed, 1);
    assert_int_equal(job->run.memory, (int64_t)2 << 30);
    assert_null(job->run.scratch);
    assert_true(job->run.checkpoint_seconds == 60);
    assert_true(job->run.watchdog_minutes == 30);
    assert_string_equal(job->output.folder, "jobs/out/nsw");
    cw_job_destroy(&job);
    assert_null(job);
    assert_int_equal(env.blocks_now, 0);
}

static void check_full_data(const cw_job *job) {
    assert_string_equal(job->title, "Does training raise \"earnings\"?\nYes\xE2\x80\xA8or no");
    assert_int_equal(job->data.files.count, 2);
    assert_string_equal(job->data.files.item[0], "a/b/run/m_*.h5");
    assert_string_equal(job->data.files.item[1], "/abs/x.h5");
    assert_string_equal(job->data.path, "/member_*/series");
    assert_int_equal(job->data.parts_are_units, 1);
    assert_string_equal(job->data.part_id, "member");
    assert_int_equal(job->data.columns, 4);
    const cw_job_column *c = job->data.column;
    assert_string_equal(c[0].name, "re78");
    assert_string_equal(c[0].description, "real earnings");
    assert_string_equal(c[0].unit, "USD");
    assert_int_equal(c[0].kind, CW_REAL);
    assert_int_equal(c[0].missings, 2);
    assert_true(c[0].missing[0] == -9999 && c[0].missing[1] == 1e99);
    assert_true(c[0].low == 0 && c[0].high == (double)INFINITY);
    assert_string_equal(c[1].name, "no");
    assert_int_equal(c[1].kind, CW_BINARY);
    assert_string_equal(c[2].formula, "log(1 + re78)");
    assert_int_equal(c[2].kind, -1);
    assert_true(c[2].low == -(double)INFINITY && c[2].high == 0.1);
    assert_string_equal(c[3].name, "empty");
    assert_int_equal(c[3].kind, -1);
    assert_true(c[3].low == -(double)INFINITY && c[3].high == (double)INFINITY);
    assert_null(job->data.unit);
    assert_string_equal(job->data.time, "year");
    assert_int_equal(job->data.cluster_given, 1);
    assert_int_equal(job->data.cluster.count, 2);
    assert_string_equal(job->data.cluster.item[1], "district");
    assert_string_equal(job->data.weight, "w");
    assert_int_equal(job->data.weight_kind, CW_WEIGHT_FREQUENCY);
    assert_string_equal(job->data.where, "age >= 18 and `a: b` != 3");
    assert_int_equal(job->data.missing, CW_MISSING_DROP);
}

static void check_full_question(const cw_job *job) {
    assert_int_equal(job->question.contrast_given, 1);
    assert_true(job->question.contrast[0] == 0.1 && job->question.contrast[1] == -2);
    assert_string_equal(job->question.outcome, "off");
    assert_true(isnan(job->question.range[0]) && job->question.range[1] == 60308);
    assert_int_equal(job->question.effects, 2);
    assert_int_equal(job->question.effect[0], CW_ATT);
    assert_int_equal(job->question.effect[1], CW_ATE);
    assert_int_equal(job->graph.given, 1);
    assert_int_equal(job->graph.line, 25);
    assert_int_equal(job->graph.edges.count, 2);
    assert_string_equal(job->graph.edges.item[0], "age, educ -> treat, off");
    assert_string_equal(job->graph.edges.item[1], "treat -> off");
}

static void check_full_estimates(const cw_job *job) {
    const cw_job_estimate *e = job->estimate;
    assert_int_equal(job->estimate_auto, 0);
    assert_int_equal(job->estimates, 5);
    assert_string_equal(e[0].id, "difference");
    assert_int_equal(e[0].line, 30);
    assert_int_equal(e[1].method, CW_METHOD_OLS);
    assert_string_equal(e[1].id, "ols");
    assert_int_equal(e[1].covariates_given, 1);
    assert_int_equal(e[1].covariates.count, 2);
    assert_int_equal(e[1].absorb.count, 2);
    assert_string_equal(e[1].absorb.item[1], "null");
    assert_int_equal(e[1].ses, 2);
    assert_int_equal(e[1].se[0], CW_SE_CR1);
    assert_int_equal(e[1].se[1], CW_SE_HC1);
    assert_true(e[1].level == 0.9);
    assert_int_equal(e[1].line, 31);
    assert_string_equal(e[2].id, "plain");
    assert_int_equal(e[2].covariates_given, 1);
    assert_int_equal(e[2].covariates.count, 0);
    assert_int_equal(e[2].se[0], CW_SE_CLASSICAL);
    assert_string_equal(e[3].id, "ols-2");
    assert_int_equal(e[3].covariates_given, 0);
    assert_int_equal(e[4].method, CW_METHOD_LIN);
}

static void everything(void **state) {
    (void)state;
    cw_env env;
    cw_job *job = parse(&env, "a/b/j.yaml", full, 0, NULL);
    check_full_data(job);
    check_full_question(job);
    check_full_estimates(job);
    assert_true(job->run.seed == UINT64_MAX);
    assert_int_equal(job->run.memory, (int64_t)1536 << 20);
    assert_string_equal(job->run.scratch, "a/b/tmp");
    assert_true(job->run.checkpoint_seconds == 0.1);
    assert_string_equal(job->output.folder, "a/b/results");
    cw_job_destroy(&job);
    assert_int_equal(env.blocks_now, 0);
}

static char *effective(cw_env *env, const cw_job *job, int all) {
    char *text;
    assert_int_equal(cw_job_effective(env, job, all, &text), CW_OK);
    return text;
}

/* parse(effective(job)) has an equal effective text, whatever folder the job file is in. */
static void round_trip(void **state) {
    (void)state;
    static const char *const files[] = {"j.yaml",    "a/b/j.yaml", "/j.yaml",
                                        "a//j.yaml", "./j",        "../x.y/j.z.yaml"};
    const char *texts[] = {smallest, full};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        for (int t = 0; t < 2; t++) {
            cw_env env, env2;
            cw_job *job = parse(&env, files[f], texts[t], 0, NULL);
            char *first = effective(&env, job, 1);
            cw_job *again = parse(&env2, files[f], first, 0, NULL);
            char *second = effective(&env2, again, 1);
            assert_string_equal(first, second);
            for (int32_t i = 0; i < job->data.files.count; i++)
                assert_string_equal(job->data.files.item[i], again->data.files.item[i]);
            assert_string_equal(job->output.folder, again->output.folder);
            cw_free(&env, &first);
            cw_free(&env2, &second);
            cw_job_destroy(&job);
            cw_job_destroy(&again);
            assert_int_equal(env.blocks_now, 0);
            assert_int_equal(env2.blocks_now, 0);
        }
}

static void effective_text(void **state) {
    (void)state;
    cw_env env;
    cw_job *job = parse(&env, "jobs/nsw.yaml", smallest, 0, NULL);
    char *text = effective(&env, job, 1);
    assert_string_equal(text, "causeway: 1\n"
                              "title: null\n"
                              "kind: effect\n"
                              "data:\n"
                              "  files: [nsw.csv]\n"
                              "  manifest: null\n"
                              "  path: null\n"
                              "  parts: rows\n"
                              "  part:\n"
                              "    id: null\n"
                              "  columns: {}\n"
                              "  unit: null\n"
                              "  time: null\n"
                              "  cluster: null\n"
                              "  weights: null\n"
                              "  where: null\n"
                              "  missing: error\n"
                              "question:\n"
                              "  treatment:\n"
                              "    name: treat\n"
                              "    contrast: null\n"
                              "  outcome:\n"
                              "    name: re78\n"
                              "    range: null\n"
                              "  effects: [ate]\n"
                              "  scale: difference\n"
                              "graph: null\n"
                              "estimate: auto\n"
                              "run:\n"
                              "  seed: 1\n"
                              "  memory: 2 GiB\n"
                              "  scratch: null\n"
                              "  checkpoint_seconds: 60\n"
                              "  watchdog_minutes: 30\n"
                              "output:\n"
                              "  folder: out/nsw\n");
    cw_free(&env, &text);
    text = effective(&env, job, 0);
    assert_null(strstr(text, "run:"));
    assert_null(strstr(text, "output:"));
    cw_free(&env, &text);
    cw_job_destroy(&job);
}

/* Columns stand on a line each, with what was said of them and no more. */
static void effective_columns(void **state) {
    (void)state;
    cw_env env;
    const char *set =
        "data.columns={re78: {description: \"a, b\", missing: -9, range: [null, 1.5]}, no: , \"1\": {kind: "
        "time, formula: null}}";
    cw_job *job = parse(&env, "j.yaml", smallest, 1, &set);
    char *text = effective(&env, job, 1);
    assert_non_null(strstr(text, "\n  columns:\n"
                                 "    re78: {description: \"a, b\", missing: [-9], range: [null, 1.5]}\n"
                                 "    \"no\": {}\n"
                                 "    \"1\": {kind: time}\n"
                                 "  unit: null\n"));
    cw_free(&env, &text);
    cw_job_destroy(&job);
}

static uint64_t digest_of(const char *file, const char *text, const char *set) {
    cw_env env;
    uint64_t digest;
    cw_job *job = parse(&env, file, text, set != NULL, &set);
    assert_int_equal(cw_job_digest(&env, job, &digest), CW_OK);
    cw_job_destroy(&job);
    assert_int_equal(env.blocks_now, 0);
    return digest;
}

static void digest(void **state) {
    (void)state;
    uint64_t d = digest_of("a/j.yaml", smallest, NULL);
    assert_true(d == digest_of("a/j.yaml", smallest, "run.seed=7"));
    assert_true(d == digest_of("a/j.yaml", smallest, "output.folder=elsewhere"));
    assert_true(d == digest_of("other/name.yaml", smallest, NULL));
    assert_true(d == digest_of("/abs/name.yaml", smallest, "estimate=auto"));
    assert_true(d != digest_of("a/j.yaml", smallest, "question.effects=att"));
    assert_true(d != digest_of("a/j.yaml", smallest, "title=x"));
    assert_true(d != digest_of("a/j.yaml", smallest, "estimate=difference"));
}

static void settings(void **state) {
    (void)state;
    static const char *const set[] = {
        "estimate.0.level=0.9", /* a bare word becomes its map, one value a list */
        "estimate.1=lin",       /* appended */
        "estimate.1.se=[HC2, HC3]",
        "estimate.1.covariates.0=age",
        "estimate.1.covariates.1=educ",
        "question.treatment.contrast=[1, 0]",
        "question.treatment.contrast.0=2",
        "data.columns.\"a.b=c\".unit=kg",
        "data.columns.no.kind=binary",
        "data.cluster=none",
        "data.cluster.0=village",
        "data.where=age >= 18",
        "title=",
        "run.memory=64 MiB",
        "data.weights=w",
        "data.weights.kind=precision",
        "output={folder: x}",
        "graph.edges=[\"a -> b, c\", b -> c]",
        "graph.edges.0=\"a -> b\"",
    };
    cw_env env;
    static const char text[] = "title: t\n"
                               "data: {file: d.h5}\n"
                               "question: {treatment: [t], outcome: y}\n"
                               "estimate: ols\n";
    cw_job *job = parse(&env, "j.yaml", text, sizeof set / sizeof *set, set);
    assert_null(job->title);
    assert_int_equal(job->estimates, 2);
    assert_int_equal(job->estimate[0].method, CW_METHOD_OLS);
    assert_true(job->estimate[0].level == 0.9);
    assert_int_equal(job->estimate[1].method, CW_METHOD_LIN);
    assert_int_equal(job->estimate[1].ses, 2);
    assert_int_equal(job->estimate[1].covariates.count, 2);
    assert_string_equal(job->estimate[1].covariates.item[1], "educ");
    assert_true(job->question.contrast[0] == 2 && job->question.contrast[1] == 0);
    assert_int_equal(job->data.columns, 2);
    assert_string_equal(job->data.column[0].name, "a.b=c");
    assert_string_equal(job->data.column[0].unit, "kg");
    assert_int_equal(job->data.column[1].kind, CW_BINARY);
    assert_int_equal(job->data.cluster.count, 1);
    assert_string_equal(job->data.where, "age >= 18");
    assert_int_equal(job->run.memory, 64 << 20);
    assert_string_equal(job->data.weight, "w");
    assert_int_equal(job->data.weight_kind, CW_WEIGHT_PRECISION);
    assert_string_equal(job->output.folder, "x");
    assert_int_equal(job->graph.edges.count, 2);
    assert_string_equal(job->graph.edges.item[0], "a -> b");
    cw_job_destroy(&job);
    assert_int_equal(env.blocks_now, 0);
}

/* A byte order mark, CRLF, comments and a directive are all good YAML. */
static void spellings(void **state) {
    (void)state;
    cw_env env;
    cw_job *job = parse(&env, "j.yaml",
                        "\xEF\xBB\xBF%YAML 1.2\r\n---\r\n# note\r\ndata: {file: \"d\xC3\xA4.h5\"} # x\r\n"
                        "question:\r\n  treatment: no\r\n  outcome: \"null\"\r\n  effects: atc\r\n"
                        "estimate: {method: ols, level: +.5e0}\r\nrun: {memory: 1048576}\r\n...\r\n",
                        0, NULL);
    assert_string_equal(job->question.treatment, "no");
    assert_string_equal(job->question.outcome, "null");
    assert_string_equal(job->data.files.item[0], "d\xC3\xA4.h5");
    assert_int_equal(job->question.effect[0], CW_ATC);
    assert_true(job->estimate[0].level == 0.5);
    assert_int_equal(job->run.memory, 1048576);
    cw_job_destroy(&job);
}

/* With a graph, what is estimated is decided after identification. */
static void automatic(void **state) {
    (void)state;
    cw_env env;
    const char *set = "graph.edges=t -> y";
    cw_job *job = parse(&env, "j.yaml", smallest, 1, &set);
    assert_int_equal(job->estimate_auto, 1);
    assert_int_equal(job->estimates, 0);
    assert_null(job->estimate);
    cw_job_destroy(&job);
}

/* Names that are taken already are stepped over. */
static void names_of_estimates(void **state) {
    (void)state;
    cw_env env;
    const char *set = "estimate=[ols, {method: lin, id: ols-2}, ols, lin, {method: lin, id: lin}]";
    cw_job *job = parse(&env, "j.yaml", smallest, 1, &set);
    static const char *const ids[] = {"ols", "ols-2", "ols-3", "lin-2", "lin"};
    for (int i = 0; i < 5; i++) assert_string_equal(job->estimate[i].id, ids[i]);
    cw_job_destroy(&job);
    assert_string_equal(cw_method_name(CW_METHOD_LIN), "lin");
    assert_string_equal(cw_se_name(CW_SE_CR2), "CR2");
    assert_string_equal(cw_effect_name(CW_ATC), "atc");
    assert_string_equal(cw_weight_kind_name(CW_WEIGHT_NONE), "none");
    assert_string_equal(cw_weight_kind_name(CW_WEIGHT_PRECISION), "precision");
}

static void reading(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    char name[] = "/tmp/cw_job_XXXXXX", *text;
    size_t length;
    int descriptor = mkstemp(name);
    assert_true(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    assert_non_null(file);
    fputs(smallest, file);
    fflush(file);
    assert_int_equal(cw_job_read(&env, name, &text, &length), CW_OK);
    assert_string_equal(text, smallest);
    assert_int_equal(length, strlen(smallest));
    cw_free(&env, &text);
    for (int i = 0; i < CW_JOB_BYTES; i++) fputc('\n', file);
    fclose(file);
    assert_int_equal(cw_job_read(&env, name, &text, &length), CW_BAD_JOB);
    assert_non_null(strstr(env.error.what, "1048576"));
    assert_null(text);
    remove(name);
    cw_env_clear(&env);
    assert_int_equal(cw_job_read(&env, name, &text, &length), CW_NO_INPUT);
    assert_int_equal(env.blocks_now, 0);
}

static void manual(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    char *text;
    assert_int_equal(cw_job_manual(&env, &text), CW_OK);
    assert_non_null(strstr(text, "\nrun.memory: a size from 1 MiB to 1 PiB, such as 512 MiB or 2 GiB\n"
                                 "    Memory that each rank may use. Default: 2 GiB.\n"));
    assert_non_null(strstr(text, "\nestimate[].se: classical, welch, HC0,"));
    assert_non_null(strstr(text, "\nquestion.groups  (not available in this version)\n"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        if (*line == ' ') assert_true(strcspn(line, "\n") <= 78);
        if (!line[strcspn(line, "\n")]) break;
    }
    cw_free(&env, &text);
    assert_int_equal(env.blocks_now, 0);
}

static json_t *at(json_t *schema, const char *key) {
    json_t *below = json_object_get(json_object_get(schema, "properties"), key);
    assert_non_null(below);
    return below;
}

/* The schema is JSON; every key of the grammar is in it, the later ones as what cannot be. */
static void schema(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    char *text;
    assert_int_equal(cw_job_schema(&env, &text), CW_OK);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(root);
    assert_true(json_is_false(json_object_get(root, "additionalProperties")));
    assert_int_equal(json_array_size(json_object_get(root, "required")), 2);
    static const char *const top[] = {"causeway",    "title",   "kind",      "data",     "question",
                                      "assume",      "graph",   "assistant", "model",    "ensemble",
                                      "arms",        "hide",    "audit",     "estimate", "bounds",
                                      "sensitivity", "privacy", "run",       "output"};
    assert_int_equal(json_object_size(json_object_get(root, "properties")), sizeof top / sizeof *top);
    for (size_t i = 0; i < sizeof top / sizeof *top; i++) at(root, top[i]);
    assert_non_null(json_object_get(at(root, "bounds"), "not"));
    json_t *run = json_array_get(json_object_get(at(root, "run"), "anyOf"), 0);
    assert_non_null(json_object_get(at(run, "folds"), "not"));
    assert_string_equal(json_string_value(json_object_get(at(run, "memory"), "default")), "2 GiB");
    json_decref(root);
    cw_free(&env, &text);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(everything),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(effective_text),
        cmocka_unit_test(effective_columns),
        cmocka_unit_test(digest),
        cmocka_unit_test(settings),
        cmocka_unit_test(spellings),
        cmocka_unit_test(automatic),
        cmocka_unit_test(names_of_estimates),
        cmocka_unit_test(reading),
        cmocka_unit_test(manual),
        cmocka_unit_test(schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
