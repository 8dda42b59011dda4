/* Sums by key over ranks against one serial table: owners, totals, and keys as blocks of the tree. */
#include "mpi/exchange.h"
#include "rows.h"

enum { WIDTH = 2, ROWS = 20000 };

/* What a table is made of: row i has key(i) and two values; row i belongs to rank i mod size, or all rows to
 * one rank. */
typedef struct recipe {
    int64_t rows;
    cw_key (*key)(int64_t row);
    int width, lone; /* lone: the rank that has all rows; -1: dealt out */
} recipe;

static cw_key few_keys(int64_t row) {
    return (cw_key){(int64_t)(scramble((uint64_t)row) % 97), 0};
}
static cw_key many_keys(int64_t row) {
    return (cw_key){(int64_t)(scramble((uint64_t)row) % 9001) - 4000, row % 2};
}
static cw_key extreme_keys(int64_t row) {
    const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    return (cw_key){ends[row % 7], ends[row / 7 % 7]};
}
static cw_key one_key(int64_t row) {
    (void)row;
    return (cw_key){42, -42};
}

static const int32_t quantum[WIDTH] = {-60, -80};

static cw_code add_row(cw_keysum *table, const recipe *r, int64_t row) {
    double value[WIDTH] = {row_value(row, 0), row_value(row, 1) * 0x1p-30};
    return cw_keysum_add(table, r->key(row), value);
}

static cw_keysum *make_table(cw_context *context, const recipe *r, int all) {
    cw_keysum *table = NULL;
    CHECK(cw_keysum_create(cw_context_env(context), r->width, quantum, &table) == CW_OK);
    for (int64_t row = 0; row < r->rows && table; row++) {
        int rank = r->lone >= 0 ? r->lone % cw_context_size(context) : (int)(row % cw_context_size(context));
        if (all || rank == cw_context_rank(context)) CHECK(add_row(table, r, row) == CW_OK);
    }
    return table;
}

static int same_slot(const cw_keysum *x, int64_t i, const cw_keysum *y, int64_t j) {
    return i >= 0 && j >= 0 && cw_keysum_count(x, i) == cw_keysum_count(y, j) &&
           (cw_keysum_width(x) == 0 || memcmp(cw_keysum_sums(x, i), cw_keysum_sums(y, j),
                                              sizeof(cw_i128) * (size_t)cw_keysum_width(x)) == 0);
}

/* Every key of `part` has the sums that `whole` has. */
static void check_part(const cw_keysum *part, const cw_keysum *whole) {
    for (int64_t s = 0; s < cw_keysum_size(part); s++)
        CHECK(same_slot(part, s, whole, cw_keysum_find(whole, cw_keysum_key(part, s))));
}

/* --- keys as blocks -------------------------------------------------------------------------------- */

/* A sum in tree order and a hash of all that a block shows. */
typedef struct keys_state {
    double sum;
    char pad[56];
    int64_t hash;
    char pad2[56];
} keys_state;

static const cw_member keys_members[] = {{"sum", CW_F64, 1}, {"hash", CW_I64, 1}};

static int64_t real_bits(double v) {
    int64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void keys_row(keys_state *s, cw_key key, int64_t count, const double *sum, int width) {
    s->sum += width ? sum[0] / (double)count : 1.0 / (double)count;
    s->hash = chain(chain(chain(s->hash, key.a), key.b), count);
    for (int j = 0; j < width; j++) s->hash = chain(s->hash, real_bits(sum[j]));
}

static void keys_add(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)params;
    (void)scratch;
    keys_state *s = state;
    CHECK(s->hash == 0 && s->sum == 0 && block->keys == 2 && block->weight == NULL && block->rows > 0);
    s->hash = chain(block->number, block->first_row);
    for (int32_t i = 0; i < block->rows; i++) {
        double sum[WIDTH];
        for (int32_t j = 1; j < block->reals; j++) sum[j - 1] = block->real[j][i];
        keys_row(s, (cw_key){block->key[0][i], block->key[1][i]}, (int64_t)block->real[0][i], sum,
                 block->reals - 1);
    }
}

