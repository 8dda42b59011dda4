/* Made-up rows, accumulators whose bits tell in which order they were merged, a serial twin of the pass, and
 * a keeper in memory. */
#ifndef CW_TESTS_MPI_ROWS_H
#define CW_TESTS_MPI_ROWS_H

#include "mpi/pass.h"
#include "ranks.h"

static inline uint64_t scramble(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* A value over 40 binary orders: every order of adding gives other bits. */
static inline double row_value(int64_t row, int32_t column) {
    uint64_t h = scramble((uint64_t)row * 8 + (uint64_t)column + 1);
    double mantissa = (double)(h >> 11) * 0x1p-53 - 0.5;
    return mantissa * (double)((uint64_t)1 << (h % 40));
}

/* --- a source -------------------------------------------------------------------------------------- */

enum { REALS = 2, KEYS = 1 };

typedef struct made {
    int64_t rows;
    int64_t (*unit)(int64_t row); /* the key */
    int weighted;                 /* every fifth row weighs 0 */
    int64_t fail_row;             /* a read of this row fails; -1: none */
    int64_t stop_after;           /* asks for a stop at the read with this number on this rank; 0: none */
    int64_t reads, rows_read;
    int32_t room;
    double *real[REALS], *weight;
    int64_t *key;
} made;

static inline int64_t no_unit(int64_t row) {
    return row;
}

static inline void made_init(made *self, int64_t rows) {
    memset(self, 0, sizeof *self);
    self->rows = rows;
    self->unit = no_unit;
    self->fail_row = -1;
}

static inline void made_free(cw_env *env, made *self) {
    for (int j = 0; j < REALS; j++) cw_free(env, &self->real[j]);
    cw_free(env, &self->weight);
    cw_free(env, &self->key);
    self->room = 0;
}

static inline cw_code made_room(cw_env *env, made *self, int32_t rows) {
    if (rows <= self->room) return CW_OK;
    made_free(env, self);
    for (int j = 0; j < REALS; j++) CW_TRY(cw_alloc(env, (size_t)rows, sizeof(double), &self->real[j]));
    CW_TRY(cw_alloc(env, (size_t)rows, sizeof(double), &self->weight));
    CW_TRY(cw_alloc(env, (size_t)rows, sizeof(int64_t), &self->key));
    self->room = rows;
    return CW_OK;
}

static inline cw_code made_read(cw_env *env, void *user, int64_t first, int32_t rows, cw_block *out) {
    made *self = user;
    CHECK(first >= 0 && rows > 0 && first + rows <= self->rows);
    CW_TRY(made_room(env, self, rows));
    if (self->fail_row >= first && self->fail_row < first + rows)
        return cw_fail(env, CW_BAD_DATA, "made.h5", "mend it", "row %lld is bad", (long long)self->fail_row);
    self->reads += 1;
    self->rows_read += rows;
    if (self->reads == self->stop_after) cw_request_stop();
    for (int32_t i = 0; i < rows; i++) {
        for (int j = 0; j < REALS; j++) self->real[j][i] = row_value(first + i, j);
        self->key[i] = self->unit(first + i);
        self->weight[i] = (first + i) % 5 != 0;
    }
    memset(out, 0, sizeof *out);
    out->first_row = first;
    out->rows = rows;
    out->reals = REALS;
    out->keys = KEYS;
    out->real = (const double *const *)self->real;
    out->key = (const int64_t *const *)&self->key;
    out->weight = self->weighted ? self->weight : NULL;
    return CW_OK;
}

static inline cw_source made_source(made *self) {
    cw_source source = {self->rows, REALS, KEYS, 8 * (REALS + KEYS), self, made_read};
    return source;
}

/* --- accumulators ---------------------------------------------------------------------------------- */

/* Sums of doubles in tree order. */
typedef struct float_state {
    double sum[REALS];
    char pad[48];
    int64_t rows;
    char pad2[56];
} float_state;

static const cw_member float_members[] = {{"sum", CW_F64, REALS}, {"rows", CW_I64, 1}};

static inline void float_add(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)params;
    float_state *s = state;
    CHECK(s->rows == 0 && s->sum[0] == 0); /* a fresh leaf a block */
    memset(scratch, 0xff, 1000);
    for (int32_t i = 0; i < block->rows; i++) {
        if (block->weight && block->weight[i] == 0) continue;
        for (int j = 0; j < REALS; j++) s->sum[j] += block->real[j][i];
        s->rows += 1;
    }
}

static inline void float_merge(const void *params, void *state, const void *later) {
    (void)params;
    float_state *s = state;
    const float_state *l = later;
    for (int j = 0; j < REALS; j++) s->sum[j] += l->sum[j];
    s->rows += l->rows;
}

/* A hash of blocks and merges that tells any other tree, cut or halo. */
typedef struct shape_state {
    int64_t hash;
    char pad[56];
} shape_state;

