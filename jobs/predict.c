/* Memory and passes, from a job and its table's metadata alone. */
#include "predict.h"

enum { CW_READ_BUFFER = 64 << 20 };

/* The states of a pass live on a stack of finished subtrees, at most two a level of the tree, plus a fresh
 * leaf. */
static int64_t stack_depth(int64_t rows) {
    int64_t depth = 2;
    for (int64_t blocks = cw_block_count(rows); blocks > 1; blocks = (blocks + 1) / 2) depth += 2;
    return depth;
}

static cw_code predict_task(cw_run *run, cw_task *task, cw_prediction *prediction) {
    cw_linear *linear = NULL;
    CW_TRY(cw_task_linear(run, task, 0, &linear));
    int64_t state = (int64_t)cw_accumulator_bytes(cw_linear_gram(linear));
    prediction->memory += state * stack_depth(run->table->rows);
    if (task->absorbs > 0) {
        /* demeaned columns of this rank's rows; above half of run.memory they are spilled */
        int64_t ranks = run->context ? cw_context_size(run->context) : 1;
        int64_t bytes = (run->table->rows / ranks + CW_BLOCK_ROWS) * (3 + task->covariates) * 8;
        prediction->memory += bytes < run->job->run.memory / 2 ? bytes : run->job->run.memory / 2;
        prediction->passes += 3 + 2 * task->absorbs;
    }
    if (task->sums > 0) prediction->passes += 1;
    cw_linear_destroy(&linear);
    return CW_OK;
}

cw_code cw_run_predict(cw_run *run, cw_prediction *prediction) {
    prediction->memory =
        CW_READ_BUFFER + (int64_t)(run->columns->reals + run->columns->keys) * CW_BLOCK_ROWS * 8 * 2;
    prediction->bytes_a_pass = run->table->rows * (run->columns->bases + run->columns->keys) * 8;
    prediction->passes = 2;
    for (int32_t k = 0; k < run->tasks; k++) CW_TRY(predict_task(run, &run->task[k], prediction));
    if (prediction->memory > run->job->run.memory) {
        return cw_fail(run->env, CW_NO_MEMORY, run->job->file,
                       "raise run.memory, or use fewer columns or more ranks",
                       "a rank may need %.1f MiB but run.memory is %.1f MiB",
                       (double)prediction->memory / 1048576, (double)run->job->run.memory / 1048576);
    }
    return CW_OK;
}
