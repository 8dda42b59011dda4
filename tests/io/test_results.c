/* results.json keeps its schema and order; the page is plain, aligned and at most 100 columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "io/results.h"
#include "mpi/context.h"

/* ---- a result to write ---- */

static char *copy(cw_env *env, const char *text) {
    char *out = NULL;
    if (text) assert_int_equal(cw_strdup(env, text, &out), CW_OK);
    return out;
}

static void *zeroed(cw_env *env, size_t count, size_t size) {
    void *out;
    assert_int_equal(cw_alloc_zero(env, count, size, &out), CW_OK);
    return out;
}

static char **copies(cw_env *env, int32_t count, const char *const *text) {
    char **out = zeroed(env, (size_t)count, sizeof *out);
    for (int32_t i = 0; i < count; i++) out[i] = copy(env, text[i]);
    return out;
}

static void set_entry(cw_env *env, cw_entry *entry, const char *id, double value, double se, double lower,
                      double upper, const char *kind) {
    entry->id = copy(env, id);
    entry->method = copy(env, id);
    entry->effect = copy(env, "ate");
    entry->treatment = copy(env, "treat");
    entry->outcome = copy(env, "re78");
    entry->population = copy(env, "all rows");
    entry->scale = copy(env, "difference");
    entry->unit = copy(env, "USD");
    entry->contrast[1] = 1;
    entry->value = value;
    entry->se = se;
    entry->se_kind = copy(env, kind);
    entry->lower = lower;
    entry->upper = upper;
    entry->level = 0.95;
    entry->interval = copy(env, "t with 16167 degrees of freedom");
    entry->df = 16167;
    entry->n = 16177;
    entry->n_effective = NAN;
    entry->n_units = -1;
    entry->bits = "any";
    entry->diagnostics = 2;
    entry->diagnostic = zeroed(env, 2, sizeof *entry->diagnostic);
    entry->diagnostic[0] = (cw_number){"se_HC1", se};
    entry->diagnostic[1] = (cw_number){"max_leverage", NAN};
}

static void set_flag(cw_env *env, cw_flag *flag, const char *id, const char *severity, const char *text) {
    flag->id = copy(env, id);
    flag->severity = copy(env, severity);
    flag->text = copy(env, text);
}

static const char *const covariate[] = {"age",     "educ",     "black", "hispanic",
                                        "married", "nodegree", "re74",  "re75"};

static void set_graph(cw_env *env, cw_results *r) {
    const char *nodes[] = {"age", "treat", "re78", "ability"};
    r->nodes = 4;
    r->node = copies(env, 4, nodes);
    r->node_latent = zeroed(env, 4, sizeof *r->node_latent);
    r->node_latent[3] = 1;
    r->edges = 2;
    r->edge = zeroed(env, 2, sizeof *r->edge);
    r->edge[0] = (cw_result_edge){copy(env, "age"), copy(env, "treat"), copy(env, "->"), 0, copy(env, "job")};
    r->edge[1] = (cw_result_edge){copy(env, "treat"), copy(env, "re78"), copy(env, "<->"), -1, NULL};
    r->identifications = 1;
    r->identification = zeroed(env, 1, sizeof *r->identification);
    cw_identification *found = r->identification;
    found->strategy = copy(env, "adjustment");
    found->identified = found->complete = 1;
    found->sets = 2;
    found->set_size = zeroed(env, 2, sizeof *found->set_size);
    found->set = zeroed(env, 2, sizeof *found->set);
    found->set_size[0] = 8;
    found->set[0] = copies(env, 8, covariate);
    found->chosen_size = 8; /* the second set is empty */
    found->chosen = copies(env, 8, covariate);
    found->estimand_text = copy(env, "E[E[re78 | treat = 1, age] - E[re78 | treat = 0, age]]");
    const char *assumptions[] = {"No cause of both treat and re78 is left out of the graph besides age, "
                                 "educ, black, hispanic, married, "
                                 "nodegree, re74 and re75.",
                                 "A person's earnings do not depend on who else was trained."};
    found->assumptions = 2;
    found->assumption = copies(env, 2, assumptions);
}

