#include "multiplier.h"

#include <math.h>
#include <string.h>

#include "../base/cpu.h"
#include "../base/real.h"
#include "../base/sort.h"
#include "multiplier_kernel.h"

enum { TILE = CW_INFLUENCE_TILE, MOST_DRAWS = 1 << 20 };

struct cw_multiplier {
    cw_env *env;
    cw_multiplier_spec spec;
    int32_t pairs;  /* of 64 draws each */
    int64_t stride; /* doubles an estimate: 128 * pairs sums over the rows signed +, then over all rows */
    cw_member member[1];
    cw_accumulator accumulator;
};

static const cw_multiplier_steps *kernel(void) {
#if defined(__x86_64__)
    switch (cw_cpu_level()) {
    case CW_CPU_AVX512:
        return &cw_multiplier_avx512;
    case CW_CPU_AVX2:
        return &cw_multiplier_avx2;
    case CW_CPU_PLAIN:
        break;
    }
#endif
    return &cw_multiplier_plain;
}

const char *cw_multiplier_kernel(void) {
    return kernel()->name;
}

double cw_multiplier_sign(cw_stream stream, uint64_t item, int32_t draw) {
    uint64_t word[2];
    cw_stream_words(stream, item, 0, (uint32_t)(draw / 128), word);
    return word[draw % 128 / 64] >> (draw % 64) & 1 ? 1 : -1;
}

static void items(const cw_multiplier *m, const cw_block *block, int32_t first, int32_t rows,
                  uint64_t *item) {
    for (int32_t i = 0; i < rows; i++) {
        if (m->spec.key < 0) {
            item[i] = (uint64_t)(block->first_row + first + i);
            continue;
        }
        item[i] = (uint64_t)block->key[m->spec.key][first + i];
        if (m->spec.key_high >= 0) item[i] ^= cw_mix64((uint64_t)block->key[m->spec.key_high][first + i]);
    }
}

static void add_tile(const cw_multiplier *m, const cw_multiplier_steps *use, int32_t rows,
                     const uint64_t *item, const double *value, double *sums) {
    uint64_t low[CW_MULTIPLIER_TILE], high[CW_MULTIPLIER_TILE];
    for (int32_t first = 0; first < rows; first += CW_MULTIPLIER_TILE) {
        int32_t n = rows - first < CW_MULTIPLIER_TILE ? rows - first : CW_MULTIPLIER_TILE;
        for (int32_t j = 0; j < m->pairs; j++) {
            use->bits(m->spec.stream, j, n, item + first, low, high);
            for (int32_t k = 0; k < m->spec.influence->columns; k++) {
                const double *v = value + (int64_t)k * rows + first;
                use->add(n, low, v, sums + k * m->stride + 128 * j);
                use->add(n, high, v, sums + k * m->stride + 128 * j + 64);
            }
        }
    }
    for (int32_t k = 0; k < m->spec.influence->columns; k++)
        sums[k * m->stride + 128 * m->pairs] += cw_sum(rows, value + (int64_t)k * rows);
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_multiplier *m = params;
    const cw_multiplier_steps *use = kernel();
    const cw_influence *influence = m->spec.influence;
    uint64_t *item = scratch;
    double *value = (double *)(void *)(item + TILE);
    void *more = value + (int64_t)influence->columns * TILE;
    for (int32_t first = 0; first < block->rows; first += TILE) {
        int32_t rows = block->rows - first < TILE ? block->rows - first : TILE;
        influence->fill(influence->self, more, block, first, rows, value);
        items(m, block, first, rows, item);
        /* No -0: see the kernels. */
        for (int64_t i = 0; i < (int64_t)influence->columns * rows; i++) value[i] += 0.0;
        add_tile(m, use, rows, item, value, state);
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_multiplier *m = params;
    double *to = state;
    const double *from = later;
    for (int64_t k = 0; k < m->spec.influence->columns * m->stride; k++) to[k] += from[k];
}

cw_code cw_multiplier_create(cw_env *env, const cw_multiplier_spec *spec, cw_multiplier **out) {
    *out = NULL;
    if (spec->draws < 1 || spec->draws > MOST_DRAWS || spec->influence->columns < 1)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "%d draws of %d estimates", spec->draws,
                       spec->influence->columns);
    cw_multiplier *m = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *m, &m));
    int64_t columns = spec->influence->columns;
    m->env = env;
    m->spec = *spec;
    m->pairs = (spec->draws + 127) / 128;
    m->stride = 128 * (int64_t)m->pairs + 1;
    m->member[0] = (cw_member){"sums", CW_F64, columns * m->stride};
    m->accumulator =
        (cw_accumulator){.name = spec->name ? spec->name : "multiplier",
                         .order = CW_TREE,
                         .members = 1,
                         .member = m->member,
                         .params = m,
                         .scratch_bytes = TILE * sizeof(uint64_t) + (size_t)columns * TILE * sizeof(double) +
                                          spec->influence->scratch_bytes,
                         .flops_per_row = 128.0 * m->pairs * (double)columns,
                         .add = add,
                         .merge = merge};
    *out = m;
    return CW_OK;
}

void cw_multiplier_destroy(cw_multiplier **multiplier) {
    if (!multiplier || !*multiplier) return;
    cw_env *env = (*multiplier)->env;
    cw_free(env, multiplier);
}

const cw_accumulator *cw_multiplier_accumulator(const cw_multiplier *multiplier) {
    return &multiplier->accumulator;
}

static double draw_of(const cw_multiplier *m, const double *sums, int32_t k, int32_t b, double n) {
    const double *own = sums + k * m->stride;
    return (2 * own[b] - own[m->stride - 1]) / n;
}

void cw_multiplier_draws(const cw_multiplier *multiplier, const void *state, int32_t k, double n,
                         double *draw) {
    for (int32_t b = 0; b < multiplier->spec.draws; b++) draw[b] = draw_of(multiplier, state, k, b, n);
}

static int by_value(const void *a, const void *b, void *self) {
    (void)self;
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

cw_code cw_multiplier_critical(const cw_multiplier *multiplier, const void *state, double n, const double *se,
                               double share, double *critical) {
    int32_t draws = multiplier->spec.draws, used = 0;
    double *largest = NULL;
    *critical = (double)NAN;
    CW_TRY(cw_alloc_zero(multiplier->env, (size_t)draws, sizeof *largest, &largest));
    for (int32_t k = 0; k < multiplier->spec.influence->columns; k++) {
        if (!(se[k] > 0) || !isfinite(se[k])) continue;
        used++;
        for (int32_t b = 0; b < draws; b++) {
            double t = fabs(draw_of(multiplier, state, k, b, n)) / se[k];
            if (t > largest[b]) largest[b] = t;
        }
    }
    cw_code code = cw_sort(multiplier->env, largest, draws, sizeof *largest, by_value, NULL);
    if (code == CW_OK && used > 0) {
        /* The smallest draw with at least `share` of the draws at or below it. */
        int32_t rank = (int32_t)ceil(share * draws);
        *critical = largest[rank < 1 ? 0 : rank > draws ? draws - 1 : rank - 1];
    }
    cw_free(multiplier->env, &largest);
    return code;
}
