/* One run: what the stages hand to each other. Stages are functions of this struct, called in the order of
 * docs/DESIGN.md section 4; each is collective and returns the same code on every rank. */
#ifndef CW_JOBS_RUN_H
#define CW_JOBS_RUN_H

#include "../io/checkpoint.h"
#include "../io/job.h"
#include "../io/results.h"
#include "../mpi/exchange.h"
#include "../mpi/pass.h"
#include "../mpi/rowstate.h"
#include "../src/estimate/census.h"
#include "../src/estimate/linear.h"
#include "../src/estimate/profile.h"
#include "../src/identify/adjustment.h"
#include "columns.h"
#include "options.h"

/* One set of groups whose sums make a cluster variance: one key, or the pair of two. */
typedef struct cw_cluster_sums {
    int32_t key[2]; /* places among the block's keys; key[1] -1 for one */
    cw_keysum *local, *owned;
    int64_t size; /* distinct groups, once exchanged */
    void *meat;
} cw_cluster_sums;

/* One estimate to be made: an entry of the job's `estimate` list for one effect. */
typedef struct cw_task {
    char *id;
    cw_method method;
    cw_effect effect;
    int32_t covariates;
    int32_t *covariate; /* places in the view */
    int32_t absorbs, absorb[2];
    int32_t ses; /* the first is the interval's */
    cw_se se[CW_SE_COUNT];
    double level;
    int adjustment_checked, adjustment_valid; /* against the graph */
    /* what the passes leave behind */
    char *why;              /* why there is no number; NULL when there is one */
    cw_column_facts *facts; /* of its row state's columns, when it absorbs; NULL: those of the view */
    cw_linear *linear;
    void *solution, *gram, *scores;
    cw_accumulator gram_of, scores_of; /* the estimator's, named after the task: names differ within a pass */
    char *gram_name, *scores_name;
    int32_t sums; /* 0 without clusters, 1, or 3 for two ways: a, b, both */
    cw_cluster_sums sum[3];
    cw_rowstate *state; /* demeaned columns, when it absorbs */
    cw_source state_source;
    int64_t absorbed_levels;
    cw_linear_result result;
    double variance[3]; /* CR0 .. CR2, combined over ways */
} cw_task;

typedef struct cw_run {
    cw_env *env;
    cw_context *context;
    const cw_options *options;
    cw_job *job;
    uint64_t job_digest;
    cw_table *table;
    cw_columns *columns;
    char *folder;              /* output folder */
    cw_lock *lock;             /* rank 0 */
    cw_checkpoint *checkpoint; /* rank 0 */
    const cw_keeper *keeper;   /* rank 0, else NULL */
    cw_spill spill;
    /* model and identify */
    cw_graph *graph;           /* NULL without one */
    cw_adjustment *adjustment; /* rank 0 and all others: the same */
    /* estimate */
    int32_t outcome, treatment; /* places in the view */
    int32_t clusters, cluster[2];
    double control, treated;
    int treatment_is_binary; /* in the first rows looked at */
    cw_column_facts *facts;
    cw_profile *profile;
    void *profile_state;
    int32_t tasks;
    cw_task *task;
    cw_census_counts census;
    uint64_t data_digest; /* of the values used */
    cw_results *results;  /* rank 0 */
    cw_timing *timing;    /* of all ranks, until the results take it over */
    int32_t timings;
} cw_run;

/* Stages. */
cw_code cw_stage_identify(cw_run *run) CW_CHECKED; /* graph and adjustment */
cw_code cw_stage_columns(cw_run *run) CW_CHECKED;  /* which columns the estimators need; opens the rows */
cw_code cw_stage_estimate(cw_run *run) CW_CHECKED;
cw_code cw_stage_results(cw_run *run) CW_CHECKED; /* rank 0 writes results.json */

/* The local part of identify: parses the graph, finds the adjustment. */
cw_code cw_identify_local(cw_run *run) CW_CHECKED;

/* Frees all that the stages left. */
void cw_run_clear(cw_run *run);

/* Parts of the estimate stage. */
cw_code cw_tasks_columns(cw_run *run) CW_CHECKED; /* asks run->columns for every column any task may need */
cw_code cw_tasks_make(cw_run *run) CW_CHECKED;    /* the list of tasks; after the first look at the rows */
void cw_task_clear(cw_env *env, cw_task *task);
cw_code cw_absorb(cw_run *run, cw_task *task) CW_CHECKED; /* makes task->state: demeaned columns */
cw_code cw_cluster_variances(cw_run *run, cw_task *task) CW_CHECKED;

/* Creates the estimator of a task against its columns (of the view, or of its row state). */
cw_code cw_task_linear(cw_run *run, const cw_task *task, int cr2, cw_linear **out) CW_CHECKED;
int cw_task_wants(const cw_task *task, cw_se se);
const cw_source *cw_task_source(const cw_run *run, const cw_task *task);

/* Fills run->results from everything else, and the entries of its tasks. Rank 0. */
cw_code cw_results_fill(cw_run *run) CW_CHECKED;
cw_code cw_entries_fill(cw_run *run) CW_CHECKED;
cw_code cw_doubts_fill(cw_run *run) CW_CHECKED; /* after the entries */

#endif