static void set_doubts(cw_env *env, cw_results *r) {
    r->doubts = 2;
    r->doubt = zeroed(env, 2, sizeof *r->doubt);
    for (int k = 0; k < 2; k++) {
        cw_doubt *doubt = &r->doubt[k];
        doubt->id = copy(env, k == 0 ? "difference" : "ols");
        doubt->method = copy(env, "omitted-variable-bias");
        doubt->effect = copy(env, "ate");
        doubt->treatment = copy(env, "treat");
        doubt->outcome = copy(env, "re78");
        doubt->level = 0.95;
        doubt->value = doubt->value_level = doubt->partial_r2 = NAN;
    }
    r->doubt[0].why = copy(env, "the estimate does not vary");
    cw_doubt *doubt = &r->doubt[1];
    doubt->value = 0.138776;
    doubt->value_level = 0.0762580;
    doubt->partial_r2 = 0.0218731;
    doubt->benchmarks = 3;
    doubt->benchmark = zeroed(env, 3, sizeof *doubt->benchmark);
    doubt->benchmark[0] = (cw_benchmark){copy(env, "age"), 0.001, 0.008, 690.0, 4.1};
    doubt->benchmark[1] = (cw_benchmark){copy(env, "black"), 0.009, 0.125, 512.25, 3.4};
    doubt->benchmark[2] = (cw_benchmark){copy(env, "twin"), NAN, NAN, NAN, NAN};
    doubt->flags = 1;
    doubt->flag = zeroed(env, 1, sizeof *doubt->flag);
    set_flag(env, doubt->flag, "heuristic-level", "note", "The level is a heuristic.");
}

static cw_results *make(cw_env *env, int graph) {
    cw_results *r = zeroed(env, 1, sizeof *r);
    r->env = env;
    r->title = copy(env, "Does training raise earnings?");
    r->job_yaml = copy(env, "causeway: 1\nquestion:\n  treatment: treat\n");
    r->job_digest = 0x0123456789abcdefULL;
    r->treatment = copy(env, "treat");
    r->outcome = copy(env, "re78");
    r->effects = 1;
    r->effect = zeroed(env, 1, sizeof *r->effect);
    r->effect[0] = "ate";
    r->contrast[1] = 1;
    r->status = graph ? "identified" : "unchecked";
    r->answer_text = copy(env, "Training changes re78 by 699.132 USD on average (95% interval -509.558 to "
                               "1907.821), by linear adjustment on 8 covariates.");
    r->rows = 16200;
    r->rows_used = 16177;
    r->rows_filtered = 20;
    r->rows_missing = 3;
    r->columns = 10;
    r->data_digest = UINT64_MAX;
    r->parts = 1;
    r->entries = 3;
    r->entry = zeroed(env, 3, sizeof *r->entry);
    set_entry(env, &r->entry[0], "ols", 699.13155, 616.65369, -509.55842, 1907.82152, "HC1");
    set_entry(env, &r->entry[1], "difference", -8497.51636, 712.02071, -9893.1522, -7101.88, "welch");
    set_entry(env, &r->entry[2], "lin", NAN, NAN, NAN, NAN, NULL);
    r->entry[2].why = copy(env, "the treated arm has fewer rows than coefficients");
    r->entry[0].covariates = 8;
    r->entry[0].covariate = copies(env, 8, covariate);
    r->entry[0].n_units = 29;
    const char *assumptions[] = {"re78 is linear in the covariates with the same slopes in both arms."};
    r->entry[0].assumptions = 1;
    r->entry[0].assumption = copies(env, 1, assumptions);
    r->entry[0].flags = 1;
    r->entry[0].flag = zeroed(env, 1, sizeof *r->entry[0].flag);
    set_flag(env, r->entry[0].flag, "few-clusters", "warning",
             "Only 29 clusters: the interval uses t with 28 degrees of freedom and may still be too short.");
    r->flags = 2;
    r->flag = zeroed(env, 2, sizeof *r->flag);
    set_flag(
        env, &r->flag[0], "variance-weighted", "note",
        "Linear adjustment weighs people by how uncertain their treatment was; it is an average effect only "
        "if the effect is the same for all.");
    set_flag(env, &r->flag[1], "poor-overlap", "stop",
             "Treated and untreated people hardly resemble each other.");
    if (graph) set_graph(env, r);
    r->primary = 0;
    r->timings = 1;
    r->timing = zeroed(env, 1, sizeof *r->timing);
    snprintf(r->timing->name, sizeof r->timing->name, "gram");
    r->timing->calls = 2;
    r->timing->seconds_max = 0.25;
    r->provenances = 3;
    r->provenance = zeroed(env, 3, sizeof *r->provenance);
    const char *provenance[3][2] = {{"host", "node-1"}, {"ranks", "no"}, {"host", "node-2"}};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++) r->provenance[i][k] = copy(env, provenance[i][k]);
    r->seconds = 1.5;
    r->ranks = 4;
    return r;
}

