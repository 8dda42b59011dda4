/* Least squares against the textbook's formulas, and against itself: weights, clusters, absorbed factors, the
 * interacted form, bits, failures. */
#include "tests/support/brute.h"
#include "tests/support/least_squares.h"

#include "src/base/cpu.h"

static uint64_t seed;
static double uniform(void) {
    seed += 0x9e3779b97f4a7c15u;
    uint64_t z = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static void close_to(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance * fabs(want))) fail_msg("%.16g, not %.16g", got, want);
}

enum { Y, T, X, GROUP = X + 20 };

/* n rows: outcome, binary treatment, p covariates of very different sizes, 7 clusters, weights 1 to 3. */
static void simulate(cw_env *env, serial_table *t, int64_t n, int p, int weighted, int clustered) {
    serial_make(env, t, n);
    double *y = serial_add(t, "y"), *d = serial_add(t, "d"), *x[20];
    for (int j = 0; j < p; j++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", j + 1);
        x[j] = serial_add(t, name);
    }
    if (weighted) assert_int_equal(cw_alloc(env, (size_t)n, sizeof(double), &t->weight), CW_OK);
    if (clustered) assert_int_equal(cw_alloc(env, (size_t)n, sizeof(int64_t), &t->key), CW_OK);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0, push = 0;
        for (int j = 0; j < p; j++) {
            double u = uniform() + uniform() - 1;
            x[j][i] = (j % 3 == 0 ? 1 : j % 3 == 1 ? 1e4 : 1e-3) * (u + (j % 2 ? 5 : 0));
            sum += (j + 1) * u;
            push += j % 2 ? 0 : u / 4;
        }
        d[i] = uniform() + push > 0.6;
        y[i] = 100 + 3 * d[i] + sum * (1 + d[i] / 2) + (uniform() - 0.5) * (1 + 3 * d[i]);
        if (weighted) t->weight[i] = 1 + floor(3 * uniform());
        if (clustered) t->key[i] = (int64_t)(uniform() * uniform() * 7) * 1000003 - 17;
    }
}

static int32_t covariate[20] = {X,      X + 1,  X + 2,  X + 3,  X + 4,  X + 5,  X + 6,
                                X + 7,  X + 8,  X + 9,  X + 10, X + 11, X + 12, X + 13,
                                X + 14, X + 15, X + 16, X + 17, X + 18, X + 19};

static cw_linear_spec spec_of(cw_linear_form form, int p, cw_weighting weighting) {
    return (cw_linear_spec){.form = form,
                            .outcome = Y,
                            .treatment = T,
                            .covariates = p,
                            .covariate = covariate,
                            .control = 0,
                            .treated = 1,
                            .weighting = weighting,
                            .leverage = 1,
                            .level_share = -1,
                            .cr2 = 1};
}

/* Rows with their weights and clusters (renumbered); columns are the caller's. */
static void brute_rows(brute *b, const serial_table *t, int frequency) {
    memset(b, 0, sizeof *b);
    b->n = (int)t->rows;
    b->frequency = frequency;
    int64_t seen[BRUTE_ROWS];
    int clusters = 0;
    for (int i = 0; i < b->n; i++) {
        b->y[i] = t->real[Y][i];
        b->w[i] = t->weight ? t->weight[i] : 1;
        if (!t->key) continue;
        int g = 0;
        while (g < clusters && seen[g] != t->key[i]) g++;
        if (g == clusters) seen[clusters++] = t->key[i];
        b->cluster[i] = g;
    }
}

