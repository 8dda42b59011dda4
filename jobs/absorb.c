/* Absorbed factors (fixed effects): outcome, treatment and covariates are demeaned within the levels of one
 * factor, or of two by alternating projections (the method of alternating projections, Halperin 1962), and
 * kept as row state. Sums by level are exact, so neither ranks nor the order of rows change a bit. */
#include <math.h>
#include <string.h>

#include "run.h"

enum { CW_MAX_SWEEPS = 100000 };
static const double settled = 1e-13; /* largest level mean left, as a share of the column's range */

typedef struct absorb_work {
    cw_run *run;
    cw_task *task;
    int32_t columns;      /* demeaned columns */
    int32_t factor;       /* place among the keys of the factor being swept */
    const int32_t *place; /* of the columns in the view */
    const double *range;  /* of each column */
    cw_keysum *sums;
    double *value; /* one row's contribution */
    double **at;   /* where a block's rows are in each column of the row state */
    double *mean;  /* by slot */
    int share;     /* also write 1/size of the level */
} absorb_work;

static double row_weight(const cw_block *block, int32_t row) {
    return block->weight ? block->weight[row] : 1.0;
}

static cw_code copy_block(cw_env *env, void *self, const cw_block *block) {
    (void)env;
    absorb_work *work = self;
    for (int32_t j = 0; j < work->columns; j++) {
        double *to = cw_rowstate_at(work->task->state, j, block->first_row);
        const double *from = block->real[work->place[j]];
        double shift = work->run->facts[work->place[j]].shift;
        for (int32_t i = 0; i < block->rows; i++) to[i] = row_weight(block, i) > 0 ? from[i] - shift : 0.0;
    }
    return CW_OK;
}

static void find_rows(const absorb_work *work, const cw_block *block) {
    for (int32_t j = 0; j <= work->columns; j++)
        work->at[j] = cw_rowstate_at(work->task->state, j, block->first_row);
}

static cw_code sum_block(cw_env *env, void *self, const cw_block *block) {
    (void)env;
    absorb_work *work = self;
    int32_t m = work->columns;
    find_rows(work, block);
    for (int32_t i = 0; i < block->rows; i++) {
        double w = row_weight(block, i);
        if (!(w > 0)) continue;
        for (int32_t j = 0; j < m; j++) work->value[j] = w * work->at[j][i];
        work->value[m] = w;
        CW_TRY(cw_keysum_add(work->sums, (cw_key){block->key[work->factor][i], 0}, work->value));
    }
    return CW_OK;
}

static cw_code subtract_block(cw_env *env, void *self, const cw_block *block) {
    (void)env;
    absorb_work *work = self;
    int32_t m = work->columns;
    find_rows(work, block);
    for (int32_t i = 0; i < block->rows; i++) {
        double w = row_weight(block, i);
        if (!(w > 0)) continue;
        int64_t slot = cw_keysum_find(work->sums, (cw_key){block->key[work->factor][i], 0});
        const double *mean = work->mean + slot * (m + 1);
        for (int32_t j = 0; j < m; j++) work->at[j][i] -= mean[j];
        if (work->share) work->at[m][i] = w / mean[m];
    }
    return CW_OK;
}

static cw_code each_pass(cw_run *run, const char *name, absorb_work *work,
                         cw_code (*block)(cw_env *, void *, const cw_block *)) {
    const cw_each each = {.self = work, .block = block};
    const cw_pass_options options = {.name = name, .group_key = -1, .eachs = 1, .each = &each};
    return cw_pass(run->context, &run->columns->source, &options, 0, NULL, NULL);
}

/* Level means from complete sums; *moved is the largest of them as a share of its column's range. */
static cw_code level_means(absorb_work *work, double *moved) {
    int32_t m = work->columns;
    int64_t levels = cw_keysum_size(work->sums);
    CW_TRY(cw_alloc(work->run->env, (size_t)levels * (size_t)(m + 1), sizeof *work->mean, &work->mean));
    *moved = 0;
    for (int64_t s = 0; s < levels; s++) {
        double *mean = work->mean + s * (m + 1);
        mean[m] = cw_keysum_value(work->sums, s, m);
        for (int32_t j = 0; j < m; j++) {
            mean[j] = cw_keysum_value(work->sums, s, j) / mean[m];
            if (work->range[j] > 0) *moved = fmax(*moved, fabs(mean[j]) / work->range[j]);
        }
    }
    return CW_OK;
}

/* Positive doubles order like their bits, so an exact integer maximum serves. */
static cw_code largest_of_all(cw_run *run, double *value) {
    int64_t bits;
    memcpy(&bits, value, sizeof bits);
    CW_TRY(cw_all_max(run->context, &bits, 1));
    memcpy(value, &bits, sizeof bits);
    return CW_OK;
}

static cw_code count_levels(cw_run *run, const cw_keysum *local, int64_t *levels) {
    cw_keysum *owned = NULL;
    cw_code code = cw_exchange(run->context, local, &owned);
    if (code == CW_OK) code = cw_exchange_size(run->context, owned, levels);
    cw_keysum_destroy(&owned);
    return code;
}