/* ---- a validator for the part of JSON Schema that the schema uses ---- */

static json_t *schema;

static int valid(const json_t *rule, const json_t *value, char *why);

static int has_type(const char *type, const json_t *value) {
    if (strcmp(type, "object") == 0) return json_is_object(value);
    if (strcmp(type, "array") == 0) return json_is_array(value);
    if (strcmp(type, "string") == 0) return json_is_string(value);
    if (strcmp(type, "integer") == 0) return json_is_integer(value);
    if (strcmp(type, "number") == 0) return json_is_number(value);
    if (strcmp(type, "boolean") == 0) return json_is_boolean(value);
    return strcmp(type, "null") == 0 && json_is_null(value);
}

static int type_fits(const json_t *type, const json_t *value) {
    if (!type) return 1;
    if (json_is_string(type)) return has_type(json_string_value(type), value);
    size_t i;
    json_t *one;
    json_array_foreach(type, i, one) if (has_type(json_string_value(one), value)) return 1;
    return 0;
}

static int hex16(const char *text) {
    return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

static int object_fits(const json_t *rule, const json_t *value, char *why) {
    const json_t *properties = json_object_get(rule, "properties");
    const json_t *more = json_object_get(rule, "additionalProperties");
    size_t i;
    json_t *name, *member;
    json_array_foreach(json_object_get(rule, "required"), i, name) {
        if (json_object_get(value, json_string_value(name))) continue;
        snprintf(why, 200, "%s is missing", json_string_value(name));
        return 0;
    }
    assert_non_null(more); /* every object of the schema says what else it may hold */
    const char *key;
    void *cursor = json_object_iter((json_t *)properties); /* members stand in the schema's order */
    json_object_foreach((json_t *)value, key, member) {
        const json_t *of = json_object_get(properties, key);
        if (!of && !json_is_object(more)) {
            snprintf(why, 200, "%s is not in the schema", key);
            return 0;
        }
        if (!valid(of ? of : more, member, why)) {
            size_t used = strlen(why);
            snprintf(why + used, 200 - used, " in %s", key);
            return 0;
        }
        if (!of) continue;
        while (cursor && strcmp(json_object_iter_key(cursor), key) != 0)
            cursor = json_object_iter_next((json_t *)properties, cursor);
        if (!cursor) {
            snprintf(why, 200, "%s is out of order", key);
            return 0;
        }
    }
    return 1;
}

static int array_fits(const json_t *rule, const json_t *value, char *why) {
    const json_t *least = json_object_get(rule, "minItems"), *most = json_object_get(rule, "maxItems");
    json_int_t count = (json_int_t)json_array_size(value);
    if ((least && count < json_integer_value(least)) || (most && count > json_integer_value(most))) {
        snprintf(why, 200, "an array of %d", (int)count);
        return 0;
    }
    size_t i;
    json_t *one;
    json_array_foreach(value, i, one) if (!valid(json_object_get(rule, "items"), one, why)) return 0;
    return 1;
}

static int valid(const json_t *rule, const json_t *value, char *why) {
    static const char *const known[] = {
        "$ref",    "type",     "enum",     "const",   "anyOf",   "required",    "properties",
        "items",   "minItems", "maxItems", "minimum", "pattern", "description", "additionalProperties",
        "$schema", "$id",      "$defs",    "title"};
    const char *key;
    json_t *part, *one;
    size_t i;
    assert_non_null(rule);
    json_object_foreach((json_t *)rule, key, part) {
        int found = 0;
        for (i = 0; i < sizeof known / sizeof known[0]; i++) found |= strcmp(known[i], key) == 0;
        if (!found) fail_msg("this test knows no schema word %s", key);
    }
    if ((part = json_object_get(rule, "$ref"))) {
        const char *name = json_string_value(part) + strlen("#/$defs/");
        if (!valid(json_object_get(json_object_get(schema, "$defs"), name), value, why)) return 0;
    }
    if (!type_fits(json_object_get(rule, "type"), value)) {
        snprintf(why, 200, "wrong type");
        return 0;
    }
    if ((part = json_object_get(rule, "const")) && !json_equal(part, value)) return 0;
    if ((part = json_object_get(rule, "enum"))) {
        int found = 0;
        json_array_foreach(part, i, one) found |= json_equal(one, value);
        if (!found) {
            snprintf(why, 200, "not an allowed value");
            return 0;
        }
    }
    if ((part = json_object_get(rule, "anyOf"))) {
        int found = 0;
        json_array_foreach(part, i, one) found |= valid(one, value, why);
        if (!found) return 0;
    }
    if ((part = json_object_get(rule, "minimum")) && json_is_integer(value) &&
        json_integer_value(value) < json_integer_value(part))
        return 0;
    if ((part = json_object_get(rule, "pattern"))) {
        assert_string_equal(json_string_value(part), "^[0-9a-f]{16}$");
        if (!hex16(json_string_value(value))) return 0;
    }
    if (json_is_object(value) && json_object_get(rule, "properties")) return object_fits(rule, value, why);
    if (json_is_object(value) && json_object_get(rule, "additionalProperties"))
        return object_fits(rule, value, why);
    if (json_is_array(value) && json_object_get(rule, "items")) return array_fits(rule, value, why);
    return 1;
}

static int load_schema(void **state) {
    (void)state;
    json_error_t error;
    schema =
        json_load_file(CAUSEWAY_TEST_DATA "/../docs/results.schema.json", JSON_REJECT_DUPLICATES, &error);
    return schema ? 0 : -1;
}

static int drop_schema(void **state) {
    (void)state;
    json_decref(schema);
    return 0;
}

static json_t *written(cw_env *env, const cw_results *r, int timed) {
    char *text;
    size_t length;
    json_t *value;
    assert_int_equal(cw_results_json(env, r, timed, &text, &length), CW_OK);
    assert_int_equal(cw_json_parse(env, "results.json", text, length, &value), CW_OK);
    const char *save = getenv("CAUSEWAY_SAVE_RESULTS"); /* to look at it, or to try another validator */
    if (save) {
        FILE *file = fopen(save, "w");
        if (file) {
            fputs(text, file);
            fclose(file);
        }
    }
    cw_free(env, &text);
    return value;
}

static void what_is_written_keeps_the_schema(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        cw_env env;
        cw_env_init(&env);
        cw_results *r = make(&env, kind & 1);
        json_t *value = written(&env, r, kind & 2);
        char why[200] = "";
        if (!valid(schema, value, why)) fail_msg("not as the schema says: %s", why);
        assert_int_equal(json_object_get(value, "timing") != NULL, (kind & 2) != 0);
        assert_int_equal(json_object_get(value, "provenance") != NULL, (kind & 2) != 0);
        assert_int_equal(json_is_null(json_object_get(value, "graph")), !(kind & 1));
        json_decref(value);
        cw_results_destroy(&r);
        assert_null(r);
        assert_int_equal(env.blocks_now, 0);
    }
}