static void adjustment_follows_the_textbook(void **state) {
    (void)state;
    static brute b;
    cw_env env;
    cw_env_init(&env);
    for (int p = 0; p <= 9; p += 3)
        for (cw_weighting weighting = CW_UNWEIGHTED; weighting <= CW_PRECISION; weighting++) {
            serial_table t;
            least_squares out;
            seed = 10 + (uint64_t)p;
            simulate(&env, &t, 150 + 20 * p, p, weighting != CW_UNWEIGHTED, 1);
            cw_linear_spec spec = spec_of(CW_FORM_ADJUST, p, weighting);
            spec.control = 2; /* a contrast of -3 */
            spec.treated = -1;
            assert_int_equal(least_squares_run(&t, spec, &out), CW_OK);
            brute_rows(&b, &t, weighting == CW_FREQUENCY);
            b.k = p + 2;
            for (int i = 0; i < b.n; i++) {
                b.x[i][0] = 1;
                b.x[i][1] = t.real[T][i];
                for (int j = 0; j < p; j++) b.x[i][2 + j] = t.real[X + j][i];
            }
            brute_fit(&b);
            const cw_linear_result *r = &out.result;
            close_to(r->estimate, -3 * b.beta[1], 1e-10);
            close_to(r->classical, 3 * brute_classical(&b, 1), 1e-10);
            close_to(r->sigma2, brute_sigma2(&b), 1e-10);
            for (int type = 0; type < 4; type++) close_to(r->hc[type], 3 * brute_hc(&b, type, 1), 1e-9);
            for (int type = 0; type < 3; type++) close_to(r->cr[type], 3 * brute_cr(&b, type, 1), 1e-8);
            assert_int_equal(out.slots, p + 2);
            for (int j = 0; j < b.k; j++) close_to(out.coefficient[j], b.beta[j], 1e-9);
            double most = 0;
            for (int i = 0; i < b.n; i++) most = fmax(most, b.h[i]);
            close_to(r->max_leverage, most, 1e-9);
            assert_true(r->rank == p + 2 && r->classical_df == b.total - b.k);
            assert_true(isnan(r->mean_treated) && r->n_control == 0 && isnan(r->welch));
            serial_free(&t);
        }
    assert_int_equal(env.blocks_now, 0);
}

/* The regression on 1, d, x - target means, d (x - target means): its coefficient of d is the effect. */
static void interacted_design(brute *b, const serial_table *t, int p, cw_target target) {
    double mean[20] = {0}, total = 0;
    for (int i = 0; i < b->n; i++) {
        int in = target == CW_TARGET_ALL || (target == CW_TARGET_TREATED) == (t->real[T][i] == 1);
        total += in ? b->w[i] : 0;
        for (int j = 0; j < p; j++) mean[j] += in ? b->w[i] * t->real[X + j][i] : 0;
    }
    b->k = 2 + 2 * p;
    for (int i = 0; i < b->n; i++) {
        double d = t->real[T][i];
        b->x[i][0] = 1;
        b->x[i][1] = d;
        for (int j = 0; j < p; j++) {
            double z = (t->real[X + j][i] - mean[j] / total) / (fabs(mean[j] / total) + 1e-3);
            b->x[i][2 + j] = z;
            b->x[i][2 + p + j] = d * z;
        }
    }
    brute_fit(b);
    for (int i = 0; i < b->n; i++) {
        int in = target == CW_TARGET_ALL || (target == CW_TARGET_TREATED) == (t->real[T][i] == 1);
        double difference = 0;
        for (int j = 0; j < p; j++) difference += b->beta[2 + p + j] * b->x[i][2 + j];
        b->mean_part[i] = in ? b->w[i] * difference / total : 0;
    }
}

static void lin_follows_the_textbook(void **state) {
    (void)state;
    static brute b;
    cw_env env;
    cw_env_init(&env);
    for (int p = 1; p <= 7; p += 3)
        for (cw_target target = CW_TARGET_ALL; target <= CW_TARGET_CONTROLS; target++)
            for (cw_weighting weighting = CW_UNWEIGHTED; weighting <= CW_PRECISION; weighting++) {
                serial_table t;
                least_squares out;
                seed = 50 + (uint64_t)p;
                simulate(&env, &t, 300, p, weighting != CW_UNWEIGHTED, 1);
                cw_linear_spec spec = spec_of(CW_FORM_INTERACT, p, weighting);
                spec.target = target;
                assert_int_equal(least_squares_run(&t, spec, &out), CW_OK);
                brute_rows(&b, &t, weighting == CW_FREQUENCY);
                interacted_design(&b, &t, p, target);
                const cw_linear_result *r = &out.result;
                close_to(r->estimate, b.beta[1], 1e-9);
                close_to(r->classical, brute_classical(&b, 1), 1e-9);
                for (int type = 0; type < 4; type++) close_to(r->hc[type], brute_hc(&b, type, 1), 1e-9);
                for (int type = 0; type < 3; type++) close_to(r->cr[type], brute_cr(&b, type, 1), 1e-8);
                memset(b.mean_part, 0, sizeof b.mean_part);
                close_to(r->fixed_covariates, brute_hc(&b, 2, 1), 1e-9);
                assert_int_equal(out.slots, 2 * (p + 1));
                serial_free(&t);
            }
    assert_int_equal(env.blocks_now, 0);
}

