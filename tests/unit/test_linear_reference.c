/* Every difference in means and every least squares of the reference numbers, to the stated tolerance. */
#include "tests/support/least_squares.h"

#include <jansson.h>
#include <math.h>

typedef struct fixture {
    cw_env env;
    json_t *root;
} fixture;

static int set_up(void **state) {
    static fixture f;
    json_error_t error;
    cw_env_init(&f.env);
    f.root = json_load_file(CAUSEWAY_TEST_DATA "/reference/estimation.json", 0, &error);
    *state = &f;
    return f.root ? 0 : -1;
}

static int tear_down(void **state) {
    fixture *f = *state;
    json_decref(f->root);
    return f->env.blocks_now == 0 ? 0 : -1;
}

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    assert_non_null(value);
    return value;
}

static void near(const json_t *want, double got, const char *id, const char *what) {
    assert_true(json_is_number(want));
    double w = json_number_value(want);
    if (!(fabs(got - w) <= 1e-7 * fabs(w))) fail_msg("%s %s: %.15g, not %.15g", id, what, got, w);
}

/* The `prepare` steps that the cases of these families use. */
static void prepare(serial_table *t, const json_t *inputs) {
    size_t k;
    json_t *step;
    json_array_foreach(json_object_get(inputs, "prepare"), k, step) {
        const char *expr = text(step, "expr");
        double *to = serial_add(t, text(step, "set"));
        for (int64_t i = 0; i < t->rows; i++) {
#define COLUMN(name) t->real[serial_find(t, name)][i]
            if (strcmp(expr, "age**2") == 0)
                to[i] = COLUMN("age") * COLUMN("age");
            else if (strcmp(expr, "age*1.0") == 0)
                to[i] = COLUMN("age");
            else if (strcmp(expr, "re74+re75") == 0)
                to[i] = COLUMN("re74") + COLUMN("re75");
            else if (strcmp(expr, "1+educ/10.0") == 0)
                to[i] = 1 + COLUMN("educ") / 10.0;
            else if (strcmp(expr, "(first_treat>0)*(year>=first_treat)*1.0") == 0)
                to[i] = COLUMN("first.treat") > 0 && COLUMN("year") >= COLUMN("first.treat");
            else
                fail_msg("a step that this test does not know: %s", expr);
        }
    }
}

static void read_data(fixture *f, const json_t *inputs, serial_table *t) {
    char name[64];
    snprintf(name, sizeof name, "%s", text(inputs, "data") + strlen("data/"));
    *strchr(name, '.') = '\0';
    serial_read(&f->env, name, t);
    prepare(t, inputs);
    json_t *weights = json_object_get(inputs, "weights");
    if (!weights) return;
    assert_int_equal(cw_alloc(&f->env, (size_t)t->rows, sizeof(double), &t->weight), CW_OK);
    memcpy(t->weight, t->real[serial_find(t, json_string_value(weights))], (size_t)t->rows * sizeof(double));
}

static cw_weighting weighting(const json_t *inputs) {
    if (!json_object_get(inputs, "weights")) return CW_UNWEIGHTED;
    const char *type = json_string_value(json_object_get(inputs, "weight_type"));
    return type && strcmp(type, "frequency") == 0 ? CW_FREQUENCY : CW_SAMPLING;
}

static void check_difference(fixture *f, const json_t *item) {
    const json_t *inputs = json_object_get(item, "inputs"), *want = json_object_get(item, "expected");
    const char *id = text(item, "id");
    serial_table t;
    read_data(f, inputs, &t);
    cw_linear_spec spec = {.form = CW_FORM_DIFFERENCE,
                           .outcome = serial_find(&t, text(inputs, "outcome")),
                           .treatment = serial_find(&t, text(inputs, "treatment")),
                           .control = 0,
                           .treated = 1,
                           .weighting = weighting(inputs),
                           .leverage = 1,
                           .level_share = -1};
    least_squares out;
    assert_int_equal(least_squares_run(&t, spec, &out), CW_OK);
    const cw_linear_result *r = &out.result;
    const struct {
        const char *key;
        double got;
    } number[] = {{"estimate", r->estimate},  {"n1", (double)r->n_treated}, {"n0", (double)r->n_control},
                  {"mean1", r->mean_treated}, {"mean0", r->mean_control},   {"se_pooled", r->classical},
                  {"se_welch", r->welch},     {"df_welch", r->welch_df},    {"se_hc0", r->hc[0]},
                  {"se_hc1", r->hc[1]},       {"se_hc2", r->hc[2]},         {"se_hc3", r->hc[3]}};
    size_t checked = 0;
    for (size_t k = 0; k < sizeof number / sizeof *number; k++) {
        const json_t *value = json_object_get(want, number[k].key);
        if (!value) continue;
        near(value, number[k].got, id, number[k].key);
        checked++;
    }
    assert_int_equal(checked, json_object_size(want));
    if (weighting(inputs) != CW_UNWEIGHTED) assert_true(isnan(r->welch));
    serial_free(&t);
}

