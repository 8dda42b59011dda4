/* Any text either parses and gives the same bits row by row as together, or fails with a message; nothing
 * leaks. */
#include <stdlib.h>
#include <string.h>

#include "src/base/expression.h"
#include "src/base/random.h"

enum { COLUMNS = 4, ROWS = 261 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static int32_t lookup(void *self, const char *name) {
    (void)self;
    if (name[0] == 'z') return -1;
    return (int32_t)(cw_hash64(name, strlen(name), 0) % COLUMNS);
}

static void require(int truth) {
    if (!truth) abort();
}

static void fill(double data[COLUMNS][ROWS]) {
    const double special[] = {0, -0.0, 1, -1, 2, 1e308, -1e308, 5e-324, 1.0 / 3, 1e16};
    for (int c = 0; c < COLUMNS; c++)
        for (int i = 0; i < ROWS; i++) {
            uint64_t word = cw_mix64((uint64_t)(c * ROWS + i));
            data[c][i] = word % 3 ? special[word / 3 % 10] : (double)(int64_t)word * 0x1p-60;
            if (word % 11 == 0) data[c][i] = 0 * (special[5] * special[5]); /* NaN */
        }
}

static void evaluate(cw_env *env, const cw_expression *e) {
    static double data[COLUMNS][ROWS];
    const double *column[COLUMNS], *single[COLUMNS];
    double together[ROWS], alone;
    void *all, *one;
    fill(data);
    for (int c = 0; c < COLUMNS; c++) column[c] = data[c];
    require(cw_alloc(env, 1, cw_expression_workspace(e, ROWS), &all) == CW_OK);
    require(cw_alloc(env, 1, cw_expression_workspace(e, 1), &one) == CW_OK);
    cw_expression_evaluate(e, ROWS, column, all, together);
    for (int i = 0; i < ROWS; i += 13) {
        for (int c = 0; c < COLUMNS; c++) single[c] = data[c] + i;
        cw_expression_evaluate(e, 1, single, one, &alone);
        int both_missing = alone != alone && together[i] != together[i];
        require(both_missing || memcmp(&alone, &together[i], sizeof alone) == 0);
    }
    cw_free(env, &all);
    cw_free(env, &one);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    cw_env env;
    cw_env_init(&env);
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    cw_expression *e;
    cw_code code = cw_expression_parse(&env, "fuzz", text, lookup, NULL, &e);
    if (code == CW_OK) {
        const int32_t *columns;
        int32_t count = cw_expression_columns(e, &columns);
        for (int32_t i = 0; i < count; i++)
            require(columns[i] >= 0 && columns[i] < COLUMNS && (i == 0 || columns[i - 1] < columns[i]));
        evaluate(&env, e);
    } else {
        require(code == CW_BAD_JOB && e == NULL && env.error.what[0] != '\0');
    }
    cw_expression_destroy(&e);
    require(env.blocks_now == 0);
    free(text);
    return 0;
}