static void the_validator_sees_faults(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_results *r = make(&env, 1);
    char why[200];
    for (int kind = 0; kind < 7; kind++) {
        json_t *value = written(&env, r, 1);
        json_t *first = json_array_get(json_object_get(value, "estimates"), 0);
        if (kind == 0) json_object_set_new(value, "extra", json_true());
        if (kind == 1) json_object_del(first, "se");
        if (kind == 2) json_object_set_new(first, "value", json_string("1"));
        if (kind == 3) json_object_set_new(json_object_get(value, "job"), "digest", json_string("12"));
        if (kind == 4) json_array_append_new(json_object_get(first, "ci"), json_null());
        if (kind == 5) json_object_set_new(json_object_get(value, "answer"), "status", json_string("sure"));
        if (kind == 6) { /* out of order */
            json_t *id = json_incref(json_object_get(first, "id"));
            json_object_del(first, "id");
            json_object_set_new(first, "id", id);
        }
        why[0] = '\0';
        assert_false(valid(schema, value, why));
        json_decref(value);
    }
    cw_results_destroy(&r);
}

static void values_arrive(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_results *r = make(&env, 1);
    json_t *value = written(&env, r, 1), *estimates = json_object_get(value, "estimates");
    json_t *first = json_array_get(estimates, 0), *third = json_array_get(estimates, 2);
    assert_true(json_real_value(json_object_get(first, "value")) == 699.13155);
    assert_true(json_real_value(json_array_get(json_object_get(first, "ci"), 0)) == -509.55842);
    assert_true(json_real_value(json_object_get(json_object_get(first, "diagnostics"), "se_HC1")) ==
                616.65369);
    assert_true(json_is_null(json_object_get(json_object_get(first, "diagnostics"), "max_leverage")));
    assert_int_equal(json_integer_value(json_object_get(first, "n_units")), 29);
    assert_true(json_is_null(json_object_get(third, "value")));
    assert_true(json_is_null(json_object_get(third, "n_units")));
    assert_string_equal(json_string_value(json_object_get(third, "why")),
                        "the treated arm has fewer rows than coefficients");
    assert_string_equal(json_string_value(json_object_get(json_object_get(value, "job"), "digest")),
                        "0123456789abcdef");
    assert_string_equal(json_string_value(json_object_get(json_object_get(value, "data"), "digest")),
                        "ffffffffffffffff");
    json_t *answer = json_object_get(value, "answer");
    assert_true(json_real_value(json_object_get(json_object_get(answer, "estimate"), "value")) == 699.13155);
    json_t *found = json_array_get(json_object_get(value, "identification"), 0);
    assert_int_equal(json_array_size(json_object_get(found, "sets")), 2);
    assert_int_equal(json_array_size(json_object_get(found, "chosen")), 8);
    json_t *provenance = json_object_get(value, "provenance"); /* a name counts once, ranks is the number */
    assert_int_equal(json_integer_value(json_object_get(provenance, "ranks")), 4);
    assert_string_equal(json_string_value(json_object_get(provenance, "host")), "node-1");
    json_decref(value);
    r->primary = -1;
    value = written(&env, r, 0);
    assert_true(json_is_null(json_object_get(json_object_get(value, "answer"), "estimate")));
    char why[200] = "";
    assert_true(valid(schema, value, why));
    json_decref(value);
    cw_results_destroy(&r);
    assert_int_equal(env.blocks_now, 0);
}

