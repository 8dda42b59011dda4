/* The engine on one rank, for tests of the mathematics: a table in memory, accumulators run over its blocks
 * along the fixed tree, sums by key streamed bucket by bucket. Bits as in mpi/. */
#ifndef CW_TESTS_SUPPORT_SERIAL_H
#define CW_TESTS_SUPPORT_SERIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/accumulator.h"
#include "src/base/keysum.h"

enum { SERIAL_COLUMNS = 128, SERIAL_BUCKETS = 1024, SERIAL_TEXT = 4096 };

typedef struct serial_table {
    cw_env *env;
    int64_t rows;
    int32_t reals;
    double *real[SERIAL_COLUMNS];
    char name[SERIAL_COLUMNS][64];
    double *weight; /* NULL: 1 */
    int64_t *key;   /* NULL: none */
} serial_table;

static inline double *serial_add(serial_table *table, const char *name) {
    assert_true(table->reals < SERIAL_COLUMNS);
    double **column = &table->real[table->reals];
    assert_int_equal(cw_alloc_zero(table->env, (size_t)table->rows, sizeof **column, column), CW_OK);
    snprintf(table->name[table->reals++], sizeof table->name[0], "%.63s", name);
    return *column;
}

static inline void serial_make(cw_env *env, serial_table *table, int64_t rows) {
    memset(table, 0, sizeof *table);
    table->env = env;
    table->rows = rows;
}

static inline void serial_free(serial_table *table) {
    for (int32_t j = 0; j < table->reals; j++) cw_free(table->env, &table->real[j]);
    cw_free(table->env, &table->weight);
    cw_free(table->env, &table->key);
}

static inline int32_t serial_find(const serial_table *table, const char *name) {
    for (int32_t j = 0; j < table->reals; j++)
        if (strcmp(table->name[j], name) == 0) return j;
    fail_msg("no column %s", name);
    return -1;
}

/* Cuts the next field off a CSV line; text in quotes loses them. */
static inline char *serial_field(char **line) {
    char *field = *line, *end;
    if (*field == '"') {
        end = strchr(++field, '"');
        *end++ = '\0';
    } else
        end = field + strcspn(field, ",\r\n");
    *line = *end == ',' ? end + 1 : end;
    *end = '\0';
    return field;
}

/* The number of a text: by first appearance. */
static inline double serial_code(char (*texts)[64], int *count, const char *text) {
    for (int k = 0; k < *count; k++)
        if (strcmp(texts[k], text) == 0) return k;
    assert_true(*count < 1000);
    snprintf(texts[*count], 64, "%.63s", text);
    return (*count)++;
}

