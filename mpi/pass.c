#include "pass.h"

#include "engine.h"

cw_code cw_pass(cw_context *context, const cw_source *source, const cw_pass_options *options, int32_t count,
                const cw_accumulator *const *accumulator, void *const *result) {
    cw_rows rows;
    cw_code code = cw_rows_open(context->env, source, options->group_key, options->halo, &rows);
    cw_supply supply = cw_rows_supply(&rows);
    code = cw_engine_run(context, code, &supply, rows.blocks, options, count, accumulator, result);
    cw_rows_close(context->env, &rows);
    return code;
}

void cw_owned_rows(const cw_context *context, int64_t rows, int64_t *first, int64_t *end) {
    int64_t blocks = cw_block_count(rows);
    *first = cw_run_first(blocks, context->size, context->rank) * CW_BLOCK_ROWS;
    *end = cw_run_first(blocks, context->size, context->rank + 1) * CW_BLOCK_ROWS;
    if (*first > rows) *first = rows;
    if (*end > rows) *end = rows;
}
