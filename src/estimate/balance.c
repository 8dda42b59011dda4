#include "balance.h"

#include <math.h>
#include <string.h>

#include "../linalg/gram.h"

enum { TILE = 512, GRAM_MEMBERS = 3, NAME_BYTES = 24 };

/* Gram states: z and z^2 with variance weights, z with the weights before, and for every target z with h, z
 * and z^2 with h^2 (h the row's whole weight). */
enum { GRAM_PLAIN, GRAM_SQUARE, GRAM_BEFORE, GRAM_TARGETS };
enum { TARGET_MEAN, TARGET_NOISE, TARGET_NOISE_SQUARE, TARGET_GRAMS };

struct cw_balance {
    cw_env *env;
    cw_balance_spec spec;
    int32_t *column, *identity;
    double *shift, *scale;
    cw_weighted *target;
    int32_t grams;
    cw_gram *gram; /* two folds: the arms */
    char *names;
    cw_member *member;
    size_t gram_stride;
    cw_accumulator accumulator;
};

typedef struct tile {
    double *z, *square; /* columns x TILE */
    const double **at, **square_at;
    double e[TILE], arm[TILE], weight[TILE], copies[TILE], own[TILE];
} tile;

static size_t round_up(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* The tile's head, two panels, two lists of columns (and the arm), the Gram's scratch. */
static size_t lay_out(const cw_balance *b, char *memory, tile **head, void **gram) {
    size_t columns = (size_t)b->spec.columns, panel = round_up(columns * TILE * sizeof(double));
    size_t list = round_up((columns + 1) * sizeof(double *)), used = round_up(sizeof(tile));
    if (memory) {
        tile *t = (tile *)(void *)memory;
        t->z = (double *)(void *)(memory + used);
        t->square = (double *)(void *)(memory + used + panel);
        t->at = (const double **)(void *)(memory + used + 2 * panel);
        t->square_at = (const double **)(void *)(memory + used + 2 * panel + list);
        *head = t;
        *gram = memory + used + 2 * panel + 2 * list;
    }
    return used + 2 * panel + 2 * list + cw_gram_accumulator(b->gram)->scratch_bytes;
}

static void load(const cw_balance *b, const cw_block *block, int32_t first, int32_t rows, tile *t) {
    const double *d = block->real[b->spec.treatment] + first;
    int32_t columns = b->spec.columns;
    cw_predict(b->spec.propensity, block, first, rows, t->e);
    for (int32_t i = 0; i < rows; i++) {
        double w = block->weight ? block->weight[first + i] : 1, e = t->e[i];
        int in = w > 0 && (d[i] == b->spec.treated || d[i] == b->spec.control) && e * 0 == 0;
        if (b->spec.trim && (e < b->spec.low || e > b->spec.high)) in = 0;
        t->arm[i] = d[i] == b->spec.treated;
        t->weight[i] = in ? w : 0;
        t->copies[i] = !in ? 0 : b->spec.weighting == CW_FREQUENCY ? w : 1;
        t->e[i] = !in ? 0.5 : e < b->spec.low ? b->spec.low : e > b->spec.high ? b->spec.high : e;
    }
    for (int32_t j = 0; j < columns; j++) {
        const double *x = block->real[b->column[j]] + first;
        double *z = t->z + (int64_t)j * TILE, *square = t->square + (int64_t)j * TILE;
        double shift = b->shift[j], scale = b->scale[j];
        t->at[j] = z;
        t->square_at[j] = square;
        for (int32_t i = 0; i < rows; i++) {
            z[i] = (x[i] - shift) * scale;
            square[i] = z[i] * z[i];
        }
    }
    t->at[columns] = t->square_at[columns] = t->arm;
}

static void add_gram(const cw_balance *b, void *state, void *scratch, int32_t which, int32_t rows,
                     const double *const *column, const double *weight) {
    const cw_accumulator *gram = cw_gram_accumulator(b->gram);
    const cw_block inner = {.rows = rows, .reals = b->spec.columns + 1, .real = column, .weight = weight};
    gram->add(gram->params, (char *)state + (size_t)which * b->gram_stride, scratch, &inner);
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_balance *b = params;
    tile *t = NULL;
    void *inner = NULL;
    (void)lay_out(b, scratch, &t, &inner);
    for (int32_t first = 0; first < block->rows; first += TILE) {
        int32_t rows = block->rows - first < TILE ? block->rows - first : TILE;
        load(b, block, first, rows, t);
        add_gram(b, state, inner, GRAM_PLAIN, rows, t->at, t->copies);
        add_gram(b, state, inner, GRAM_SQUARE, rows, t->square_at, t->copies);
        add_gram(b, state, inner, GRAM_BEFORE, rows, t->at, t->weight);
        for (int32_t k = 0; k < b->spec.targets; k++) {
            int32_t to = GRAM_TARGETS + k * TARGET_GRAMS;
            for (int32_t i = 0; i < rows; i++)
                t->own[i] = t->weight[i] * cw_ipw_weight(b->target[k], t->arm[i] > 0, t->e[i]);
            add_gram(b, state, inner, to + TARGET_MEAN, rows, t->at, t->own);
            /* A frequency weight stands for copies, whose noise adds up. */
            for (int32_t i = 0; i < rows; i++)
                t->own[i] = t->copies[i] > 0 ? t->own[i] * t->own[i] / t->copies[i] : 0;
            add_gram(b, state, inner, to + TARGET_NOISE, rows, t->at, t->own);
            add_gram(b, state, inner, to + TARGET_NOISE_SQUARE, rows, t->square_at, t->own);
        }
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_balance *b = params;
    const cw_accumulator *gram = cw_gram_accumulator(b->gram);
    for (int32_t g = 0; g < b->grams; g++)
        gram->merge(gram->params, (char *)state + (size_t)g * b->gram_stride,
                    (const char *)later + (size_t)g * b->gram_stride);
}

static void digits(char *to, int32_t number) {
    char reversed[16];
    int length = 0;
    do reversed[length++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (length > 0) *to++ = reversed[--length];
    *to = '\0';
}

static cw_code describe(cw_balance *b) {
    const cw_accumulator *gram = cw_gram_accumulator(b->gram);
    int32_t members = b->grams * GRAM_MEMBERS;
    if (gram->members != GRAM_MEMBERS)
        return cw_fail(b->env, CW_INTERNAL, NULL, NULL, "a Gram state of another shape");
    CW_TRY(cw_alloc(b->env, (size_t)members, sizeof *b->member, &b->member));
    CW_TRY(cw_alloc_zero(b->env, (size_t)members, NAME_BYTES, &b->names));
    for (int32_t k = 0; k < members; k++) {
        char *name = b->names + (size_t)k * NAME_BYTES;
        b->member[k] = gram->member[k % GRAM_MEMBERS];
        size_t length = strlen(b->member[k].name);
        memcpy(name, b->member[k].name, length);
        name[length] = '_';
        digits(name + length + 1, k / GRAM_MEMBERS);
        b->member[k].name = name;
    }
    b->gram_stride = cw_accumulator_bytes(gram);
    b->accumulator = (cw_accumulator){.name = b->spec.name ? b->spec.name : "balance",
                                      .order = CW_TREE,
                                      .members = members,
                                      .member = b->member,
                                      .params = b,
                                      .scratch_bytes = lay_out(b, NULL, NULL, NULL),
                                      .flops_per_row = b->grams * gram->flops_per_row,
                                      .add = add,
                                      .merge = merge};
    return CW_OK;
}

static cw_code build(cw_balance *b, const cw_balance_spec *spec) {
    size_t columns = (size_t)spec->columns, targets = (size_t)spec->targets;
    CW_TRY(cw_alloc(b->env, columns, sizeof *b->column, &b->column));
    CW_TRY(cw_alloc(b->env, columns, sizeof *b->identity, &b->identity));
    CW_TRY(cw_alloc(b->env, columns, sizeof *b->shift, &b->shift));
    CW_TRY(cw_alloc(b->env, columns, sizeof *b->scale, &b->scale));
    CW_TRY(cw_alloc(b->env, targets, sizeof *b->target, &b->target));
    for (size_t j = 0; j < columns; j++) {
        b->column[j] = spec->column[j];
        b->identity[j] = (int32_t)j;
        b->shift[j] = spec->shift ? spec->shift[j] : 0;
        b->scale[j] = spec->scale ? spec->scale[j] : 1;
    }
    for (size_t k = 0; k < targets; k++) b->target[k] = spec->target[k];
    const cw_gram_spec gram = {
        .columns = spec->columns, .column = b->identity, .folds = 2, .fold_column = spec->columns};
    CW_TRY(cw_gram_create(b->env, &gram, &b->gram));
    return describe(b);
}

cw_code cw_balance_create(cw_env *env, const cw_balance_spec *spec, cw_balance **out) {
    *out = NULL;
    cw_balance *b = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *b, &b));
    b->env = env;
    b->spec = *spec;
    b->grams = GRAM_TARGETS + spec->targets * TARGET_GRAMS;
    cw_code code = build(b, spec);
    if (code != CW_OK) cw_balance_destroy(&b);
    *out = b;
    return code;
}

void cw_balance_destroy(cw_balance **balance) {
    if (!balance || !*balance) return;
    cw_balance *b = *balance;
    cw_env *env = b->env;
    cw_gram_destroy(&b->gram);
    cw_free(env, &b->column);
    cw_free(env, &b->identity);
    cw_free(env, &b->shift);
    cw_free(env, &b->scale);
    cw_free(env, &b->target);
    cw_free(env, &b->member);
    cw_free(env, &b->names);
    cw_free(env, balance);
}

const cw_accumulator *cw_balance_accumulator(const cw_balance *balance) {
    return &balance->accumulator;
}

struct cw_balance_table {
    cw_env *env;
    int32_t q, targets;
    int64_t packed;
    double *gram; /* [gram][arm][packed] */
};

cw_code cw_balance_read(const cw_balance *balance, const void *state, cw_balance_table **out) {
    *out = NULL;
    cw_balance_table *table = NULL;
    CW_TRY(cw_alloc_zero(balance->env, 1, sizeof *table, &table));
    table->env = balance->env;
    table->q = balance->spec.columns + 1;
    table->targets = balance->spec.targets;
    table->packed = (int64_t)table->q * (table->q + 1) / 2;
    cw_code code =
        cw_alloc(table->env, (size_t)(2 * balance->grams * table->packed), sizeof(double), &table->gram);
    if (code != CW_OK) {
        cw_balance_table_destroy(&table);
        return code;
    }
    for (int32_t g = 0; g < balance->grams; g++)
        for (int32_t arm = 0; arm < 2; arm++)
            cw_gram_get(balance->gram, (const char *)state + (size_t)g * balance->gram_stride, arm,
                        table->gram + (2 * g + arm) * table->packed);
    *out = table;
    return CW_OK;
}

void cw_balance_table_destroy(cw_balance_table **table) {
    if (!table || !*table) return;
    cw_env *env = (*table)->env;
    cw_free(env, &(*table)->gram);
    cw_free(env, table);
}

/* Element (i, j) of a Gram; 0 is the constant. */
static double element(const cw_balance_table *table, int32_t gram, int32_t arm, int32_t i, int32_t j) {
    const double *g = table->gram + (2 * gram + arm) * table->packed;
    return g[i <= j ? cw_packed(table->q, i, j) : cw_packed(table->q, j, i)];
}

/* The variance in an arm, divisor n - 1, of f with sum `s` and sum of squares `ss`. */
static double variance(double n, double s, double ss) {
    return n > 1 ? fmax(ss - s * s / n, 0) / (n - 1) : 0;
}

/* f is z_i z_j (0: the constant, so that means are products with it); its square is z_i^2 z_j^2. */
static cw_imbalance imbalance(const cw_balance_table *table, int32_t which, int32_t i, int32_t j) {
    double mean[2], spread = 0, noise = 0;
    int32_t after = GRAM_TARGETS + which * TARGET_GRAMS, from = which < 0 ? GRAM_BEFORE : after + TARGET_MEAN;
    for (int32_t arm = 0; arm < 2; arm++) {
        double n = element(table, GRAM_PLAIN, arm, 0, 0), w = element(table, from, arm, 0, 0);
        spread +=
            0.5 * variance(n, element(table, GRAM_PLAIN, arm, i, j), element(table, GRAM_SQUARE, arm, i, j));
        mean[arm] = element(table, from, arm, i, j) / w;
        if (which < 0) continue;
        double hh = element(table, after + TARGET_NOISE, arm, 0, 0);
        double hf = element(table, after + TARGET_NOISE, arm, i, j);
        double hff = element(table, after + TARGET_NOISE_SQUARE, arm, i, j);
        noise += fmax(hff - mean[arm] * (2 * hf - mean[arm] * hh), 0) / w / w;
    }
    double difference = mean[1] - mean[0];
    return (cw_imbalance){.smd = spread > 0 ? difference / sqrt(spread) : 0,
                          .z = which < 0 || !(noise > 0) ? (double)NAN : difference / sqrt(noise),
                          .i = (i < j ? i : j) - 1,
                          .j = (i < j ? j : i) - 1};
}

int32_t cw_balance_columns(const cw_balance_table *table) {
    return table->q - 1;
}

cw_imbalance cw_balance_mean(const cw_balance_table *table, int32_t which, int32_t j) {
    cw_imbalance of = imbalance(table, which, 0, j + 1);
    of.i = j;
    of.j = -1;
    return of;
}

cw_imbalance cw_balance_product(const cw_balance_table *table, int32_t which, int32_t i, int32_t j) {
    return imbalance(table, which, i + 1, j + 1);
}

cw_imbalance cw_balance_worst_mean(const cw_balance_table *table, int32_t which) {
    cw_imbalance worst = {0, (double)NAN, -1, -1};
    for (int32_t j = 0; j < table->q - 1; j++) {
        cw_imbalance of = cw_balance_mean(table, which, j);
        if (fabs(of.smd) > fabs(worst.smd)) worst = of;
    }
    return worst;
}

cw_imbalance cw_balance_worst_product(const cw_balance_table *table, int32_t which, double z_least) {
    cw_imbalance worst = {0, (double)NAN, -1, -1};
    for (int32_t i = 0; i < table->q - 1; i++)
        for (int32_t j = i; j < table->q - 1; j++) {
            cw_imbalance of = cw_balance_product(table, which, i, j);
            if (z_least > 0 && !(fabs(of.z) >= z_least)) continue;
            if (fabs(of.smd) > fabs(worst.smd)) worst = of;
        }
    return worst;
}
