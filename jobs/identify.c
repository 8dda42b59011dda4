/* The model and identify stages: the job's graph, and which columns must be adjusted for. Every rank does the
 * same small work on the same bytes, so there is nothing to send. */
#include <stdio.h>
#include <string.h>

#include "run.h"

enum { CW_LISTED_SETS = 64 };

static cw_code read_graph(cw_run *run) {
    const cw_job *job = run->job;
    CW_TRY(cw_graph_create(run->env, &run->graph));
    for (int32_t k = 0; k < job->graph.edges.count; k++)
        CW_TRY(cw_graph_add_text(run->graph, job->file, job->graph.line, job->graph.edges.item[k]));
    return cw_graph_close(run->graph);
}

static int is_column(const cw_run *run, const char *name) {
    if (cw_table_find(run->table, name, NULL) >= 0) return 1;
    for (int32_t k = 0; k < run->job->data.columns; k++)
        if (strcmp(run->job->data.column[k].name, name) == 0) return 1;
    return 0;
}

static cw_code node_of(cw_run *run, const char *what, const char *name, int32_t *node) {
    *node = cw_graph_find(run->graph, name);
    if (*node >= 0) return CW_OK;
    return cw_fail(run->env, CW_BAD_JOB, run->job->file, "add it to graph.edges",
                   "%s: the graph has no node %s", what, name);
}

static cw_code adjust(cw_run *run, uint8_t *observed) {
    int32_t x = -1, y = -1;
    CW_TRY(node_of(run, "question.treatment", run->job->question.treatment, &x));
    CW_TRY(node_of(run, "question.outcome", run->job->question.outcome, &y));
    for (int32_t v = 0; v < run->graph->nodes; v++) {
        observed[v] = !run->graph->latent[v] && is_column(run, run->graph->name[v]);
        if (run->graph->latent[v] && is_column(run, run->graph->name[v])) {
            cw_log(run->env, CW_INFO, "%s is declared latent: its column is not used", run->graph->name[v]);
        }
    }
    return cw_adjustment_find(run->graph, x, y, observed, CW_LISTED_SETS, &run->adjustment);
}

cw_code cw_identify_local(cw_run *run) {
    CW_TRY(read_graph(run));
    uint8_t *observed = NULL;
    CW_TRY(cw_alloc_zero(run->env, (size_t)run->graph->nodes, 1, &observed));
    cw_code code = adjust(run, observed);
    cw_free(run->env, &observed);
    return code;
}

cw_code cw_stage_identify(cw_run *run) {
    if (!run->job->graph.given) return CW_OK;
    return cw_agree(run->context, cw_identify_local(run));
}

static cw_code ask_columns(cw_run *run) {
    CW_TRY(cw_columns_create(run->env, run->job, run->table, &run->columns));
    return cw_tasks_columns(run);
}

/* Text that tells groups apart becomes codes, the same on every rank. */
static cw_code encode_texts(cw_run *run) {
    for (int32_t k = 0; k < run->columns->keys; k++) {
        int32_t column = run->columns->key[k];
        if (run->table->column[column].kind == CW_TEXT)
            CW_TRY(cw_table_encode(run->context, run->table, column));
    }
    return CW_OK;
}

cw_code cw_stage_columns(cw_run *run) {
    CW_TRY(cw_agree(run->context, ask_columns(run)));
    CW_TRY(encode_texts(run));
    return cw_agree(run->context, cw_columns_open(run->columns));
}
