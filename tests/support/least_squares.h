/* Least squares from table to result on one rank: profile, Gram matrix, fit, scores, clusters. */
#ifndef CW_TESTS_SUPPORT_LEAST_SQUARES_H
#define CW_TESTS_SUPPORT_LEAST_SQUARES_H

#include "serial.h"

#include "src/estimate/linear.h"
#include "src/estimate/profile.h"

enum { LEAST_SQUARES_SLOTS = 300 };

typedef struct least_squares {
    cw_linear_result result;
    double coefficient[LEAST_SQUARES_SLOTS];
    int32_t dropped[LEAST_SQUARES_SLOTS];
    int32_t slots;
} least_squares;

static inline void least_squares_facts(const serial_table *table, cw_column_facts *facts) {
    cw_profile *profile = NULL;
    assert_int_equal(cw_profile_create(table->env, table->reals, -1, 0, NULL, &profile), CW_OK);
    void *state = serial_pass(table, cw_profile_accumulator(profile));
    for (int32_t j = 0; j < table->reals; j++) {
        cw_profile_column column;
        cw_profile_get(profile, state, j, &column);
        facts[j] = (cw_column_facts){column.low, column.high, column.shift};
    }
    cw_free(table->env, &state);
    cw_profile_destroy(&profile);
}

static inline void least_squares_clusters(const serial_table *table, const cw_linear *linear,
                                          const void *scores, cw_linear_result *result) {
    cw_env *env = table->env;
    int32_t width = cw_linear_cluster_width(linear);
    int32_t *quantum = NULL;
    double *value = NULL;
    cw_keysum *sums = NULL;
    assert_int_equal(cw_alloc(env, (size_t)width, sizeof *quantum, &quantum), CW_OK);
    assert_int_equal(cw_alloc(env, (size_t)width, sizeof *value, &value), CW_OK);
    cw_linear_cluster_quanta(linear, quantum);
    assert_int_equal(cw_keysum_create(env, width, quantum, &sums), CW_OK);
    serial_rows rows = {.table = table};
    for (int64_t b = 0; b < cw_block_count(table->rows); b++) {
        cw_block block;
        serial_rows_supply(&rows, b, &block);
        for (int32_t i = 0; i < block.rows; i++) {
            if (!cw_linear_cluster_row(linear, &block, i, value)) continue;
            const cw_key key = {block.key[0][i], 0};
            assert_int_equal(cw_keysum_add(sums, key, value), CW_OK);
        }
    }
    void *meat = serial_pass_keys(env, sums, cw_linear_meat(linear));
    cw_linear_finish(linear, scores, meat, cw_keysum_size(sums), result);
    cw_free(env, &meat);
    cw_keysum_destroy(&sums);
    cw_free(env, &quantum);
    cw_free(env, &value);
}

/* Runs `spec` (facts, rows and level_share's default are filled in); the code is the fit's. */
static inline cw_code least_squares_run(const serial_table *table, cw_linear_spec spec, least_squares *out) {
    cw_env *env = table->env;
    cw_column_facts facts[SERIAL_COLUMNS];
    const char *names[SERIAL_COLUMNS];
    least_squares_facts(table, facts);
    for (int32_t j = 0; j < table->reals; j++) names[j] = table->name[j];
    spec.facts = facts;
    spec.rows = table->rows;
    spec.name = names;
    spec.clusters = table->key != NULL;
    cw_linear *linear = NULL;
    void *solution = NULL;
    assert_int_equal(cw_linear_create(env, &spec, &linear), CW_OK);
    void *gram = serial_pass(table, cw_linear_gram(linear));
    assert_int_equal(cw_alloc(env, 1, cw_linear_solution_bytes(linear), &solution), CW_OK);
    cw_code code = cw_linear_fit(linear, gram, solution);
    if (code == CW_OK) {
        cw_linear_use(linear, solution);
        void *scores = serial_pass(table, cw_linear_scores(linear));
        cw_linear_finish(linear, scores, NULL, 0, &out->result);
        if (table->key) least_squares_clusters(table, linear, scores, &out->result);
        const double *value;
        const int32_t *dropped;
        out->slots = cw_linear_coefficients(linear, &value, &dropped);
        assert_true(out->slots <= LEAST_SQUARES_SLOTS);
        for (int32_t k = 0; k < out->slots; k++) {
            out->coefficient[k] = value[k];
            out->dropped[k] = dropped[k];
        }
        cw_free(env, &scores);
    }
    cw_free(env, &solution);
    cw_free(env, &gram);
    cw_linear_destroy(&linear);
    return code;
}

#endif