static void keys_merge(const void *params, void *state, const void *later) {
    (void)params;
    keys_state *s = state;
    const keys_state *l = later;
    s->sum += l->sum;
    s->hash = chain(s->hash, l->hash);
}

static const cw_accumulator keys_sums = {.name = "keys",
                                         .order = CW_TREE,
                                         .members = 2,
                                         .member = keys_members,
                                         .add = keys_add,
                                         .merge = keys_merge};

static int key_before(cw_key x, cw_key y) {
    return x.a != y.a ? x.a < y.a : x.b < y.b;
}

/* The twin finds a bucket's keys, smallest first, by looking at all of them again and again. */
static keys_state twin_bucket(const cw_keysum *whole, int32_t bucket, int64_t *row) {
    keys_state s;
    memset(&s, 0, sizeof s);
    int64_t last = -1;
    for (int64_t first_row = *row;; *row += 1) {
        int64_t best = -1;
        for (int64_t i = 0; i < cw_keysum_size(whole); i++) {
            cw_key key = cw_keysum_key(whole, i);
            if (cw_key_bucket(key, CW_BUCKETS) != bucket) continue;
            if (last >= 0 && !key_before(cw_keysum_key(whole, last), key)) continue;
            if (best < 0 || key_before(key, cw_keysum_key(whole, best))) best = i;
        }
        if (best < 0) return s;
        if (last < 0) s.hash = chain(bucket, first_row);
        double sum[WIDTH];
        for (int32_t j = 0; j < cw_keysum_width(whole); j++) sum[j] = cw_keysum_value(whole, best, j);
        keys_row(&s, cw_keysum_key(whole, best), cw_keysum_count(whole, best), sum, cw_keysum_width(whole));
        last = best;
    }
}

static keys_state twin_buckets(const cw_keysum *whole, int32_t first, int32_t end, int64_t *row) {
    if (end - first == 1) return twin_bucket(whole, first, row);
    keys_state left = twin_buckets(whole, first, (first + end) / 2, row);
    keys_state right = twin_buckets(whole, (first + end) / 2, end, row);
    keys_merge(NULL, &left, &right);
    return left;
}

static void keys_as_blocks(cw_context *context, const cw_keysum *owned, const cw_keysum *whole) {
    int64_t row = 0;
    keys_state expected = twin_buckets(whole, 0, CW_BUCKETS, &row), got;
    const cw_accumulator *list[1] = {&keys_sums};
    void *result[1] = {&got};
    memset(&got, 0xa5, sizeof got);
    CHECK(cw_pass_keys(context, owned, 1, list, result) == CW_OK);
    CHECK(memcmp(&got, &expected, sizeof got) == 0);
}

/* --- the tests -------------------------------------------------------------------------------------- */

static void exchange(cw_context *context, const recipe *r) {
    cw_env *env = cw_context_env(context);
    int64_t before = env->blocks_now;
    cw_keysum *local = make_table(context, r, 0), *same = make_table(context, r, 0);
    cw_keysum *whole = make_table(context, r, 1), *owned = NULL;
    CHECK(cw_exchange(context, local, &owned) == CW_OK);
    if (!owned) return;
    CHECK(cw_keysum_width(owned) == r->width);
    for (int j = 0; j < r->width; j++) CHECK(cw_keysum_quantum_of(owned, j) == quantum[j]);
    check_part(owned, whole);
    for (int64_t s = 0; s < cw_keysum_size(owned); s++) {
        int32_t bucket = cw_key_bucket(cw_keysum_key(owned, s), CW_BUCKETS);
        CHECK(cw_run_owner(CW_BUCKETS, cw_context_size(context), bucket) == cw_context_rank(context));
    }
    int64_t size = 0;
    CHECK(cw_exchange_size(context, owned, &size) == CW_OK);
    CHECK(size == cw_keysum_size(whole));
    CHECK(cw_keysum_size(local) == cw_keysum_size(same)); /* local is as it was */
    check_part(local, same);

    CHECK(cw_exchange_totals(context, local) == CW_OK);
    CHECK(cw_keysum_size(local) == cw_keysum_size(same));
    check_part(local, whole);

    if (cw_keysum_size(whole) < 200) keys_as_blocks(context, owned, whole);
    cw_keysum_destroy(&owned);
    cw_keysum_destroy(&whole);
    cw_keysum_destroy(&same);
    cw_keysum_destroy(&local);
    CHECK(env->blocks_now == before);
}