/* Reads tests/reference/NAME.csv.gz: numbers as they are, texts as codes. */
static inline void serial_read(cw_env *env, const char *name, serial_table *table) {
    static char line[SERIAL_TEXT], texts[1000][64];
    char command[SERIAL_TEXT];
    int count = 0;
    snprintf(command, sizeof command, "gzip -dc '%s/reference/%s.csv.gz'", CAUSEWAY_TEST_DATA, name);
    int64_t rows = -1;
    FILE *file = popen(command, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) rows++;
    assert_int_equal(pclose(file), 0);
    serial_make(env, table, rows);
    file = popen(command, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    for (char *at = line; *at && *at != '\n';) serial_add(table, serial_field(&at));
    for (int64_t i = 0; i < rows; i++) {
        assert_non_null(fgets(line, sizeof line, file));
        char *at = line;
        for (int32_t j = 0; j < table->reals; j++) {
            char *field = serial_field(&at), *end;
            double x = strtod(field, &end);
            table->real[j][i] = end != field && *end == '\0' ? x : serial_code(texts, &count, field);
        }
    }
    assert_int_equal(pclose(file), 0);
}

static inline void serial_block(const serial_table *table, int64_t number, const double **real,
                                const int64_t **key, cw_block *block) {
    int64_t first = number * CW_BLOCK_ROWS, left = table->rows - first;
    for (int32_t j = 0; j < table->reals; j++) real[j] = table->real[j] + first;
    key[0] = table->key ? table->key + first : NULL;
    *block = (cw_block){.number = number,
                        .first_row = first,
                        .rows = (int32_t)(left < CW_BLOCK_ROWS ? left : CW_BLOCK_ROWS),
                        .reals = table->reals,
                        .keys = table->key != NULL,
                        .real = real,
                        .key = key,
                        .weight = table->weight ? table->weight + first : NULL};
}

/* A function that gives block `number`. */
typedef void (*serial_supply)(void *self, int64_t number, cw_block *block);

/* The blocks [first, end) in tree order: the largest full subtree, then what is right of it. */
static inline void serial_tree(cw_env *env, const cw_accumulator *a, serial_supply supply, void *self,
                               int64_t first, int64_t end, void *state) {
    cw_accumulator_reset(a, state);
    if (end - first == 1) {
        void *scratch = NULL;
        cw_block block;
        supply(self, first, &block);
        assert_int_equal(cw_alloc(env, 1, a->scratch_bytes, &scratch), CW_OK);
        if (scratch) memset(scratch, 0xff, a->scratch_bytes);
        if (block.rows) a->add(a->params, state, scratch, &block);
        cw_free(env, &scratch);
    } else if (end > first) {
        int64_t half = 1;
        while (2 * half < end - first) half *= 2;
        void *later = NULL;
        assert_int_equal(cw_alloc(env, 1, cw_accumulator_bytes(a), &later), CW_OK);
        serial_tree(env, a, supply, self, first, first + half, state);
        serial_tree(env, a, supply, self, first + half, end, later);
        a->merge(a->params, state, later);
        cw_free(env, &later);
    }
}

typedef struct serial_rows {
    const serial_table *table;
    const double *real[SERIAL_COLUMNS];
    const int64_t *key[1];
} serial_rows;

static inline void serial_rows_supply(void *self, int64_t number, cw_block *block) {
    serial_rows *rows = self;
    serial_block(rows->table, number, rows->real, rows->key, block);
}

/* A pass over a table: a new state, the caller's to free. */
static inline void *serial_pass(const serial_table *table, const cw_accumulator *a) {
    serial_rows rows = {.table = table};
    void *state = NULL;
    assert_int_equal(cw_alloc(table->env, 1, cw_accumulator_bytes(a), &state), CW_OK);
    serial_tree(table->env, a, serial_rows_supply, &rows, 0, cw_block_count(table->rows), state);
    return state;
}

typedef struct serial_keys {
    cw_env *env;
    const cw_keysum *sums;
    int64_t *order;
    double *value;
    const double **real;
} serial_keys;

static inline void serial_keys_supply(void *self, int64_t number, cw_block *block) {
    serial_keys *keys = self;
    int64_t size = cw_keysum_size(keys->sums), first = 0, rows = 0;
    int32_t reals = 1 + cw_keysum_width(keys->sums);
    while (first < size &&
           cw_key_bucket(cw_keysum_key(keys->sums, keys->order[first]), SERIAL_BUCKETS) < number)
        first++;
    for (; first + rows < size; rows++) {
        int64_t slot = keys->order[first + rows];
        if (cw_key_bucket(cw_keysum_key(keys->sums, slot), SERIAL_BUCKETS) != number) break;
        keys->value[rows] = (double)cw_keysum_count(keys->sums, slot);
        for (int32_t j = 1; j < reals; j++)
            keys->value[j * size + rows] = cw_keysum_value(keys->sums, slot, j - 1);
    }
    for (int32_t j = 0; j < reals; j++) keys->real[j] = keys->value + j * size;
    *block = (cw_block){.number = number, .rows = (int32_t)rows, .reals = reals, .real = keys->real};
}

/* A pass over sums by key. */
static inline void *serial_pass_keys(cw_env *env, const cw_keysum *sums, const cw_accumulator *a) {
    size_t size = (size_t)cw_keysum_size(sums), reals = 1 + (size_t)cw_keysum_width(sums);
    serial_keys keys = {.env = env, .sums = sums};
    void *state = NULL;
    assert_int_equal(cw_alloc(env, size, sizeof *keys.order, &keys.order), CW_OK);
    assert_int_equal(cw_alloc(env, size * reals, sizeof(double), &keys.value), CW_OK);
    assert_int_equal(cw_alloc(env, reals, sizeof *keys.real, &keys.real), CW_OK);
    assert_int_equal(cw_alloc(env, 1, cw_accumulator_bytes(a), &state), CW_OK);
    cw_keysum_order(sums, SERIAL_BUCKETS, keys.order);
    serial_tree(env, a, serial_keys_supply, &keys, 0, SERIAL_BUCKETS, state);
    cw_free(env, &keys.order);
    cw_free(env, &keys.value);
    cw_free(env, &keys.real);
    return state;
}

#endif