/* Takes group means out of a column; the exact answer for one factor, or for two in a balanced panel when
 * called for one after the other. */
static void demean(serial_table *t, double *x, const double *group, double *share) {
    double *sum = NULL;
    int64_t most = 0;
    for (int64_t i = 0; i < t->rows; i++)
        if ((int64_t)group[i] > most) most = (int64_t)group[i];
    assert_int_equal(cw_alloc_zero(t->env, 2 * (size_t)(most + 1), sizeof *sum, &sum), CW_OK);
    double *count = sum + most + 1;
    for (int64_t i = 0; i < t->rows; i++) {
        sum[(int64_t)group[i]] += x[i];
        count[(int64_t)group[i]] += 1;
    }
    for (int64_t i = 0; i < t->rows; i++) {
        x[i] -= sum[(int64_t)group[i]] / count[(int64_t)group[i]];
        if (share) share[i] = 1 / count[(int64_t)group[i]];
    }
    cw_free(t->env, &sum);
}

static int64_t levels(const double *group, int64_t rows) {
    int64_t count = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t k = 0;
        while (k < i && group[k] != group[i]) k++;
        count += k == i;
    }
    return count;
}

/* Absorbs the factors that the case names; returns the degrees of freedom they take. */
static int64_t absorb(serial_table *t, const json_t *inputs, cw_linear_spec *spec) {
    const json_t *factors = json_object_get(inputs, "absorb");
    spec->absorbed = (int)json_array_size(factors);
    int64_t taken = 0;
    if (!spec->absorbed) return 0;
    double *share = serial_add(t, "(share)");
    for (int k = 0; k < spec->absorbed; k++) {
        const double *group = t->real[serial_find(t, json_string_value(json_array_get(factors, (size_t)k)))];
        taken += levels(group, t->rows) - (k > 0);
        demean(t, t->real[spec->outcome], group, share);
        demean(t, t->real[spec->treatment], group, NULL);
        for (int32_t j = 0; j < spec->covariates; j++) demean(t, t->real[spec->covariate[j]], group, NULL);
    }
    if (spec->absorbed == 1) spec->level_share = serial_find(t, "(share)");
    return taken;
}

static void set_key(serial_table *t, const json_t *inputs, int which) {
    const json_t *clusters = json_object_get(inputs, "cluster");
    if (!clusters) return;
    if (!t->key) assert_int_equal(cw_alloc(t->env, (size_t)t->rows, sizeof *t->key, &t->key), CW_OK);
    const double *first = t->real[serial_find(t, json_string_value(json_array_get(clusters, 0)))];
    const double *second = first;
    if (json_array_size(clusters) > 1)
        second = t->real[serial_find(t, json_string_value(json_array_get(clusters, 1)))];
    for (int64_t i = 0; i < t->rows; i++)
        t->key[i] = (int64_t)(which == 0 ? first[i] : which == 1 ? second[i] : first[i] * 10000 + second[i]);
}

static double named_error(const cw_linear_result *r, const char *name) {
    if (strcmp(name, "classical") == 0) return r->classical;
    if (strncmp(name, "HC", 2) == 0) return r->hc[name[2] - '0'];
    if (strncmp(name, "CR", 2) == 0) return r->cr[name[2] - '0'];
    fail_msg("no error %s", name);
    return 0;
}