/* ---- the page ---- */

static int columns_of(const char *from, const char *to) {
    int columns = 0;
    for (const char *c = from; c < to; c++) columns += ((unsigned char)*c & 0xC0) != 0x80;
    return columns;
}

static void check_lines(const char *page) {
    while (*page) {
        const char *end = strchr(page, '\n');
        assert_non_null(end); /* the last line ends too */
        assert_true(columns_of(page, end) <= 100);
        assert_true(end == page || end[-1] != ' ');
        for (const char *c = page; c < end; c++) assert_true((unsigned char)*c >= 0x20 && *c != 0x7F);
        page = end + 1;
    }
}

static char *page_of(cw_env *env, const cw_results *r) {
    char *page;
    assert_int_equal(cw_results_page(env, r, "out/nsw/results.json", &page), CW_OK);
    check_lines(page);
    if (getenv("CAUSEWAY_SHOW_PAGE")) fprintf(stderr, "%s--------\n", page);
    return page;
}

static void assert_has(const char *page, const char *text) {
    if (!strstr(page, text)) fail_msg("no \"%s\" on the page:\n%s", text, page);
}

static void the_page_says_what_matters(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_results *r = make(&env, 1);
    char *page = page_of(&env, r);
    assert_has(page, "Does training raise earnings?\n=============================\n");
    assert_has(page, "How does re78 change on average, when treat is 1 rather than 0?");
    assert_has(page, "Training changes re78 by 699.132 USD");
    assert_has(page, "in USD");
    assert_has(page, " 699.132 ");
    assert_has(page, " 616.654 ");
    assert_has(page, "-8497.516 ");
    assert_has(page, " -509.558 to  1907.822 ");
    assert_has(page, "-9893.152 to -7101.880 ");
    assert_has(page,
               "interacted adjustment: no value, because the treated arm has fewer rows than coefficients");
    assert_has(page, "age, educ, black, hispanic, married, nodegree, re74, re75");
    assert_has(page, "Follows from the graph, which data cannot prove");
    assert_has(page, "16177 used of 16200; 20 left out by the filter; 3 dropped for missing values");
    assert_has(page, "out/nsw/results.json");
    const char *stop = strstr(page, "STOP: Treated and untreated people"), *note = strstr(page, "note: ");
    const char *warning = strstr(page, "warning: linear adjustment: Only 29 clusters");
    assert_true(stop && warning && note && stop < warning && warning < note); /* the gravest first */
    /* Decimal points stand under each other. */
    const char *a = strstr(page, "699.132 "), *b = strstr(page, "-8497.516 ");
    a = strstr(strstr(page, "std. error"), "699.132 ");
    const char *line_a = a, *line_b = b;
    while (line_a[-1] != '\n') line_a--;
    while (line_b[-1] != '\n') line_b--;
    assert_int_equal(a + 7 - line_a, b + 9 - line_b);
    cw_free(&env, &page);
    cw_results_destroy(&r);
    assert_int_equal(env.blocks_now, 0);
}