static void all_recipes(cw_context *context) {
    const recipe recipes[] = {
        {ROWS, few_keys, WIDTH, -1}, {ROWS, many_keys, WIDTH, -1},  {3000, many_keys, 0, -1},
        {500, extreme_keys, 1, -1},  {500, extreme_keys, WIDTH, 1}, {100, one_key, WIDTH, -1},
        {1, one_key, 1, 2},          {0, one_key, 1, -1},
    };
    for (size_t n = 0; n < sizeof recipes / sizeof *recipes; n++) exchange(context, &recipes[n]);
}

static void refusals(cw_context *context) {
    cw_env *env = cw_context_env(context);
    int last = cw_context_rank(context) == cw_context_size(context) - 1;
    const recipe r = {1000, many_keys, WIDTH, -1};
    cw_keysum *local = make_table(context, &r, 0), *owned = NULL, *other = NULL;
    if (cw_context_size(context) > 1) {
        const int32_t foreign[WIDTH] = {-60, -79};
        CHECK(cw_keysum_create(env, WIDTH, foreign, &other) == CW_OK);
        cw_code code = cw_exchange(context, last ? other : local, &owned);
        CHECK(owned == NULL);
        check_same_error(context, code, CW_INTERNAL);
        keys_state got;
        const cw_accumulator *list[1] = {&keys_sums};
        void *result[1] = {&got};
        code = cw_pass_keys(context, local, 1, list, result); /* not exchanged */
        check_same_error(context, code, CW_INTERNAL);
        cw_keysum_destroy(&other);
    }

    /* No memory on one rank, at every allocation. */
    int64_t before = env->blocks_now;
    for (int call = 0; call < 3; call++) {
        cw_keysum *ready = NULL;
        if (call == 2) CHECK(cw_exchange(context, local, &ready) == CW_OK);
        for (int64_t n = 1;; n++) {
            keys_state got;
            const cw_accumulator *list[1] = {&keys_sums};
            void *result[1] = {&got};
            if (last) env->fail_at = env->calls + n;
            cw_code code = call == 0   ? cw_exchange(context, local, &owned)
                           : call == 1 ? cw_exchange_totals(context, local)
                                       : cw_pass_keys(context, ready, 1, list, result);
            env->fail_at = 0;
            if (code == CW_OK) {
                CHECK(n > 5);
                break;
            }
            CHECK(owned == NULL);
            check_same_error(context, code, CW_NO_MEMORY);
        }
        cw_keysum_destroy(&owned);
        cw_keysum_destroy(&ready);
        CHECK(env->blocks_now == before);
    }
    cw_keysum_destroy(&local);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int world = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    cw_env env;
    cw_env_init(&env);
    cw_context *context = lowest_ranks(&env, world);
    all_recipes(context);
    context->piece = 20000; /* many rounds */
    all_recipes(context);
    refusals(context);
    cw_context_destroy(&context);
    context = lowest_ranks(&env, world > 2 ? 2 : 1);
    if (context) {
        context->piece = 1; /* a record a round */
        const recipe r = {500, extreme_keys, WIDTH, -1};
        context->round_seconds = 0;
        exchange(context, &r);
        cw_context_destroy(&context);
    }
    CHECK(env.blocks_now == 0);
    return verdict();
}
