#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../src/base/crc.h"
#include "canonical_parts.h"

typedef struct cw_share {
    int64_t first, mine;
} cw_share;

static cw_code sync_file(cw_canonical *table) {
    if (fsync(table->descriptor) == 0 || errno == EINVAL || errno == EROFS) return CW_OK;
    return cw_canonical_failed(cw_context_env(table->context), table->file, "write to disk", errno);
}

/* Rows of a share that are in a block. */
static int64_t rows_in(const cw_share *share, int64_t block) {
    int64_t begin = block * CW_CANONICAL_ROWS, end = begin + CW_CANONICAL_ROWS;
    if (share->first > begin) begin = share->first;
    if (share->first + share->mine < end) end = share->first + share->mine;
    return end > begin ? end - begin : 0;
}

/* Joins the ranks' checksums, which `all` holds in rank order as [columns][blocks of the rank]. */
static void join(const cw_canonical *table, const cw_share *share, int ranks, const uint32_t *all,
                 uint32_t *crc) {
    int64_t blocks = cw_canonical_blocks(0, table->rows);
    for (int r = 0; r < ranks; r++) {
        int64_t own = cw_canonical_blocks(share[r].first, share[r].mine);
        for (int32_t c = 0; c < table->columns; c++)
            for (int64_t b = 0; b < own; b++) {
                int64_t block = share[r].first / CW_CANONICAL_ROWS + b;
                int64_t bytes = rows_in(&share[r], block) * cw_storage_bytes(table->column[c].storage);
                uint32_t *to = &crc[c * blocks + block];
                *to = cw_crc32c_join(*to, all[c * own + b], (uint64_t)bytes);
            }
        all += table->columns * own;
    }
}

/* Everything put in this rank's rows, and none missing. */
static cw_code all_put(const cw_canonical *table) {
    for (int32_t c = 0; c < table->columns; c++)
        if (table->column[c].next != table->first + table->mine)
            return cw_fail(cw_context_env(table->context), CW_INTERNAL, table->file, NULL,
                           "column %d lacks rows", c + 1);
    return CW_OK;
}

static cw_code describe(cw_canonical *table, const cw_column *column, const cw_share *share, void *all) {
    cw_env *env = cw_context_env(table->context);
    uint32_t *crc = NULL;
    size_t blocks = (size_t)cw_canonical_blocks(0, table->rows);
    CW_TRY(cw_alloc_zero(env, (size_t)table->columns * blocks, sizeof *crc, &crc));
    join(table, share, cw_context_size(table->context), all, crc);
    cw_code code = cw_canonical_describe(table, column, crc);
    cw_free(env, &crc);
    return code;
}

cw_code cw_canonical_finish(cw_canonical *table, const cw_column *column) {
    cw_context *context = table->context;
    cw_env *env = cw_context_env(context);
    cw_share *share = NULL, mine = {table->first, table->mine};
    void *all = NULL;
    size_t bytes = (size_t)table->columns * (size_t)table->blocks * sizeof *table->crc;
    cw_code code = cw_alloc(env, (size_t)cw_context_size(context), sizeof *share, &share);
    if (code == CW_OK) code = all_put(table);
    if (code == CW_OK) code = sync_file(table);
    code = cw_agree(context, code);
    if (code == CW_OK) code = cw_all_gather(context, &mine, sizeof mine, share);
    if (code == CW_OK) code = cw_gather(context, table->crc, bytes, &all, NULL);
    if (code == CW_OK) {
        if (cw_context_rank(context) == 0) code = describe(table, column, share, all);
        if (code == CW_OK) code = cw_canonical_read_back(table);
        if (code == CW_OK && cw_context_rank(context) == 0) code = sync_file(table);
        code = cw_agree(context, code);
    }
    cw_free(env, &all);
    cw_free(env, &share);
    return code;
}