static void doubts_are_written(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_results *r = make(&env, 1);
    char *page = page_of(&env, r);
    assert_null(strstr(page, "Sensitivity"));
    cw_free(&env, &page);
    set_doubts(&env, r);
    json_t *value = written(&env, r, 1), *doubts = json_object_get(value, "sensitivity");
    char why[400] = "";
    if (!valid(schema, value, why)) fail_msg("%s", why);
    assert_int_equal(json_array_size(doubts), 2);
    assert_true(json_is_null(json_object_get(json_array_get(doubts, 0), "value")));
    json_t *second = json_array_get(doubts, 1), *yardsticks = json_object_get(second, "benchmarks");
    assert_true(json_real_value(json_object_get(second, "value")) == 0.138776);
    assert_true(json_real_value(json_object_get(json_array_get(yardsticks, 1), "estimate")) == 512.25);
    assert_true(json_is_null(json_object_get(json_array_get(yardsticks, 2), "t")));
    json_decref(value);
    page = page_of(&env, r);
    assert_has(page, "Sensitivity");
    assert_has(page, "13.9 %");
    assert_has(page, "7.63 %");
    assert_has(page, "covariate, black");
    cw_free(&env, &page);
    r->doubt[1].value_level = 0;
    page = page_of(&env, r);
    assert_has(page, "holds zero already");
    cw_free(&env, &page);
    cw_results_destroy(&r);
    assert_int_equal(env.blocks_now, 0);
}

static void without_a_graph_it_says_so(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_results *r = make(&env, 0);
    r->rows_used = r->rows;
    r->rows_filtered = r->rows_missing = 0;
    char *page = page_of(&env, r);
    assert_has(page, "No graph was given: whether these covariates are the right ones was not checked");
    assert_null(strstr(page, "Follows from the graph"));
    assert_has(page, "16200 used of 16200; none dropped");
    cw_free(&env, &page);
    cw_results_destroy(&r);
}

static void nothing_identified_is_an_answer(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_results *r = zeroed(&env, 1, sizeof *r);
    r->env = &env;
    r->status = "not-identified";
    r->primary = -1;
    r->treatment = copy(&env, "x");
    r->outcome = copy(&env, "y");
    r->contrast[0] = r->contrast[1] = NAN;
    r->nodes = 1;
    const char *node[] = {"x"};
    r->node = copies(&env, 1, node);
    r->identifications = 1;
    r->identification = zeroed(&env, 1, sizeof *r->identification);
    r->identification->chosen_size = -1;
    r->identification->strategy = copy(&env, "adjustment");
    r->identification->obstacle = copy(&env, "x and y have a common cause that was not observed.");
    char *page = page_of(&env, r);
    assert_has(page, "Not identified");
    assert_has(page, "common cause that was not observed");
    json_t *value = written(&env, r, 1);
    char why[200] = "";
    if (!valid(schema, value, why)) fail_msg("%s", why);
    assert_true(
        json_is_null(json_array_get(json_object_get(json_object_get(value, "question"), "contrast"), 0)));
    json_decref(value);
    cw_free(&env, &page);
    cw_results_destroy(&r);
    assert_int_equal(env.blocks_now, 0);
}

