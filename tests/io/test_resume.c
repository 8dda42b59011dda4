/* A pass that is stopped again and again, each time going on from the files that it left, ends with the bits
 * of a pass that ran through; also when the newest file is torn in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/checkpoint.h"

enum { ROWS = 60 * CW_BLOCK_ROWS + 17 };

static double values[CW_BLOCK_ROWS];
static int64_t rows_read, stop_after; /* rows; 0: never */

static cw_code read_rows(cw_env *env, void *self, int64_t first, int32_t rows, cw_block *out) {
    (void)env, (void)self;
    static const double *column[] = {values};
    for (int32_t i = 0; i < rows; i++) values[i] = 1.0 / (double)(first + i + 3) - 1e-3 * (double)(i % 7);
    rows_read += rows;
    if (stop_after > 0 && rows_read >= stop_after) cw_request_stop();
    *out = (cw_block){.first_row = first, .rows = rows, .reals = 1, .real = column};
    return CW_OK;
}

static void add_sum(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)params, (void)scratch;
    double *sum = state;
    for (int32_t i = 0; i < block->rows; i++) sum[0] += block->real[0][i];
}

static void merge_sum(const void *params, void *state, const void *later) {
    (void)params;
    *(double *)state += *(const double *)later;
}

static void add_fixed(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)params, (void)scratch;
    for (int32_t i = 0; i < block->rows; i++) {
        __int128 sum;
        memcpy(&sum, state, sizeof sum);
        sum += (__int128)(int64_t)(block->real[0][i] * 0x1p60) * 1000003;
        memcpy(state, &sum, sizeof sum);
    }
}

static void merge_fixed(const void *params, void *state, const void *later) {
    (void)params;
    __int128 sum, more;
    memcpy(&sum, state, sizeof sum);
    memcpy(&more, later, sizeof more);
    sum += more;
    memcpy(state, &sum, sizeof sum);
}

static const cw_member sum_member[] = {{"sum", CW_F64, 1}};
static const cw_member fixed_member[] = {{"sum", CW_I128, 1}};
static const cw_accumulator sums = {
    .name = "sums", .order = CW_TREE, .members = 1, .member = sum_member, .add = add_sum, .merge = merge_sum};
static const cw_accumulator fixed = {.name = "fixed",
                                     .order = CW_EXACT,
                                     .members = 1,
                                     .member = fixed_member,
                                     .add = add_fixed,
                                     .merge = merge_fixed};
static const cw_accumulator *const both[] = {&sums, &fixed};

typedef struct cw_answer {
    _Alignas(64) char sum[64];
    _Alignas(64) char fixed[64];
} cw_answer;

static cw_code run(cw_context *context, const char *name, const cw_keeper *keeper, int64_t most,
                   cw_answer *answer) {
    const cw_source source = {.rows = ROWS, .reals = 1, .bytes_per_row = 8, .read = read_rows};
    cw_pass_options options = {.name = name, .group_key = -1, .keeper = keeper};
    void *const result[] = {answer->sum, answer->fixed};
    memset(answer, 0, sizeof *answer);
    cw_forget_stop();
    stop_after = most > 0 ? rows_read + most : 0;
    return cw_pass(context, &source, &options, 2, both, result);
}

static void tear(const char *folder) {
    char path[128];
    snprintf(path, sizeof path, "%s/checkpoint.h5", folder);
    assert_int_equal(truncate(path, 1000), 0);
}

static void a_stopped_pass_goes_on(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_context *context;
    assert_int_equal(cw_context_create(&env, MPI_COMM_WORLD, &context), CW_OK);
    char folder[] = "/tmp/cw_resume_XXXXXX";
    assert_non_null(mkdtemp(folder));
    cw_answer whole, earlier, resumed;
    assert_int_equal(run(context, "earlier", NULL, 0, &whole), CW_OK);
    int stops = 0;
    for (cw_code code = CW_STOPPED; code == CW_STOPPED;) {
        cw_checkpoint *checkpoint; /* a new process would begin like this */
        assert_int_equal(cw_checkpoint_open(&env, folder, 1, 2, 0, &checkpoint), CW_OK);
        const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
        int64_t before = rows_read;
        assert_int_equal(run(context, "earlier", keeper, 0, &earlier), CW_OK);
        if (stops > 0) assert_int_equal(rows_read, before); /* finished passes are not made again */
        code = run(context, "later", keeper, 9 * CW_BLOCK_ROWS, &resumed);
        cw_checkpoint_close(&checkpoint);
        if (code != CW_OK) {
            assert_int_equal(code, CW_STOPPED);
            cw_env_clear(&env);
            if (++stops == 2) tear(folder);
        }
    }
    assert_true(stops >= 5);
    assert_memory_equal(&earlier, &whole, sizeof whole);
    assert_memory_equal(&resumed, &whole, sizeof whole);
    cw_checkpoint *checkpoint;
    assert_int_equal(cw_checkpoint_open(&env, folder, 1, 2, 0, &checkpoint), CW_OK);
    assert_int_equal(cw_checkpoint_remove(checkpoint), CW_OK);
    cw_checkpoint_close(&checkpoint);
    assert_int_equal(rmdir(folder), 0);
    cw_context_destroy(&context);
    assert_int_equal(env.blocks_now, 0);
}

int main(int count, char **argument) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_stopped_pass_goes_on)};
    MPI_Init(&count, &argument);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