/* One factor, once: sums by level meet, means are subtracted. */
static cw_code sweep(cw_run *run, absorb_work *work, int32_t factor, const int32_t *quantum, int64_t *levels,
                     double *moved) {
    work->factor = factor;
    cw_code code =
        cw_agree(run->context, cw_keysum_create(run->env, work->columns + 1, quantum, &work->sums));
    CW_TRY_GOTO(code, code, done);
    CW_TRY_GOTO(code, each_pass(run, "absorb sums", work, sum_block), done);
    if (levels) CW_TRY_GOTO(code, count_levels(run, work->sums, levels), done);
    CW_TRY_GOTO(code, cw_exchange_totals(run->context, work->sums), done);
    CW_TRY_GOTO(code, cw_agree(run->context, level_means(work, moved)), done);
    CW_TRY_GOTO(code, largest_of_all(run, moved), done);
    code = each_pass(run, "absorb means", work, subtract_block);
done:
    cw_free(run->env, &work->mean);
    cw_keysum_destroy(&work->sums);
    return code;
}

static cw_code sweep_until_settled(cw_run *run, cw_task *task, absorb_work *work, const int32_t *quantum) {
    int64_t levels[2] = {0, 0};
    double moved[2] = {0, 0};
    work->share = task->absorbs == 1;
    for (int32_t round = 0; round < CW_MAX_SWEEPS; round++) {
        for (int32_t f = 0; f < task->absorbs; f++)
            CW_TRY(sweep(run, work, task->absorb[f], quantum, round == 0 ? &levels[f] : NULL, &moved[f]));
        if (task->absorbs == 1 || (round > 0 && fmax(moved[0], moved[1]) < settled)) {
            task->absorbed_levels = task->absorbs == 1 ? levels[0] : levels[0] + levels[1] - 1;
            return CW_OK;
        }
    }
    return cw_fail(run->env, CW_BAD_DATA, task->id, "absorb one of them and give the other as a covariate",
                   "the two absorbed factors do not settle in %d sweeps", CW_MAX_SWEEPS);
}

/* The columns of the task's own source: the view's, then the demeaned ones. */
static void state_facts(const cw_run *run, cw_task *task, const absorb_work *work) {
    memcpy(task->facts, run->facts, (size_t)run->columns->source.reals * sizeof *task->facts);
    cw_column_facts *facts = task->facts + run->columns->source.reals;
    for (int32_t j = 0; j < work->columns; j++)
        facts[j] = (cw_column_facts){.low = -2 * work->range[j], .high = 2 * work->range[j], .shift = 0};
    facts[work->columns] = (cw_column_facts){.low = 0, .high = 1, .shift = 0};
}

cw_code cw_absorb(cw_run *run, cw_task *task) {
    cw_env *env = run->env;
    int32_t m = 2 + task->covariates;
    int32_t *place = NULL, *quantum = NULL;
    double *range = NULL;
    absorb_work work = {.run = run, .task = task, .columns = m};
    cw_code code = cw_alloc(env, (size_t)m, sizeof *place, &place);
    if (code == CW_OK) code = cw_alloc(env, (size_t)m + 1, sizeof *quantum, &quantum);
    if (code == CW_OK) code = cw_alloc(env, (size_t)m, sizeof *range, &range);
    if (code == CW_OK) code = cw_alloc(env, (size_t)m + 1, sizeof *work.value, &work.value);
    if (code == CW_OK) code = cw_alloc(env, (size_t)m + 1, sizeof *work.at, &work.at);
    size_t facts = (size_t)(run->columns->source.reals + m + 1);
    if (code == CW_OK) code = cw_alloc_zero(env, facts, sizeof *task->facts, &task->facts);
    CW_TRY_GOTO(code, cw_agree(run->context, code), done);
    double heaviest = run->columns->weight >= 0 ? run->facts[run->columns->weight].high : 1.0;
    for (int32_t j = 0; j < m; j++) {
        place[j] = j == 0 ? run->outcome : j == 1 ? run->treatment : task->covariate[j - 2];
        range[j] = run->facts[place[j]].high - run->facts[place[j]].low;
        /* room for values that grow while two factors are swept in turn */
        quantum[j] = cw_keysum_quantum(1024 * heaviest * range[j], run->table->rows);
    }
    quantum[m] = cw_keysum_quantum(heaviest, run->table->rows);
    work.place = place;
    work.range = range;
    CW_TRY_GOTO(code,
                cw_rowstate_create(run->context, run->table->rows, m + 1, (size_t)run->job->run.memory / 2,
                                   &run->spill, &task->state),
                done);
    CW_TRY_GOTO(code, each_pass(run, "absorb copy", &work, copy_block), done);
    CW_TRY_GOTO(code, sweep_until_settled(run, task, &work, quantum), done);
    state_facts(run, task, &work);
    code =
        cw_agree(run->context, cw_rowstate_source(task->state, &run->columns->source, &task->state_source));
done:
    cw_free(env, &place);
    cw_free(env, &quantum);
    cw_free(env, &range);
    cw_free(env, &work.value);
    cw_free(env, &work.at);
    return code;
}