static void hostile_and_long_texts_stay_on_the_page(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_results *r = make(&env, 1);
    char longest[400];
    memset(longest, 'w', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    cw_free(&env, &r->title);
    r->title = copy(&env, "\x1b[31mred\x1b[0m \xC2\x9B"
                          "2J bad \xFF byte\r\nM\xC3\xBCnchen");
    cw_free(&env, &r->answer_text);
    r->answer_text = copy(&env, longest);
    cw_free(&env, &r->entry[0].id);
    r->entry[0].id = copy(&env, longest);
    cw_free(&env, &r->entry[1].method);
    r->entry[1].method = copy(&env, longest);
    r->entry[1].value = -1.2345678e11;
    r->entry[0].n_units = INT64_MAX;
    r->entry[0].level = 0.9;
    char *page = page_of(&env, r);
    assert_null(strchr(page, 0x1b));
    assert_null(strstr(page, "\xC2\x9B"));
    assert_has(page, "M\xC3\xBCnchen");
    assert_has(page, "bad ? byte");
    assert_has(page, "(90%)");
    cw_free(&env, &page);
    cw_results_destroy(&r);
    assert_int_equal(env.blocks_now, 0);
}

static void numbers_are_rounded_sensibly(void **state) {
    (void)state;
    const struct {
        double value;
        const char *text;
    } known[] = {{699.13155, "699.132"},
                 {-8497.51636, "-8497.516"},
                 {1794.3424, "1794.342"},
                 {616.6537, "616.654"},
                 {0.0123456789, "0.0123457"},
                 {1.5, "1.50000"},
                 {12.34567891, "12.3457"},
                 {1234567.8, "1234568"},
                 {98765432.1, "98765432"},
                 {0, "0"},
                 {-0.0, "0"},
                 {999.99999, "1000.000"},
                 {1e-12, "1.00000e-12"},
                 {2.5e15, "2.50000e+15"},
                 {NAN, "-"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char text[32];
        cw_number_text(known[i].value, text);
        assert_string_equal(text, known[i].text);
    }
}

static void small_effects_keep_their_digits(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_results *r = make(&env, 0);
    r->entry[0].value = 0.0123456;
    r->entry[0].se = 0.00345678;
    r->entry[0].lower = 0.00557;
    r->entry[0].upper = 0.01912;
    r->entry[1].value = 2e6; /* a far larger one does not hide the small error */
    r->entry[1].se = r->entry[1].lower = r->entry[1].upper = NAN;
    char *page = page_of(&env, r);
    assert_has(page, "0.0123");
    assert_has(page, "0.0035");
    assert_has(page, "2000000.0000");
    cw_free(&env, &page);
    cw_results_destroy(&r);
}

static void failed_allocations_unwind(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_results *r = make(&env, 1);
    int64_t before = env.blocks_now;
    for (int kind = 0; kind < 2; kind++) {
        for (int64_t at = 1;; at++) {
            char *text = NULL;
            size_t length;
            env.calls = 0;
            env.fail_at = at;
            cw_code code =
                kind ? cw_results_page(&env, r, "p", &text) : cw_results_json(&env, r, 1, &text, &length);
            env.fail_at = 0;
            if (code == CW_OK) {
                assert_true(at > 3);
                cw_free(&env, &text);
                break;
            }
            assert_int_equal(code, CW_NO_MEMORY);
            assert_null(text);
            assert_int_equal(env.blocks_now, before);
            cw_env_clear(&env);
        }
    }
    cw_results_destroy(&r);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_keeps_the_schema),
        cmocka_unit_test(the_validator_sees_faults),
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(the_page_says_what_matters),
        cmocka_unit_test(doubts_are_written),
        cmocka_unit_test(without_a_graph_it_says_so),
        cmocka_unit_test(nothing_identified_is_an_answer),
        cmocka_unit_test(hostile_and_long_texts_stay_on_the_page),
        cmocka_unit_test(numbers_are_rounded_sensibly),
        cmocka_unit_test(small_effects_keep_their_digits),
        cmocka_unit_test(failed_allocations_unwind),
    };
    return cmocka_run_group_tests(tests, load_schema, drop_schema);
}