static void lins_coefficients_are_the_arms(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    seed = 60;
    simulate(&env, &t, 40, 2, 0, 0);
    for (int64_t i = 0; i < 40; i++) /* exact lines in either arm */
        t.real[Y][i] = t.real[T][i] > 0 ? 7 + 2 * t.real[X][i] - 1e-4 * t.real[X + 1][i]
                                        : 1 - 3 * t.real[X][i] + 2e-4 * t.real[X + 1][i];
    least_squares out;
    assert_int_equal(least_squares_run(&t, spec_of(CW_FORM_INTERACT, 2, CW_UNWEIGHTED), &out), CW_OK);
    const double want[] = {7, 2, -1e-4, 1, -3, 2e-4};
    for (int j = 0; j < 6; j++) close_to(out.coefficient[j], want[j], 1e-9);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

/* One factor: demeaned columns against a dummy for each level. */
static void an_absorbed_factor_is_its_dummies(void **state) {
    (void)state;
    static brute b;
    enum { LEVELS = 12, P = 3 };
    cw_env env;
    cw_env_init(&env);
    for (int weighted = 0; weighted <= 1; weighted++) {
        serial_table t;
        seed = 70;
        simulate(&env, &t, 200, P, weighted, 0);
        int level[200];
        double size[LEVELS] = {0};
        double *share = serial_add(&t, "share");
        brute_rows(&b, &t, 0);
        for (int i = 0; i < 200; i++) {
            level[i] = (int)(uniform() * LEVELS);
            size[level[i]] += b.w[i];
            t.real[Y][i] += level[i];
        }
        brute_rows(&b, &t, 0);
        b.k = 1 + P + LEVELS;
        for (int i = 0; i < 200; i++) {
            share[i] = b.w[i] / size[level[i]]; /* with weights: the row's share of its level's weight */
            for (int j = 0; j <= P; j++) b.x[i][j] = t.real[T + j][i] * (j % 3 == 2 ? 1e-4 : 1);
            for (int l = 0; l < LEVELS; l++) b.x[i][1 + P + l] = level[i] == l;
        }
        brute_fit(&b);
        for (int j = 0; j < 2 + P; j++) {
            double mean[LEVELS] = {0};
            for (int i = 0; i < 200; i++) mean[level[i]] += b.w[i] * t.real[j][i] / size[level[i]];
            for (int i = 0; i < 200; i++) t.real[j][i] -= mean[level[i]];
        }
        cw_linear_spec spec = spec_of(CW_FORM_ADJUST, P, weighted ? CW_SAMPLING : CW_UNWEIGHTED);
        spec.absorbed = 1;
        spec.absorbed_levels = LEVELS;
        spec.level_share = serial_find(&t, "share");
        least_squares out;
        assert_int_equal(least_squares_run(&t, spec, &out), CW_OK);
        close_to(out.result.estimate, b.beta[0], 1e-9);
        close_to(out.result.classical, brute_classical(&b, 0), 1e-9);
        for (int type = 0; type < 4; type++) close_to(out.result.hc[type], brute_hc(&b, type, 0), 1e-9);
        assert_true(out.result.rank == b.k && out.dropped[0] == 1);
        spec.level_share = -1;
        assert_int_equal(least_squares_run(&t, spec, &out), CW_OK);
        assert_true(isnan(out.result.hc[2]) && isnan(out.result.hc[3]));
        close_to(out.result.hc[1], brute_hc(&b, 1, 0), 1e-9);
        serial_free(&t);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void frequency_weights_are_repeated_rows(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    for (cw_linear_form form = CW_FORM_DIFFERENCE; form <= CW_FORM_INTERACT; form++) {
        serial_table t, repeated;
        least_squares a, b;
        seed = 80;
        simulate(&env, &t, 120, 3, 1, 1);
        int64_t rows = 0, at = 0;
        for (int64_t i = 0; i < t.rows; i++) rows += (int64_t)t.weight[i];
        serial_make(&env, &repeated, rows);
        for (int32_t j = 0; j < t.reals; j++) serial_add(&repeated, t.name[j]);
        assert_int_equal(cw_alloc(&env, (size_t)rows, sizeof(int64_t), &repeated.key), CW_OK);
        for (int64_t i = 0; i < t.rows; i++)
            for (int c = 0; c < (int)t.weight[i]; c++, at++) {
                for (int32_t j = 0; j < t.reals; j++) repeated.real[j][at] = t.real[j][i];
                repeated.key[at] = t.key[i];
            }
        assert_int_equal(least_squares_run(&t, spec_of(form, 3, CW_FREQUENCY), &a), CW_OK);
        assert_int_equal(least_squares_run(&repeated, spec_of(form, 3, CW_UNWEIGHTED), &b), CW_OK);
        close_to(a.result.estimate, b.result.estimate, 1e-11);
        close_to(a.result.classical, b.result.classical, 1e-11);
        for (int k = 0; k < 4; k++) close_to(a.result.hc[k], b.result.hc[k], 1e-10);
        for (int k = 0; k < 3; k++) close_to(a.result.cr[k], b.result.cr[k], 1e-10);
        assert_true(a.result.classical_df == b.result.classical_df);
        serial_free(&t);
        serial_free(&repeated);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void rows_of_weight_zero_do_not_exist(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    for (cw_linear_form form = CW_FORM_DIFFERENCE; form <= CW_FORM_INTERACT; form++) {
        serial_table t;
        least_squares a, b, c;
        seed = 90;
        simulate(&env, &t, 9000, 4, 1, 1);
        for (int64_t i = 0; i < t.rows; i++)
            if (i % 3 == 1 || i > 8700) t.weight[i] = 0;
        assert_int_equal(least_squares_run(&t, spec_of(form, 4, CW_SAMPLING), &a), CW_OK);
        for (int64_t i = 0; i < t.rows; i++)
            for (int32_t j = 0; t.weight[i] == 0 && j < t.reals; j++)
                t.real[j][i] = i % 2 ? NAN : i % 5 ? INFINITY : 1e300;
        assert_int_equal(least_squares_run(&t, spec_of(form, 4, CW_SAMPLING), &b), CW_OK);
        assert_memory_equal(&a, &b, sizeof a.result);
        /* and without them: the same to rounding, the blocks being others */
        int64_t kept = 0;
        for (int64_t i = 0; i < t.rows; i++) {
            if (t.weight[i] == 0) continue;
            for (int32_t j = 0; j < t.reals; j++) t.real[j][kept] = t.real[j][i];
            t.key[kept] = t.key[i];
            t.weight[kept++] = t.weight[i];
        }
        t.rows = kept;
        assert_int_equal(least_squares_run(&t, spec_of(form, 4, CW_SAMPLING), &c), CW_OK);
        assert_true(c.result.n == a.result.n && c.result.n == kept);
        close_to(c.result.estimate, a.result.estimate, 1e-11);
        for (int k = 0; k < 4; k++) close_to(c.result.hc[k], a.result.hc[k], 1e-11);
        for (int k = 0; k < 3; k++) close_to(c.result.cr[k], a.result.cr[k], 1e-10);
        serial_free(&t);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void every_kernel_gives_the_same_bits(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    for (int p = 0; p <= 20; p += p < 9 ? 1 : 5)
        for (cw_linear_form form = CW_FORM_DIFFERENCE; form <= CW_FORM_INTERACT; form++) {
            serial_table t;
            least_squares plain, other;
            seed = 100 + (uint64_t)p;
            simulate(&env, &t, p == 7 ? 8192 + 8192 + 333 : 301 + p, p, p % 2, 0);
            for (int64_t i = 3; p % 2 && i < t.rows; i += 11) {
                t.weight[i] = 0;
                for (int32_t j = 0; j < t.reals; j++) t.real[j][i] = NAN;
            }
            cw_linear_spec spec = spec_of(form, p, p % 4 == 1 ? CW_FREQUENCY : CW_SAMPLING);
            memset(&plain, 0, sizeof plain);
            memset(&other, 0, sizeof other);
            cw_cpu_limit(CW_CPU_PLAIN);
            assert_int_equal(least_squares_run(&t, spec, &plain), CW_OK);
            assert_true(plain.result.hc[3] > 0 && plain.result.n == t.rows - (p % 2 ? (t.rows + 7) / 11 : 0));
            for (cw_cpu level = CW_CPU_AVX2; level <= cw_cpu_found(); level++) {
                cw_cpu_limit(level);
                assert_int_equal(least_squares_run(&t, spec, &other), CW_OK);
                assert_memory_equal(&plain, &other, sizeof plain);
            }
            cw_cpu_limit(CW_CPU_AVX512);
            serial_free(&t);
        }
    assert_int_equal(env.blocks_now, 0);
}

/* Means a million times the spread: shifts keep the digits. All numbers are multiples of 2^-10. */
static void far_from_zero_is_no_worse(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    least_squares near, far;
    seed = 110;
    simulate(&env, &t, 2000, 3, 0, 0);
    for (int32_t j = 0; j < t.reals; j++)
        for (int64_t i = 0; i < t.rows && j != T; i++) t.real[j][i] = floor(t.real[j][i] * 1024) / 1024;
    for (cw_linear_form form = CW_FORM_DIFFERENCE; form <= CW_FORM_INTERACT; form++) {
        assert_int_equal(least_squares_run(&t, spec_of(form, 2, CW_UNWEIGHTED), &near), CW_OK);
        for (int32_t j = 0; j < t.reals; j++)
            for (int64_t i = 0; i < t.rows && j != T; i++) t.real[j][i] += 0x1p30;
        assert_int_equal(least_squares_run(&t, spec_of(form, 2, CW_UNWEIGHTED), &far), CW_OK);
        for (int32_t j = 0; j < t.reals; j++)
            for (int64_t i = 0; i < t.rows && j != T; i++) t.real[j][i] -= 0x1p30;
        close_to(far.result.estimate, near.result.estimate, 1e-10);
        close_to(far.result.hc[3], near.result.hc[3], 1e-10);
        close_to(far.result.mean_treated - 0x1p30, near.result.mean_treated, 1e-8);
    }
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void small_arms_and_leverage_one(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    least_squares out;
    seed = 120;
    simulate(&env, &t, 20, 2, 0, 0);
    for (int64_t i = 0; i < 20; i++) t.real[T][i] = i == 4;
    assert_int_equal(least_squares_run(&t, spec_of(CW_FORM_DIFFERENCE, 0, CW_UNWEIGHTED), &out), CW_OK);
    assert_true(isnan(out.result.welch) && isnan(out.result.hc[2]) && isnan(out.result.hc[3]));
    assert_true(out.result.classical > 0 && out.result.hc[1] > 0 && out.result.max_leverage == 1);
    assert_int_equal(out.result.n_treated, 1);
    assert_int_equal(least_squares_run(&t, spec_of(CW_FORM_ADJUST, 2, CW_UNWEIGHTED), &out), CW_OK);
    assert_true(isnan(out.result.hc[2]) && fabs(out.result.max_leverage - 1) < 1e-12);
    cw_linear_spec spec = spec_of(CW_FORM_DIFFERENCE, 0, CW_UNWEIGHTED);
    spec.leverage = 0;
    t.real[T][5] = 1;
    assert_int_equal(least_squares_run(&t, spec, &out), CW_OK);
    assert_true(isnan(out.result.hc[2]) && isnan(out.result.max_leverage) && out.result.welch > 0);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void clusters_that_decide_alone(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    least_squares out;
    seed = 130;
    simulate(&env, &t, 60, 2, 0, 1);
    for (int64_t i = 0; i < 60; i++) {
        t.key[i] = i / 10;
        t.real[X + 1][i] = t.key[i] == 3; /* a covariate that only one cluster moves */
    }
    assert_int_equal(least_squares_run(&t, spec_of(CW_FORM_ADJUST, 2, CW_UNWEIGHTED), &out), CW_OK);
    assert_true(out.result.cr[0] > 0 && out.result.cr[1] > out.result.cr[0] && isnan(out.result.cr[2]));
    assert_int_equal(out.result.clusters, 6);
    close_to(out.result.max_cluster_share, 1.0 / 6, 1e-15);
    for (int64_t i = 0; i < 60; i++) t.key[i] = 5;
    assert_int_equal(least_squares_run(&t, spec_of(CW_FORM_ADJUST, 1, CW_UNWEIGHTED), &out), CW_OK);
    assert_true(isnan(out.result.cr[0]) && isnan(out.result.cr[1]) && isnan(out.result.cr[2]));
    /* Clusters of one row: CR0 is HC0, CR2 is HC2. */
    for (int64_t i = 0; i < 60; i++) t.key[i] = i;
    assert_int_equal(least_squares_run(&t, spec_of(CW_FORM_INTERACT, 1, CW_UNWEIGHTED), &out), CW_OK);
    close_to(out.result.cr[0], out.result.hc[0], 1e-12);
    close_to(out.result.cr[2], out.result.hc[2], 1e-12);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void duplicated_covariates_change_nothing(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    for (cw_linear_form form = CW_FORM_ADJUST; form <= CW_FORM_INTERACT; form++) {
        serial_table t;
        least_squares a, b;
        seed = 140;
        simulate(&env, &t, 200, 4, 0, 1);
        for (int64_t i = 0; i < 200; i++) {
            t.real[X + 2][i] = 3 * t.real[X][i] - 1e-3 * t.real[X + 1][i] + 4;
            t.real[X + 3][i] = 12.5; /* constant */
        }
        assert_int_equal(least_squares_run(&t, spec_of(form, 2, CW_UNWEIGHTED), &a), CW_OK);
        assert_int_equal(least_squares_run(&t, spec_of(form, 4, CW_UNWEIGHTED), &b), CW_OK);
        close_to(b.result.estimate, a.result.estimate, 1e-10);
        assert_true(a.result.rank == b.result.rank);
        for (int k = 0; k < 4; k++) close_to(b.result.hc[k], a.result.hc[k], 1e-10);
        for (int k = 0; k < 3; k++) close_to(b.result.cr[k], a.result.cr[k], 1e-9);
        int32_t dropped = 0;
        for (int32_t k = 0; k < b.slots; k++) dropped += b.dropped[k];
        assert_int_equal(dropped, form == CW_FORM_ADJUST ? 2 : 4);
        serial_free(&t);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void refused(const serial_table *t, cw_linear_spec spec, const char *why) {
    least_squares out;
    assert_int_equal(least_squares_run(t, spec, &out), CW_BAD_DATA);
    if (!strstr(t->env->error.what, why)) fail_msg("\"%s\" does not say \"%s\"", t->env->error.what, why);
    assert_true(t->env->error.mend[0] != '\0');
    cw_env_clear(t->env);
}

static void what_cannot_be_compared_is_refused(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    seed = 150;
    simulate(&env, &t, 100, 3, 1, 0);
    cw_linear_spec difference = spec_of(CW_FORM_DIFFERENCE, 0, CW_SAMPLING);
    cw_linear_spec adjust = spec_of(CW_FORM_ADJUST, 3, CW_SAMPLING);
    cw_linear_spec interact = spec_of(CW_FORM_INTERACT, 3, CW_SAMPLING);
    double *d = t.real[T], *x = t.real[X], saved[100], saved_x[100];
    memcpy(saved, d, sizeof saved);
    memcpy(saved_x, x, sizeof saved_x);

    difference.treated = interact.treated = 2;
    refused(&t, difference, "no row used has d = 2");
    refused(&t, interact, "no row used has d = 2");
    difference.treated = interact.treated = 1;

    for (int i = 0; i < 100; i++) d[i] = 0.1;
    refused(&t, adjust, "the treatment (d) does not vary in the rows used");
    for (int i = 0; i < 100; i++) d[i] = 2 * x[i] - 1e-4 * t.real[X + 1][i] + 3;
    refused(&t, adjust, "the treatment (d) is a linear combination of the covariates x1, x2");
    memcpy(d, saved, sizeof saved);

    for (int i = 0; i < 100; i++) x[i] = d[i] > 0 ? 1 : i % 2;
    refused(&t, interact, "the covariate x1 is constant or follows from the others");
    memcpy(x, saved_x, sizeof saved_x);

    x[17] = NAN;
    t.weight[18] = 0;
    x[18] = NAN;
    refused(&t, adjust, "1 rows have a missing or infinite");
    memcpy(x, saved_x, sizeof saved_x);

    for (int i = 5; i < 100; i++) t.weight[i] = 0;
    refused(&t, adjust, "5 rows are too few for 5 columns");
    for (int i = 0; i < 5; i++) d[i] = i == 2;
    refused(&t, interact, "too few");
    for (int i = 0; i < 5; i++) t.weight[i] = 0;
    refused(&t, adjust, "there are no rows");
    serial_free(&t);

    cw_linear *linear = NULL;
    const cw_column_facts facts[30] = {{0, 1, 0.5}};
    adjust.facts = facts;
    adjust.treated = adjust.control;
    assert_int_equal(cw_linear_create(&env, &adjust, &linear), CW_BAD_JOB);
    assert_null(linear);
    assert_int_equal(env.blocks_now, 0);
}

/* Every allocation of making and fitting fails once. */
static void failures_leave_nothing_behind(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    seed = 160;
    simulate(&env, &t, 50, 2, 0, 0);
    cw_column_facts facts[4];
    least_squares_facts(&t, facts);
    for (cw_linear_form form = CW_FORM_ADJUST; form <= CW_FORM_INTERACT; form++) {
        cw_linear_spec spec = spec_of(form, 2, CW_UNWEIGHTED);
        spec.facts = facts;
        int64_t before = env.blocks_now, reached = 0;
        for (int64_t k = 1; reached == 0; k++) {
            cw_linear *linear = NULL;
            double solution[200];
            env.calls = 0;
            env.fail_at = k;
            cw_code code = cw_linear_create(&env, &spec, &linear);
            if (code == CW_OK) {
                int64_t calls = env.calls;
                env.fail_at = 0;
                assert_true(cw_linear_solution_bytes(linear) <= sizeof solution);
                void *gram = serial_pass(&t, cw_linear_gram(linear));
                env.calls = calls;
                env.fail_at = k;
                code = cw_linear_fit(linear, gram, solution);
                if (code == CW_OK) reached = k;
                env.fail_at = 0;
                cw_free(&env, &gram);
            } else
                assert_null(linear);
            if (!reached) assert_int_equal(code, CW_NO_MEMORY);
            cw_linear_destroy(&linear);
            assert_int_equal(env.blocks_now, before);
            env.fail_at = 0;
            cw_env_clear(&env);
        }
        assert_true(reached > 15);
    }
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjustment_follows_the_textbook),
        cmocka_unit_test(lin_follows_the_textbook),
        cmocka_unit_test(lins_coefficients_are_the_arms),
        cmocka_unit_test(an_absorbed_factor_is_its_dummies),
        cmocka_unit_test(frequency_weights_are_repeated_rows),
        cmocka_unit_test(rows_of_weight_zero_do_not_exist),
        cmocka_unit_test(every_kernel_gives_the_same_bits),
        cmocka_unit_test(far_from_zero_is_no_worse),
        cmocka_unit_test(small_arms_and_leverage_one),
        cmocka_unit_test(clusters_that_decide_alone),
        cmocka_unit_test(duplicated_covariates_change_nothing),
        cmocka_unit_test(what_cannot_be_compared_is_refused),
        cmocka_unit_test(failures_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
