/* Cluster-robust variances of a task: scores summed exactly by cluster, met at their owners, squared in a
 * fixed order. */
#include <math.h>

#include "run.h"

/* Below this many clusters CR2 takes the place of CR1 when the job does not name its errors. */
enum { CW_FEW_CLUSTERS = 40 };

typedef struct cluster_work {
    cw_task *task;
    const cw_linear *linear;
    double *value;
} cluster_work;

static cw_code add_block(cw_env *env, void *self, const cw_block *block) {
    (void)env;
    cluster_work *work = self;
    cw_task *task = work->task;
    for (int32_t i = 0; i < block->rows; i++) {
        if (!cw_linear_cluster_row(work->linear, block, i, work->value)) continue;
        for (int32_t k = 0; k < task->sums; k++) {
            cw_cluster_sums *sum = &task->sum[k];
            cw_key key = {block->key[sum->key[0]][i], sum->key[1] >= 0 ? block->key[sum->key[1]][i] : 0};
            CW_TRY(cw_keysum_add(sum->local, key, work->value));
        }
    }
    return CW_OK;
}

static cw_code make_tables(cw_run *run, cw_task *task, const cw_linear *linear, double **value) {
    cw_env *env = run->env;
    int32_t width = cw_linear_cluster_width(linear);
    int32_t *quantum = NULL;
    CW_TRY(cw_alloc(env, (size_t)width, sizeof *quantum, &quantum));
    cw_linear_cluster_quanta(linear, quantum);
    cw_code code = cw_alloc(env, (size_t)width, sizeof **value, value);
    for (int32_t k = 0; code == CW_OK && k < task->sums; k++) {
        cw_keysum_destroy(&task->sum[k].local);
        cw_keysum_destroy(&task->sum[k].owned);
        code = cw_keysum_create(env, width, quantum, &task->sum[k].local);
    }
    cw_free(env, &quantum);
    return code;
}

/* Fills variance[0..2] (CR0, CR1, CR2) of one grouping. Collective. */
static cw_code one_way(cw_run *run, cw_task *task, const cw_linear *linear, cw_cluster_sums *sum,
                       double *variance) {
    const cw_accumulator *meat = cw_linear_meat(linear);
    cw_free(run->env, &sum->meat);
    CW_TRY(cw_agree(run->context, cw_alloc(run->env, cw_accumulator_bytes(meat), 1, &sum->meat)));
    CW_TRY(cw_exchange(run->context, sum->local, &sum->owned));
    CW_TRY(cw_exchange_size(run->context, sum->owned, &sum->size));
    CW_TRY(cw_pass_keys(run->context, sum->owned, 1, &meat, &sum->meat));
    cw_linear_result result;
    cw_linear_finish(linear, task->scores, sum->meat, sum->size, &result);
    for (int k = 0; k < 3; k++) variance[k] = result.cr[k] * result.cr[k];
    /* of two ways, the larger share */
    if (sum != &task->sum[2])
        task->result.max_cluster_share = fmax(task->result.max_cluster_share, result.max_cluster_share);
    return CW_OK;
}

/* Two ways: V(a) + V(b) - V(a and b), each with its own factor (Cameron, Gelbach & Miller 2011). */
static cw_code all_ways(cw_run *run, cw_task *task, const cw_linear *linear) {
    double way[3][3] = {{0}};
    cw_code code = CW_OK;
    cluster_work work = {.task = task, .linear = linear};
    CW_TRY_GOTO(code, cw_agree(run->context, make_tables(run, task, linear, &work.value)), done);
    const cw_each each = {.self = &work, .block = add_block};
    const cw_pass_options options = {.name = "clusters", .group_key = -1, .eachs = 1, .each = &each};
    CW_TRY_GOTO(code, cw_pass(run->context, cw_task_source(run, task), &options, 0, NULL, NULL), done);
    for (int32_t s = 0; s < task->sums; s++)
        CW_TRY_GOTO(code, one_way(run, task, linear, &task->sum[s], way[s]), done);
    for (int k = 0; k < 3; k++) {
        task->variance[k] = task->sums == 1 ? way[0][k] : way[0][k] + way[1][k] - way[2][k];
        if (task->sums == 3 && k == CW_SE_CR2 - CW_SE_CR0) task->variance[k] = (double)NAN;
    }
done:
    cw_free(run->env, &work.value);
    return code;
}

cw_code cw_cluster_variances(cw_run *run, cw_task *task) {
    CW_TRY(all_ways(run, task, task->linear));
    int named = task->ses != 1 || task->se[0] != CW_SE_CR1;
    if (named || task->absorbs > 0 || task->sums != 1 || task->sum[0].size >= CW_FEW_CLUSTERS ||
        cw_task_wants(task, CW_SE_CR2))
        return CW_OK;
    /* few clusters: once more over the rows, with what CR2 needs */
    cw_linear *linear = NULL;
    CW_TRY(cw_agree(run->context, cw_task_linear(run, task, 1, &linear)));
    cw_linear_use(linear, task->solution);
    cw_code code = all_ways(run, task, linear);
    cw_linear_destroy(&linear);
    task->ses = 2;
    task->se[0] = CW_SE_CR2;
    task->se[1] = CW_SE_CR1;
    return code;
}