static const cw_member shape_members[] = {{"hash", CW_I64, 1}};

static inline void shape_init(const void *params, void *state) {
    (void)params;
    ((shape_state *)state)->hash = 77;
}

static inline int64_t chain(int64_t hash, int64_t value) {
    return (int64_t)scramble((uint64_t)hash * 3 + (uint64_t)value);
}

static inline void shape_add(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)params;
    (void)scratch;
    shape_state *s = state;
    CHECK(s->hash == 77 && block->rows > 0);
    int64_t hash = chain(chain(chain(0, block->number), block->first_row), block->rows);
    hash = chain(hash, block->halo);
    for (int32_t i = -block->halo; i < block->rows; i++) {
        hash = chain(hash, block->key[0][i]);
        for (int j = 0; j < REALS; j++) CHECK(block->real[j][i] == row_value(block->first_row + i, j));
    }
    s->hash = hash;
}

static inline void shape_merge(const void *params, void *state, const void *later) {
    (void)params;
    shape_state *s = state;
    s->hash = chain(s->hash, ((const shape_state *)later)->hash);
}

/* Exact: a count, a sum of integers, the smallest and the largest value. */
typedef struct exact_state {
    int64_t count, sum;
    char pad[48];
    double low, high;
    char pad2[48];
} exact_state;

static const cw_member exact_members[] = {{"count and sum", CW_I64, 2}, {"range", CW_F64, 2}};

static inline void exact_init(const void *params, void *state) {
    (void)params;
    exact_state *s = state;
    s->low = 1e300;
    s->high = -1e300;
}

static inline void exact_add(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)params;
    (void)scratch;
    exact_state *s = state;
    for (int32_t i = 0; i < block->rows; i++) {
        double v = block->real[0][i];
        s->count += 1;
        s->sum += (block->first_row + i) % 1009;
        if (v < s->low) s->low = v;
        if (v > s->high) s->high = v;
    }
}

static inline void exact_merge(const void *params, void *state, const void *later) {
    (void)params;
    exact_state *s = state;
    const exact_state *l = later;
    s->count += l->count;
    s->sum += l->sum;
    if (l->low < s->low) s->low = l->low;
    if (l->high > s->high) s->high = l->high;
}

static const cw_accumulator float_sums = {.name = "float",
                                          .order = CW_TREE,
                                          .members = 2,
                                          .member = float_members,
                                          .scratch_bytes = 1000,
                                          .flops_per_row = REALS,
                                          .add = float_add,
                                          .merge = float_merge};
static const cw_accumulator shapes = {.name = "shape",
                                      .order = CW_TREE,
                                      .members = 1,
                                      .member = shape_members,
                                      .init = shape_init,
                                      .add = shape_add,
                                      .merge = shape_merge};
static const cw_accumulator exacts = {.name = "exact",
                                      .order = CW_EXACT,
                                      .members = 2,
                                      .member = exact_members,
                                      .init = exact_init,
                                      .add = exact_add,
                                      .merge = exact_merge};

enum { ACCUMULATORS = 3 };
static const cw_accumulator *const accumulators[ACCUMULATORS] = {&float_sums, &exacts, &shapes};

typedef struct answer {
    float_state sums;
    exact_state exact;
    shape_state shape;
} answer;

/* Runs a pass over all three, with everything that might be forgotten poisoned. */
static inline cw_code run_pass(cw_context *context, const cw_source *source, const cw_pass_options *options,
                               answer *out) {
    memset(out, 0xa5, sizeof *out);
    void *result[ACCUMULATORS] = {&out->sums, &out->exact, &out->shape};
    return cw_pass(context, source, options, ACCUMULATORS, accumulators, result);
}

/* --- the serial twin ------------------------------------------------------------------------------- */

/* Where block b begins: found by walking over rows one by one. */
static inline int64_t twin_cut(const made *data, int grouped, int64_t b) {
    int64_t row = b * CW_BLOCK_ROWS;
    if (row >= data->rows) return data->rows;
    while (grouped && row > 0 && row < data->rows && data->unit(row) == data->unit(row - 1)) row++;
    return row;
}

static inline answer twin_leaf(const made *data, int grouped, int32_t halo, int64_t b) {
    answer a;
    memset(&a, 0, sizeof a);
    exact_init(NULL, &a.exact);
    a.shape.hash = 77;
    int64_t first = twin_cut(data, grouped, b), end = twin_cut(data, grouped, b + 1);
    if (first == end) return a;
    int64_t before = grouped ? 0 : first < halo ? first : halo;
    int64_t hash = chain(chain(chain(chain(0, b), first), end - first), before);
    for (int64_t row = first - before; row < end; row++) hash = chain(hash, data->unit(row));
    a.shape.hash = hash;
    for (int64_t row = first; row < end; row++) {
        double v = row_value(row, 0);
        a.exact.count += 1;
        a.exact.sum += row % 1009;
        if (v < a.exact.low) a.exact.low = v;
        if (v > a.exact.high) a.exact.high = v;
        if (data->weighted && row % 5 == 0) continue;
        a.sums.rows += 1;
        for (int j = 0; j < REALS; j++) a.sums.sum[j] += row_value(row, j);
    }
    return a;
}