/* One reported coefficient of a case. */
static void check_coefficient(fixture *f, const json_t *item, const char *report) {
    const json_t *inputs = json_object_get(item, "inputs"), *want = json_object_get(item, "expected");
    const char *id = text(item, "id");
    serial_table t;
    read_data(f, inputs, &t);
    int32_t covariate[32], covariates = 0;
    size_t k;
    json_t *name, *value;
    const char *key;
    json_array_foreach(json_object_get(inputs, "regressors"), k, name) {
        if (strcmp(json_string_value(name), report) == 0) continue;
        covariate[covariates++] = serial_find(&t, json_string_value(name));
    }
    cw_linear_spec spec = {.form = CW_FORM_ADJUST,
                           .outcome = serial_find(&t, text(inputs, "outcome")),
                           .treatment = serial_find(&t, report),
                           .covariates = covariates,
                           .covariate = covariate,
                           .control = 0,
                           .treated = 1,
                           .weighting = weighting(inputs),
                           .leverage = 1,
                           .level_share = -1,
                           .cr2 = 1};
    spec.absorbed_levels = absorb(&t, inputs, &spec);
    least_squares out[3];
    int ways = json_array_size(json_object_get(inputs, "cluster")) == 2 ? 3 : 1;
    for (int way = 0; way < ways; way++) {
        set_key(&t, inputs, way);
        assert_int_equal(least_squares_run(&t, spec, &out[way]), CW_OK);
    }
    const cw_linear_result *r = &out[0].result;
    near(json_object_get(json_object_get(want, "coef"), report), r->estimate, id, report);
    near(json_object_get(want, "n"), weighting(inputs) == CW_FREQUENCY ? r->weight_sum : (double)r->n, id,
         "n");
    near(json_object_get(want, "df_residual"), r->classical_df, id, "df");
    near(json_object_get(want, "sigma2"), r->sigma2, id, "sigma2");
    json_object_foreach((json_t *)json_object_get(want, "se"), key, value) {
        double got = named_error(r, key);
        if (ways == 3) {
            double a = got, b = named_error(&out[1].result, key), both = named_error(&out[2].result, key);
            got = sqrt(a * a + b * b - both * both);
        }
        near(json_object_get(value, report), got, id, key);
    }
    if (json_object_get(want, "rank")) near(json_object_get(want, "rank"), r->rank, id, "rank");
    if (json_object_get(want, "rss")) near(json_object_get(want, "rss"), r->rss, id, "rss");
    json_array_foreach(json_object_get(want, "dropped"), k, name) {
        int found = 0;
        for (int32_t j = 0; j < covariates; j++)
            if (strcmp(t.name[covariate[j]], json_string_value(name)) == 0) {
                assert_true(out[0].dropped[2 + j]);
                assert_true(out[0].coefficient[2 + j] == 0);
                found = 1;
            }
        assert_true(found);
    }
    const json_t *flags = json_object_get(want, "flags");
    if (flags && json_is_false(json_object_get(flags, "hc2_hc3_defined"))) {
        assert_true(isnan(r->hc[2]) && isnan(r->hc[3]));
        assert_true(fabs(r->max_leverage - 1) < 1e-12);
    }
    serial_free(&t);
}

static void reference_numbers(void **state) {
    fixture *f = *state;
    size_t k, j;
    json_t *item, *report;
    int differences = 0, regressions = 0;
    json_array_foreach(json_object_get(f->root, "cases"), k, item) {
        const char *family = text(item, "family");
        if (strcmp(family, "difference_in_means") == 0) {
            check_difference(f, item);
            differences++;
        } else if (strcmp(family, "ols") == 0) {
            json_array_foreach(json_object_get(json_object_get(item, "inputs"), "report"), j, report) {
                /* The copies of a column that a case drops cannot be asked for themselves. */
                if (strcmp(text(item, "id"), "OLS12") == 0 && strcmp(json_string_value(report), "age") == 0)
                    continue;
                check_coefficient(f, item, json_string_value(report));
                regressions++;
            }
        }
    }
    assert_int_equal(differences, 5);
    assert_int_equal(regressions, 18);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reference_numbers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
