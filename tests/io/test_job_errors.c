/* Every way a job can be wrong: the one line that is printed, with place and mend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/job.h"

typedef struct wrong {
    const char *text, *line;
} wrong;

#define DATA     "data: {file: d.h5}\n"
#define QUESTION "question: {treatment: t, outcome: y}\n"
#define BOTH     DATA QUESTION

static void expect(const char *text, size_t length, int32_t sets, const char *const *set,
                   const char *expected) {
    cw_env env;
    cw_env_init(&env);
    cw_job *job;
    char line[1600];
    assert_int_equal(cw_job_parse(&env, "f/j.yaml", text, length, sets, set, &job), CW_BAD_JOB);
    assert_null(job);
    cw_error_line(&env.error, line, sizeof line);
    assert_string_equal(line, expected);
    assert_int_equal(env.blocks_now, 0);
}

static void expect_all(const wrong *list, size_t count) {
    for (size_t i = 0; i < count; i++) expect(list[i].text, strlen(list[i].text), 0, NULL, list[i].line);
}

#define EXPECT_ALL(list) expect_all(list, sizeof(list) / sizeof *(list))

static void yaml(void **state) {
    (void)state;
    static const wrong list[] = {
        {"data: &a {file: x}\n", "YAML anchors (&) are not allowed; f/j.yaml:1:7; write the value out"},
        {"data: *a\n", "YAML aliases (*) are not allowed; f/j.yaml:1:7; write the value out, or quote it"},
        {"data: !!str x\n",
         "YAML tags (!) are not allowed; f/j.yaml:1:7; leave it out, or put the text in quotes"},
        {"title: a\ndata: b\ntitle: c\n",
         "key \"title\" stands twice, first in line 1; f/j.yaml:3:1; remove one of them"},
        {"a: 1\n---\nb: 1\n", "more than one YAML document; f/j.yaml:2:1; keep one"},
        {"? [a]\n: 1\n", "a key must be a single word or text; f/j.yaml:1:3"},
        {"title: \"a\\0b\"\n", "control character in a text; f/j.yaml:1:8; remove it"},
        {"title: \"a\\x7F\"\n", "control character in a text; f/j.yaml:1:8; remove it"},
        {"title: \"a\\N\"\n", "control character in a text; f/j.yaml:1:8; remove it"},
        {"title: \"a\\uFFFE\"\n", "control character in a text; f/j.yaml:1:8; remove it"},
        {"a: \xC3\xA9\nb: \xFF\n",
         "invalid leading UTF-8 octet; f/j.yaml:2:4; write the file as plain UTF-8 text"},
        {"a: \x01\n", "control characters are not allowed; f/j.yaml:1:4; write the file as plain UTF-8 text"},
        {"data:\n\tfile: x\n",
         "not valid YAML: found character that cannot start any token while scanning for "
         "the next token; f/j.yaml:2:1; indent with blanks, not tabs"},
        {"title: @x\n",
         "not valid YAML: found character that cannot start any token while scanning for the next "
         "token; f/j.yaml:1:8; put the value in quotes"},
        {"title: a: b\n",
         "not valid YAML: mapping values are not allowed in this context; f/j.yaml:1:9; put a "
         "value that has a colon in quotes"},
        {"title: \"a\n", "not valid YAML: found unexpected end of stream while scanning a quoted scalar; "
                         "f/j.yaml:2:1; close what is open: a quote, a bracket or a brace"},
        {"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", "nested too deeply; f/j.yaml:1:35"},
    };
    EXPECT_ALL(list);
    expect("title: a\0b\n", 11, 0, NULL,
           "control characters are not allowed; f/j.yaml:1:9; write the file as plain UTF-8 text");
}

static void sizes(void **state) {
    (void)state;
    char *text = malloc(CW_JOB_BYTES + 1);
    assert_non_null(text);
    memset(text, '\n', CW_JOB_BYTES + 1);
    expect(text, CW_JOB_BYTES + 1, 0, NULL,
           "a job file has at most 1048576 bytes; f/j.yaml; list columns and files elsewhere (a manifest, a "
           "canonical "
           "table)");
    memset(text, '[', CW_JOB_BYTES);
    expect(text, CW_JOB_BYTES, 0, NULL, "nested too deeply; f/j.yaml:1:33");
    text[0] = '[';
    for (int i = 1; i < CW_JOB_BYTES; i++) text[i] = i % 2 ? 'a' : ',';
    expect(text, CW_JOB_BYTES, 0, NULL, "too many values; f/j.yaml:1:524288; shorten it");
    free(text);
}

static void keys(void **state) {
    (void)state;
    static const wrong list[] = {
        {DATA "question: {treatmnt: t, outcome: y}\n",
         "unknown key \"treatmnt\" in question; f/j.yaml:2:12; did you mean \"treatment\"?"},
        {"DATA: {file: x}\n", "unknown key \"DATA\" in the job file; f/j.yaml:1:1; did you mean \"data\"?"},
        {BOTH "treatment: t\n",
         "unknown key \"treatment\" in the job file; f/j.yaml:3:1; did you mean question.treatment?"},
        {BOTH "covariates: t\n",
         "unknown key \"covariates\" in the job file; f/j.yaml:3:1; did you mean estimate.0.covariates?"},
        {BOTH "output: {xyzzy: t}\n",
         "unknown key \"xyzzy\" in output; f/j.yaml:3:10; the keys here are folder"},
        {BOTH "run: {xyzzy: t}\n",
         "unknown key \"xyzzy\" in run; f/j.yaml:3:7; the keys here are seed, memory, "
         "scratch, checkpoint_seconds, watchdog_minutes"},
        {BOTH "estimate:\n- ols\n- {method: ols, covar: [a]}\n",
         "unknown key \"covar\" in estimate.1; f/j.yaml:5:17; did you mean \"covariates\"?"},
        {"data: {file: x, columns: {a b: {units: kg}}}\n",
         "unknown key \"units\" in data.columns.a b; f/j.yaml:1:33; did you mean \"unit\"?"},
        {BOTH "bounds: none\n", "key bounds is not available in this version; f/j.yaml:3:1; remove it"},
        {BOTH "sensitivity: auto\n",
         "key sensitivity is not available in this version; f/j.yaml:3:1; remove it"},
        {BOTH "assistant: {model: x}\n",
         "key assistant is not available in this version; f/j.yaml:3:1; remove it"},
        {DATA "question:\n  treatment: {name: t, shift: 10}\n  outcome: y\n",
         "key question.treatment.shift is not available in this version; f/j.yaml:3:24; remove it"},
        {BOTH "run: {folds: 5}\n", "key run.folds is not available in this version; f/j.yaml:3:7; remove it"},
        {BOTH "estimate: {method: ols, learner: x}\n",
         "key estimate.0.learner is not available in this version; f/j.yaml:3:25; remove it"},
        {QUESTION, "data is missing; f/j.yaml:1:1; add it"},
        {DATA, "question is missing; f/j.yaml:1:1; add it"},
        {"data: null\n" QUESTION, "data is missing; f/j.yaml:1:7; add it"},
        {DATA "question: {treatment: t}\n", "question.outcome is missing; f/j.yaml:2:11; add it"},
        {DATA "question: {treatment: {contrast: [0, 1]}, outcome: y}\n",
         "question.treatment.name is missing; f/j.yaml:2:23; add it"},
        {BOTH "estimate: [{id: x}]\n", "estimate.0.method is missing; f/j.yaml:3:12; add it"},
        {BOTH "graph: {}\n", "graph.edges is missing; f/j.yaml:3:8; add it"},
        {"", "the job file is empty; f/j.yaml:1:1; a job needs data and question at least"},
        {"# nothing\n", "the job file is empty; f/j.yaml:1:1; a job needs data and question at least"},
        {"[a, b]\n", "the job file must be a map of keys, not a list; f/j.yaml:1:1"},
        {"abc\n", "the job file must be a map of keys, not \"abc\"; f/j.yaml:1:1"},
    };
    EXPECT_ALL(list);
}

static void values(void **state) {
    (void)state;
    static const wrong list[] = {
        {"causeway: 2\n" BOTH, "causeway is 2, and this program reads version 1 only; f/j.yaml:1:11"},
        {"causeway: \"1\"\n" BOTH, "causeway must be 1, not the quoted text \"1\"; f/j.yaml:1:11"},
        {"kind: discover\n" BOTH,
         "kind: discover is not available in this version, which has effect; f/j.yaml:1:7"},
        {"title: [a]\n" BOTH, "title must be a text, not a list; f/j.yaml:1:8"},
        {"title: {a: b}\n" BOTH, "title must be a text, not a map; f/j.yaml:1:8"},
        {"data: x\n" QUESTION, "data must be a map of keys, not \"x\"; f/j.yaml:1:7"},
        {"data: {file: [a, b]}\n" QUESTION, "data.file must be a file name, not a list; f/j.yaml:1:14"},
        {"data: {file: \"\"}\n" QUESTION, "data.file must not be empty; f/j.yaml:1:14"},
        {"data: {files: [a, ]}\n" QUESTION "graph: {edges: [a -> b, ~]}\n",
         "graph.edges must be a text or a list of them, not null; f/j.yaml:3:25"},
        {"data: {file: x, parts: time}\n" QUESTION,
         "data.parts: time is not available in this version, which has rows or unit; f/j.yaml:1:24"},
        {"data: {file: x, missing: dorp}\n" QUESTION,
         "data.missing must be error or drop, not \"dorp\"; f/j.yaml:1:26; did you mean \"drop\"?"},
        {"data: {file: x, missing: [drop]}\n" QUESTION,
         "data.missing must be error or drop, not a list; f/j.yaml:1:26"},
        {"data: {file: x, cluster: [a, b, c]}\n" QUESTION,
         "data.cluster has 3 items where at most 2 are possible; f/j.yaml:1:26"},
        {"data: {file: x, cluster: [a, a]}\n" QUESTION,
         "data.cluster has \"a\" twice; f/j.yaml:1:30; remove one of them"},
        {"data: {file: x, cluster: {a: b}}\n" QUESTION,
         "data.cluster must be a column name or a list of at most 2, or none, not a map; f/j.yaml:1:26"},
        {"data: {file: x, columns: {a: {missing: [1, x]}}}\n" QUESTION,
         "data.columns.a.missing must be a number or a list of numbers, not \"x\"; f/j.yaml:1:44"},
        {"data: {file: x, columns: {a: {missing: .nan}}}\n" QUESTION,
         "data.columns.a.missing must be a number or a list of numbers, not \".nan\"; f/j.yaml:1:40"},
        {"data: {file: x, columns: {a: {range: [3, 2]}}}\n" QUESTION,
         "data.columns.a.range has no room between its ends; f/j.yaml:1:38; write the smaller number first"},
        {"data: {file: x, columns: {a: {range: [3]}}}\n" QUESTION,
         "data.columns.a.range must be a list of two numbers, the smaller first; null for no limit, not a "
         "list; "
         "f/j.yaml:1:38"},
        {"data: {file: x, columns: {a: {kind: text, missing: 1e999}}}\n" QUESTION,
         "data.columns.a.missing must be a number or a list of numbers, not \"1e999\"; f/j.yaml:1:52"},
        {"data: {file: x, columns: {a: real}}\n" QUESTION,
         "data.columns.a must be a map of keys, not \"real\"; f/j.yaml:1:30"},
        {"data: {file: x, columns: [a]}\n" QUESTION,
         "data.columns must be a map from column names to maps of keys, not a list; f/j.yaml:1:26"},
        {"data: {file: x, columns: {\"\": {}}}\n" QUESTION, "data.columns must not be empty; f/j.yaml:1:27"},
        {"data: {file: x, where: age >= }\n" QUESTION,
         "data.where: expected a number, a column, a function or '(', found the end; f/j.yaml:1:24, "
         "character 7 of \"age >=\""},
        {"data:\n  file: x\n  columns:\n    a b: {formula: \"1 +* 2\"}\n" QUESTION,
         "data.columns.a b.formula: expected a number, a column, a function or '(', found '*'; "
         "f/j.yaml:4:20, character 4 of \"1 +* 2\""},
        {"data: {file: x, weights: [w]}\n" QUESTION,
         "data.weights must be a column name, or a map of keys, not a list; f/j.yaml:1:26"},
        {DATA "question: {treatment: [a, b], outcome: y}\n",
         "question.treatment with a list of 2 is not available in this version; f/j.yaml:2:23; name one"},
        {DATA "question: {treatment: {name: t, contrast: [1, 1]}, outcome: y}\n",
         "question.treatment.contrast must be a list of two different numbers, not \"1\"; f/j.yaml:2:47"},
        {DATA "question: {treatment: {name: t, contrast: 1}, outcome: y}\n",
         "question.treatment.contrast must be a list of two different numbers, not \"1\"; f/j.yaml:2:43"},
        {DATA "question: {treatment: t, outcome: y, effects: late}\n",
         "question.effects: late is not available in this version, which has ate, att or atc, or a list of "
         "these; "
         "f/j.yaml:2:47"},
        {DATA "question: {treatment: t, outcome: y, effects: [{effect: cde}]}\n",
         "question.effects with a map is not available in this version; f/j.yaml:2:48"},
        {DATA "question: {treatment: t, outcome: y, effects: [ate, ate]}\n",
         "question.effects has \"ate\" twice; f/j.yaml:2:53; remove one of them"},
        {DATA "question: {treatment: t, outcome: y, effects: []}\n",
         "question.effects must be ate, att or atc, or a list of these, not a list; f/j.yaml:2:47"},
        {DATA "question: {treatment: t, outcome: y, scale: ratio}\n",
         "question.scale: ratio is not available in this version, which has difference; f/j.yaml:2:45"},
        {BOTH "graph: {edges: []}\n", "graph.edges must not be empty; f/j.yaml:3:16"},
        {BOTH "estimate: []\n", "estimate must not be empty; f/j.yaml:3:11"},
        {BOTH "estimate: [~]\n", "estimate.0 must be a word, or a map of keys, not null; f/j.yaml:3:12"},
        {BOTH "estimate: aipw\n", "estimate.0 must be difference, ols or lin, not \"aipw\"; f/j.yaml:3:11"},
        {BOTH "estimate: {method: old}\n", "estimate.0.method must be difference, ols or lin, not \"old\"; "
                                           "f/j.yaml:3:20; did you mean \"ols\"?"},
        {BOTH "estimate: {method: ols, se: hc1}\n", "estimate.0.se must be classical, welch, HC0, HC1, HC2, "
                                                    "HC3, CR0, CR1 or CR2, or a list of these, not "
                                                    "\"hc1\"; f/j.yaml:3:29; did you mean \"HC1\"?"},
        {BOTH "estimate: {method: ols, level: 1}\n",
         "estimate.0.level must be a number above 0 and below 1, not \"1\"; f/j.yaml:3:32"},
        {BOTH "estimate: {method: ols, level: 95%}\n",
         "estimate.0.level must be a number above 0 and below 1, not \"95%\"; f/j.yaml:3:32"},
        {BOTH "estimate: {method: ols, id: a b}\n",
         "estimate.0.id may only have letters, digits, _ . and -, not \"a b\"; f/j.yaml:3:29"},
        {BOTH "run: {seed: -1}\n",
         "run.seed must be a whole number from 0 to 18446744073709551615, not \"-1\"; f/j.yaml:3:13"},
        {BOTH "run: {seed: 18446744073709551616}\n",
         "run.seed must be a whole number from 0 to 18446744073709551615, not \"18446744073709551616\"; "
         "f/j.yaml:3:13"},
        {BOTH "run: {memory: 2 Gig}\n", "run.memory must be a size from 1 MiB to 1 PiB, such as 512 MiB or 2 "
                                        "GiB, not \"2 Gig\"; f/j.yaml:3:15"},
        {BOTH "run: {memory: 1000}\n", "run.memory must be a size from 1 MiB to 1 PiB, such as 512 MiB or 2 "
                                       "GiB, not \"1000\"; f/j.yaml:3:15"},
        {BOTH "run: {checkpoint_seconds: -1}\n",
         "run.checkpoint_seconds must be a number from 0 to 1e+09, not \"-1\"; f/j.yaml:3:27"},
    };
    EXPECT_ALL(list);
}

static void combinations(void **state) {
    (void)state;
    static const wrong list[] = {
        {"data: {file: a, files: [b]}\n" QUESTION,
         "data.file and data.files exclude each other; f/j.yaml:1:24; keep one of them"},
        {"data: {manifest: a, file: b}\n" QUESTION,
         "data.file and data.manifest exclude each other; f/j.yaml:1:18; keep one of them"},
        {"data: {manifest: a, files: b}\n" QUESTION,
         "data.files and data.manifest exclude each other; f/j.yaml:1:18; keep one of them"},
        {"data: {path: a}\n" QUESTION,
         "data names no file: file, files or manifest; f/j.yaml:1:7; add data.file"},
        {"data: {files: []}\n" QUESTION,
         "data names no file: file, files or manifest; f/j.yaml:1:7; add data.file"},
        {"data: {file: a, part: {id: m}}\n" QUESTION, "data.file and data.part.id make a column with one "
                                                      "value: there is just one part; f/j.yaml:1:28; name "
                                                      "several files or a glob"},
        {"data: {files: a*, parts: unit, unit: u}\n" QUESTION,
         "data.parts and data.unit both say what a unit is; f/j.yaml:1:38; keep one of them"},
        {"data: {files: a*, unit: u, time: u}\n" QUESTION,
         "data.unit and data.time name the same column; f/j.yaml:1:34"},
        {"data: {file: a, columns: {b: {}, c: {formula: b, missing: 1}}}\n" QUESTION,
         "data.columns.c.formula and missing exclude each other; f/j.yaml:1:37; give the codes to the "
         "columns in "
         "the formula"},
        {"data: {file: a, columns: {c: {formula: b, kind: text}}}\n" QUESTION,
         "data.columns.c.formula and kind exclude each other; f/j.yaml:1:30; a formula makes numbers: real, "
         "integer "
         "or binary"},
        {DATA "question: {treatment: t, outcome: t}\n",
         "question.treatment and question.outcome name the same column; f/j.yaml:2:35"},
        {"data: {file: a, weights: t}\n" QUESTION,
         "question.treatment and data.weights name the same column; f/j.yaml:1:26"},
        {"data: {file: a, weights: y}\n" QUESTION,
         "question.outcome and data.weights name the same column; f/j.yaml:1:26"},
        {BOTH "estimate: {method: ols, covariates: [a, t]}\n",
         "question.treatment, \"t\", is among estimate.0.covariates; f/j.yaml:3:37; take it out"},
        {BOTH "estimate: [ols, {method: ols, covariates: y}]\n",
         "question.outcome, \"y\", is among estimate.1.covariates; f/j.yaml:3:43; take it out"},
        {BOTH "estimate: {method: ols, absorb: t}\n",
         "question.treatment, \"t\", is among estimate.0.absorb; f/j.yaml:3:33; take it out"},
        {BOTH "estimate: {method: ols, covariates: [a, b], absorb: b}\n",
         "estimate.0.covariates and estimate.0.absorb share a column; f/j.yaml:3:53; keep it in one of them"},
        {BOTH "estimate: {method: lin, absorb: b}\n", "estimate.0.method and estimate.0.absorb exclude each "
                                                      "other: fixed effects are for ols; f/j.yaml:3:33; use "
                                                      "method ols"},
        {BOTH "estimate: {method: difference, covariates: b}\n",
         "estimate.0.method and estimate.0.covariates exclude each other: a difference of means adjusts for "
         "nothing; "
         "f/j.yaml:3:44; use method ols or lin"},
        {BOTH "estimate: {method: ols, absorb: [a, b, c]}\n",
         "estimate.0.absorb has 3 items where at most 2 are possible; f/j.yaml:3:33"},
        {BOTH "estimate: {method: ols, se: [HC1, CR1]}\n",
         "estimate.0.se CR1 needs data.cluster; f/j.yaml:3:29; add data.cluster"},
        {"data: {file: a, unit: u, cluster: none}\n" QUESTION "estimate: {method: ols, se: CR2}\n",
         "estimate.0.se CR2 needs data.cluster; f/j.yaml:3:29; add data.cluster"},
        {BOTH "estimate: {method: ols, se: welch}\n",
         "estimate.0.se welch is for estimate.0.method difference, not ols; f/j.yaml:3:29; use HC2 or HC3"},
        {BOTH "estimate: [{method: ols, id: a}, {method: lin, id: b}, {method: lin, id: a}]\n",
         "estimate.0.id and estimate.2.id are the same; f/j.yaml:3:74; rename one"},
    };
    EXPECT_ALL(list);
}

static void settings(void **state) {
    (void)state;
    static const wrong list[] = {
        {"question.treatmnt=x",
         "unknown key \"treatmnt\" in question; --set question.treatmnt:1:1; did you mean "
         "\"treatment\"?"},
        {"question.groups=x",
         "key question.groups is not available in this version; --set question.groups:1:1; remove it"},
        {"title", "no key or no = in the setting; --set title; write key.path=value"},
        {"=x", "no key or no = in the setting; --set =x; write key.path=value"},
        {"a\x01=x",
         "control character or invalid UTF-8 in the setting; --set a\x01; write it as plain UTF-8 text"},
        {"a.\xC3=x",
         "control character or invalid UTF-8 in the setting; --set a.\xC3; write it as plain UTF-8 text"},
        {"a..b=x", "a part of the key path is empty; --set a..b:1:1; write key.path=value"},
        {"data.=x", "a part of the key path is empty; --set data.:1:1; write key.path=value"},
        {"data.columns.\"a.b\"c.unit=x", "a quote in the key path is not closed; --set "
                                         "data.columns.\"a.b\"c.unit:1:1"},
        {"title=[a", "not valid YAML: did not find expected ',' or ']' while parsing a flow sequence; --set "
                     "title:2:1; close what is open: a quote, a bracket or a brace"},
        {"estimate.level=0.9",
         "\"level\" is no number of a list's item; --set estimate.level:1:1; count items from "
         "0, as in estimate.0.level"},
        {"estimate.2=ols",
         "no item 2 in a list of 0; --set estimate.2:1:1; the number after the last item appends "
         "one"},
        {"estimate.99999999999=ols",
         "no item 9999999 in a list of 0; --set estimate.99999999999:1:1; the number "
         "after the last item appends one"},
        {"title.x=y", "title must be a text, not a map; --set title.x:1:1"},
        {"data.file.x=y", "what stands there has no keys; --set data.file.x:1:1"},
        {"run.memory=1",
         "run.memory must be a size from 1 MiB to 1 PiB, such as 512 MiB or 2 GiB, not \"1\"; --set "
         "run.memory:1:1"},
        {"data=", "data is missing; --set data:1:1; add it"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        expect(BOTH, strlen(BOTH), 1, &list[i].text, list[i].line);
}

/* What is written wrongly is cut to a readable length, between characters. */
static void long_texts(void **state) {
    (void)state;
    char text[2048] = BOTH "kind: \"";
    for (int i = 0; i < 400; i++) strcat(text, "\xE2\x82\xAC");
    strcat(text, "\"\n");
    char expected[512] = "kind must be effect, not \"";
    for (int i = 0; i < 20; i++) strcat(expected, "\xE2\x82\xAC");
    strcat(expected, "\"; f/j.yaml:3:7");
    expect(text, strlen(text), 0, NULL, expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml),       cmocka_unit_test(sizes),        cmocka_unit_test(keys),
        cmocka_unit_test(values),     cmocka_unit_test(combinations), cmocka_unit_test(settings),
        cmocka_unit_test(long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