static inline void twin_merge(answer *left, const answer *right) {
    for (int j = 0; j < REALS; j++) left->sums.sum[j] += right->sums.sum[j];
    left->sums.rows += right->sums.rows;
    left->shape.hash = chain(left->shape.hash, right->shape.hash);
    exact_merge(NULL, &left->exact, &right->exact);
}

/* Blocks [first, end) as the header says it: the largest full subtree, then the rest, folded from the right.
 */
static inline answer twin_range(const made *data, int grouped, int32_t halo, int64_t first, int64_t end) {
    if (end - first == 1) return twin_leaf(data, grouped, halo, first);
    int64_t width = 1;
    while (2 * width <= end - first) width *= 2;
    int64_t middle = width == end - first ? first + width / 2 : first + width;
    answer left = twin_range(data, grouped, halo, first, middle);
    answer right = twin_range(data, grouped, halo, middle, end);
    twin_merge(&left, &right);
    return left;
}

static inline answer twin(const made *data, int grouped, int32_t halo) {
    if (data->rows == 0) {
        answer none;
        memset(&none, 0, sizeof none);
        exact_init(NULL, &none.exact);
        none.shape.hash = 77;
        return none;
    }
    return twin_range(data, grouped, halo, 0, cw_block_count(data->rows));
}

/* --- a keeper in memory ---------------------------------------------------------------------------- */

enum { KEPT_NODES = 256 };

typedef struct kept {
    int64_t due_every, asked, saves, loads; /* due at every due_every-th question; 0: never */
    int fail_save, fail_load;
    int64_t nodes, blocks;
    int32_t level[KEPT_NODES];
    int64_t first[KEPT_NODES];
    answer state[KEPT_NODES];
} kept;

static inline int kept_due(void *self) {
    kept *k = self;
    k->asked += 1;
    return k->due_every > 0 && k->asked % k->due_every == 0;
}

static inline cw_code kept_save(cw_env *env, void *self, const char *name, int64_t blocks, int32_t count,
                                const cw_accumulator *const *accumulator, int64_t nodes,
                                const cw_node *node) {
    kept *k = self;
    if (k->fail_save) return cw_fail(env, CW_CANNOT_WRITE, "checkpoint.h5", "make room", "disk full");
    CHECK(strcmp(name, "made") == 0 && count == ACCUMULATORS && nodes <= KEPT_NODES);
    CHECK(accumulator[0] == &float_sums && accumulator[2] == &shapes);
    int64_t end = 0;
    for (int64_t n = 0; n < nodes; n++) {
        int64_t width = (int64_t)1 << node[n].level;
        CHECK(node[n].first >= end && node[n].first % width == 0);
        end = node[n].first + width;
        k->level[n] = node[n].level;
        k->first[n] = node[n].first;
        memcpy(&k->state[n].sums, node[n].state[0], sizeof k->state[n].sums);
        memcpy(&k->state[n].exact, node[n].state[1], sizeof k->state[n].exact);
        memcpy(&k->state[n].shape, node[n].state[2], sizeof k->state[n].shape);
    }
    CHECK(end <= blocks);
    k->nodes = nodes;
    k->blocks = blocks;
    k->saves += 1;
    return CW_OK;
}

static inline cw_code kept_load(cw_env *env, void *self, const char *name, int64_t blocks, int32_t count,
                                const cw_accumulator *const *accumulator,
                                cw_code (*each)(cw_env *env, void *user, const cw_node *node), void *user) {
    kept *k = self;
    (void)accumulator;
    if (k->fail_load) return cw_fail(env, CW_IO, "checkpoint.h5", "restore it", "torn");
    CHECK(strcmp(name, "made") == 0 && count == ACCUMULATORS);
    CHECK(k->nodes == 0 || k->blocks == blocks);
    k->loads += 1;
    for (int64_t n = 0; n < k->nodes; n++) {
        answer copy = k->state[n]; /* lives during the call only */
        void *state[ACCUMULATORS] = {&copy.sums, &copy.exact, &copy.shape};
        cw_node node = {k->level[n], k->first[n], state};
        cw_code code = each(env, user, &node);
        memset(&copy, 0xee, sizeof copy);
        CW_TRY(code);
    }
    return CW_OK;
}

static inline int64_t kept_covers(const kept *k) {
    int64_t blocks = 0;
    for (int64_t n = 0; n < k->nodes; n++) blocks += (int64_t)1 << k->level[n];
    return blocks;
}

static inline cw_keeper kept_keeper(kept *k) {
    cw_keeper keeper = {k, kept_due, kept_save, kept_load};
    return keeper;
}

#endif
